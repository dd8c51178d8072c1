"""The suite itself: green on the reference; on the flow before the update red exactly where the update was asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.scenario.loader import load
from harness.session.coverage import coverage
from tests.support.commands import ROOT, harness


def outcomes(target: str, tmp_path: Path) -> list[dict[str, Any]]:
    done = harness(
        "run", "--target", target, "--database", "embedded", "--json", "-n", "2", "--report", str(tmp_path), timeout=280
    )
    rows: list[dict[str, Any]] = json.loads(done.out)["scenarios"]
    return rows


@pytest.mark.long
def test_the_reference_passes_every_case(tmp_path: Path) -> None:
    rows = outcomes("reference", tmp_path)
    assert len(rows) >= 300
    assert not [(row["scenario_id"], row["failure"]) for row in rows if row["outcome"] != "passed"]


def test_the_flow_before_the_update_fails_exactly_where_the_update_was_asked_for(tmp_path: Path) -> None:
    asked_for = {case.scenario_id for case in load(["scenarios"], project=ROOT).cases if "update" in case.scenario.tags}
    rows = outcomes("legacy", tmp_path)
    assert {row["scenario_id"] for row in rows if row["outcome"] != "passed"} == asked_for
    rules = {rule for row in rows if row["outcome"] == "failed" for rule in row["covers"]}
    assert rules >= {"R03", "R04", "R06", "R10", "R14", "R20"}


def test_every_rule_is_covered() -> None:
    covered = coverage(load(["scenarios"], project=ROOT))
    assert len(covered) == 63
    assert [rule for rule, places in covered.items() if not places] == []
