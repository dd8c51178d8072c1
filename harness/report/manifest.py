"""What a run says about itself: the first file written, and the last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, field
from msgspec.structs import asdict

from harness.errors import InputError
from harness.report.disk import replace_text
from harness.report.lines import instant_text, parse_instant

__all__ = ["MANIFEST", "Manifest", "RunOutcome", "read_manifest", "write_manifest"]

MANIFEST = "manifest.json"

RunOutcome = Literal["running", "passed", "failed", "error", "interrupted", "empty"]
"""`running` in a finished directory means that the run was killed. `empty`: nothing was executed."""

_SEQUENCES = ("command", "notes", "raced")


class Manifest(Struct, frozen=True, kw_only=True):
    """Provenance of a run. Paths are relative to the project (`inputs`) or to the run's directory (`outputs`)."""

    schema_version: int
    run_id: str
    start: datetime
    end: datetime | None = None
    outcome: RunOutcome = "running"
    totals: Mapping[str, int] = field(default_factory=dict)
    planned: int | None = None
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

    def as_json(self) -> dict[str, Any]:
        """The manifest as it stands in manifest.json."""
        value = asdict(self)
        value["start"] = instant_text(self.start)
        value["end"] = None if self.end is None else instant_text(self.end)
        value |= {name: list(value[name]) for name in _SEQUENCES}
        return value


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write manifest.json as a whole or not at all."""
    replace_text(directory / MANIFEST, json.dumps(manifest.as_json(), indent=2, ensure_ascii=False) + "\n")


def read_manifest(directory: Path) -> Manifest:
    """The manifest of a run's directory. InputError when there is none or it is no manifest."""
    path = directory / MANIFEST
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(
            f"{directory} has no {MANIFEST}, so it is no run.", "Name a directory under reports/."
        ) from None
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}.", "Restore it, or run again.") from error
    if not isinstance(value, dict) or "run_id" not in value or "schema_version" not in value:
        raise InputError(f"{path} is no manifest of a run.", "It needs run_id and schema_version.")
    return _from_json(value)


def _from_json(value: Mapping[str, Any]) -> Manifest:
    """Keys that this version does not know are left out; what is absent has its default."""
    kept = {key: item for key, item in value.items() if key in Manifest.__struct_fields__}
    for name in ("start", "end"):
        if kept.get(name):
            kept[name] = parse_instant(kept[name])
    for name in _SEQUENCES:
        kept[name] = tuple(kept.get(name, ()))
    return Manifest(**kept)
