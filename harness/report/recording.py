"""The end of a run's directory.

`beginning.start` left a manifest that says "running" and the plan; workers appended events; `finish` compacts. A run
that is killed in between keeps its parts, and `load` reads those.
"""

from __future__ import annotations

import shutil
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace

from harness.memory import uncollected
from harness.report import allure, ctrf, junit
from harness.report.cases import Cases, outcome_of, totals_of
from harness.report.compaction import EVENTS, MEASURED, Compacted, compact
from harness.report.disk import disk_errors, sha256_of
from harness.report.events import PART_PATTERN
from harness.report.manifest import MANIFEST, Manifest, read_manifest, write_manifest
from harness.report.page import Page
from harness.report.parts import read_parts
from harness.report.planned import read_plan

__all__ = ["finish"]


def finish(directory: Path, *, ended_at: datetime, interrupted: bool = False, with_allure: bool = False) -> Manifest:
    """Compact the parts and write everything else; the manifest comes last, then the parts go.

    `interrupted` when somebody stopped the run. Raises MachineError when the disk refuses: the parts then stay.
    """
    manifest, planned = read_manifest(directory), read_plan(directory)
    work = directory / ".finishing"
    with disk_errors(directory):
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            with Page(work / "report.html") as page, Cases(work) as cases, uncollected():
                found = compact(read_parts(directory), work, manifest.run_id, planned, cases, page.add)
                ended = replace(_ended(manifest, found, planned, interrupted), end=ended_at)
                _write_for_others(work, ended, found, page, with_allure)
            for made in sorted(work.iterdir()):
                _move(made, directory / made.name)
        finally:
            shutil.rmtree(work, ignore_errors=True)  # half of it is of no use, and a full disk needs the room
    outputs = {path.relative_to(directory).as_posix(): sha256_of(path) for path in _outputs(directory)}
    ended = write_manifest(directory, replace(ended, outputs=outputs))
    for part in directory.glob(PART_PATTERN):
        part.unlink()
    return ended


def _write_for_others(work: Path, ended: Manifest, found: Compacted, page: Page, with_allure: bool) -> None:
    cases = found.cases
    page.close(ended, cases)
    junit.write(work / "junit.xml", ended, cases)
    ctrf.write(work / "ctrf.json", ended, cases)
    if with_allure:
        allure.write(work / "allure-results", ended, cases, work / EVENTS, work / MEASURED)


def _ended(manifest: Manifest, found: Compacted, planned: Iterable[str], interrupted: bool) -> Manifest:
    totals = totals_of(found.cases, found.checks)
    missing = _missing(found, planned)
    return replace(
        manifest,
        totals=totals,
        outcome=outcome_of(totals, interrupted=interrupted, missing=len(missing)),
        evidence=found.evidence,
        raced=tuple(found.raced),
        notes=(*found.notes, *missing),
    )


def _missing(found: Compacted, planned: Iterable[str]) -> list[str]:
    """What was planned and has no result: told by 64 bits of the ids' hashes, since there may be many."""
    done = array("q", sorted(hash(case.last["scenario_id"]) for case in found.cases))

    def has_result(scenario_id: str) -> bool:
        at = bisect_left(done, wanted := hash(scenario_id))
        return at < len(done) and done[at] == wanted

    return [f"No result: {scenario_id}" for scenario_id in planned if not has_result(scenario_id)]


def _outputs(directory: Path) -> list[Path]:
    """Every file of the run but the manifest, which cannot hold its own hash, and the parts, which go."""
    parts = set(directory.glob(PART_PATTERN))
    return sorted(p for p in directory.rglob("*") if p.is_file() and p != directory / MANIFEST and p not in parts)


def _move(made: Path, place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    made.replace(place)
