"""The suite itself: every rule is covered; on the flow before the update it is red exactly where that was asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.scenario.loader import load
from harness.scenario.model import Case
from harness.scenario.targets import parse_target
from harness.session.bench import Bench
from harness.session.coverage import coverage
from harness.session.plan import suite_of
from tests.support.commands import ROOT


@pytest.fixture
def legacy() -> Iterator[Bench]:
    target = parse_target("legacy")
    bench = Bench.over(suite_of(("scenarios",), ROOT), root=ROOT, target=target, database="embedded", seed=1)
    yield bench
    bench.close()


@pytest.mark.long
@pytest.mark.parametrize("every", [False, pytest.param(True, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_the_flow_before_the_update_fails_exactly_where_the_update_was_asked_for(legacy: Bench, every: bool) -> None:
    """Of what was not asked for the first case of each scenario stands for all, but under `make soak`."""
    cases = legacy.stage.suite.cases
    asked_for = {case.scenario_id for case in cases if _asked_for(case)}
    firsts = {case.scenario_id for case in {case.scenario.stem: case for case in reversed(cases)}.values()}
    chosen = [case for case in cases if every or _asked_for(case) or case.scenario_id in firsts]
    assert len(chosen) > 400
    records = [legacy.run(case) for case in chosen]
    assert {record.scenario_id for record in records if record.outcome != "passed"} == asked_for
    rules = {rule for record in records if record.outcome == "failed" for rule in record.covers}
    assert rules >= {"R03", "R04", "R06", "R10", "R14", "R20"}


def _asked_for(case: Case) -> bool:
    return "update" in case.scenario.tags


def test_every_rule_is_covered() -> None:
    covered = coverage(load(["scenarios"], project=ROOT))
    assert len(covered) == 63
    assert [rule for rule, places in covered.items() if not places] == []
