"""What a run is asked to do, choice by choice: which cases, in which order, how often, until when."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import harness.report
from harness.errors import InputError, MachineError, NothingSelected
from harness.postgres import Server, open_server
from harness.project import relative
from harness.report import load
from harness.report.github import annotated
from harness.session import RunOptions, RunResult, run
from harness.session.listener import Silent
from tests.support.commands import ROOT
from tests.support.commands import harness as command
from tests.support.projects import make_project

SUITE = """
feature: Choices
use: [verbs.py]
given: {catalog: production, visitor: anonymous}
scenarios:
  - scenario: First holds
    tags: [quick, first]
    covers: [R03]
    when: [{http: {GET: /api/scheduling/session-types}, expect: 200}]
  - scenario: Second does not hold
    tags: [quick]
    covers: [R04]
    when: [{http: {GET: /api/scheduling/session-types}, expect: 404}]
  - scenario: Third does not hold either
    covers: [R04]
    when: [{http: {GET: /api/nowhere}, expect: 200}]
  - scenario: Fourth in three cases
    matrix: {path: [session-types, sessions/available, nowhere]}
    when: [{http: {GET: "/api/scheduling/$path"}, expect: {status: <one of 200|404>}}]
  - scenario: Fifth holds at the second attempt
    tags: [flaky]
    when: [{second_time_lucky: {}, expect: 200}]
"""
VERBS = '''
from dataclasses import dataclass
from pathlib import Path
from harness.scenario.registry import verb
from harness.scenario.transport import HttpRequest

@dataclass(frozen=True)
class NoArgs:
    pass

@verb("second_time_lucky", kind="low")
def second_time_lucky(world, args: NoArgs):
    """Ask for something that is there at the second attempt only."""
    seen = Path(__file__).with_name("seen")
    path = "/api/scheduling/session-types" if seen.exists() else "/api/nowhere"
    seen.touch()
    world.send(HttpRequest("GET", path), "visitor")
'''
FIRST, SECOND, THIRD = "First holds", "Second does not hold", "Third does not hold either"
FOURTH = [f"Fourth in three cases [path={path}]" for path in ("session-types", "sessions/available", "nowhere")]
FIFTH = "Fifth holds at the second attempt"

Ran = Callable[..., RunResult]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One server for all runs here, in the part of somebody else's: a run then starts at once."""
    with open_server("embedded") as server:
        yield server


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "verbs.py").write_text(VERBS)
    path = tmp_path / "choices.yaml"
    path.write_text(SUITE)
    return path


@pytest.fixture
def options(suite: Path, server: Server) -> Callable[..., RunOptions]:
    def made(line: int | None = None, **choices: Any) -> RunOptions:
        database = f"postgresql://postgres@/postgres?host={server._parameters['host']}"
        choices = {"seed": 1, **choices}
        paths = (f"{suite}:{line}" if line else str(suite),)
        return RunOptions(paths=paths, root=ROOT, database=database, reports=suite.parent / "r", **choices)

    return made


@pytest.fixture
def ran(options: Callable[..., RunOptions]) -> Ran:
    """`ran(text="first", …)` runs the suite and gives what came of it."""
    return lambda line=None, **choices: run(options(line, **choices))


def names(result: RunResult) -> list[str]:
    return [record.name for record in result.scenarios]


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({"line": 10}, [SECOND]),
        ({"line": 19}, FOURTH),
        ({"text": "HOLDS"}, [FIRST, FIFTH]),
        ({"tags": ("quick and not first",)}, [SECOND]),
        ({"tags": ("quick", "not first")}, [SECOND]),
        ({"covers": ("R04",)}, [SECOND, THIRD]),
        ({"covers": ("R03", "R04"), "text": "either"}, [THIRD]),
    ],
)
def test_what_is_selected_runs_and_nothing_else(ran: Ran, choices: dict[str, Any], expected: list[str]) -> None:
    assert names(ran(**choices)) == expected


def test_only_what_failed_last_runs_again(ran: Ran, suite: Path) -> None:
    assert ran(tags=("quick",)).exit_code == 1
    assert names(ran(last_failed=True)) == [SECOND]
    suite.write_text(SUITE.replace("session-types}, expect: 404", "session-types}, expect: 200"))
    assert ran(last_failed=True).exit_code == 0
    with pytest.raises(NothingSelected, match="Nothing failed in the latest run"):
        ran(last_failed=True)


def test_what_failed_and_is_there_no_more_is_told(suite: Path, tmp_path: Path, server: Server) -> None:
    (tmp_path / "project").mkdir()
    root = make_project(tmp_path / "project", {"choices.yaml": SUITE, "verbs.py": VERBS})
    heard = Notes()

    def again(**choices: Any) -> RunResult:
        database = f"postgresql://postgres@/postgres?host={server._parameters['host']}"
        return run(RunOptions(root=root, database=database, seed=1, **choices), heard)

    again(tags=("quick",))
    (root / "scenarios" / "choices.yaml").write_text(SUITE.replace("Second does not", "Second, renamed, does not"))
    with pytest.raises(NothingSelected):
        again(last_failed=True)
    again(covers=("R04",))
    (root / "scenarios" / "choices.yaml").write_text(SUITE)
    assert names(again(last_failed=True)) == [THIRD]
    assert "1 of 2 cases that failed last are not there any more" in heard.told


class Notes(Silent):
    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)


@pytest.mark.parametrize("damage", [None, b"", b'[{"case_id":', b"{}", b"[1]", b'[{"case_id": 3}]'])
def test_what_failed_last_is_read_from_the_records_where_a_run_kept_no_outcomes(
    ran: Ran, suite: Path, damage: bytes | None
) -> None:
    """As of one that was killed, or whose disk was full."""
    ran(tags=("quick",), repeat=2)
    outcomes = suite.parent / "r" / "latest" / "outcomes.json"
    outcomes.unlink() if damage is None else outcomes.write_bytes(damage)
    assert names(ran(last_failed=True)) == [SECOND]
    ran(text="First")
    (suite.parent / "r" / "latest" / "outcomes.json").unlink()
    with pytest.raises(NothingSelected, match="Nothing failed in the latest run, which did not come to its end"):
        ran(last_failed=True)


def test_what_a_stopped_run_of_what_failed_left_over_has_still_failed(ran: Ran) -> None:
    ran(tags=("not flaky",))
    assert names(ran(last_failed=True, fail_fast=True)) == [SECOND]
    assert names(ran(last_failed=True, max_failures=2)) == [SECOND, THIRD]
    assert names(ran(last_failed=True, fail_fast=True, repeat=2)) == [f"{SECOND} #1"]
    assert names(ran(last_failed=True)) == [SECOND, THIRD]


def test_without_a_latest_run_nothing_can_have_failed_in_it(ran: Ran) -> None:
    with pytest.raises(NothingSelected, match="There is no latest run under"):
        ran(last_failed=True)


def test_a_latest_that_is_no_link_is_told_and_kept(options: Any, suite: Path) -> None:
    """As an archive leaves it that was made by following links."""
    (suite.parent / "r" / "latest").mkdir(parents=True)
    heard = Notes()
    run(options(text="First"), heard)
    assert any("latest is no link, so it does not point at this run" in note for note in heard.told)


def test_shards_one_after_another_on_one_machine_are_parts_of_one_division(ran: Ran, suite: Path) -> None:
    """The first of them is the latest run by then, and so is whatever is run between them."""
    whole = ran(text="Fourth")
    assert whole.report is not None
    outcomes = whole.report.with_name("outcomes.json")
    rows = json.loads(outcomes.read_text())
    for row, duration in zip(rows, (9_000, 4_000, 4_000), strict=True):
        row["duration_us"] = duration
    outcomes.write_text(json.dumps(rows))
    first = ran(text="Fourth", shard=(1, 2))
    ran(text="nowhere")
    second = ran(text="Fourth", shard=(2, 2))
    assert (names(first), names(second)) == (FOURTH[:1], FOURTH[1:])
    told = [load(each.report.parent).manifest.shard for each in (first, second) if each.report]
    assert [each.part for each in told if each] == ["1/2", "2/2"]
    assert {(each.cases, each.times_of) for each in told if each} == {(3, whole.run_id)}
    assert len({each.division for each in told if each}) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_asks_to_stop_while_the_report_is_made_has_it_all_the_same(
    ran: Ran, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    finish = harness.report.finish

    def asked(*arguments: Any, **choices: Any) -> Any:
        os.kill(os.getpid(), number)
        return finish(*arguments, **choices)

    monkeypatch.setattr(harness.report, "finish", asked)
    found = ran(covers=("R04",))
    assert (found.exit_code, names(found)) == (2, [SECOND, THIRD])
    assert found.report
    assert load(found.report.parent).manifest.outcome == "failed"


def test_what_failed_in_a_shard_is_run_again_by_the_same_shard_as_a_whole(ran: Ran) -> None:
    """Divided once more, half of it would be left out, and nobody would run it."""
    failed = ran(tags=("not flaky",), shard=(1, 1))
    again = ran(shard=(1, 1), last_failed=True)
    assert names(again) == [SECOND, THIRD]
    told = [load(each.report.parent).manifest.shard for each in (failed, again) if each.report]
    assert told[0] == told[1] is not None
    ran(covers=("R04",))
    half = ran(shard=(1, 2), last_failed=True)
    assert len(names(half)) == 1
    assert names(ran(shard=(1, 2), last_failed=True)) == names(half)
    with pytest.raises(InputError, match="The latest run was shard 1/2, which does not know what failed in 2/2"):
        ran(shard=(2, 2), last_failed=True)


def test_shards_without_a_recording_do_not_follow_each_others_times(ran: Ran) -> None:
    parts = [names(ran(tags=("not flaky",), shard=(number, 3))) for number in (1, 2, 3)]
    assert sorted(name for part in parts for name in part) == sorted([FIRST, SECOND, THIRD, *FOURTH])
    with pytest.raises(NothingSelected, match="Shard 9/9 is empty"):
        ran(text="Fourth", shard=(9, 9))


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({"fail_fast": True}, [FIRST, SECOND]),
        ({"max_failures": 2}, [FIRST, SECOND, THIRD]),
        ({"max_failures": 9, "tags": ("not flaky",)}, [FIRST, SECOND, THIRD, *FOURTH]),
    ],
)
def test_a_run_stops_after_so_many_failures(ran: Ran, choices: dict[str, Any], expected: list[str]) -> None:
    result = ran(**choices)
    assert names(result) == expected
    assert result.exit_code == 1
    assert not result.interrupted
    missing = result.planned - len(expected)
    assert (f"(stopped: {missing} of {result.planned} did not run)" in result.headline()) is bool(missing)


def test_what_passes_at_another_attempt_is_flaky_and_counted_apart(ran: Ran, suite: Path) -> None:
    result = ran(tags=("flaky",), retries=2)
    assert (result.totals["passed"], result.totals["flaky"], result.totals["failed"]) == (1, 1, 0)
    assert (result.scenarios[0].attempt, result.exit_code) == (2, 0)
    assert list(load(suite.parent / "r" / "latest").scenarios.outcome) == ["failed", "passed"], "both attempts are kept"
    (suite.parent / "seen").unlink()
    assert ran(tags=("flaky",), retries=1, fail_on_flaky=True).exit_code == 11
    (suite.parent / "seen").unlink()
    assert ran(tags=("flaky",)).exit_code == 1, "without retries it fails"


def test_what_fails_at_every_attempt_has_failed(ran: Ran) -> None:
    result = ran(text="Second does", retries=2)
    assert (result.totals["failed"], result.totals["flaky"], result.scenarios[0].attempt) == (1, 0, 3)


def test_what_failed_is_told_also_where_the_disk_refuses_the_report(
    options: Any, monkeypatch: pytest.MonkeyPatch, suite: Path
) -> None:
    def full(*_: object) -> None:
        raise MachineError("No space left on device.")

    told: list[RunResult] = []

    class Heard(Silent):
        def completed(self, result: RunResult) -> None:
            told.append(result)

    for broken in ("harness.report.junit.writing", "harness.session.recorded.writing"):
        monkeypatch.setattr(broken, full)
    with pytest.raises(MachineError, match="No space left"):
        run(options(tags=("quick",)), Heard())
    assert [record.outcome for record in told[0].scenarios] == ["passed", "failed"]
    assert (told[0].report, told[0].manifest) == (None, {})
    assert not load(suite.parent / "r" / "latest").complete


def test_allure_files_are_written_when_asked_for(ran: Ran) -> None:
    for asked in (False, True):
        report = ran(allure=asked).report
        assert report is not None
        found = list((report.parent / "allure-results").glob("*-result.json"))
        assert bool(found) is asked


def test_more_rounds_than_memory_holds_are_a_mistake(ran: Ran) -> None:
    with pytest.raises(InputError, match=r"99,999,999,999 cases are too many"):
        ran(text="First", repeat=99_999_999_999)


def test_repetitions_are_cases_of_their_own(ran: Ran) -> None:
    result = ran(text="First", repeat=3)
    assert names(result) == [f"{FIRST} #{number}" for number in (1, 2, 3)]
    assert len({record.scenario_id for record in result.scenarios}) == 3


def test_a_shuffled_order_is_the_seeds(ran: Ran, suite: Path) -> None:
    plain = names(ran(tags=("not flaky",)))
    once, again = (names(ran(tags=("not flaky",), shuffle=True, seed=5)) for _ in range(2))
    assert once == again
    assert sorted(once) == sorted(plain)
    assert once != plain


def test_the_same_seed_leaves_the_same_events_and_without_one_it_is_drawn(ran: Ran) -> None:
    def events(result: RunResult) -> str:
        assert result.report is not None
        return (result.report.parent / "events.jsonl").read_text().replace(result.run_id, "RUN")

    first, again = (ran(text="First", seed=4) for _ in range(2))
    assert events(first) == events(again)
    drawn = {ran(text="First", seed=None).seed for _ in range(2)}
    assert all(1 <= seed < 10_000 for seed in drawn)


def test_workers_auto_run_what_one_runs_each_on_a_database_of_its_own(suite: Path, options: Any, ran: Ran) -> None:
    alone = {record.scenario_id: record.outcome for record in ran(tags=("not flaky",)).scenarios}
    done = command(
        "run", str(suite), "-t", "not flaky", "--database", options().database, "-n", "auto", "--repeat", "4",
        "--json", "--report", str(suite.parent / "n"),
    )  # fmt: skip
    document = json.loads(done.out)
    together = {row["scenario_id"].rpartition("#")[0]: row["outcome"] for row in document["scenarios"]}
    assert together == alone
    assert len(document["scenarios"]) == 4 * len(alone)
    workers = min(len(os.sched_getaffinity(0)), 4 * len(alone))
    assert f"{workers} worker" in done.err
    assert set(load(suite.parent / "n" / "latest").scenarios.worker) <= set(range(workers))


def test_annotations_say_where_and_what_on_one_line_each(ran: Ran, suite: Path) -> None:
    suite.write_text(SUITE.replace("Second does not hold", '"Second: 100%, does not hold"'))
    result = ran(tags=("quick",))
    named = relative(suite, ROOT)
    [line] = result.annotations()
    assert line.startswith(f"::error file={named},line=10,title=Second%3A 100%25%2C does not hold::FAIL ")
    assert "%0A    $.status   expected 404   got 200" in line
    assert "\n" not in line
    [warning] = ran(tags=("flaky",), retries=1).annotations()
    assert warning.startswith(f"::warning file={named},line=20,title={FIFTH}::")


@pytest.mark.parametrize("said", [False, True])
def test_annotations_name_files_as_the_repository_has_them(
    tmp_path: Path, said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The project may be a folder of it."""
    project = tmp_path / "repository" / "booking"
    (project / "scenarios").mkdir(parents=True)
    if said:
        monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path / "repository"))
    else:
        monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
        (tmp_path / "repository" / ".git").mkdir()
    monkeypatch.chdir(project / "scenarios")
    rows = [
        SimpleNamespace(file=file, line=3, name="n", outcome="failed", failure="f")
        for file in ("scenarios/a.yaml", "../docs/b.yaml", "~/c.yaml")
    ]
    files = [line.partition("file=")[2].partition(",")[0] for line in annotated(rows)]
    assert files == ["booking/scenarios/a.yaml", "docs/b.yaml", "~/c.yaml"]


def test_a_path_that_is_not_there_and_a_line_without_scenario_are_mistakes(options: Any, suite: Path) -> None:
    with pytest.raises(InputError, match=r"No scenario stands at line 2 .* The first scenario begins at line 6"):
        run(options(line=2))
