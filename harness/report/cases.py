"""Attempts put together to cases: a case's outcome is that of its last attempt."""

from __future__ import annotations

import tempfile
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import msgspec
from msgspec import Struct

from harness.records import Scenario
from harness.report.disk import disk_errors
from harness.report.lines import Row
from harness.report.manifest import RunOutcome

__all__ = ["Case", "Cases", "outcome_of", "so_many", "title_of", "totals_of"]


_BLOCK = 1 << 20  # bytes of the spool read together


def title_of(name: str, scenario_id: str) -> str:
    """A case's name with its matrix values once, as its id has them: `A free session …[session=intro-call]`."""
    at = scenario_id.find("[")
    bare = name.split(" [", maxsplit=1)[0]
    return name if at < 0 else f"{bare}{scenario_id[at:]}"


def so_many(number: int, noun: str = "scenario", *, of: int | None = None) -> str:
    """A number with its noun: `1 scenario`, `1 of 2,000 scenarios`."""
    among = number if of is None else of
    said = f"{number:,}" if of is None else f"{number:,} of {of:,}"
    return f"{said} {noun}{'' if among == 1 else 's'}"


class Case(Struct, frozen=True):
    """One scenario with its matrix values: the Scenario rows of its attempts, in order."""

    attempts: tuple[Row, ...]

    @property
    def last(self) -> Row:
        """The attempt that decides."""
        return self.attempts[-1]


class Cases:
    """The cases of a run in order, however many: in a spool beside the report, read again by whoever goes through them.

    A context manager, for its spool. Rows come with the attempts at a case one after the other, as compaction has them.
    """

    def __init__(self, beside: Path) -> None:
        self._beside = beside
        self._spool: IO[bytes] = tempfile.TemporaryFile(dir=beside)  # noqa: SIM115 - closed by __exit__
        self._end = 0
        self._offsets: dict[str, array[int]] = {}
        self._last: str | None = None
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spool.close()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Case]:
        return _together(self._rows())

    @property
    def files(self) -> list[str]:
        """The scenario files, by name."""
        return sorted(self._offsets)

    def of_file(self, file: str) -> Iterator[Case]:
        """The cases of one scenario file, in order."""
        return _together(map(self._at, self._offsets[file]))

    def add(self, record: Scenario, line: bytes) -> None:
        """Append one attempt: its record, and the line (no newline) that holds it."""
        line += b"\n"
        with disk_errors(self._beside):
            self._spool.seek(self._end)
            self._spool.write(line)
        self._offsets.setdefault(record.file, array("Q")).append(self._end)
        self._end += len(line)
        self._count += record.scenario_id != self._last
        self._last = record.scenario_id

    def _rows(self) -> Iterator[Row]:
        at = 0
        while at < self._end:
            self._spool.seek(at)
            for line in self._spool.readlines(_BLOCK):
                at += len(line)
                yield msgspec.json.decode(line)

    def _at(self, offset: int) -> Row:
        self._spool.seek(offset)
        row: Row = msgspec.json.decode(self._spool.readline())
        return row


def _together(rows: Iterable[Row]) -> Iterator[Case]:
    return (Case(tuple(attempts)) for _, attempts in groupby(rows, key=itemgetter("scenario_id")))


def totals_of(cases: Cases, checks: int) -> Mapping[str, int]:
    """Cases by outcome, with `flaky` counted apart (they are among the passed), attempts and checks."""
    outcomes: Counter[str] = Counter()
    for case in cases:
        outcomes[case.last["outcome"]] += 1
        outcomes["flaky"] += bool(case.last["flaky"])
        outcomes["attempts"] += len(case.attempts)
    counted = {name: outcomes[name] for name in ("passed", "failed", "error", "skipped", "flaky", "attempts")}
    return {"scenarios": len(cases), **counted, "checks": checks}


def outcome_of(totals: Mapping[str, int], *, interrupted: bool, missing: int) -> RunOutcome:
    """What the run as a whole says.

    An interrupted run never passes, nor one in which nothing was executed, nor one with planned cases (`missing`) that
    have no result.
    """
    if interrupted:
        return "interrupted"
    if totals["error"]:
        return "error"
    if totals["failed"]:
        return "failed"
    if missing:
        return "error"
    return "passed" if totals["passed"] else "empty"
