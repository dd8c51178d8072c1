"""A server of the harness's own: a copied data directory, `postgres` started directly, reached by a socket.

The server has its own session, so that Ctrl-C reaches the harness alone; and no TCP port, so that none is busy.
"""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

from msgspec import Struct

from harness.errors import MachineError
from harness.postgres.account import Account, PopenIdentity, server_account
from harness.postgres.binaries import Binaries, find_binaries
from harness.postgres.cluster import SUPERUSER, copy_cluster, initialised_cluster
from harness.postgres.places import Places, free_bytes, room_remedy, secure_directory
from harness.postgres.running import Instance, sweep

__all__ = ["EmbeddedServer", "Ground", "find_ground", "launch", "start_embedded"]

_START_LIMIT = _STOP_LIMIT = 30.0  # seconds
_PORT = 5432  # names the socket's file; no TCP port is opened


LEAST_ROOM = 8 * 1024 * 1024  # bytes; with less a server cannot go on


class EmbeddedServer(Struct):
    """A running server; `parameters` are those of libpq."""

    binaries: Binaries
    instance: Instance
    process: subprocess.Popen[bytes]
    swept: int  # servers of dead harnesses that this start removed

    @property
    def parameters(self) -> dict[str, str]:
        """How to connect."""
        return {"host": str(self.instance.path), "port": str(_PORT), "user": SUPERUSER, "dbname": "postgres"}

    def said(self) -> str:
        """The last lines of the server's log; on a full disk it could not write them, so that is said for it."""
        said = _said(self.instance)
        if free_bytes(self.instance.path) < LEAST_ROOM and not room_remedy(said):
            said = f"No space left on device, where {self.instance.path} lies. {said}".strip()
        return said

    def end(self) -> None:
        """End the server in good order; its data directory stays, complete. subprocess.TimeoutExpired after half a minute."""
        self.process.send_signal(signal.SIGINT)  # PostgreSQL's "fast shutdown"
        self.process.wait(_STOP_LIMIT)

    def stop(self) -> None:
        """Stop the server and remove its directory."""
        self.instance.remove()
        self.process.wait()


class Ground(Struct, frozen=True):
    """What servers of this machine start from."""

    account: Account
    places: Places
    binaries: Binaries
    swept: int  # servers of dead harnesses that were removed


def find_ground(directory: str | None = None, places: Places | None = None) -> Ground:
    """Sweeps first what dead harnesses left. MachineError, or InputError for a wrong `directory`."""
    places = places or Places.find()
    account = server_account()
    account.check_entry(secure_directory(places.cache))
    swept = sweep(places)
    return Ground(account, places, find_binaries(account, places.cache, directory), swept)


def launch(ground: Ground, source: Path | None = None) -> EmbeddedServer:
    """Start a server on a copy of the data directory in the cache entry `source`; of an initialised one without it.

    Raises:
        MachineError: it does not start, or there is no room.
    """
    instance = Instance.create(ground.places, ground.account)
    try:
        ground.account.check_entry(instance.path.parent)
        if source is None:
            source = initialised_cluster(ground.binaries, ground.account, ground.places.cache, work=instance.path)
        copy_cluster(source, instance.data, ground.account)
        process = _launch(ground.binaries, instance, ground.account.identity())
        _wait_until_ready(process, instance)
    except BaseException:  # whatever it was, Ctrl-C too, nothing may stay behind
        instance.remove()
        raise
    return EmbeddedServer(ground.binaries, instance, process, ground.swept)


def start_embedded(directory: str | None = None, places: Places | None = None) -> EmbeddedServer:
    """Start one on an initialised data directory. Raises what `find_ground` and `launch` raise."""
    return launch(find_ground(directory, places))


def _launch(binaries: Binaries, instance: Instance, identity: PopenIdentity) -> subprocess.Popen[bytes]:
    command = [
        str(binaries.directory / "postgres"),
        *("-D", str(instance.data)),
        *("-k", str(instance.path)),
        *("-p", str(_PORT)),
        *("-c", "listen_addresses="),
        *("-c", "unix_socket_permissions=0700"),
    ]
    with instance.log.open("wb") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={"LC_ALL": "C", "TZ": "UTC"},
            umask=0o077,
            start_new_session=True,
            **identity,
        )


def _wait_until_ready(process: subprocess.Popen[bytes], instance: Instance) -> None:
    """Return when the server accepts connections; the last line of its postmaster.pid says so."""
    deadline = time.monotonic() + _START_LIMIT
    status = instance.data / "postmaster.pid"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise MachineError(f"PostgreSQL stopped while starting: {_said(instance)}.", _remedy(_said(instance)))
        if status.exists() and status.read_text().rstrip().endswith("ready"):
            return
        time.sleep(0.002)
    raise MachineError(
        f"PostgreSQL did not start within {_START_LIMIT:.0f} seconds: {_said(instance)}.",
        "Is the machine very busy? Try again.",
    )


def _said(instance: Instance) -> str:
    lines = instance.log.read_text(errors="replace").split("\n") if instance.log.exists() else []
    return " ".join(" ".join(lines[-6:]).split()) or "it said nothing"


def _remedy(said: str) -> str:
    return room_remedy(said) or "Run `harness doctor` to see what this machine has."
