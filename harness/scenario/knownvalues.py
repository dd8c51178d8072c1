"""What values that are known before the run make of the checks that name them: of a case, of a call, of the catalogue.

What no row, call or delivery can ever be holds nothing up where a check says `none` or `not`, so it is told at load.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeAlias

from msgspec import Struct

from harness.errors import InputError, Position, Problem
from harness.scenario.cells import Cell, Told, rows_of
from harness.scenario.checkshapes import CALL, DELIVERY
from harness.scenario.fragments import branches, substitute
from harness.scenario.model import CheckSpec, Step
from harness.scenario.structures import Keys
from harness.scenario.suggest import did_you_mean
from harness.scenario.tables import Tables
from harness.scenario.values import ListPattern, Literal, MapPattern, Pattern, Reference, references

__all__ = ["misfits", "named_in_checks", "named_in_rows", "named_in_steps"]

_FIELDS: Mapping[str, Collection[str]] = {
    kind: tuple(each.map.fields) if isinstance(each.map, Keys) else ()
    for kind, each in (("calls", CALL), ("deliveries", DELIVERY))
}


class Whole(Struct, frozen=True):
    """A name that stands for a whole row, call or delivery. `table` is None where it is no row."""

    kind: str
    table: str | None
    pattern: Pattern

    def misfit(self, pattern: Pattern, tables: Tables) -> Told:
        """What is wrong with `pattern` in this place."""
        known = _FIELDS.get(self.kind, ()) if self.table is None else tables.columns.get(self.table, {})
        one, part = (f"a row of {self.table}", "column") if self.table else (f"one of {self.kind}", "key")
        if isinstance(pattern, MapPattern):
            for key, value in pattern.items():
                if known and key not in known:
                    yield f"{one} has no {part} {key}", did_you_mean(key, known, noun=f"{part}s")
                elif self.table is not None:
                    yield from Cell(self.table, key, value).misfit(value, tables)
        elif isinstance(pattern, Literal) and isinstance(pattern.value, dict):
            missing = [key for key in known if key not in pattern.value]
            if missing:
                yield (
                    f"a map that is compared as a whole is never {one}, which has {missing[0]} too",
                    "Write a map here, with a name for each value.",
                )


Named: TypeAlias = Cell | Whole
"""A place of a check with names in it."""


def misfits(
    places: Iterable[Named], values: Mapping[str, Pattern], tables: Tables | None, *, at: Position | None = None
) -> Iterator[Problem]:
    """What `values`, put in for the names in `places`, make of them that never holds.

    It is told where the value stands; where that is `at`, which is no place of one value, at the name.
    """
    if tables is None:
        return
    for place in places:
        known = [each for each in references(place.pattern) if each.name in values]
        if not known:
            continue
        try:
            pattern = substitute(place.pattern, values, {})
        except InputError:
            continue  # a key that is not there, or no single value inside text: told where names are
        where = values[known[0].name].position
        tail = ""
        if where == at:
            where, tail = place.pattern.position, f", as {known[0].text} is here"
        for what, remedy in place.misfit(pattern, tables):
            yield Problem(where, f"{what[0].upper()}{what[1:]}{tail}.", remedy)


def named_in_steps(steps: Iterable[Step]) -> Iterator[Named]:
    """The places with names in the checks of `steps`, those inside branches included."""
    for step in steps:
        for pattern in step.args.entries.values():
            for branch in branches(pattern):
                yield from named_in_steps(branch)
        yield from named_in_checks(step.checks)
        if step.eventually and step.eventually.stop_if:
            yield from named_in_checks([step.eventually.stop_if])


def named_in_checks(checks: Iterable[CheckSpec]) -> Iterator[Named]:
    """The places with names in `checks`, and in those that end their waiting."""
    for check in checks:
        if check.kind in {"rows", "changed"}:
            yield from _in_tables(check.kind, check.pattern)
        elif check.kind in _FIELDS:
            yield from _in_amount(check.kind, None, check.pattern)
        if check.eventually and check.eventually.stop_if:
            yield from named_in_checks([check.eventually.stop_if])


def named_in_rows(rows: Pattern | None) -> Iterator[Named]:
    """The places with names in rows to insert."""
    for each in _in_tables("rows", rows):
        if isinstance(each, Cell):
            yield Cell(each.table, each.column, each.pattern, sending=True)


def _in_tables(kind: str, pattern: Pattern | None) -> Iterator[Named]:
    for table, inner in pattern.items() if isinstance(pattern, MapPattern) else ():
        changes = isinstance(inner, MapPattern) and inner.entries.keys() <= {"added", "updated", "removed"}
        for amount in inner.entries.values() if changes and isinstance(inner, MapPattern) else (inner,):
            yield from _in_amount(kind, table, amount)


def _in_amount(kind: str, table: str | None, amount: Pattern) -> Iterator[Named]:
    yield from (Whole(kind, table, each) for each in _wholes(amount))
    if table is not None:
        for row in rows_of(amount):
            yield from (Cell(table, column, each) for column, cell in row.items() for each in _sides(cell))


def _wholes(amount: Pattern) -> Iterator[Reference]:
    """The names that stand where a whole element could, in an amount of them."""
    words = amount.entries if isinstance(amount, MapPattern) else {"only": amount}
    for word, inner in words.items():
        if word != "count":
            each = inner.items if isinstance(inner, ListPattern) else (inner,) if isinstance(amount, MapPattern) else ()
            yield from (one for one in each if isinstance(one, Reference))


def _sides(cell: Pattern) -> Iterator[Pattern]:
    """The cell, or both sides of a changed one, if there is a name in it."""
    both = isinstance(cell, MapPattern) and cell.entries.keys() <= {"from", "to"}
    for side in cell.entries.values() if both and isinstance(cell, MapPattern) else (cell,):
        if any(True for _ in references(side)):
            yield side
