"""Costly directories are made once, whoever comes at the same time and whatever is killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from harness.errors import MachineError
from harness.postgres.caching import cached_directory
from tests.postgres.processes import ROOT


def test_an_entry_is_made_once_for_all_who_ask_together(tmp_path: Path) -> None:
    made = []

    def make(target: Path) -> None:
        made.append(target)
        time.sleep(0.05)
        (target / "file").write_text("whole")

    threads = [threading.Thread(target=cached_directory, args=(tmp_path, "entry", make)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert (tmp_path / "entry" / "file").read_text() == "whole"


def test_what_fails_leaves_no_entry(tmp_path: Path) -> None:
    def fail(target: Path) -> None:
        (target / "file").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(MachineError, match="cannot be written: No space left on device"):
        cached_directory(tmp_path, "entry", fail)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_kill_in_the_middle_leaves_nothing_that_is_taken_for_whole(tmp_path: Path) -> None:
    script = f"""
import pathlib, time
from harness.postgres.caching import cached_directory
def make(target):
    (target / "file").write_text("half")
    print("half", flush=True)
    time.sleep(60)
cached_directory(pathlib.Path({str(tmp_path)!r}), "entry", make)
"""
    process = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "entry").exists()
    entry = cached_directory(tmp_path, "entry", lambda target: (target / "other").write_text("whole") and None)
    assert [path.name for path in entry.iterdir()] == ["other"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "entry"]


def test_entries_that_nobody_used_for_a_month_go_when_another_is_made(tmp_path: Path) -> None:
    for name in ("old", "used"):
        cached_directory(tmp_path, name, lambda target: None)
        os.utime(tmp_path / name, (0, 0))
    cached_directory(tmp_path, "used", lambda target: None)
    cached_directory(tmp_path, "new", lambda target: None)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "new", "used"]
