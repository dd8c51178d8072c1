"""Nothing is left behind, however a harness ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.postgres import open_server
from harness.postgres.places import CACHE_VARIABLE, RUNNING_VARIABLE, Places
from harness.postgres.running import processes_in
from tests.postgres.processes import Machine, harness, wait_until_gone
from tests.support.directories import short_directory

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def cache() -> Iterator[Path]:
    """Not below pytest's own directory, which is closed to others; a server of root's runs as somebody else."""
    with short_directory() as directory:
        yield directory / "cache"


@pytest.fixture
def machine(cache: Path) -> Iterator[Machine]:
    """Directories for one test."""
    with short_directory(running=True) as running:
        yield Machine(cache, running)
        assert wait_until_gone(Machine(cache, running), 0) == []


def segments() -> set[str]:
    """The System V shared memory segments of this machine, others' too."""
    return {line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]}


def segment_of(machine: Machine) -> str:
    """The one that the server in `machine` made, by line 7 of its postmaster.pid."""
    (status,) = machine.running.rglob("postmaster.pid")
    segment = status.read_text().splitlines()[6].split()[1]
    assert segment in segments()
    return segment


@pytest.mark.parametrize(
    ("then", "code"),
    [
        ("sandbox.close(); server.close()", 0),
        ("pass", 0),
        ("raise SystemExit(3)", 3),
        ("1 / 0", 1),
        ("import threading; threading.Thread(target=lambda: 1 / 0).start()", 0),
        ("with server: raise KeyboardInterrupt", -signal.SIGINT),
    ],
)
def test_an_end_of_its_own(machine: Machine, then: str, code: int) -> None:
    with harness(machine, then) as process:
        process.communicate(timeout=30)
        assert process.returncode == code
        assert machine.left() == []
        assert list(machine.running.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGHUP, 128 + signal.SIGHUP)],
)
def test_a_signal_to_the_whole_group_as_a_terminal_sends_it(
    machine: Machine, number: signal.Signals, code: int
) -> None:
    with harness(machine, "time.sleep(60)") as process:
        assert len(machine.left()) > 1
        os.killpg(process.pid, number)
        process.communicate(timeout=30)
        assert process.returncode == code
        assert machine.left() == []


def test_ctrl_c_does_not_reach_the_server(machine: Machine) -> None:
    before = "signal.signal(signal.SIGINT, lambda *_: print('again', flush=True))"
    with harness(machine, "while True: time.sleep(1)", before=before) as process:
        for _ in range(2):
            os.killpg(process.pid, signal.SIGINT)
            assert process.stdout is not None
            assert process.stdout.readline() == "again\n"
        servers = processes_in(machine.running)
        assert servers
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=30)


def test_a_handler_of_the_application_is_left_alone(machine: Machine) -> None:
    before = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))"
    with harness(machine, "time.sleep(60)", before=before) as process:
        process.terminate()
        process.communicate(timeout=30)
        assert process.returncode == 9
        assert machine.left() == []


def test_what_a_kill_leaves_is_swept_by_the_next_start(machine: Machine) -> None:
    with harness(machine, "time.sleep(60)") as process:
        segment = segment_of(machine)
        process.kill()
        process.wait()
        assert machine.left()
        with harness(machine, "") as after:
            after.communicate(timeout=30)
            assert machine.left() == []
    assert segment not in segments()


def test_what_a_kill_of_harness_and_server_leaves_is_swept(machine: Machine) -> None:
    with harness(machine, "time.sleep(60)") as process:
        segment = segment_of(machine)
        process.kill()
        for server in processes_in(machine.running):
            with contextlib.suppress(ProcessLookupError):  # the others go with the first
                os.kill(server, signal.SIGKILL)
        process.wait()
        with harness(machine, "") as after:
            after.communicate(timeout=30)
            assert machine.left() == []
    assert segment not in segments()


def test_two_harnesses_at_once_leave_each_other_alone(machine: Machine) -> None:
    with harness(machine, "sys.stdin.read(1); print(sandbox.query('SELECT i FROM t'), flush=True)") as first:
        with harness(machine, "") as second:
            second.communicate(timeout=30)
        assert len(list(machine.running.rglob("s-*"))) == 1
        output, errors = first.communicate("x", timeout=30)
        assert output == "[{'i': 1}]\n", errors


def test_a_forked_child_does_not_close_its_parents_server(machine: Machine) -> None:
    then = """
import contextlib
import os
child = os.fork()
if child == 0:
    sys.exit(0)
os.waitpid(child, 0)
print(sandbox.query("SELECT i FROM t"), flush=True)
"""
    with harness(machine, then) as process:
        output, errors = process.communicate(timeout=30)
        assert output == "[{'i': 1}]\n", errors
        assert machine.left() == []


@pytest.mark.parametrize("end", ["pass", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"])
def test_a_worker_of_multiprocessing_closes_its_own(machine: Machine, end: str) -> None:
    then = f"""
import multiprocessing
def work():
    mine = open_server("embedded")
    print(mine.admin("SELECT 1"), flush=True)
    {end}
worker = multiprocessing.get_context("fork").Process(target=work)
worker.start(); worker.join()
from harness.postgres.places import Places
print(len(list(Places.find().running.glob("s-*"))), flush=True)
"""
    with harness(machine, then) as process:
        output, errors = process.communicate(timeout=30)
        assert output == "[(1,)]\n1\n", errors
        assert machine.left() == []


def test_a_server_leaves_nothing_in_this_process(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(machine.cache))
    monkeypatch.setenv(RUNNING_VARIABLE, str(machine.running))
    places = Places.find()
    server = open_server("embedded")
    (directory,) = places.running.glob("s-*")
    assert directory.stat().st_mode & 0o777 == 0o700
    segment = segment_of(machine)
    for process in processes_in(directory):
        used = Path(f"/proc/{process}/maps").read_text()
        assert all(str(directory) in line for line in used.splitlines() if "/dev/shm/" in line)
    server.close()
    server.close()
    assert not places.running.exists()
    assert segment not in segments()


def test_children_do_not_outlive_an_unclean_exit_of_python(machine: Machine) -> None:
    """os._exit skips every clean-up, as SIGKILL does; the next start sweeps."""
    with harness(machine, "import os; os._exit(5)") as process:
        process.communicate(timeout=30)
        assert machine.left()
    script = "from harness.postgres import open_server; open_server('embedded', note=print).close()"
    done = subprocess.run(
        [sys.executable, "-c", script], env=machine.environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert "Removed 1 server(s) that an earlier run had to leave behind." in done.stdout
