"""Losses that a later or earlier statement hides: columns are compared row for row only while their number stays.

Where a migration also deletes or inserts rows, each stretch of statements between those is held against the rows that
were there before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import psycopg

from harness.migrations import fingerprints
from harness.migrations.actions import actions
from harness.migrations.batches import Unit
from harness.migrations.fingerprints import Change, Prints
from harness.migrations.gaps import fills_only_gaps
from harness.migrations.rehearsal import Rehearsal, ordered_labels
from harness.migrations.running import run_units
from harness.migrations.schema import Schema, snapshot
from harness.migrations.statements import Statement

if TYPE_CHECKING:
    from harness.postgres import Template

__all__ = ["Halfway"]

MOST = 12  # stretches that are looked at; those of a longer file are told as not judged
_ROWS = {"InsertStmt", "DeleteStmt", "TruncateStmt", "MergeStmt", "CopyStmt"}
_ADDS = {"InsertStmt", "MergeStmt", "CopyStmt"}
_SHAPES = {"AlterTableStmt", "AlterTypeStmt"}  # these change the values of all rows alike
_CHANGES = {"UpdateStmt", "AlterTableStmt", "AlterTypeStmt", "DoStmt", "CallStmt", "SelectStmt"}


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Units `first` to `last`, which leave the number of rows as it is."""

    first: int
    last: int
    statements: tuple[Statement, ...]


@dataclass(slots=True)
class Halfway:
    """Looks into one run at the ends of its stretches; `changes` is what it found, each with the statements to blame."""

    rehearsal: Rehearsal
    template: Template
    computed: set[tuple[int, int]]
    connection: psycopg.Connection[Any]
    changes: list[tuple[Change, tuple[Statement, ...]]] = field(default_factory=list)
    _stretches: Sequence[_Stretch] = ()
    _coming: Mapping[int, Schema] = field(default_factory=dict)
    _begun: Prints | None = None
    _first: Prints | None = None
    _at: int = 0

    def begin(self, first: Prints) -> None:
        """Before the first statement; `first` is what the rows are then."""
        stretches = _stretches(self.rehearsal.units)
        if len(stretches) > MOST:
            _tell(
                self.rehearsal,
                stretches[MOST].statements[0],
                "too many statements before it change how many rows there are",
            )
        self._stretches, self._first = stretches[:MOST], first
        self._coming = _schemas(self.rehearsal, {stretch.last for stretch in self._stretches})
        self._open()

    def after(self, _unit: Unit) -> None:
        """After each statement, within its transaction."""
        self._close()
        self._at += 1
        self._open()

    def _open(self) -> None:
        """Take the prints with which a stretch begins."""
        stretch = next((s for s in self._stretches if s.first == self._at), None)
        if stretch is not None and stretch.last in self._coming:
            self._begun = self._prints(self._coming[stretch.last])
            self._told_where_nothing_is_left(stretch)

    def _close(self) -> None:
        stretch = next((s for s in self._stretches if s.last == self._at), None)
        begun, self._begun = (self._begun, None) if stretch else (None, self._begun)
        now = self._prints(None) if begun else None
        if stretch and begun and now:
            for change in fingerprints.compare(begun, now):
                there = begun.rows == {oid: now.rows.get(oid) for oid in begun.rows}
                if change.column and there and self._of_old_rows(change, stretch) and not self._filled(change):
                    self.changes.append((change, stretch.statements))

    def _of_old_rows(self, change: Change, stretch: _Stretch) -> bool:
        """Whether rows that were there before the migration are among the changed ones, as far as that can be known."""
        earlier = (unit.statement for unit in self.rehearsal.units[: stretch.first] if unit.statement.kind in _ADDS)
        added = {label for s in earlier for a in actions(s) if a.table for label in self.rehearsal.labels(a.table)}
        if change.table not in added or any(s.kind in _SHAPES for s in stretch.statements):
            return True
        why = f"the changed rows of {change.table} may be those that the migration itself adds"
        _tell(self.rehearsal, stretch.statements[0], why)
        return False

    def _filled(self, change: Change) -> bool:
        return fills_only_gaps(self.rehearsal, self.template, self.connection, change, rows_go=True)

    def _prints(self, after: Schema | None) -> Prints | None:
        """Of what the baseline had; None where the session may not read it now (a role that it became)."""
        assert self._first is not None
        try:
            with self.connection.transaction():
                taken = fingerprints.take(self.connection, snapshot(self.connection), after, computed=self.computed)
        except psycopg.Error:
            return None
        if after is None:
            return taken
        known = self._first.labels.keys() & taken.labels.keys()
        return replace(
            taken,
            labels={oid: taken.labels[oid] for oid in known},
            rows={oid: taken.rows[oid] for oid in known},
            columns={key: entry for key, entry in taken.columns.items() if key in self._first.columns},
        )

    def _told_where_nothing_is_left(self, stretch: _Stretch) -> None:
        if self._begun is None or self._first is None:
            return
        empty = {
            self._begun.labels[oid] for oid, rows in self._begun.rows.items() if not rows and self._first.rows[oid]
        }
        for statement in stretch.statements:
            named = {label for a in actions(statement) if a.table for label in self.rehearsal.labels(a.table)} & empty
            if named:
                why = f"the statements before it had left none of the rows of {ordered_labels(sorted(named))} that it was tried on"
                _tell(self.rehearsal, statement, why)


def _tell(rehearsal: Rehearsal, statement: Statement, why: str) -> None:
    note = f"what line {statement.position.line} does to values was not judged: {why}"
    if note not in rehearsal.notes:  # the same on every set of rows
        rehearsal.notes.append(note)


def _stretches(units: Sequence[Unit]) -> list[_Stretch]:
    """Those that may change values, where others of the file change how many rows there are; nothing without such others."""
    numbered = list(enumerate(units))
    parts = [
        (of_rows, list(group)) for of_rows, group in groupby(numbered, lambda each: each[1].statement.kind in _ROWS)
    ]
    if not any(of_rows for of_rows, _ in parts):
        return []
    found = [_stretch(group) for of_rows, group in parts if not of_rows]
    return [stretch for stretch in found if any(s.kind in _CHANGES for s in stretch.statements)]


def _stretch(group: Sequence[tuple[int, Unit]]) -> _Stretch:
    return _Stretch(group[0][0], group[-1][0], tuple(unit.statement for _, unit in group))


def _schemas(rehearsal: Rehearsal, ends: set[int]) -> dict[int, Schema]:
    """The schema after the units at these positions, without rows; nothing where they do not run."""
    found: dict[int, Schema] = {}

    def look(connection: psycopg.Connection[Any], positions: Iterator[int]) -> None:
        if (position := next(positions)) in ends:
            found[position] = snapshot(connection)

    if ends:
        with rehearsal.clone(rehearsal.base) as database, database.connect() as connection:
            positions = iter(range(len(rehearsal.units)))
            run_units(connection, rehearsal.units, after_each=lambda _: look(connection, positions))
    return found
