"""Whether what stands beside a column can ever be in it.

A check that compares a column with what it never holds says nothing where it says `none` or `not`, so it is told at load.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from harness.scenario.columnkinds import impossible
from harness.scenario.possible import alternatives
from harness.scenario.suggest import did_you_mean
from harness.scenario.tables import Tables
from harness.scenario.values import ListPattern, Literal, MapPattern, Pattern

__all__ = ["Cell", "Told", "never", "rows_of", "unlabelled"]

Told = Iterator[tuple[str, str]]
"""What is wrong with a cell, and what to do."""


class Cell(Struct, frozen=True):
    """What stands beside a column."""

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
