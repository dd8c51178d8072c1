"""Columns that a check names and the rows have lost: nothing would be compared, and `none` would hold of any row."""

from __future__ import annotations

from collections.abc import Collection

from harness.errors import InputError
from harness.scenario.cells import rows_of
from harness.scenario.suggest import did_you_mean
from harness.scenario.values import Matcher, Pattern

__all__ = ["refuse_lost", "refuse_unlike"]


def refuse_lost(pattern: Pattern, table: str, before: Collection[str], now: Collection[str]) -> None:
    """Raises an InputError where `pattern` (an amount of rows) names a column that `table` had `before` and lacks `now`.

    `<absent>` alone may be said of such a column: it is what the author sees happen.
    """
    lost = set(before).difference(now)
    for row in rows_of(pattern) if lost else ():
        for column, cell in row.items():
            if column in lost and not (isinstance(cell, Matcher) and cell.name == "absent"):
                raise InputError(
                    f"{table} has no column {column} any more, so nothing can be compared: what ran before renamed or dropped it.",
                    did_you_mean(column, now, noun="columns"),
                    cell.position,
                )


def refuse_unlike(known: Collection[str], pattern: Pattern) -> None:
    """Raises an InputError where `pattern` names a field that no record has, but for its case of letters or its underscores."""
    plain = {key.casefold().replace("_", ""): key for key in known}
    for row in rows_of(pattern):
        for key, value in row.items():
            like = plain.get(key.casefold().replace("_", ""))
            if like is not None and key not in known:
                raise InputError(f"No record has a field {key}.", f"Did you mean {like}?", value.position)
