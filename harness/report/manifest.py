"""What a run says about itself: the first file written, and the last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field
from msgspec.structs import asdict, replace

from harness.errors import InputError
from harness.report.disk import replace_text, sha256_of
from harness.report.lines import instant_text
from harness.report.upgrades import check_version

__all__ = ["MANIFEST", "Manifest", "RunOutcome", "Shard", "read_manifest", "seal_added", "sealed", "write_manifest"]

MANIFEST = "manifest.json"
Instant = Annotated[datetime, Meta(tz=True)]

RunOutcome = Literal["running", "passed", "failed", "error", "interrupted", "empty"]
"""`running` in a finished directory means that the run was killed. `empty`: nothing was executed."""

_SEQUENCES = ("command", "notes", "raced")


class Shard(Struct, frozen=True, kw_only=True):
    """The part of a selection that a run was. The parts of one division leave nothing out; of two, they may."""

    part: str
    """I/N"""
    cases: int
    """How many there were to divide."""
    division: str
    """The beginning of the SHA-256 of which case went into which part."""
    times_of: str | None = None
    """The run by whose times it was cut; None: by number."""


class Manifest(Struct, frozen=True, kw_only=True):
    """Provenance of a run. Paths are relative to the project (`inputs`) or to the run's directory (`outputs`)."""

    schema_version: int
    run_id: str
    start: Instant
    ordered: Instant | None = None
    """Where it stands among the runs of its folder, when the clock was put back since the one before; None: where `start` says."""
    end: Instant | None = None
    outcome: RunOutcome = "running"
    totals: Mapping[str, int] = field(default_factory=dict)
    planned: int | None = None
    shard: Shard | None = None
    """None: the run was no shard."""
    seed: int = 0
    command: tuple[str, ...] = ()
    target: str = ""
    workers: int = 1
    database: Mapping[str, str | None] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    git: Mapping[str, str | None] = field(default_factory=dict)
    lock: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    evidence: str | None = None
    """SHA-256 of what the seed decides in events.jsonl: equal for equal input, seed and product (see `compaction`)."""
    raced: tuple[str, ...] = ()
    """Ids of the scenarios with requests that really race. What met first is not the seed's, so `evidence` is without them."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seal: str | None = None
    """SHA-256 of manifest.json itself, as it is with zeros here (see `sealed`); None while the run goes on."""

    @property
    def order(self) -> datetime:
        """What runs of a folder are sorted by: it never goes back from one to the next, as a clock may."""
        return self.ordered or self.start

    def as_json(self) -> dict[str, Any]:
        """The manifest as it stands in manifest.json."""
        value = asdict(self)
        value["start"] = instant_text(self.start)
        value["ordered"] = None if self.ordered is None else instant_text(self.ordered)
        value["end"] = None if self.end is None else instant_text(self.end)
        value["shard"] = None if self.shard is None else asdict(self.shard)
        value |= {name: list(value[name]) for name in _SEQUENCES}
        return value


def write_manifest(directory: Path, manifest: Manifest) -> Manifest:
    """Write manifest.json as a whole or not at all, and give it as it stands there: of a run that came to its end, sealed."""
    if manifest.outcome != "running":
        manifest = replace(manifest, seal=_seal_of(_text(replace(manifest, seal=_ZEROS))))
    replace_text(directory / MANIFEST, _text(manifest))
    return manifest


def sealed(directory: Path) -> bool | None:
    """Whether manifest.json is, byte for byte, as it was written; None when it carries no seal, as those of old runs."""
    seal = read_manifest(directory).seal
    if seal is None:
        return None
    text = (directory / MANIFEST).read_text(encoding="utf-8")
    before, quoted, after = text.rpartition(f'"{seal}"')
    return _seal_of(f'{before}"{_ZEROS}"{after}' if quoted else text) == seal


def seal_added(directory: Path, names: Iterable[str]) -> None:
    """Record what was written into a finished run's `directory` after its end, as if the run had written it: hashed among the outputs,
    and the manifest sealed anew.

    Nothing happens where there is no run, or one without hashes. A manifest that is not as it was sealed stays as it is, for a new
    seal would hide that; one from before there were seals gets none.
    """
    if not (directory / MANIFEST).is_file() or not read_manifest(directory).outputs:
        return
    whole = sealed(directory)
    if whole is False:
        return
    value = json.loads((directory / MANIFEST).read_bytes())  # not `read_manifest`: what a later version wrote is kept
    value["outputs"] |= {name: sha256_of(directory / name) for name in names}
    if whole:
        value["seal"] = _seal_of(_dumped(value | {"seal": _ZEROS}))
    replace_text(directory / MANIFEST, _dumped(value))


def read_manifest(directory: Path) -> Manifest:
    """The manifest of a run's directory; keys that this version does not know are left out.

    InputError when there is none, it is no manifest, or one of an unknown schema version.
    """
    path = directory / MANIFEST
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(
            f"{directory} has no {MANIFEST}, so it is no run.", "Name a directory under reports/."
        ) from None
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"{path} cannot be read: {error}.", "Restore it, or run again.") from error
    if not isinstance(value, dict) or "run_id" not in value or "schema_version" not in value:
        raise InputError(f"{path} is no manifest of a run.", "It needs run_id and schema_version.")
    check_version(value["schema_version"], directory)
    try:
        return msgspec.convert(value, Manifest)
    except ValueError as error:
        raise InputError(f"{path} is damaged: {error}.", "Restore it, or run again.") from error


_ZEROS = "0" * 64


def _text(manifest: Manifest) -> str:
    return _dumped(manifest.as_json())


def _dumped(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _seal_of(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
