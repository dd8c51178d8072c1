"""Modules of Python run as commands, in forks of one process that has imported already what they need (`forking`).

Exit code, output, folder, environment and clean-up are a process's own; what is not repeated are seconds of imports.
What is about the start itself, or about signals, starts Python anew: `harness_process`, and `harness` with `cold=True`.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock

__all__ = ["run_module"]

ROOT = Path(__file__).parents[2]

PRELOADED = (
    "harness.cli.app", "harness.cli.run", "harness.cli.listing", "harness.cli.audit", "harness.cli.migrate", "harness.session.running", "harness.session.bench", "harness.session.workers", "harness.scenario.application",
    "harness.scenario.verbs", "harness.booking.application", "harness.migrations.checking", "harness.migrations.applying",
    "harness.report.recording", "harness.strength.measuring", "pyarrow.parquet", "rich.console", "typer.rich_utils", "pytest",
)  # fmt: skip
"""Not pandas: Arrow asks for it once, in vain, and a run must be able to do without."""


class _Served:
    """The process that forks, and the way to ask it."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.support.forking", *PRELOADED]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self._turn = Lock()
        atexit.register(self.close)

    def run(self, request: Mapping[str, object], timeout: float) -> int:
        assert self._process.stdin is not None
        child = None
        with self._turn:
            try:
                self._process.stdin.write(json.dumps(request).encode() + b"\n")
                child = self._number(60)
                return self._number(timeout)
            except (
                BaseException
            ):  # a test's own time limit too: an answer left unread would be taken for the next one's
                with suppress(ProcessLookupError):
                    os.kill(self._process.pid if child is None else -child, signal.SIGKILL)
                self.close()
                _served.cache_clear()
                raise

    def _number(self, timeout: float) -> int:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], timeout)[0]:
            raise TimeoutError(f"no end within {timeout} s")
        return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@cache
def _served(_: int) -> _Served:
    """One for each process that tests run in."""
    return _Served()


def run_module(
    module: str, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float
) -> tuple[int, str, str]:
    """`python -m MODULE ARGUMENTS`: its exit code (negative: the signal that ended it), output and errors.

    Raises TimeoutError when it takes longer than `timeout` seconds, and ends it with what it started.
    """
    with tempfile.TemporaryDirectory() as place:
        out, err = Path(place, "out"), Path(place, "err")
        out.touch()
        err.touch()
        request = {"module": module, "arguments": list(arguments), "cwd": str(cwd), "env": dict(env), "out": str(out), "err": str(err)}  # fmt: skip
        code = _served(os.getpid()).run(request, timeout)
        return code, out.read_text(), err.read_text()
