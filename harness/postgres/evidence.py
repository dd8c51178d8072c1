"""Reading the journal: rows of JSON text become RowOperations, numbered as the scenario saw them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, LiteralString, cast

import psycopg

from harness.postgres.records import RowOperation
from harness.postgres.tables import Table, read_tables

__all__ = ["Journal"]

# The first row is the mark that this reading makes: its snapshot tells exactly what was committed by then.
_READ: LiteralString = """
SELECT nextval('harness.position'), pg_current_snapshot()::text, NULL, NULL, NULL, NULL
UNION ALL
(SELECT position, transaction::text, relation::bigint, operation, before::text, after::text
 FROM harness.journal WHERE position > %s AND relation <> 0
   AND (%s::pg_snapshot IS NULL OR NOT pg_visible_in_snapshot(transaction, %s::pg_snapshot)) ORDER BY position)
"""
_MARK: LiteralString = "SELECT nextval('harness.position'), pg_current_snapshot()::text"


class Journal:
    """The journal of one database, read over one connection. Positions and transactions count from 1."""

    def __init__(self, connection: psycopg.Connection[Any], tables: dict[int, Table], start: int) -> None:
        self.connection = connection
        self._tables = tables
        self.restart(start)

    def restart(self, start: int) -> None:
        """Forget what was; `start` is the journal's own position now."""
        self._start = start
        self._snapshots: dict[int, str] = {}
        self._transactions: dict[str, int] = {}
        self._taken = 0

    def mark(self) -> int:
        """A number for this moment: greater than the position of everything committed so far."""
        row = self.connection.execute(_MARK, prepare=True).fetchone()
        position, snapshot = row or (self._start, "")
        return self._remember(position, snapshot)

    def changes(self, since: int) -> list[RowOperation]:
        """What was committed after the mark `since` (0: since the start; a position: after that operation)."""
        return self._read(since)[1]

    def take(self) -> list[RowOperation]:
        """What was committed since the last take(), which costs one question where mark and changes cost two."""
        self._taken, operations = self._read(self._taken)
        return operations

    def _read(self, since: int) -> tuple[int, list[RowOperation]]:
        snapshot = self._snapshots.get(since)
        floor = self._start if snapshot else self._start + since
        cursor = self.connection.execute(_READ, (floor, snapshot, snapshot), prepare=True)
        (position, now, *_), *rows = cursor.fetchall()
        return self._remember(position, now), [self._operation(row) for row in rows]

    def _remember(self, position: int, snapshot: str) -> int:
        mark = position - self._start
        self._snapshots[mark] = snapshot
        return mark

    def _operation(self, row: tuple[Any, ...]) -> RowOperation:
        position, transaction, relation, operation, before, after = row
        table = self._table(relation)
        old, new = _row(before), _row(after)
        return RowOperation(
            position=position - self._start,
            transaction=self._transactions.setdefault(transaction, len(self._transactions) + 1),
            table=table.shown,
            operation=operation,
            key=table.key_of(new if new is not None else old or {}),
            before=old,
            after=new,
        )

    def _table(self, oid: int) -> Table:
        if oid not in self._tables:  # made by the scenario
            found = read_tables(self.connection, [oid])
            self._tables[oid] = found[0] if found else _gone(oid)
        return self._tables[oid]


def _gone(oid: int) -> Table:
    """A table that the scenario made and dropped again."""
    return Table(
        oid, schema="", name="", shown=f"(dropped table {oid})", columns=(), key=(), comparable=False, in_place=False
    )


def _row(text: str | None) -> dict[str, Any] | None:
    return None if text is None else cast(dict[str, Any], json.loads(text, parse_float=Decimal))
