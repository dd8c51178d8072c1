"""Writing so that nothing half-written is ever taken for whole, and a full disk is said plainly."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from harness.errors import MachineError

__all__ = [
    "EXECUTED",
    "SUMS",
    "disk_errors",
    "point",
    "read_sums",
    "replace_bytes",
    "replace_text",
    "sha256_of",
    "write_sums",
    "writing",
]

SUMS = "SHA256SUMS"
"""The name of a list of hashes as `sha256sum -c` reads it."""
EXECUTED = "executed"
"""The first folder of a dossier that an audit makes: where it is, an audit began."""

_REMEDIES = {
    errno.ENOSPC: "The disk is full: free some space, or choose another place{option}.",
    errno.EDQUOT: "The quota is used up: free some space, or choose another place{option}.",
    errno.EACCES: "The directory may not be written: mend its permissions, or choose another{option}.",
    errno.EPERM: "The directory may not be written: mend its permissions, or choose another{option}.",
    errno.EROFS: "The file system is read-only: choose another place{option}.",
    errno.EEXIST: "That place is a file, or a link to nowhere: choose another{option}.",
    errno.ENOTDIR: "Part of that path is a file: choose another place{option}.",
}


@contextmanager
def disk_errors(path: Path, *, option: str = "--report DIR") -> Iterator[None]:
    """Turn an operating system's refusal to write `path` into a MachineError that says what to do; `option`, if any, chooses another place."""
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "What was written until then is kept.").format(
            option=f" with {option}" if option else ""
        )
        raise MachineError(f"Cannot write {path}: {error.strerror or error}.", remedy) from error


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """A stream to write `path` by, as a whole or not at all."""
    with disk_errors(path, option=""):
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with half.open("wb") as stream:
                yield stream
            half.replace(path)
        finally:
            half.unlink(missing_ok=True)


def replace_bytes(path: Path, content: bytes) -> None:
    """Write `path` as a whole or not at all."""
    with writing(path) as stream:
        stream.write(content)


def replace_text(path: Path, content: str) -> None:
    """`replace_bytes` for text, in UTF-8."""
    replace_bytes(path, content.encode("utf-8"))


def point(link: Path, target: str) -> bool:
    """Make the symbolic link `link` point at `target` in one step. False if something else has that name."""
    if link.exists() and not link.is_symlink():
        return False
    half = link.with_name(f".{link.name}.{os.getpid()}")
    with disk_errors(link):
        half.unlink(missing_ok=True)
        half.symlink_to(target)
        half.replace(link)
    return True


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_sums(directory: Path) -> None:
    """Write SHA256SUMS: the hash of every file below `directory`."""
    files = sorted(path for path in directory.rglob("*") if path.is_file() and path != directory / SUMS)
    lines = [f"{sha256_of(path)}  {path.relative_to(directory).as_posix()}\n" for path in files]
    replace_text(directory / SUMS, "".join(lines))


def read_sums(directory: Path) -> dict[str, str]:
    """The hash of each file by its name, from SHA256SUMS; empty without one. What is damaged in it names no file."""
    path = directory / SUMS
    lines = path.read_text("utf-8", errors="replace").splitlines() if path.is_file() else []
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
