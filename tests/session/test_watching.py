"""`--watch`: what is written makes it run again, and what only Python or an editor puts beside it does not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.session import RunOptions, RunResult, watch_and_run, watching
from harness.session.listener import Silent
from tests.support.commands import ROOT
from tests.support.projects import edit

SUITE = """
feature: Watched
use: [parts/visits.yaml, own.py]
given: {catalog: production, visitor: anonymous}
scenarios:
  - scenario: Somebody looks
    when: [{call: looks}, {wait: {}}]
    then: [{rows: {Booking: {count: 0}}}]
"""
VISITS = "fragments:\n  looks: {steps: [{http: {GET: /api/scheduling/session-types}, expect: 200}]}\n"
OWN = '''
from .helpers import DONE, WaitArgs
from harness.scenario.registry import verb

@verb("wait")
def wait(world, args: WaitArgs) -> None:
    """Wait, or fail to."""
    assert DONE
'''
HELPERS = "from msgspec import Struct\n\nDONE = True\n\nclass WaitArgs(Struct, frozen=True):\n    pass\n"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "visits.yaml").write_text(VISITS)
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "helpers.py").write_text(HELPERS)
    path = tmp_path / "watched.yaml"
    path.write_text(SUITE)
    return path


def watched(suite: Path, *changes: Callable[[], Any]) -> tuple[list[RunResult], list[str], int]:
    """What came of a watch in which each change is made once nothing runs, then Ctrl-C: results, notes, exit code."""
    results: list[RunResult] = []
    notes: list[str] = []
    left = list(changes)

    class Editor(Silent):
        def completed(self, result: RunResult) -> None:
            results.append(result)

        def note(self, text: str) -> None:
            notes.append(text)
            if text.startswith("watching"):
                if not left:
                    raise KeyboardInterrupt
                left.pop(0)()

    options = RunOptions(paths=(str(suite),), root=ROOT, database="embedded", reports=suite.parent / "r")
    return results, notes, watch_and_run(options, Editor())


def test_a_change_of_a_file_runs_it_again_with_the_same_seed(suite: Path) -> None:
    results, notes, code = watched(
        suite,
        lambda: edit(suite, "count: 0", "count: 1"),
        lambda: edit(suite, "- scenario:", "- scenaria:"),
        lambda: edit(suite, "- scenaria:", "- scenario:"),
    )
    assert [result.exit_code for result in results] == [0, 1, 1], "the third text has a mistake and does not run"
    assert len({result.seed for result in results}) == 1
    assert any("Did you mean scenario?" in note for note in notes)
    assert code == 1


def test_a_change_of_anything_that_the_run_read_runs_it_again(suite: Path) -> None:
    results, _, _ = watched(
        suite,
        lambda: edit(suite.with_name("helpers.py"), "DONE = True", "DONE = False"),
        lambda: edit(suite.with_name("helpers.py"), "DONE = False", "DONE = True"),
        lambda: edit(suite.with_name("parts") / "visits.yaml", "expect: 200", "expect: 404"),
        lambda: edit(suite.with_name("own.py"), "assert DONE", "assert not DONE"),
    )
    assert [result.totals["passed"] for result in results] == [1, 0, 1, 0, 0]


def test_what_nobody_wrote_runs_nothing_again(suite: Path) -> None:
    seen = watching._stamps(RunOptions(root=suite.parent, paths=(str(suite.parent),)))
    for name in (".watched.yaml.swp", "watched.yaml~", ".#watched.yaml", "__pycache__/own.cpython-311.pyc"):
        (suite.parent / name).parent.mkdir(exist_ok=True)
        (suite.parent / name).write_text("")
    assert watching._stamps(RunOptions(root=suite.parent, paths=(str(suite.parent),))) == seen
    assert {path.name for path in seen} == {"watched.yaml", "own.py", "helpers.py", "visits.yaml"}


def test_a_file_that_goes_while_it_is_watched_ends_no_watch(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An editor writes beside a file and renames: what was listed may be gone when it is looked at."""
    (suite.parent / "scenarios" / "deep").mkdir(parents=True)
    listed = os.walk

    def late(top: Any, *rest: Any, **more: Any) -> Any:
        for place, folders, files in listed(top, *rest, **more):
            yield place, folders, [*files, "gone.yaml"]

    monkeypatch.setattr("os.walk", late)
    stamps = watching._stamps(RunOptions(root=suite.parent, paths=(f"{suite}:6",)))
    assert [path.name for path in stamps] == [suite.name]
