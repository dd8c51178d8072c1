"""However a run ends, the report of what ran is there and nothing is left running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.report import load
from tests.support.commands import harness, harness_process, servers_running
from tests.support.directories import short_directory

pytestmark = pytest.mark.long

SUITE = """
feature: Slow
use: [verbs.py]
given: {catalog: production, visitor: anonymous}
scenarios:
  - scenario: One of many
    repeat: 200
    when: [{pause: 0.05}]
    then: [{changed: none}]
"""
VERBS = '''
import time
from dataclasses import dataclass
from decimal import Decimal
from harness.scenario.registry import verb

@dataclass(frozen=True)
class PauseArgs:
    seconds: Decimal

@verb("pause", shorthand="seconds", kind="low")
def pause(world, args: PauseArgs):
    """Wait in real time."""
    time.sleep(float(args.seconds))
'''


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder with a slow suite; servers of this test live below `running`."""
    (tmp_path / "slow.yaml").write_text(SUITE)
    (tmp_path / "verbs.py").write_text(VERBS)
    with short_directory(running=True) as running:
        (tmp_path / "running").symlink_to(running)
        yield tmp_path
        assert not servers_running(running)


def environment(place: Path) -> dict[str, str]:
    return {"BOOKING_HARNESS_RUNNING": str((place / "running").readlink())}


def started(place: Path, *arguments: str) -> subprocess.Popen[str]:
    """A run of the slow suite, once its first results are on disk."""
    process = harness_process(
        "run",
        str(place / "slow.yaml"),
        "--database",
        "embedded",
        "--report",
        str(place / "r"),
        *arguments,
        env=environment(place),
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        if any(path.stat().st_size for path in (place / "r").glob("*/events-*.jsonl")):
            return process
        time.sleep(0.05)
    raise AssertionError(f"the run never began: {process.communicate()}")


@pytest.mark.parametrize(
    ("number", "workers"),
    [
        (signal.SIGINT, "1"),
        (signal.SIGINT, "2"),
        (signal.SIGTERM, "1"),
        (signal.SIGTERM, "2"),
        (signal.SIGHUP, "2"),
    ],
)
def test_an_interrupted_run_reports_what_ran_and_leaves_nothing(place: Path, number: int, workers: str) -> None:
    process = started(place, "-n", workers)
    process.send_signal(number) if number == signal.SIGTERM else os.killpg(process.pid, number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2, (out, err)
    assert "interrupted" in out
    assert "Traceback" not in err + out
    assert not servers_running((place / "running").readlink())
    run = load(place / "r" / "latest")
    assert 0 < len(run.scenarios) < 200
    assert set(run.scenarios.outcome) == {"passed"}
    assert run.manifest.outcome == "interrupted"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("later", [0.0, 0.2, 0.5])
def test_a_run_that_is_stopped_while_it_still_gets_ready_leaves_nothing(place: Path, number: int, later: float) -> None:
    process = harness_process(
        *("run", str(place / "slow.yaml"), "--database", "embedded", "--report", str(place / "r")),
        env=environment(place),
    )
    running, deadline = (place / "running").readlink(), time.monotonic() + 30
    while not list(running.rglob("s-*")) and time.monotonic() < deadline:  # the server starts before all is imported
        time.sleep(0.005)
    time.sleep(later)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    out, err = process.communicate(timeout=60)
    asked_to_stop_a_run = {2}  # where it had begun; before, SIGTERM ends the process as it always does
    expected = asked_to_stop_a_run if number == signal.SIGINT else asked_to_stop_a_run | {128 + number}
    assert process.returncode in expected, (process.returncode, out, err)
    assert "Traceback" not in err
    assert not servers_running(running)
    assert not list(running.rglob("s-*"))


@pytest.mark.parametrize("choice", ["auto", "embedded"])
def test_a_mistake_in_a_file_is_told_and_no_server_stays(place: Path, choice: str) -> None:
    (place / "slow.yaml").write_text(SUITE.replace("pause:", "pose:"))
    done = harness("run", str(place / "slow.yaml"), "--database", choice, env=environment(place))
    assert done.code == 4, done
    assert "pose" in done.err
    assert not list((place / "running").readlink().rglob("s-*"))


def test_a_killed_run_loads_and_its_server_is_swept_by_the_next(place: Path) -> None:
    process = started(place)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    run = load(place / "r" / "latest")
    assert not run.complete
    assert len(run.scenarios) > 0
    (place / "short.yaml").write_text(SUITE.replace("repeat: 200", "repeat: 2"))
    done = harness(
        "run", str(place / "short.yaml"), "--database", "embedded", "--report", str(place / "r"), env=environment(place)
    )
    assert done.code == 0, done
    assert not servers_running((place / "running").readlink())
    assert not list((place / "running").glob("*/s-*"))


def test_a_worker_that_dies_costs_its_case_and_is_told(place: Path) -> None:
    (place / "verbs.py").write_text(
        VERBS.replace(
            "    time.sleep(float(args.seconds))", "    import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
        )
    )
    another = """
  - scenario: Another
    repeat: 5
    when: [{http: {GET: /api/scheduling/session-types}, expect: 200}]
"""
    (place / "slow.yaml").write_text(SUITE.replace("repeat: 200", "repeat: 1") + another)
    done = harness(
        "run",
        str(place / "slow.yaml"),
        "-n",
        "2",
        "--database",
        "embedded",
        "--report",
        str(place / "r"),
        "--github",
        env=environment(place),
    )
    assert done.code == 3, done
    assert "5 passed, 1 error, 1 worker died" in done.out
    why = "its worker ended with exit code -9 on this case; run it again with -n 1 to see it alone"
    (annotation,) = [line for line in done.out.splitlines() if line.startswith("::error")]
    assert "slow.yaml,line=" in annotation
    assert ",title=One of many::ERROR " in annotation
    assert why in annotation
    junit = (place / "r" / "latest" / "junit.xml").read_text()
    assert 'errors="1"' in junit
    assert why in junit
    manifest = json.loads((place / "r" / "latest" / "manifest.json").read_text())
    assert (manifest["outcome"], manifest["totals"]["error"], manifest["notes"]) == ("error", 1, [])
    outcomes = json.loads((place / "r" / "latest" / "outcomes.json").read_text())
    assert [each["outcome"] for each in outcomes].count("lost") == 1


def test_a_reader_that_goes_away_does_not_lose_the_report(place: Path) -> None:
    (place / "slow.yaml").write_text(SUITE.replace("repeat: 200", "repeat: 20"))
    process = harness_process(
        "run",
        str(place / "slow.yaml"),
        "-v",
        "--database",
        "embedded",
        "--report",
        str(place / "r"),
        env=environment(place),
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
    assert load(place / "r" / "latest").complete
    assert not servers_running((place / "running").readlink())


@pytest.mark.parametrize("words", ["list", "run", "validate"])
def test_an_output_that_cannot_be_written_is_told_without_a_traceback(place: Path, words: str) -> None:
    """As of a log on a disk that is full."""
    with Path("/dev/full").open("w") as full:
        process = subprocess.run(
            [sys.executable, "-m", "harness", words, str(place / "slow.yaml")],
            cwd=place,
            env={**os.environ, **environment(place), "HARNESS_DATABASE": "embedded"},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert process.returncode == 10, process
    assert "No space left on device" in process.stderr
    assert "Traceback" not in process.stderr
