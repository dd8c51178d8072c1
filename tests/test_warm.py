"""A command in a fork is a process like any other: its folder, environment, streams, ends; and one that hangs is ended."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.commands import python
from tests.support.warm import run_module

PROGRAM = """
import atexit, os, sys
print(os.getcwd(), sys.argv[1:], os.environ.get("ONLY_HERE"), os.environ.get("HOME"), __name__)
print("told", file=sys.stderr)
atexit.register(print, "cleaned up")
sys.exit(7)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path


@pytest.mark.parametrize("cold", [False, True])
def test_it_has_what_a_process_has(place: Path, cold: bool) -> None:
    done = python("program", "a b", cwd=place, env={"ONLY_HERE": "yes"}, cold=cold)
    home = os.environ.get("HOME")
    assert (done.code, done.err) == (7, "told\n")
    assert done.out == f"{place} ['a b'] yes {home} __main__\ncleaned up\n"


def test_nothing_of_one_is_in_the_next(place: Path) -> None:
    assert "yes" in python("program", cwd=place, env={"ONLY_HERE": "yes"}).out
    assert python("program", cwd=place).out.startswith(f"{place} [] None")


def test_an_end_by_a_signal_is_told(place: Path) -> None:
    (place / "killed.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGTERM)")
    assert python("killed", cwd=place).code == -signal.SIGTERM


@pytest.mark.parametrize("cold", [False, True])
def test_one_that_does_not_end_is_ended_and_the_next_runs(place: Path, cold: bool) -> None:
    (place / "hangs.py").write_text(
        "import os, time; from pathlib import Path; Path('pid').write_text(str(os.getpid())); time.sleep(60)"
    )
    with pytest.raises((TimeoutError, subprocess.TimeoutExpired)):
        python("hangs", cwd=place, timeout=1.5, cold=cold)
    with pytest.raises(ProcessLookupError):
        os.kill(int((place / "pid").read_text()), 0)
    assert python("program", cwd=place).code == 7


def test_a_module_that_is_not_there_is_told_as_python_tells_it(place: Path) -> None:
    code, out, err = run_module("no_such_module", (), cwd=place, env=os.environ, timeout=30)
    assert (code, out) == (1, "")
    assert "No module named no_such_module" in err
