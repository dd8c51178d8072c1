"""Directories for servers of a test's own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.postgres.places import MEMORY, Places

__all__ = ["short_directory"]


@contextmanager
def short_directory(*, running: bool = False) -> Iterator[Path]:
    """A directory that everybody may enter, under a short name, since a socket's path may not be long.

    For servers that are `running` in it it is in memory, where theirs are: on a disk each start costs several times as much.
    """
    in_memory = running and Places.find({}).running.parent == MEMORY
    path = (MEMORY if in_memory else Path("/tmp")) / f"bh{os.getpid()}{os.urandom(3).hex()}"
    path.mkdir(mode=0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
