"""The control room's panels, driven from Python; in a browser they are driven in test_lab.py."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

import harness
from harness.errors import InputError
from harness.notebook import ControlRoom
from harness.notebook.choosing import Choosing, path_choices, tag_choices, target_choices
from harness.notebook.lab import clear_outputs, command
from harness.notebook.panels import Cases
from harness.notebook.rehearsing import rehearse
from harness.report import Run, load
from harness.report.analysis.evidence import case_choices, changed_rows, requests, show
from tests.notebook.conftest import FAILING, HOLDING
from tests.report.sample import write_run

pytestmark = pytest.mark.xdist_group("control-room")


@pytest.fixture(scope="module")
def run(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small suite, run once from Python."""
    reports = tmp_path_factory.mktemp("reports")
    return harness.run(seed=7, database="embedded", root=project, reports=reports, progress=False)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A larger run, written by hand."""
    write_run(tmp_path_factory.mktemp("sample") / "run", 40)
    return load(tmp_path_factory.getbasetemp() / "sample0" / "run")


def wait_for(what: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def test_a_run_from_python_is_a_run_like_any_other(run: Run) -> None:
    assert run.complete
    assert list(run.scenarios["outcome"]) == ["passed", "failed"]
    assert run.manifest.command == ("harness", "run", "--database", "embedded", "--seed", "7")
    page = run._repr_html_()
    assert "1 of 2 scenarios did not hold" in page
    assert FAILING in page


def test_mistakes_are_raised_here(project: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing"):
        harness.run("nothing.yaml", root=project, reports=tmp_path, progress=False)


def test_a_failure_opens_down_to_its_rows_and_requests(run: Run) -> None:
    (_, failed), *none = case_choices(run, failures_only=True)
    assert not none
    assert failed.endswith(FAILING)
    asked = requests(run, failed)
    assert "POST" in asked["request"].str.cat()
    assert {"to calendly"} <= set(asked["who"])
    assert any(isinstance(body, str) and "sessionTypeId" in body for body in asked["sent"])
    assert "Booking" in set(changed_rows(run, failed)["table"])
    page = show(run, failed).html
    for words in ("expected 418", "<details><summary>step", "Rows changed (", "Checks (", "Timeline ("):
        assert words in page, words


def test_an_unknown_case_is_refused(run: Run) -> None:
    with pytest.raises(InputError, match="no scenario 'x'"):
        show(run, "x")


def test_what_is_shown_of_a_body_is_no_markup(sample: Run) -> None:
    for _, scenario_id in case_choices(sample, failures_only=False)[:1]:
        assert "<script" not in show(sample, scenario_id).html


def test_the_choices_are_those_of_the_project(project: Path) -> None:
    assert path_choices(project) == ["scenarios/small.yaml"]
    assert tag_choices(project) == ["smoke"]
    assert target_choices()[:2] == ["reference", "legacy"]
    assert any(target.startswith("defect:") for target in target_choices())


def test_a_suite_with_a_mistake_has_no_tags_to_offer(tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "x.yaml").write_text("feature: [")
    assert tag_choices(tmp_path) == []


def test_the_panel_says_what_to_run(project: Path) -> None:
    panel = Choosing(project)
    assert panel.options().paths == ()
    panel.paths.value = ("scenarios/small.yaml",)
    panel.more.value = "a.yaml:3"
    panel.tags.value, panel.seed.value, panel.target.value, panel.workers.value = "smoke", " 7 ", "legacy", 2
    options = panel.options()
    assert options.paths == ("scenarios/small.yaml", "a.yaml:3")
    assert (options.tags, options.seed, options.target, options.workers) == (("smoke",), 7, "legacy", 2)
    assert panel.options(seed=1).seed == 1
    panel.seed.value = "seven"
    with pytest.raises(InputError, match="'seven' is no whole number"):
        panel.options()


def test_cases_offer_what_did_not_hold_first_and_all_when_asked(sample: Run) -> None:
    cases = Cases()
    cases.show(sample)
    bad = len(cases.chosen.options)
    assert all(label[0] in "✗⚠" for label, _ in cases.chosen.options)
    assert not cases.again.disabled
    cases.only_failures.value = False
    assert len(cases.chosen.options) > bad
    assert cases.chosen.options[0][0][0] in "✗⚠"


def test_a_run_in_the_room_is_watched_opened_run_again_and_compared(project: Path, tmp_path: Path) -> None:
    room = ControlRoom(project, reports=tmp_path / "reports")
    assert "No run yet" in room.cases.summary.value
    room.choosing.seed.value, room.choosing.database.value = "7", "embedded"
    room.start.click()
    assert room.start.disabled
    assert not room.stop.disabled
    room.start.click()  # a second one while it goes: nothing
    wait_for(lambda: not room.start.disabled)
    assert room.watching.said.value.startswith("1 passed, 1 failed")
    assert room.watching.bar.value == 2
    assert "expected 418" in room.cases.opened.value
    room.cases.again.click()
    wait_for(lambda: not room.start.disabled)
    assert room.watching.said.value.startswith("1 failed in")
    assert "1 still failing, 1 removed" in room.comparing.told.value
    assert len(list((tmp_path / "reports").glob("*/manifest.json"))) == 3  # two, and `latest`


def test_a_mistake_in_the_choice_is_told_in_the_room(project: Path, tmp_path: Path) -> None:
    room = ControlRoom(project, reports=tmp_path / "reports")
    room.choosing.seed.value = "x"
    room.start.click()
    assert "no whole number" in room.watching.told.value
    room.choosing.seed.value, room.choosing.target.value = "", "referense"
    room.start.click()
    wait_for(lambda: not room.start.disabled)
    assert "no target" in room.watching.told.value
    assert 'role="alert"' in room.watching.told.value
    assert HOLDING not in room.cases.summary.value


def test_a_migration_that_is_not_there_is_refused(project: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.sql"):
        rehearse(project, "nowhere.sql", "", database="embedded", rows=10, report=tmp_path)


def test_a_migration_from_python_shows_its_verdict(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project / "notebooks")
    report = harness.migrations.check(
        "fixtures/migrations/make_client_id_nullable.sql",
        baseline="fixtures/migrations",
        phases=["lint", "observe"],
        rows=20,
        database="embedded",
        progress=False,
    )
    page = report._repr_html_()
    assert page.startswith(f"<h3>{report.verdict}")
    assert "not asked for" in page
    assert report.findings[0].id in page


def test_jupyterlab_is_for_this_machine_only_and_saves_no_outputs(project: Path) -> None:
    words = command(project)
    assert "--ServerApp.ip=127.0.0.1" in words
    assert "notebooks/control_room.ipynb" in words
    cell = {"cell_type": "code", "outputs": [1], "execution_count": 3}
    model = {"type": "notebook", "content": {"cells": [cell, {"cell_type": "markdown"}], "metadata": {"widgets": {}}}}
    clear_outputs(model=model, path="x")
    assert model["content"] == {
        "cells": [{"cell_type": "code", "outputs": [], "execution_count": None}, {"cell_type": "markdown"}],
        "metadata": {},
    }
    text = {"type": "file", "content": "x"}
    clear_outputs(model=text, path="y")
    assert text == {"type": "file", "content": "x"}
