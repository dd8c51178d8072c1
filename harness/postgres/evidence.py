"""Reading the journal: rows of JSON text become RowOperations, numbered as the scenario saw them."""

from __future__ import annotations

from typing import Any, cast

import psycopg

from harness.jsontext import parse_exact
from harness.postgres.questions import Pending, Question, Row
from harness.postgres.records import RowOperation
from harness.postgres.tables import Table, read_tables

__all__ = ["Journal"]

# The first row tells the snapshot of this reading; the next reading leaves out what it could see.
_READ = Question("""
SELECT pg_current_snapshot()::text, NULL, NULL, NULL, NULL
UNION ALL
(SELECT transaction::text, relation::text, operation, before::text, after::text
 FROM harness.journal
 WHERE at >= $1::pg_lsn AND relation <> 0
   AND ($2::pg_snapshot IS NULL OR NOT pg_visible_in_snapshot(transaction, $2::pg_snapshot))
 ORDER BY at, transaction, cmin::text::bigint)
""")


class Journal:
    """The journal of one database since a moment, read over one connection.

    A position is the number of an operation, from 1, in the order in which it was found committed; so a mark is the
    number of the operations found so far.
    """

    def __init__(self, connection: psycopg.Connection[Any], tables: dict[int, Table], start: str) -> None:
        self.connection = connection
        self._tables = tables
        self.restart(start)

    def restart(self, start: str) -> None:
        """Forget what was; `start` is the position in the log (pg_lsn) from which on rows count."""
        self._start = start
        self._snapshot: str | None = None
        self._transactions: dict[str, int] = {}
        self._operations: list[RowOperation] = []
        self._taken = 0
        self._asked: Pending | None = None

    def ask(self) -> None:
        """Ask for what is committed now, and do not wait: the next look fetches it."""
        if self._asked is None:
            self._asked = _READ.begin(self.connection, self._start, self._snapshot)

    def settle(self) -> None:
        """Fetch what was asked for, so that the connection is free."""
        if self._asked is not None:
            self._read()

    def mark(self) -> int:
        """The number of operations that are committed now."""
        self._read()
        return len(self._operations)

    def changes(self, since: int) -> list[RowOperation]:
        """What was committed after the mark or position `since`."""
        self._read()
        return self._operations[since:]

    def take(self) -> list[RowOperation]:
        """What was committed since the last take()."""
        operations = self.changes(self._taken)
        self._taken += len(operations)
        return operations

    def _read(self) -> None:
        self.ask()
        asked, self._asked = self._asked, None
        assert asked is not None
        (self._snapshot, *_), *rows = asked.rows()
        self._operations += [self._operation(len(self._operations) + n, row) for n, row in enumerate(rows, 1)]

    def _operation(self, position: int, row: Row) -> RowOperation:
        transaction, relation, operation, before, after = row
        assert transaction is not None
        assert relation is not None
        table = self._table(int(relation))
        old, new = _row(before), _row(after)
        return RowOperation(
            position=position,
            transaction=self._transactions.setdefault(transaction, len(self._transactions) + 1),
            table=table.shown,
            operation=cast(Any, operation),
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
    return None if text is None else cast(dict[str, Any], parse_exact(text))
