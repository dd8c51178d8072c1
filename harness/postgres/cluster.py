"""An initialised data directory: made once per server version by `initdb`, then copied for every start.

The cached copy is readable to everybody (it holds no secret and no data) so that the server's account can copy it
with permissions of its own; one with data in it (see `harness.postgres.kept`) to that account alone. Nothing that is started from it survives, so nothing is ever synchronised to disk.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from harness.errors import MachineError
from harness.postgres.account import Account
from harness.postgres.binaries import Binaries
from harness.postgres.caching import cached_directory
from harness.postgres.places import room_remedy

__all__ = ["SETTINGS", "SUPERUSER", "cluster_settings", "copy_cluster", "initialised_cluster", "keep_cluster"]

SUPERUSER = "postgres"
_NAME = "cluster"  # of the data directory in its cache entry
_LAYOUT = 1  # raise it when SETTINGS or the options of initdb change

SETTINGS: dict[str, str] = {
    # nothing has to survive a crash
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # `replica`, since `minimal` hides the WAL of a rewrite, which the rehearsal of migrations measures
    "wal_level": "replica",
    "max_wal_senders": "0",
    "max_wal_size": "128MB",
    "min_wal_size": "8MB",
    "wal_recycle": "off",
    "wal_init_zero": "off",
    "checkpoint_timeout": "1h",
    # small, and alone
    "shared_buffers": "32MB",
    "max_connections": "60",
    "max_worker_processes": "0",
    "max_parallel_workers": "0",
    "max_logical_replication_workers": "0",
    "autovacuum": "off",
    "bgwriter_lru_maxpages": "0",
    "jit": "off",
    "huge_pages": "off",
    # no trace outside the data directory: posix shared memory would leave files in /dev/shm after a kill
    "dynamic_shared_memory_type": "mmap",
    # the same answers on every machine
    "timezone": "UTC",
    "log_timezone": "UTC",
    "datestyle": "ISO, MDY",
    "lc_messages": "C",
    "log_min_messages": "fatal",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
    "logging_collector": "off",
}


def cluster_settings(major: int) -> dict[str, str]:
    """The settings of a throwaway server of this major version (0: not known)."""
    return SETTINGS | ({"io_method": "sync"} if major >= 18 else {})


def initialised_cluster(binaries: Binaries, account: Account, cache: Path, *, work: Path) -> Path:
    """The cached data directory of these binaries; made now when there is none.

    `work` is a directory of `account` where initdb may write. Raises MachineError with what initdb said.
    """
    name = f"data-{binaries.fingerprint}-{_LAYOUT}"
    return cached_directory(cache, name, lambda target: _initialise(binaries, account, work / "initdb", target))


def copy_cluster(source: Path, target: Path, account: Account) -> None:
    """Copy the cached data directory to `target` as `account`, which then alone may read it (mode 0700)."""
    _run(["cp", "-r", f"{source}/{_NAME}", str(target)], account, f"copying the data directory to {target}")


def keep_cluster(data: Path, target: Path, only: Account | None = None) -> None:
    """Copy the data directory of a server that has stopped into the cache entry `target`, readable to everybody, or
    beside this user to the account `only`."""
    _run(["cp", "-r", str(data), str(target / _NAME)], None, f"keeping the data directory in {target}")
    mode = "u=rwX,go=rX" if only is None else "u=rwX,g=rX,o="
    if only is not None and only.dropped:
        _run(["chgrp", "-R", str(only.gid), str(target)], None, f"giving {target} to {only.name}")
    _run(["chmod", "-R", mode, str(target)], None, f"opening {target} to reading")


def _initialise(binaries: Binaries, account: Account, data: Path, target: Path) -> None:
    command = [
        str(binaries.directory / "initdb"),
        f"--pgdata={data}",
        f"--username={SUPERUSER}",
        "--auth=trust",
        "--no-sync",
        "--encoding=UTF8",
        "--wal-segsize=1",
    ]
    try:
        _run([*command, "--locale=C.UTF-8"], account, "initdb")
    except MachineError as error:
        if "invalid locale name" not in str(error):
            raise
        _run([*command, "--locale=C"], account, "initdb")
    settings = cluster_settings(binaries.major)
    keep_cluster(data, target)
    with (target / _NAME / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
    _run(["rm", "-rf", str(data)], account, f"removing {data}")


def _run(command: list[str], account: Account | None, doing: str) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=120,
            check=False,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            umask=0o077 if account else 0o022,
            start_new_session=True,
            **(account.identity() if account else {}),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MachineError(f"Starting PostgreSQL failed while {doing}: {error}.", _remedy("")) from error
    if done.returncode != 0:
        said = " ".join(done.stdout.split())[-400:]
        raise MachineError(f"Starting PostgreSQL failed while {doing}: {said}.", _remedy(said))


def _remedy(said: str) -> str:
    return room_remedy(said) or "Run `harness doctor` to see what this machine has."
