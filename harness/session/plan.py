"""The plan of a run: which cases, in which order."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from harness.errors import InputError, NothingSelected
from harness.scenario.compiled import compiled_of
from harness.scenario.files import split_place
from harness.scenario.loader import load
from harness.scenario.model import Case, Suite
from harness.scenario.selection import Selection, repeated, select, shuffled
from harness.scenario.tagexpression import every_one
from harness.session.options import RunOptions

__all__ = ["Plan", "make_plan", "suite_of"]

DEFAULT_PATHS = ("scenarios",)
_SEEDS_END = 2**63  # as far as the report's column reaches


class Plan(Struct, frozen=True):
    """The cases to run, in order, from one suite; `seed` decides ids, randomness and, if asked for, the order."""

    suite: Suite
    cases: tuple[Case, ...]
    seed: int


def suite_of(paths: Sequence[str], root: Path) -> Suite:
    """Load `paths` (default: scenarios/).

    Raises:
        InputErrors: every mistake of every file.
        InputError: there is no such path.
    """
    wanted = tuple(paths) or DEFAULT_PATHS
    if not paths and not (root / DEFAULT_PATHS[0]).is_dir():
        raise InputError(
            f"There is no {DEFAULT_PATHS[0]}/ in {root.name}/.", "Run from the project's folder, or name a path."
        )
    kept = compiled_of(root) if (root / DEFAULT_PATHS[0]).is_dir() else None
    return load(wanted, project=root, compiled=kept)


def make_plan(options: RunOptions, reports: Path) -> Plan:
    """Load, select, repeat, order.

    Raises:
        InputErrors: mistakes in the files.
        NothingSelected: nothing is left.
        InputError: the seed is too large for so many rounds, each of which has the next one.
    """
    suite = suite_of(options.paths, options.root)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1, 10_000)
    if seed + options.repeat - 1 >= _SEEDS_END:
        raise InputError(f"The seed {seed} is too large for {options.repeat} rounds.", "Choose a smaller one.")
    wanted = Selection(
        places=tuple(split_place(path) for path in options.paths),
        text=options.text,
        tag=every_one(options.tags),
        covers=options.covers,
        only=_last_failed(reports) if options.last_failed else None,
        shard=options.shard,
        durations=recorded_durations(reports) if options.shard else None,
    )
    chosen = select(suite, wanted, project=options.root)
    if options.shuffle:
        chosen = shuffled(chosen, seed)
    return Plan(suite, tuple(repeated(chosen, options.repeat)), seed)


def _last_failed(reports: Path) -> frozenset[str]:
    failed = frozenset(row["case_id"] for row in _recorded(reports) if row["outcome"] in {"failed", "error"})
    if not failed:
        raise NothingSelected("Nothing failed in the latest run.", "Leave --last-failed out to run everything.")
    return failed


def recorded_durations(reports: Path) -> Mapping[str, int]:
    """How long each case took in the latest run, in µs; the last round of several counts."""
    return {row["case_id"]: row["duration_us"] for row in _recorded(reports)}


def _recorded(reports: Path) -> Iterable[dict[str, Any]]:
    """The latest run's outcomes, kept small beside the report so that selecting needs no data library."""
    path = reports / "latest" / "outcomes.json"
    if not path.is_file():
        return []
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return [{"case_id": row.get("scenario_id"), **row} for row in rows]  # as it was called before there were rounds
