"""The start of a run's directory: a manifest that says "running", the plan, and `latest` beside it points here.

What a run needs before its first scenario, and nothing more; `recording` has its end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct, field

from harness.errors import InputError
from harness.records import SCHEMA_VERSION
from harness.report.disk import disk_errors, point
from harness.report.manifest import Manifest, Shard, read_manifest, write_manifest
from harness.report.planned import write_plan
from harness.report.provenance import Scrubber, Surroundings, input_hashes, surroundings

__all__ = ["RunInfo", "start"]


class RunInfo(Struct, frozen=True, kw_only=True):
    """What the caller knows when a run starts.

    `command` is the command line as typed; `database` such as {"kind": "embedded", "version": "18.6", "image": None,
    "image_digest": None, "choice": "auto"}; `inputs` every file that was read; `planned` the cases' ids, in order.
    """

    run_id: str
    started_at: datetime
    project: Path
    seed: int = 0
    command: Sequence[str] = ()
    target: str = "reference"
    workers: int = 1
    database: Mapping[str, str | None] = field(default_factory=dict)
    inputs: Sequence[Path] = ()
    planned: Sequence[str] = ()
    shard: Shard | None = None
    versions: Mapping[str, str] = field(default_factory=dict)  # more than the harness finds out by itself


def start(directory: Path, info: RunInfo, around: Surroundings | None = None) -> Manifest:
    """Make `directory` a run's: manifest.json ("running"), plan.json, and `latest` beside it points here.

    `around` for who has asked for the project's `surroundings` already. Raises MachineError when the disk refuses.
    """
    scrub, around = Scrubber(info.project), around or surroundings(info.project)
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        run_id=info.run_id,
        start=info.started_at,
        ordered=_after_the_latest(directory, info.started_at),
        planned=len(info.planned),
        shard=info.shard,
        seed=info.seed,
        command=tuple(scrub.text(word) for word in info.command),
        target=info.target,
        workers=info.workers,
        database=dict(info.database),
        versions={**around.versions, **info.versions},
        git=around.git,
        lock=around.lock,
        environment=around.environment,
        inputs=input_hashes(scrub, info.inputs),
    )
    with disk_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
    write_plan(directory, info.planned)
    write_manifest(directory, manifest)
    point(directory.parent / "latest", directory.name)
    return manifest


def _after_the_latest(directory: Path, began: datetime) -> datetime | None:
    """The instant after that of the run before, where the clock says that this one began no later."""
    latest = directory.parent / "latest"
    with suppress(InputError, OSError, OverflowError):  # none, or one that nobody can read: the clock is all there is
        if latest.resolve() != directory.resolve() and (before := read_manifest(latest).order) >= began:
            return before + timedelta(microseconds=1)
    return None
