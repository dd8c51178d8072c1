"""The command line as a user meets it: a process, its output, its exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.warm import run_module

__all__ = ["ROOT", "Finished", "as_from_a_terminal", "harness", "harness_process", "python", "servers_running"]

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"


def harness(
    *arguments: str, cwd: Path = ROOT, env: dict[str, str] | None = None, timeout: float = 120, cold: bool = False
) -> Finished:
    """Run `harness ARGUMENTS` and wait for it; `cold` starts Python for it, as a user does (see `warm`)."""
    return python(
        "harness",
        *arguments,
        cwd=cwd,
        env={"NO_COLOR": "1", "COLUMNS": "160", **(env or {})},
        timeout=timeout,
        cold=cold,
    )


def python(
    module: str,
    *arguments: str,
    cwd: Path = ROOT,
    env: dict[str, str] | None = None,
    timeout: float = 120,
    cold: bool = False,
) -> Finished:
    """Run `python -m MODULE ARGUMENTS` and wait for it; `env` is added to the environment."""
    whole = {**os.environ, **(env or {})}
    if not cold:
        return Finished(*run_module(module, arguments, cwd=cwd, env=whole, timeout=timeout))
    words = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(words, cwd=cwd, env=whole, capture_output=True, text=True, timeout=timeout, check=False)
    return Finished(done.returncode, done.stdout, done.stderr)


def as_from_a_terminal() -> None:
    """Signals as a shell's child has them: a test run in the background, or by nohup, would hand on that it ignores some."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def harness_process(*arguments: str, cwd: Path = ROOT, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Start `harness ARGUMENTS` in a process group of its own, output to pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "harness", *arguments],
        cwd=cwd,
        env={**os.environ, "NO_COLOR": "1", **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=as_from_a_terminal,  # noqa: PLW1509 - it only resets signals, which no thread disturbs
    )


def servers_running(place: Path) -> list[str]:
    """The command lines of database servers whose files lie under `place`."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it ended while we looked
            continue
        if any(str(place) in word for word in words) and any("postgres" in word for word in words[:1]):
            found.append(" ".join(words))
    return found
