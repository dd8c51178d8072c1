"""The soak says how far it is, goes on where it was stopped, and fails when one run failed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.soak.__main__ import main
from tests.soak.runs import Ended, Log, Planned, plan
from tests.support.projects import FREE_SESSION, make_project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path, {"one.yaml": FREE_SESSION})


def soak(project: Path, *words: str) -> int:
    return main(["--root", str(project), "--workers", "1", "--no-variants", *words])


def test_every_run_is_told_and_the_end_has_the_figure(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert soak(project, "--runs", "2") == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.match(r"  1 of 2  reference 1: seed \d+, 1 cases, all passed, \d+ s  about \d+ min left", lines[0])
    assert lines[-1] == "2 of 2 runs of 1 cases: 2 passed, 0 failed"
    seeds = [each.seed for each in Log(project).read()]
    assert len(set(seeds)) == 2, "each run has a seed of its own"


def test_it_goes_on_where_it_was_stopped(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(project)
    for number in (1, 2):
        log.add(Ended("reference", number, 7, 1, 0.1))
    log.path.write_text(log.path.read_text() + '{"target": "refer', encoding="utf-8")
    assert soak(project, "--runs", "3") == 0
    out = capsys.readouterr().out
    assert out.startswith("2 of 3 runs were done before")
    assert "reference 3:" in out
    assert "reference 2:" not in out


def test_another_suite_begins_anew(project: Path) -> None:
    Log(project).add(Ended("reference", 1, 7, 1, 0.1))
    (project / "scenarios" / "one.yaml").write_text(FREE_SESSION.replace("10:00", "11:00"), encoding="utf-8")
    assert Log(project).read() == []


def test_a_failure_is_kept_and_named_at_the_end(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Log(project).add(Ended("reference", 1, 7, 1, 0.1, ["seed 7: one.yaml::A: got 500"]))
    assert soak(project, "--runs", "1") == 1
    assert "  seed 7: one.yaml::A: got 500\n1 of 1 runs of 1 cases: 0 passed, 1 failed" in capsys.readouterr().out


def test_a_scenario_that_fails_is_noticed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "scenarios" / "one.yaml").write_text(
        FREE_SESSION.replace("status: 200", "status: 201"), encoding="utf-8"
    )
    assert soak(project, "--runs", "1") == 1
    assert "1 FAILED" in capsys.readouterr().out


def test_variants_come_first() -> None:
    planned = plan(2)
    assert planned[-2:] == [Planned("reference", 1), Planned("reference", 2)]
    assert all(each.target.startswith("variant:") for each in planned[:-2])
    assert len(planned) >= 5
