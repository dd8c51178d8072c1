"""Whether what stands beside a column can ever be in it: as it is written, and as known values make it.

A check that compares a column with what it never holds says nothing where it says `none` or `not`, so it is told at load.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from harness.errors import InputError, Position, Problem
from harness.scenario.columnkinds import impossible
from harness.scenario.fragments import branches, substitute
from harness.scenario.model import CheckSpec, Step
from harness.scenario.possible import alternatives
from harness.scenario.suggest import did_you_mean
from harness.scenario.tables import Tables
from harness.scenario.values import ListPattern, Literal, MapPattern, Pattern, references

__all__ = ["Cell", "Told", "cells_in_steps", "cells_of", "cells_to_send", "misfits", "never", "rows_of", "unlabelled"]

Told = Iterator[tuple[str, str]]
"""What is wrong with a cell, and what to do."""


class Cell(Struct, frozen=True):
    """What stands beside a column, with names in it that something may be known of."""

    table: str
    column: str
    pattern: Pattern
    sending: bool = False  # to insert: of its type the database itself tells

    def misfit(self, pattern: Pattern, tables: Tables) -> Told:
        """What is wrong with `pattern` in this place."""
        yield from unlabelled(tables, self.table, self.column, pattern)
        if not self.sending:
            yield from never(tables, self.table, self.column, pattern)


def unlabelled(tables: Tables, table: str, column: str, pattern: Pattern) -> Told:
    """The values that `pattern` names and the enum of the column has not."""
    labels = tables.labels(table, column) or ()
    named = [pattern.value] if isinstance(pattern, Literal) else alternatives(pattern)
    for value in named if labels else ():
        if value is not None and value not in labels:
            yield f"{table}.{column} is never {value}", did_you_mean(str(value), labels, noun="values")


def never(tables: Tables, table: str, column: str, pattern: Pattern) -> Told:
    """Why `pattern` fits no value of the column, by the column's type."""
    kind = tables.type_of(table, column)
    misfit = impossible(kind, pattern)
    if misfit:
        yield f"{table}.{column} is {kind}: {misfit[0]}", misfit[1]


def misfits(
    cells: Iterable[Cell], values: Mapping[str, Pattern], tables: Tables | None, *, at: Position | None = None
) -> Iterator[Problem]:
    """What `values`, put in for the names in `cells`, make of them that never holds.

    It is told where the value stands; where that is `at`, which is no place of one value, at the cell, with the name.
    """
    if tables is None:
        return
    for cell in cells:
        known = [each for each in references(cell.pattern) if each.name in values]
        if not known:
            continue
        try:
            pattern = substitute(cell.pattern, values, {})
        except InputError:
            continue  # a key that is not there, or no single value inside text: told where names are
        where = values[known[0].name].position
        tail = ""
        if where == at:
            where, tail = cell.pattern.position, f", as {known[0].text} is here"
        yield from (Problem(where, f"{what}{tail}.", remedy) for what, remedy in cell.misfit(pattern, tables))


def cells_in_steps(steps: Iterable[Step]) -> Iterator[Cell]:
    """The cells with names in the checks of `steps`, those inside branches included."""
    for step in steps:
        for pattern in step.args.entries.values():
            for branch in branches(pattern):
                yield from cells_in_steps(branch)
        yield from cells_of(step.checks)
        if step.eventually and step.eventually.stop_if:
            yield from cells_of([step.eventually.stop_if])


def cells_of(checks: Iterable[CheckSpec]) -> Iterator[Cell]:
    """The cells with names in `checks`, and in those that end their waiting."""
    for check in checks:
        if check.kind in {"rows", "changed"}:
            yield from _cells(check.pattern)
        if check.eventually and check.eventually.stop_if:
            yield from cells_of([check.eventually.stop_if])


def cells_to_send(rows: Pattern | None) -> Iterator[Cell]:
    """The cells with names in rows to insert."""
    return (Cell(each.table, each.column, each.pattern, sending=True) for each in _cells(rows))


def _cells(pattern: Pattern | None) -> Iterator[Cell]:
    for table, inner in pattern.items() if isinstance(pattern, MapPattern) else ():
        changes = isinstance(inner, MapPattern) and inner.entries.keys() <= {"added", "updated", "removed"}
        for amount in inner.entries.values() if changes and isinstance(inner, MapPattern) else (inner,):
            for row in rows_of(amount):
                yield from (Cell(table, column, each) for column, cell in row.items() for each in _sides(cell))


def _sides(cell: Pattern) -> Iterator[Pattern]:
    """The cell, or both sides of a changed one, if there is a name in it."""
    both = isinstance(cell, MapPattern) and cell.entries.keys() <= {"from", "to"}
    for side in cell.entries.values() if both and isinstance(cell, MapPattern) else (cell,):
        if any(True for _ in references(side)):
            yield side


def rows_of(pattern: Pattern) -> Iterator[MapPattern]:
    """Every pattern of a row in an amount of rows: a list of them, or {where, some, none, every, only}."""
    if isinstance(pattern, ListPattern):
        yield from (each for each in pattern.items if isinstance(each, MapPattern))
    elif isinstance(pattern, MapPattern):
        for word, inner in pattern.items():
            if isinstance(inner, ListPattern):
                yield from rows_of(inner)
            elif isinstance(inner, MapPattern) and word != "count":
                yield inner
