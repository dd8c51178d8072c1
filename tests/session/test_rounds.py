"""A run that runs its cases several times: what comes after it still knows the cases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.errors import InputError
from harness.report import compare, look_back
from harness.session import RunOptions, RunResult, run
from harness.session.replay import replay
from harness.session.running import _run_id
from tests.support.commands import ROOT

SUITE = """
feature: Rounds
given: {catalog: production, visitor: anonymous}
scenarios:
  - scenario: Holds
    when: [{http: {GET: /api/scheduling/session-types}, expect: 200}]
  - scenario: Does not hold with the seed 12
    matrix: {n: [1, 2]}
    repeat: 2                  # the scenario's own, which makes cases
    when:
      - select_session: intro-call
      - schedule: "2030-03-06T10:00Z"
      - create: {}
        expect: 200
    then: [{sql: {query: "SELECT %(seed)s + %(n)s = 13 AND %(again)s = 1 AS bad", params: {seed: $seed, n: $n, again: $case}, value: false}}]
"""
STEM = "Does not hold with the seed 12"
BROKEN = f"{STEM}[n=1]#1"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("rounds")
    (place / "rounds.yaml").write_text(SUITE)
    return place


@pytest.fixture(scope="module")
def again(place: Path) -> Callable[..., RunResult]:
    options = RunOptions(paths=(str(place / "rounds.yaml"),), root=ROOT, database="embedded", reports=place / "r")
    return lambda **choices: run(replace(options, **choices))


@pytest.fixture(scope="module")
def rounds(again: Callable[..., RunResult]) -> RunResult:
    return again(seed=11, repeat=3)


def ended(result: RunResult, stem: str) -> list[str]:
    """The ids, from their title on, of those that did not hold."""
    return [s.scenario_id.partition("::")[2] for s in result.scenarios if s.outcome != "passed" and stem in s.name]


def test_a_round_is_told_apart_from_the_scenarios_own_repetition(rounds: RunResult) -> None:
    assert len({s.scenario_id for s in rounds.scenarios}) == 3 * 5
    assert len({s.case_id for s in rounds.scenarios}) == 5
    assert ended(rounds, "") == [f"{BROKEN}#2"]
    (broken,) = [s for s in rounds.scenarios if s.outcome == "failed"]
    assert broken.case_id.endswith(f"::{BROKEN}")
    assert broken.rerun.endswith("--seed 12"), "the round that failed, by itself"


def test_the_round_that_failed_is_replayed_and_so_is_one_that_did_not(rounds: RunResult, place: Path) -> None:
    assert rounds.report is not None
    recorded = rounds.report.parent
    for wanted in (BROKEN, f"{BROKEN}#2"):
        found = replay(recorded, wanted, root=ROOT, database="embedded")
        assert (found.recorded, found.replayed, found.differences) == ("failed", "failed", ()), wanted
    found = replay(recorded, f"{BROKEN}#3", root=ROOT, database="embedded")
    assert (found.recorded, found.replayed, found.differences) == ("passed", "passed", ())
    with pytest.raises(InputError, match="2 scenarios of the run fit"):
        replay(recorded, f"{STEM}[n=2]", root=ROOT, database="embedded")


def test_what_failed_in_one_round_is_run_again_and_compared(
    rounds: RunResult, again: Callable[..., RunResult], place: Path
) -> None:
    assert rounds.report is not None
    (place / "r" / "latest").unlink()
    (place / "r" / "latest").symlink_to(rounds.run_id)
    once = again(seed=12, last_failed=True)
    assert [s.case_id for s in once.scenarios] == [s.case_id for s in rounds.scenarios if s.outcome == "failed"]
    assert once.exit_code == 1
    assert once.report is not None
    found = compare(rounds.report.parent, once.report.parent)
    assert found.still_failing == (once.scenarios[0].case_id,)
    assert (found.new, found.broken, len(found.removed)) == ((), (), 4)

    other = again(seed=20, repeat=2, text=STEM)
    assert other.report is not None
    found = compare(once.report.parent, other.report.parent)
    assert (found.fixed, len(found.new), found.removed) == ((once.scenarios[0].case_id,), 3, ())
    told = look_back(place / "r").changing
    assert told["scenario_id"].tolist() == [once.scenarios[0].case_id]
    assert told["outcomes"].tolist() == ["✗✗✓"]
    assert told["name"].tolist() == [f"{STEM} [n=1] #1"]


def test_a_seed_that_has_no_next_one_for_each_round_is_refused(again: Callable[..., RunResult]) -> None:
    with pytest.raises(InputError, match="too large for 2 rounds"):
        again(seed=2**63 - 1, repeat=2)


def test_runs_that_begin_in_the_same_second_with_the_same_seed_have_directories_of_their_own(tmp_path: Path) -> None:
    names = {_run_id(tmp_path / "r", 7) for _ in range(20)}
    assert names == {path.name for path in (tmp_path / "r").iterdir()}
    assert len(names) == 20
