"""How the cases of earlier runs ended, for `--last-failed` and `--shard`: kept small beside each report, so that selecting needs
no data library."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from harness.errors import InputError, NothingSelected
from harness.report.disk import writing
from harness.report.manifest import Shard, read_manifest

__all__ = ["LOST", "UNREACHED", "Outcome", "Times", "keep", "last_failed", "shard_of_latest", "times_of"]

_FILE = "outcomes.json"
_LOOKED_AT = 100  # runs, the newest first
LOST = "lost"
UNREACHED = "unreached"
_BAD = frozenset({"failed", "error", LOST, UNREACHED})


class Outcome(Struct, frozen=True, omit_defaults=True):
    """How one round of a case ended: as its record says, `lost` with the worker that was on it, or `unreached` by a run that
    was to run again what failed."""

    case_id: str
    outcome: str
    duration_us: int | None = None


class Times(Struct, frozen=True):
    """How long cases took (µs by case id) in one run; no run and no times where none is known."""

    run_id: str | None = None
    durations: Mapping[str, int] = {}


def keep(directory: Path, outcomes: Iterable[Outcome]) -> None:
    """Write the outcomes of a run into its directory, whole or not at all. Raises MachineError when the disk refuses."""
    with writing(directory / _FILE) as stream:
        between = b"[\n"
        for outcome in outcomes:  # one after another: of a long run they are many
            stream.write(between + msgspec.json.encode(outcome))
            between = b",\n"
        stream.write(b"[]\n" if between == b"[\n" else b"\n]\n")


def last_failed(reports: Path) -> frozenset[str]:
    """The ids of the cases that did not hold in the latest run, were lost in it, or had failed before and were not reached by it.

    Raises:
        NothingSelected: there was none, or there is no run.
    """
    latest = reports / "latest"
    if not latest.is_dir():
        raise NothingSelected(f"There is no latest run under {reports}.", "Leave --last-failed out to run everything.")
    outcomes = _kept(latest)
    ended = outcomes is not None
    found = outcomes if outcomes is not None else list(_survived(latest))
    failed = frozenset(each.case_id for each in found if each.outcome in _BAD)
    if not failed:
        end = "" if ended else ", which did not come to its end"
        raise NothingSelected(f"Nothing failed in the latest run{end}.", "Leave --last-failed out to run everything.")
    return failed


def shard_of_latest(reports: Path) -> Shard | None:
    """Which part of a division the latest run was; None when it was none. InputError when its manifest cannot be read."""
    return read_manifest(reports / "latest").shard


def times_of(reports: Path, cases: Collection[str]) -> Times:
    """How long `cases` (their ids) took, in the newest run that knows them all; else in that which knows the most.

    A run of a shard does not count: parts that were cut by different times would leave cases out and run others twice.
    """
    best = Times()
    for directory in islice(_newest(reports), _LOOKED_AT):
        outcomes = _kept(directory)
        if outcomes is None:
            continue
        wanted = set(cases)
        took = {
            each.case_id: each.duration_us
            for each in outcomes
            if each.case_id in wanted and each.duration_us is not None
        }
        if len(took) > len(best.durations):
            best = Times(directory.name, took)
        if len(took) == len(wanted):
            break
    return best


def _newest(reports: Path) -> Iterator[Path]:
    """The directories of whole runs, which are no shards; what is no run, or cannot be read, has no part in this."""
    found = reports.iterdir() if reports.is_dir() else ()
    runs = []
    for directory in found:
        if (directory / _FILE).is_file() and not directory.is_symlink():
            with suppress(InputError):
                runs.append((read_manifest(directory), directory))
    for manifest, directory in sorted(runs, key=lambda run: (run[0].order, run[1].name), reverse=True):
        if manifest.shard is None:
            yield directory


def _kept(directory: Path) -> list[Outcome] | None:
    """What `keep` wrote; None where nothing is, or nothing whole."""
    try:
        rows = msgspec.json.decode((directory / _FILE).read_bytes(), type=list[dict[str, Any]])
        # as the id was called before there were rounds
        return msgspec.convert([{"case_id": row.get("scenario_id"), **row} for row in rows], list[Outcome])
    except (OSError, ValueError):
        return None


def _survived(directory: Path) -> Iterator[Outcome]:
    """What the records say of a run that was killed before it could keep its outcomes; of each round, its last attempt."""
    from harness.report import load  # it brings a data library

    rows = (
        load(directory).arrow("scenarios", ["scenario_id", "case_id", "outcome", "duration_us", "attempt"]).to_pylist()
    )
    last = {row["scenario_id"]: row for row in sorted(rows, key=lambda row: row["attempt"])}
    for row in last.values():
        yield Outcome(row["case_id"], row["outcome"], row["duration_us"])
