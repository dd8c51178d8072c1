"""Where the harness keeps what it makes: caches that last, and the directories of running servers.

Every directory here belongs to the user who runs the harness and nobody else may write in it; one that
somebody else made first is refused, never adopted. No directory that the harness did not make is changed.

    cache      /var/tmp/booking-harness-<uid>      copies of binaries, initialised data directories
    running    /dev/shm/booking-harness-<uid>      one directory a live server; in the temporary directory
                                                   when memory-backed storage is absent, small or not writable
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from harness.errors import MachineError

__all__ = [
    "CACHE_VARIABLE",
    "MEMORY",
    "MEMORY_NEEDED",
    "RUNNING_VARIABLE",
    "Places",
    "check_socket_length",
    "free_bytes",
    "room_remedy",
    "secure_directory",
]

CACHE_VARIABLE = "BOOKING_HARNESS_CACHE"
RUNNING_VARIABLE = "BOOKING_HARNESS_RUNNING"
MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 512 * 1024 * 1024  # bytes free in memory-backed storage for a server to live there
SOCKET_PATH_LIMIT = 107  # bytes; sun_path of Linux, less its terminating zero
_LONGEST_NAME = len("/s-00000000/.s.PGSQL.5432")


class Places(Struct, frozen=True):
    """The two roots; `roots` are all places where an earlier run may have left a server."""

    cache: Path
    running: Path
    roots: tuple[Path, ...]

    @property
    def lock(self) -> Path:
        """The file whose lock is held while servers' directories come and go."""
        return self.cache / ".running"

    @classmethod
    def find(cls, environment: Mapping[str, str] = os.environ) -> Places:
        """Decide on this machine; the two environment variables override, for tests and odd machines."""
        name = f"booking-harness-{os.geteuid()}"
        cache = Path(environment.get(CACHE_VARIABLE) or Path("/var/tmp") / name)
        if chosen := environment.get(RUNNING_VARIABLE):
            return cls(cache, Path(chosen) / name, (Path(chosen) / name,))
        memory, temporary = MEMORY / name, Path(tempfile.gettempdir()) / name
        return cls(cache, memory if _has_room(memory.parent) else temporary, (memory, temporary))


def secure_directory(path: Path) -> Path:
    """Make `path` (mode 0755) or verify that it is a directory of this user that nobody else can write to.

    Raises MachineError when it belongs to somebody else, is a link, or cannot be made.
    """
    try:
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
        found = path.lstat()
    except OSError as error:
        raise MachineError(f"The directory {path} cannot be made: {error.strerror}.", _elsewhere()) from error
    if not stat.S_ISDIR(found.st_mode):
        raise MachineError(f"{path} should be a directory, and is not.", f"Remove it. {_elsewhere()}")
    if found.st_uid != os.geteuid():
        raise MachineError(
            f"The directory {path} belongs to user {found.st_uid}, not to user {os.geteuid()}, so it is not used.",
            f"Remove it, or ask its owner to. {_elsewhere()}",
        )
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise MachineError(
            f"Others may write to the directory {path} (mode {stat.S_IMODE(found.st_mode):04o}), so it is not used.",
            f"Remove it. {_elsewhere()}",
        )
    return path


def free_bytes(path: Path) -> int:
    """Bytes that this user may still write in the file system of `path`; 0 when it does not exist."""
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return 0


def check_socket_length(running: Path) -> None:
    """Raise MachineError when a socket under `running` would have too long a path for the kernel."""
    if len(os.fsencode(running)) + _LONGEST_NAME > SOCKET_PATH_LIMIT:
        raise MachineError(
            f"The directory {running} has too long a name for a socket in it (limit {SOCKET_PATH_LIMIT} bytes).",
            f"Set {RUNNING_VARIABLE} to a shorter one.",
        )


def room_remedy(said: str) -> str:
    """What to do about a program's message when it complains of a full disk; else nothing."""
    complaints = ("No space left", "quota", "File too large")
    if not any(complaint in said for complaint in complaints):
        return ""
    return f"Free some room there, or set {CACHE_VARIABLE} and {RUNNING_VARIABLE} to directories that have it."


def _has_room(path: Path) -> bool:
    return os.access(path, os.W_OK | os.X_OK) and free_bytes(path) >= MEMORY_NEEDED


def _elsewhere() -> str:
    return f"Or set {CACHE_VARIABLE} and {RUNNING_VARIABLE} to directories of your own."
