"""A recorded scenario, once more: the same evidence, or what differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import InputError
from harness.session import RunOptions, run
from harness.session.replay import replay
from tests.support.commands import ROOT

SUITE = """
feature: Replay
given: {catalog: production, visitor: anonymous}
scenarios:
  - scenario: A booking
    when:
      - select_session: intro-call
      - schedule: "2030-03-06T10:00Z"
      - create: {}
        expect: {status: 200}
    then: [{rows: {Booking: 1}}]
"""


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    path = tmp_path / "replay.yaml"
    path.write_text(SUITE)
    result = run(RunOptions(paths=(str(path),), root=ROOT, database="embedded", seed=11, reports=tmp_path / "r"))
    assert result.exit_code == 0
    return tmp_path


def test_the_same_seed_leaves_the_same_evidence(recorded: Path) -> None:
    found = replay(recorded / "r" / "latest", "A booking", root=ROOT, database="embedded")
    assert (found.recorded, found.replayed, found.differences) == ("passed", "passed", ())


def test_what_differs_is_told_cell_by_cell(recorded: Path) -> None:
    path = recorded / "replay.yaml"
    path.write_text(SUITE.replace("2030-03-06T10:00Z", "2030-03-06T11:00Z"))
    found = replay(recorded / "r" / "latest", "A booking", root=ROOT, database="embedded")
    told = [str(difference) for difference in found.differences]
    assert any("row_changes.after" in line and "10:00" in line and "11:00" in line for line in told), told


def test_an_unknown_scenario_is_refused(recorded: Path) -> None:
    with pytest.raises(InputError, match="The run has no scenario 'nothing'"):
        replay(recorded / "r" / "latest", "nothing", root=ROOT, database="embedded")
