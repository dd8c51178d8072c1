"""The whole command, on one file of the suite."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pandas as pd
import pytest

from harness.report import load
from tests.support.commands import harness, harness_process
from tests.support.projects import FREE_SESSION, make_project

ROOT = Path(__file__).resolve().parents[2]
NOTICED, SURVIVES = "flow.Flow.create~0c4c25b6", "flow.Flow.create~068fd024"
"""The page sends its builder, or its pathway, under a wrong name."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the fixtures of this one and a single scenario."""
    return make_project(tmp_path, {"one.yaml": FREE_SESSION})


def test_what_is_noticed_and_what_survives(project: Path) -> None:
    chosen = ["--defect", "P11", "--defect", "A9", "--defect", "W2", "--mutants", "0"]
    done = harness("strength", *chosen, "-n", "1", "--database", "embedded", "--json", cwd=project)
    document = json.loads(done.out)
    found = {each["defect_id"]: each for each in document["defects"]}
    assert done.code == 1
    assert found["P11"]["outcome"] == "noticed"
    assert found["P11"]["noticed_by"] == ["scenarios/one.yaml::A free session is booked"]
    assert "BOOKING_CONFIRMED" in found["P11"]["check"]
    assert found["A9"]["outcome"] == "survived"
    assert found["W2"]["outcome"] == "not_reached"
    rows = pd.read_parquet(document["file"])
    assert set(rows["defect_id"]) == {"P11", "A9", "W2"}
    assert Path(document["file"]).parent == (project / "reports" / "latest").resolve()


def test_what_is_not_noticed_is_named_at_the_end(project: Path) -> None:
    chosen = ["--defect", "A9", "--mutant", NOTICED, "--mutant", SURVIVES, "--mutants", "0"]
    done = harness("strength", *chosen, "-n", "1", "--database", "embedded", cwd=project)
    assert done.code == 1
    assert "1 defect of the catalogue: 1 survived (0.0% noticed)" in done.out
    assert "2 mutants: 1 noticed, 1 survived (50.0% noticed)" in done.out
    first, second = done.out.split("Nobody noticed:\n")[1].splitlines()[:2]
    assert first.split()[:2] == ["survived", "A9"]
    assert done.err.startswith("the suite once without a defect: what fails then notices nothing\n")
    assert "\nsurvey of 1 case: what each reaches of the reference" in done.err
    assert second.split()[:2] == ["survived", SURVIVES]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_interrupted_in_the_run_without_defects_measures_nothing(project: Path, number: int) -> None:
    slow = FREE_SESSION.replace("covers: [R06]", "repeat: 500")
    (project / "scenarios" / "one.yaml").write_text(slow)
    process = harness_process("strength", "--mutants", "0", "-n", "1", "--database", "embedded", cwd=project)
    events = project / "reports" / "latest" / "events-0.jsonl"
    deadline = time.monotonic() + 30
    while not (events.is_file() and events.stat().st_size) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert err.endswith("harness: interrupted\n")
    assert "survey" not in err
    assert load(project / "reports").manifest.outcome == "interrupted"
    assert not list((project / "reports").rglob("strength.parquet"))


def test_an_unknown_mutant_is_bad_input_and_told_before_anything_runs(project: Path) -> None:
    done = harness("strength", "--mutant", "flow.Flow.create~00000000", cwd=project)
    assert done.code == 4
    assert "There is no mutant 'flow.Flow.create~00000000'" in done.err
    assert not (project / "reports").exists()


def test_the_catalogue_is_listed() -> None:
    done = harness("strength", "--list")
    assert done.code == 0
    assert "\nI4 " in done.out


def test_an_unknown_defect_is_bad_input(project: Path) -> None:
    done = harness("strength", "--defect", "I44", cwd=project)
    assert done.code == 4
    assert "There is no defect 'I44'" in done.err
