"""The plan of a run: which cases, in which order."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from harness.errors import InputError, NothingSelected
from harness.report.manifest import Shard
from harness.scenario.compiled import compiled_of
from harness.scenario.expand import Cases
from harness.scenario.files import split_place
from harness.scenario.loader import load
from harness.scenario.model import Case, Suite
from harness.scenario.selection import Selection, divided, repeated, select, shuffled
from harness.scenario.tagexpression import every_one
from harness.session.options import RunOptions
from harness.session.recorded import last_failed, shard_of_latest, times_of

__all__ = ["Plan", "make_plan", "suite_of"]

DEFAULT_PATHS = ("scenarios",)
_SEEDS_END = 2**63  # as far as the report's column reaches
_MOST = 1_000_000  # cases of one run, whose plan is held in memory


class Plan(Struct, frozen=True):
    """The cases to run, in order, from one suite; `seed` decides ids, randomness and, if asked for, the order.

    `notes` are what whoever asked for it should know.
    """

    suite: Suite
    cases: Sequence[Case]
    seed: int
    shard: Shard | None = None
    notes: tuple[str, ...] = ()


def suite_of(paths: Sequence[str], root: Path) -> Suite:
    """Load `paths` (default: scenarios/).

    Raises:
        InputErrors: every mistake of every file.
        InputError: there is no such path, or it is empty.
    """
    wanted = tuple(paths) or DEFAULT_PATHS
    if "" in wanted:  # of a variable that is not set: to pathlib it is the current folder
        raise InputError("A path is empty: it names nothing.", "Write . for the current folder.")
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
        InputError: the seed is too large for so many rounds, each of which has the next one; or the rounds are too many.
    """
    suite = suite_of(options.paths, options.root)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1, 10_000)
    if seed + options.repeat - 1 >= _SEEDS_END:
        raise InputError(f"The seed {seed} is too large for {options.repeat} rounds.", "Choose a smaller one.")
    failed = last_failed(reports) if options.last_failed else None
    wanted = Selection(
        places=tuple(split_place(path) for path in options.paths),
        text=options.text,
        tag=every_one(options.tags),
        covers=options.covers,
        only=failed,
    )
    chosen, shard, notes = select(suite, wanted, project=options.root), None, []
    gone = len(failed - {case.case_id for case in suite.cases}) if failed and not options.paths else 0
    if gone:
        notes.append(f"{gone} of {len(failed or ())} cases that failed last are not there any more")
    if options.shard:
        before = shard_of_latest(reports) if options.last_failed else None
        if before is None:
            chosen, shard = _part(chosen, options.shard, reports)
            notes.append(_about(shard))
        else:
            shard = _same(before, options.shard)
            notes.append(f"what failed in shard {shard.part}, which the latest run was")
    if options.shuffle:
        chosen = shuffled(chosen, seed)
    if len(chosen) * options.repeat > _MOST:
        raise InputError(
            f"{len(chosen) * options.repeat:,} cases are too many for one run.",
            f"{_MOST:,} are the most: a case counts once for each round.",
        )
    return Plan(suite, repeated(chosen, options.repeat), seed, shard, tuple(notes))


def _part(cases: Cases, part: tuple[int, int], reports: Path) -> tuple[Cases, Shard]:
    times = times_of(reports, [case.case_id for case in cases])
    parts = divided(cases, part[1], times.durations)
    mine = cases.where(lambda case: parts[case.case_id] == part[0])
    if not mine:
        raise NothingSelected(f"Shard {part[0]}/{part[1]} is empty.", "Make fewer shards.")
    division = hashlib.sha256("\n".join(f"{parts[each]} {each}" for each in sorted(parts)).encode()).hexdigest()[:12]
    return mine, Shard(part=f"{part[0]}/{part[1]}", cases=len(cases), division=division, times_of=times.run_id)


def _same(before: Shard, part: tuple[int, int]) -> Shard:
    """The part that the latest run was: what failed in it is the same part's, and is not divided again.

    Raises:
        InputError: it was another, which does not know what failed in this one.
    """
    asked = f"{part[0]}/{part[1]}"
    if before.part != asked:
        raise InputError(
            f"The latest run was shard {before.part}, which does not know what failed in {asked}.",
            "Leave --shard out to run again what failed in it.",
        )
    return before


def _about(shard: Shard) -> str:
    by = f"by the times of {shard.times_of}" if shard.times_of else "by number: no run of them all is recorded here"
    return (
        f"shard {shard.part} of {shard.cases} cases, cut {by}; "
        f"division {shard.division}, which must be the same in every part"
    )
