"""From the operations of a journal to what changed in the end: rows added, updated and removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from harness.postgres import RowOperation

__all__ = ["Change", "net", "summary"]

Kind = Literal["added", "updated", "removed"]


class Change(Struct):
    """The net effect on one row. `before` is None for an added row, `after` for a removed one."""

    table: str
    key: tuple[tuple[str, Any], ...]
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @property
    def kind(self) -> Kind | None:
        """None when the row is as it was: added and removed again, or set back. A column that is null tells as much as
        one that is not there, so a column added or dropped that holds nothing changes no row."""
        if (self.before is None) == (self.after is None) and not self.cells():
            return None
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "updated"

    def cells(self) -> dict[str, dict[str, Any]]:
        """The changed columns of an updated row as `{column: {"from": …, "to": …}}`."""
        before, after = self.before or {}, self.after or {}
        return {
            column: {"from": before.get(column), "to": after.get(column)}
            for column in {**after, **before}
            if before.get(column) != after.get(column)
        }


def net(operations: Sequence[RowOperation]) -> list[Change]:
    """The net change of each row that `operations` touched, in the order of first touch.

    A row whose key changed is one row removed and one added: that is what another session sees.
    """
    rows: dict[tuple[Any, ...], Change] = {}
    for op in operations:
        old_key, new_key = _key(op, op.before), _key(op, op.after)
        keyed = op.key not in (op.before, op.after)
        if op.operation == "update" and old_key != new_key:
            _touch(rows, op.table, old_key, op.before, None, keyed=keyed)
            _touch(rows, op.table, new_key, None, op.after, keyed=keyed)
        else:
            _touch(rows, op.table, new_key or old_key, op.before, op.after, keyed=keyed)
    return [row for row in rows.values() if row.kind]


def _key(op: RowOperation, row: dict[str, Any] | None) -> tuple[tuple[str, Any], ...]:
    if row is None:
        return ()
    return tuple((column, str(row.get(column))) for column in (op.key or row))


def _touch(
    rows: dict[tuple[Any, ...], Change],
    table: str,
    key: tuple[tuple[str, Any], ...],
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    *,
    keyed: bool,
) -> None:
    first, known = key, rows.get((table, key))
    turn = 0
    while known is not None and (known.after is None) != (before is None):
        turn += 1  # a table without a key may hold the same row twice
        key = (*first, ("again", turn))
        known = rows.get((table, key))
    if known is None and before is not None and keyed:
        known, key = rows.get((table, first)), first
    if known is None:
        rows[table, key] = Change(table, key, before, after)
    else:
        known.after = after


def summary(changes: Sequence[Change]) -> str:
    """One line a person reads: `Booking +1 · BookingTransition +2 ~1 -3`."""
    signs = {"added": "+", "updated": "~", "removed": "-"}
    counts: dict[str, dict[str, int]] = {}
    for change in changes:
        kind = change.kind
        if kind:
            table = counts.setdefault(change.table, {})
            table[kind] = table.get(kind, 0) + 1
    parts = [
        f"{table} " + " ".join(f"{signs[kind]}{count}" for kind, count in sorted(kinds.items()))
        for table, kinds in counts.items()
    ]
    return " · ".join(parts) or "none"
