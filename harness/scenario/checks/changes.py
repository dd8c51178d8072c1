"""`changed`: these rows, and no others anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from harness.scenario.changes import Change, summary
from harness.scenario.checks.columns import refuse_lost
from harness.scenario.checks.quantified import Quantified, hold
from harness.scenario.equality import Typed
from harness.scenario.matching import Comparison
from harness.scenario.values import Literal, MapPattern, Pattern

__all__ = ["Types", "compare_changes", "typed"]

Types = Mapping[str, Mapping[str, str]]
"""PostgreSQL's name of the type of each column of each table."""

_KINDS = ("added", "updated", "removed")


def typed(row: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, Typed]:
    """`row` with each value's column type beside it, so that text, numbers and times compare as the column means them."""
    return {column: Typed(value, types.get(column)) for column, value in row.items()}


def compare_changes(
    pattern: Pattern, changes: Sequence[Change], types: Types, scope: Mapping[str, Any], now: datetime | None = None
) -> list[Comparison]:
    """Hold the net changes of the whole database against the tables named; any other change fails."""
    if not isinstance(pattern, MapPattern):  # `changed: none`
        return [Comparison("$.changed", "none", "nothing", summary(changes), not changes, pattern.position)]
    found: list[Comparison] = []
    spoken: set[tuple[str, str | None]] = set()
    for table, inner in pattern.items():
        here = [c for c in changes if c.table == table]
        if table == "others":
            continue
        if isinstance(inner, Literal):  # `none`, `any`
            spoken.update((table, kind) for kind in _KINDS)
            if inner.value == "none":
                found.append(
                    Comparison(f"$.changed.{table}", "none", "nothing", summary(here), not here, inner.position)
                )
        elif isinstance(inner, MapPattern):
            spoken.update((table, kind) for kind in inner.entries)
            found += _table(table, inner, here, types.get(table, {}), scope, now)
    if "others" not in pattern:
        others = [c for c in changes if (c.table, c.kind) not in spoken]
        found.append(
            Comparison("$.changed", "no others", "no other change", summary(others), not others, pattern.position)
        )
    return found


def _table(
    table: str,
    pattern: MapPattern,
    changes: Sequence[Change],
    types: Mapping[str, str],
    scope: Mapping[str, Any],
    now: datetime | None,
) -> list[Comparison]:
    found: list[Comparison] = []
    for kind, inner in pattern.items():
        rows = [_row(c, types) for c in changes if c.kind == kind]
        for row in rows:
            refuse_lost(inner, table, types, row)
        found += Quantified(rows, hold(scope, now), f"changed.{table}.{kind}", scope, now).compare(inner)
    return found


def _row(change: Change, types: Mapping[str, str]) -> dict[str, Any]:
    """A changed row as scenarios see it; an updated one has `{from, to}` in its changed columns, plain values elsewhere."""
    row: dict[str, Any] = dict(typed(change.after if change.after is not None else change.before or {}, types))
    if change.kind == "updated":
        for column, cell in change.cells().items():
            row[column] = {side: Typed(value, types.get(column)) for side, value in cell.items()}
    return row
