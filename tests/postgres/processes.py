"""Harnesses in processes of their own, and what they leave on the machine."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.postgres.running import processes_in
from tests.support.commands import as_from_a_terminal

ROOT = Path(__file__).parents[2]

HOLD = """
import signal, sys, time
{before}
from harness.postgres import Sandbox, open_server
server = open_server(sys.argv[1])
sandbox = Sandbox(server.template("one", lambda connection: connection.execute("CREATE TABLE t (i int)") and None))
sandbox.execute("INSERT INTO t VALUES (1)")
print("ready", flush=True)
"""


@dataclass(frozen=True)
class Machine:
    """Directories of a test's own, in place of /var/tmp and /dev/shm."""

    cache: Path
    running: Path

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "BOOKING_HARNESS_CACHE": str(self.cache),
            "BOOKING_HARNESS_RUNNING": str(self.running),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        }

    def left(self) -> list[str]:
        """Directories and processes of servers."""
        directories = [str(path) for path in self.running.rglob("s-*")]
        return directories + [f"process {number}" for number in processes_in(self.running)]


@contextlib.contextmanager
def harness(
    machine: Machine, then: str, *, before: str = "", choice: str = "embedded"
) -> Iterator[subprocess.Popen[str]]:
    """A process with a server and a sandbox, that does `before`, is "ready" when the body runs, and does `then`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(before=before) + then, choice],
        env=machine.environment,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=as_from_a_terminal,  # noqa: PLW1509 - it only resets signals, which no thread disturbs
    )
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert ready == "ready\n", process.communicate()[1]
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_until_gone(machine: Machine, seconds: float = 10) -> list[str]:
    deadline = time.monotonic() + seconds
    while (left := machine.left()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left
