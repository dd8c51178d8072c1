"""A run's files compared with the hashes in its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from harness.errors import InputError
from harness.project import located
from harness.report.disk import EXECUTED, SUMS, read_sums, sha256_of
from harness.report.loading import find_run
from harness.report.manifest import MANIFEST, read_manifest, sealed

__all__ = ["Difference", "altered", "as_written", "verify"]


ADDED = ("migration.json", "strength.parquet")
"""What other jobs add to a finished run, and an audit reads: they record it in its manifest (`seal_added`)."""
_SHOWN = 3  # files that one sentence names


class Difference(Struct, frozen=True):
    """One file that is not as the manifest, or a dossier's SHA256SUMS, says."""

    path: str
    what: Literal["changed", "missing", "unknown", "unsealed"]
    expected: str | None
    found: str | None

    def __str__(self) -> str:
        match self.what:
            case "missing":
                return f"missing  {self.path}"
            case "unknown":
                return f"unknown  {self.path} (no hash was written for it)"
            case "unsealed":
                return f"unsealed {self.path}: it has no seal, as runs from before there was one, so nobody knows whether it was edited"
            case "changed":
                if self.expected is None:
                    return f"changed  {self.path}: not as it was sealed"
                return f"changed  {self.path}: expected {(self.expected or '')[:16]}…, found {(self.found or '')[:16]}…"


def verify(path: str | Path, *, project: Path | None = None) -> list[Difference]:
    """Every file of the run at `path`, or of a dossier, that was changed, removed or added; empty when all is as written.

    With `project` its input files are compared too. InputError for a run that has no hashes: one that was killed.
    """
    directory = find_run(Path(path))
    if (directory / SUMS).is_file():
        return _dossier(directory)
    manifest = read_manifest(directory)
    if not manifest.outputs:
        raise InputError(f"{directory} has no hashes to verify.", "The run did not come to its end; run it again.")
    found = _seal(directory) + _compare(directory, manifest.outputs) + _unknown(directory, manifest.outputs)
    found += [replace(one, path=f"dossier/{one.path}") for one in _dossier(directory / "dossier")]
    return found + (_compare(project, manifest.inputs) if project is not None else [])


def altered(directory: Path) -> str | None:
    """What of the run in `directory` is not as it was written, in one sentence: its table says nothing then. None when all is, and
    for a run that was killed before anything was hashed."""
    hashes = read_manifest(directory).outputs
    found = _compare(directory, hashes)
    found += [one for name in ADDED for one in _uninvited(directory, hashes, name) if hashes]
    names = [one.path for one in [*_seal(directory), *found] if one.what != "unsealed"]
    if not names:
        return None
    shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    return f"not as it was written: {shown}; what is said of it may not be true, see `harness verify`"


def as_written(directory: Path, name: str) -> list[str]:
    """Why the file `name`, which another job added to the run in `directory`, must not be judged: it, or the manifest that has its hash, is
    not as it was written. Empty when all is, and for a run that was killed before anything was hashed."""
    hashes = read_manifest(directory).outputs
    own = {name: hashes[name]} if name in hashes else {}
    found = [*_seal(directory), *_compare(directory, own), *(_uninvited(directory, hashes, name) if hashes else ())]
    return [f"Not as it was written: {one}." for one in found if one.what != "unsealed"]


def _uninvited(directory: Path, hashes: Mapping[str, str], name: str) -> list[Difference]:
    there = name not in hashes and (directory / name).is_file()
    return [Difference(name, "unknown", None, None)] if there else []


def _seal(directory: Path) -> list[Difference]:
    """The manifest, whose own hash stands in it: an outcome that was edited must not verify."""
    whole = sealed(directory)
    return [] if whole else [Difference(MANIFEST, "unsealed" if whole is None else "changed", None, None)]


def _dossier(directory: Path) -> list[Difference]:
    """What is not as the dossier's SHA256SUMS says; that it is not there, where an audit began."""
    if not (directory / SUMS).is_file():
        return [Difference(SUMS, "missing", None, None)] if (directory / EXECUTED).is_dir() else []
    hashes = read_sums(directory)
    there = {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}
    added = sorted(there - {*hashes, SUMS})
    return _compare(directory, hashes) + [Difference(name, "unknown", None, None) for name in added]


def _compare(root: Path, hashes: Mapping[str, str]) -> list[Difference]:
    found = []
    for name, expected in hashes.items():
        path = located(Path(name), root)
        actual = sha256_of(path) if path.is_file() else None
        if actual is None:
            found.append(Difference(name, "missing", expected, None))
        elif actual != expected:
            found.append(Difference(name, "changed", expected, actual))
    return found


def _unknown(directory: Path, hashes: Mapping[str, str]) -> list[Difference]:
    """Files of the run's own kinds that nobody recorded. What audits and other tools add lies in folders of its own."""
    folders = {name.partition("/")[0] for name in hashes if "/" in name}
    own = [*directory.iterdir(), *(path for folder in folders for path in (directory / folder).rglob("*"))]
    names = sorted(path.relative_to(directory).as_posix() for path in own if path.is_file())
    return [Difference(name, "unknown", None, None) for name in names if name != MANIFEST and name not in hashes]
