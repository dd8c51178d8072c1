"""Directories that are costly to make, made once: safe under concurrency and under a kill at any moment.

An entry appears under its final name by one atomic rename, complete or not at all. Who makes it holds a
file lock, which the kernel lets go when the process dies; unfinished work of the dead is removed first, and entries
that nobody used for a month (of versions that are gone) with it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import MachineError

__all__ = ["cached_directory", "locked"]

_KEPT = 30 * 24 * 3600  # seconds since an entry was last used


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the exclusive lock of the file `path`, which is made when absent and stays."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def cached_directory(root: Path, name: str, make: Callable[[Path], object]) -> Path:
    """`root/name`, made by `make(unfinished directory)` when it is not there yet.

    Raises MachineError when there is no room; whatever `make` raises leaves no entry behind.
    """
    entry = root / name
    if not entry.is_dir():
        with locked(root / ".lock"):
            if not entry.is_dir():
                _remove_old(root)
                _make(root / f".unfinished-{name}", entry, make)
    with contextlib.suppress(OSError):  # a read-only cache still serves
        os.utime(entry)
    return entry


def _remove_old(root: Path) -> None:
    for path in root.iterdir():
        if path.is_dir() and path.stat().st_mtime < time.time() - _KEPT:
            shutil.rmtree(path, ignore_errors=True)


def _make(unfinished: Path, entry: Path, make: Callable[[Path], object]) -> None:
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(mode=0o755)
        make(unfinished)
        unfinished.rename(entry)
    except OSError as error:
        raise MachineError(
            f"The cache entry {entry} cannot be written: {error.strerror or error}.",
            f"Free some room in {entry.parent}.",
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
