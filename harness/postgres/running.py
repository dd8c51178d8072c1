"""The directories of running servers, and the sweep that removes those whose harness has died.

A live harness holds a lock on the file `owner` in the directory of each of its servers. The kernel lets the lock
go however the process ends, so a lock that can be taken belongs to the dead: no process id to be mistaken,
no time to be compared, and two harnesses at once never sweep each other.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import secrets
import shutil
import signal
import time
from pathlib import Path

from harness.errors import MachineError
from harness.postgres.account import Account
from harness.postgres.caching import locked
from harness.postgres.places import Places, check_socket_length, secure_directory

__all__ = ["Instance", "processes_in", "stop_processes", "sweep"]

_PREFIX = "s-"
_CONTAINER = "container"  # the file that says that the server is in one
_IPC_RMID = 0
_PATIENCE = 10.0  # seconds that a server gets between being told to stop and being killed


class Instance:
    """The directory of one server: `data`, the socket, the log, and the lock that says it is alive."""

    def __init__(self, places: Places, path: Path, owner: int) -> None:
        self.path = path
        self._places = places
        self._owner = owner

    @property
    def data(self) -> Path:
        """The data directory (PGDATA)."""
        return self.path / "data"

    @property
    def log(self) -> Path:
        """What the server wrote to its standard error."""
        return self.path / "log"

    @property
    def container(self) -> str:
        """The name of the container, when the server is in one."""
        return _container_name(self.path)

    def holds_container(self) -> None:
        """Say, before it is made, that the server is in a container, which is to go with this directory."""
        (self.path / _CONTAINER).touch()

    @classmethod
    def create(cls, places: Places, account: Account | None = None) -> Instance:
        """Make a directory that only `account` (or this user) may enter. MachineError when it cannot be made."""
        check_socket_length(places.running)
        with locked(places.lock):
            root = secure_directory(places.running)
            path = root / f"{_PREFIX}{secrets.token_hex(4)}"
            try:
                path.mkdir(mode=0o700)
                owner = os.open(path / "owner", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_EXCL, 0o600)
                fcntl.flock(owner, fcntl.LOCK_EX)
                if account and account.dropped:
                    os.chown(path, account.uid, account.gid)
            except OSError as error:
                shutil.rmtree(path, ignore_errors=True)
                raise MachineError(
                    f"A directory for the server cannot be made in {root}: {error.strerror}.",
                    "Free some room there.",
                ) from error
        return cls(places, path, owner)

    def remove(self) -> None:
        """Stop what still runs here and remove everything."""
        _clear(self.path)
        os.close(self._owner)
        with locked(self._places.lock):
            _remove_empty(self._places.running)


def sweep(places: Places) -> int:
    """Remove the servers of harnesses that have died; the number removed."""
    with locked(places.lock):
        return sum(_sweep_root(root) for root in places.roots)


def _sweep_root(root: Path) -> int:
    if not root.is_dir() or root.stat().st_uid != os.geteuid():
        return 0
    removed = sum(_sweep_one(path) for path in sorted(root.glob(f"{_PREFIX}*")))
    _remove_empty(root)
    return removed


def _remove_empty(root: Path) -> None:
    with contextlib.suppress(OSError):  # it is not empty: another harness is alive
        root.rmdir()


def _sweep_one(path: Path) -> bool:
    try:
        owner = os.open(path / "owner", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return _clear(path)
    try:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return _clear(path)
    finally:
        os.close(owner)


def _clear(path: Path) -> bool:
    """Stop and remove everything; False when a container could not be removed, so that the directory must stay."""
    if (path / _CONTAINER).exists() and not _container_removed(path):
        return False
    segment = _shared_memory_segment(path / "data")
    stop_processes(path)
    _remove_segment(segment)
    shutil.rmtree(path, ignore_errors=True)
    return True


def _container_name(path: Path) -> str:
    return f"booking-harness-{path.name}"


def _container_removed(path: Path) -> bool:
    from harness.postgres.engine import docker_client, remove_container

    try:
        with docker_client() as client:
            remove_container(client, _container_name(path))
    except MachineError:  # the engine is down, and with it the container; the next sweep asks again
        return False
    return True


def processes_in(path: Path) -> list[int]:
    """Processes that work in `path` or below: a server and its backends all stand in its data directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "cwd").readlink().is_relative_to(path):
                    found.append(int(entry.name))
    return found


def stop_processes(path: Path, patience: float = _PATIENCE) -> None:
    """Ask the servers that work in `path` to stop at once, then kill what is left after `patience` seconds."""
    for order, until in ((signal.SIGQUIT, patience), (signal.SIGKILL, 2.0)):
        alive = processes_in(path)
        for process in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, order)
        deadline = time.monotonic() + until
        while alive and time.monotonic() < deadline:
            time.sleep(0.005)
            alive = processes_in(path)
        if not alive:
            return


def _shared_memory_segment(data: Path) -> int | None:
    """The System V segment that a server made, from line 7 of its postmaster.pid."""
    try:
        return int((data / "postmaster.pid").read_text().splitlines()[6].split()[1])
    except (OSError, IndexError, ValueError):
        return None


def _remove_segment(segment: int | None) -> None:
    """Remove the segment of a server that was killed, if nobody is attached (a server that stops does it itself)."""
    if segment is None:
        return
    for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1]) == segment and int(fields[6]) == 0:
            ctypes.CDLL(None).shmctl(segment, _IPC_RMID, None)
