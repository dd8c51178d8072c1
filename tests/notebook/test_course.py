"""What somebody watching a run sees of its events."""

from __future__ import annotations

import io
import json
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.errors import HarnessFault, InputError, MachineError, NothingSelected
from harness.notebook.child import Teller, options_from, options_text
from harness.notebook.course import Course
from harness.notebook.running import command_of
from harness.progress import Bar, bar_html
from harness.project import place, project_root
from harness.session import RunOptions


def heard(*events: dict[str, Any]) -> Course:
    course = Course()
    for event in events:
        course.hear(event)
    return course


def test_outcomes_are_counted_and_failures_kept_in_order() -> None:
    course = heard(
        {"event": "planned", "cases": 3, "target": "reference", "seed": 7, "workers": 1},
        {"event": "finished", "scenario_id": "a", "outcome": "passed", "failure": None},
        {"event": "finished", "scenario_id": "b", "outcome": "failed", "failure": "expected <1>"},
        {"event": "finished", "scenario_id": "c", "outcome": "error", "failure": None},
    )
    assert (course.done, course.planned) == (3, 3)
    assert course.tally() == "1 passed, 1 failed, 1 error"
    assert [one.scenario_id for one in course.failures] == ["b", "c"]
    assert "expected &lt;1&gt;" in course.html()
    assert "reference · seed 7" in course.html()


def test_only_the_latest_failures_are_shown_and_the_others_counted() -> None:
    event = {"event": "finished", "outcome": "failed", "failure": "x"}
    course = heard(*({**event, "scenario_id": f"s{number}"} for number in range(20)))
    assert course.html().count("<li>") == 8
    assert "12 failures before these" in course.html()


@pytest.mark.parametrize(
    ("code", "kind"), [(4, InputError), (5, NothingSelected), (10, MachineError), (3, HarnessFault)]
)
def test_an_error_of_the_process_is_the_same_error_here(code: int, kind: type[Exception]) -> None:
    course = heard({"event": "error", "text": "no such thing", "exit_code": code})
    assert type(course.error) is kind
    assert "no such thing" in str(course.error)


def test_a_run_stopped_before_it_began_is_no_result() -> None:
    course = heard({"event": "completed", "directory": None, "headline": "nothing ran", "exit_code": 2})
    assert isinstance(course.error, HarnessFault)


def test_options_survive_the_way_to_the_process() -> None:
    options = RunOptions(paths=("a", "b:3"), tags=("x",), shard=(1, 4), seed=7, reports=Path("r"), target="legacy")
    assert options_from(options_text(options)) == options


def test_the_recorded_command_does_the_same_and_holds_no_password() -> None:
    options = RunOptions(paths=("a b",), tags=("x and y",), seed=7, workers=2, database="postgresql://me:geheim@h/d")
    said = command_of(options)
    assert said.startswith("harness run 'a b' --tag 'x and y' --database 'postgresql://me:***@h/d'")
    assert "geheim" not in said
    assert said.endswith("--seed 7 --workers 2")
    assert command_of(RunOptions()) == "harness run"


def test_events_are_lines_of_json() -> None:
    stream = io.StringIO()
    record = SimpleNamespace(scenario_id="a", outcome="passed", failure=None)
    Teller(stream).finished(cast("Any", record))
    assert json.loads(stream.getvalue()) == {
        "event": "finished", "scenario_id": "a", "outcome": "passed", "failure": None,
    }  # fmt: skip


def test_a_reader_that_is_gone_asks_the_run_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[int] = []
    monkeypatch.setattr(signal, "raise_signal", raised.append)

    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    teller = Teller(Gone())
    teller.note("one")
    teller.note("two")
    assert raised == [signal.SIGINT]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_in_a_terminal_is_one_line_and_elsewhere_nothing() -> None:
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        with Bar("scenarios", stream=stream) as bar:
            bar.show(1, 3, "1 passed")
            bar.show(3, 3, "3 passed")
    assert terminal.getvalue() == "\rscenarios 1/3  1 passed\rscenarios 3/3  3 passed\n"
    assert file.getvalue() == ""


def test_a_bar_in_a_notebook_has_words_and_an_unknown_total_no_value() -> None:
    assert 'aria-label="a &quot;b&quot;"' in bar_html('a "b"', 1, 3, "<x>")
    assert "1 of 3 &lt;x&gt;" in bar_html("a", 1, 3, "<x>")
    assert "value=" not in bar_html("a", 0, 0, "")


def test_the_project_is_found_from_a_folder_inside_it(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "notebooks")
    assert project_root() == project.resolve()
    assert place(Path("scenarios/small.yaml")) == project.resolve() / "scenarios" / "small.yaml"
    assert place(Path("nothing")) == Path("nothing")
    assert project_root(tmp_path) == tmp_path.resolve()
