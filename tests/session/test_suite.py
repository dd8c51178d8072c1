"""The suite itself: every rule is covered; on the flow before the update it is red exactly where that was asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.scenario.loader import load
from harness.session.coverage import coverage
from tests.support.commands import ROOT, harness


@pytest.mark.long
def test_the_flow_before_the_update_fails_exactly_where_the_update_was_asked_for(tmp_path: Path) -> None:
    asked_for = {case.scenario_id for case in load(["scenarios"], project=ROOT).cases if "update" in case.scenario.tags}
    words = ["--database", "embedded", "--json", "-n", "2", "--report", str(tmp_path)]
    done = harness("run", "--target", "legacy", *words, timeout=280)
    rows: list[dict[str, Any]] = json.loads(done.out)["scenarios"]
    assert {row["scenario_id"] for row in rows if row["outcome"] != "passed"} == asked_for
    rules = {rule for row in rows if row["outcome"] == "failed" for rule in row["covers"]}
    assert rules >= {"R03", "R04", "R06", "R10", "R14", "R20"}


def test_every_rule_is_covered() -> None:
    covered = coverage(load(["scenarios"], project=ROOT))
    assert len(covered) == 63
    assert [rule for rule, places in covered.items() if not places] == []
