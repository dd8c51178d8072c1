"""Scenarios that fail on purpose: what a person reads then is pinned, to the letter, beside each file.

After a change of the messages that is meant, `PIN_FAILURES=1 python -m pytest tests/scenario/running/test_failing_scenarios.py`
writes the texts anew; the difference is then there to be read and committed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from harness import records
from harness.postgres import Server
from harness.scenario.checks import RECORD_KINDS
from harness.scenario.loader import load
from harness.scenario.model import Case
from harness.scenario.runner import run_case
from harness.scenario.stage import Stage
from harness.scenario.targets import parse_target
from tests.support.commands import ROOT

FAILING = ROOT / "fixtures" / "failing-scenarios"
FILES = sorted(FAILING.glob("*.yaml"))
SEED = 7

pytestmark = pytest.mark.xdist_group("failing-scenarios")


@pytest.fixture(scope="module")
def cases() -> Mapping[str, Case]:
    return {Path(case.scenario.file).stem: case for case in load([FAILING], project=ROOT).cases}


@pytest.fixture(scope="module")
def stage(server: Server) -> Iterator[Stage]:
    """One stage for all: whatever ran before a scenario, its message is the same."""
    suite = load([FAILING], project=ROOT)
    stage = Stage(server, parse_target("reference"), suite, ROOT / "fixtures", lambda record: None, SEED)
    yield stage
    stage.close()


def test_there_are_at_least_fifty_and_every_kind_of_check_is_among_them(cases: Mapping[str, Case]) -> None:
    assert len(FILES) >= 50
    assert len(cases) == len(FILES), "one scenario a file, one case a scenario"
    kinds = {spec.kind for case in cases.values() for step in case.steps for spec in step.checks}
    kinds |= {spec.kind for case in cases.values() for spec in case.then}
    assert kinds == set(RECORD_KINDS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_message_is_the_pinned_one(path: Path, stage: Stage, cases: Mapping[str, Case]) -> None:
    record = run_case(stage, cases[path.stem])
    text = told(record)
    pinned = path.with_suffix(".txt")
    if os.environ.get("PIN_FAILURES"):
        pinned.write_text(text, encoding="utf-8")
    assert text == pinned.read_text(encoding="utf-8")


def told(record: records.Scenario) -> str:
    """The message as it is printed, and the line that summaries have."""
    assert record.outcome in {"failed", "error"}, f"{record.scenario_id} {record.outcome}"
    return f"{record.failure_text}\n\nin one line: {record.failure}\n"
