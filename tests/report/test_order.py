"""Runs follow one another as they did, whatever the clock told meanwhile."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from harness.report import history, load, look_back, runs_in
from harness.report.analysis import health
from harness.report.disk import point
from harness.report.lookback import RunHistory
from harness.session.recorded import Outcome, Times, keep, times_of
from tests.report.test_compare import START, small_run
from tests.support.commands import harness


@pytest.fixture
def stepped(tmp_path: Path) -> Path:
    """Four runs, in the third of which the clock was put back by ten days; the case broke in the last."""
    for number, (day, outcome) in enumerate([(8, "p"), (9, "p"), (0, "p"), (1, "f")]):
        directory = small_run(tmp_path / f"run{'bdac'[number]}", outcome, day=day)
        keep(directory, [Outcome("x.yaml::a", "passed", number)])
    return tmp_path


def test_runs_after_a_clock_that_was_put_back_come_after_those_before(stepped: Path) -> None:
    assert [run.name for run in runs_in(stepped)] == ["runb", "rund", "runa", "runc"]
    assert [run.name for run in runs_in(stepped, last=1)] == ["runc"]
    found = look_back(stepped)
    assert found.changing["outcomes"].tolist() == ["✓✓✓✗"]
    assert [f"{start:%d}" for start in found.runs["start"]] == ["09", "10", "01", "02"]  # as they were told
    assert history([load(stepped / name) for name in ("runc", "runa", "runb")])["run_id"].tolist() == [
        "runb",
        "runa",
        "runc",
    ]
    done = harness("history", str(stepped))
    assert [line.split()[0] for line in done.out.splitlines() if line.startswith("  run")] == [
        "runb",
        "rund",
        "runa",
        "runc",
    ]


def test_a_run_is_seen_with_those_that_were_before_it(stepped: Path) -> None:
    told = health.before(load(stepped / "runa"))
    assert isinstance(told, RunHistory)
    assert told.runs["run_id"].tolist() == ["runb", "rund", "runa"]


def test_the_newest_run_is_found_where_nothing_points_at_it(stepped: Path) -> None:
    (stepped / "latest").unlink()
    assert load(stepped).run_id == "runc"
    assert times_of(stepped, ["x.yaml::a"]) == Times("runc", {"x.yaml::a": 3})


def test_a_clock_that_goes_on_is_believed(tmp_path: Path) -> None:
    small_run(tmp_path / "one", "p", day=5)
    small_run(tmp_path / "two", "p", day=6)
    assert load(tmp_path / "two").manifest.ordered is None
    assert small_run(tmp_path / "again", "p", day=6)
    assert load(tmp_path / "again").manifest.order == START + timedelta(days=6, microseconds=1)


@pytest.mark.parametrize("latest", ["damaged", "gone", "nothing"])
def test_a_latest_run_that_nobody_can_read_is_none(tmp_path: Path, latest: str) -> None:
    small_run(tmp_path / "one", "p", day=5)
    if latest == "damaged":
        (tmp_path / "one" / "manifest.json").write_text("{")
    elif latest == "gone":
        shutil.rmtree(tmp_path / "one")
    else:
        point(tmp_path / "latest", "nowhere")
    small_run(tmp_path / "two", "p", day=1)
    assert load(tmp_path / "two").manifest.order == START + timedelta(days=1)
