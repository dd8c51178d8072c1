"""What stands in a target's way of a migration before it begins: rows that a statement refuses, an invalid index.

Asked of the target itself, read-only and each with a limit of time; told are numbers and never a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from harness.migrations.actions import Action, Name, actions
from harness.migrations.datawork import data_work
from harness.migrations.reading import Script
from harness.migrations.statements import Statement, without_passwords
from harness.migrations.targets import invalid_indexes
from harness.migrations.violators import counting

__all__ = ["Obstacle", "obstacles"]

_LONGEST = "5s"  # for each count: production has other work
_MADE_BY_IT = {"42703", "42P01", "3F000", "42704", "42883"}  # it names what the migration itself makes
# Of these a row that is counted now is one that the statement refuses; of others it may be.
_CERTAIN = {
    "create_index",
    "add_unique",
    "add_primary_key",
    "set_not_null",
    "add_not_null",
    "add_column",
    "add_foreign_key",
    "add_check",
    "validate",
}
# After these the table holds other rows, or other values, than now.
_SHIFTS = {
    "alter_type",
    "set_expression",
    "drop_column",
    "attach_partition",
    "detach_partition",
    "create_table",
    "drop_table",
    "rename_table",
    "rename_column",
}
_ROWLESS = {"AlterOwnerStmt", "AlterDefaultPrivilegesStmt", "SecLabelStmt", "GrantStmt", "AlterTableStmt"}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """`certain`: the statement fails on it. Otherwise something before it in the migration may mend it, or it was not counted."""

    text: str
    certain: bool

    def __str__(self) -> str:
        return self.text


def obstacles(connection: psycopg.Connection[Any], scripts: Sequence[Script]) -> list[Obstacle]:
    """Ask the database at the other end of `connection`, in a transaction that is rolled back."""
    with connection.transaction(force_rollback=True):
        connection.execute("SET TRANSACTION READ ONLY")
        connection.execute(f"SET LOCAL statement_timeout = '{_LONGEST}'")
        return list(_Asking(connection).of(scripts))


class _Asking:
    """Goes through a migration in its order, with what came before in mind."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.invalid = invalid_indexes(connection)
        self.worked: Statement | None = None  # the first that changes rows, of whatever table: a trigger may too
        self.shifted: dict[str, Statement] = {}
        self.dropped: set[str] = set()  # indexes

    def of(self, scripts: Sequence[Script]) -> Iterator[Obstacle]:
        for script in scripts:
            work = {id(statement) for statement in data_work(script) if statement.kind not in _ROWLESS}
            for statement in script.source.statements:
                if statement.kind == "VariableSetStmt" and statement.node.get("name") == "search_path":
                    self._ask(statement.text)  # what follows names its tables by it
                done = actions(statement)
                self._note(statement, [action for action in done if action.kind in {"alter_type", "drop_column"}])
                for action in done:
                    yield from self._of(action, statement)
                self._note(statement, done)
                if id(statement) in work and self.worked is None:
                    self.worked = statement

    def _note(self, statement: Statement, done: Sequence[Action]) -> None:
        for action in done:
            if action.kind == "drop_index":
                self.dropped.add(action.name)
            if action.kind in _SHIFTS and action.table is not None:
                names = {action.table.name, *(action.values if action.kind == "rename_table" else ())}
                for name in names:
                    self.shifted.setdefault(name, statement)

    def _of(self, action: Action, statement: Statement) -> Iterator[Obstacle]:
        yield from self._invalid(action, statement)
        if action.table is None or (action.if_exists and self._there(action)):
            return
        if action.kind == "alter_type" and "raw_default" in (action.node or {}).get("def", {}).get("ColumnDef", {}):
            return  # USING says what becomes of each value
        try:
            with self.connection.transaction():
                asked = counting(action, statement, self.connection)
                count = self._ask(asked[2]) if asked else 0
        except psycopg.Error as problem:
            if problem.sqlstate not in _MADE_BY_IT:  # its message may quote a row
                why = f"not within {_LONGEST}" if problem.sqlstate == "57014" else f"the server says {problem.sqlstate}"
                yield Obstacle(f"{_place(statement)}: rows that it may refuse could not be counted ({why})", False)
            return
        if asked and count:
            yield self._counted(action, statement, int(count), asked[0], asked[2])

    def _counted(self, action: Action, statement: Statement, count: int, table: Name, query: str) -> Obstacle:
        before = (
            self.worked or self.shifted.get(table.name) or self.shifted.get(action.parent.name if action.parent else "")
        )
        rows = f"{count:,} row{'s' * (count != 1)} of {table.sql}"
        told = f"{_place(statement)}: {rows} now {'are' if count != 1 else 'is'} what it refuses: {without_passwords(query)}"
        if before is not None and before is not statement:
            return Obstacle(f"{told}; what {_place(before)} does may mend that", False)
        return Obstacle(told, before is None and action.kind in _CERTAIN)

    def _invalid(self, action: Action, statement: Statement) -> Iterator[Obstacle]:
        """An index of the name is there already, and no query uses it: an earlier attempt failed."""
        if action.kind != "create_index" or not action.name or action.name in self.dropped or action.table is None:
            return
        number = self._ask(
            "SELECT oid::int8 FROM pg_catalog.pg_class WHERE relname = %s AND relnamespace = "
            "(SELECT relnamespace FROM pg_catalog.pg_class WHERE oid = to_regclass(%s))",
            (action.name, action.table.sql),
        )
        if number in self.invalid:
            name = self.invalid[number]
            so = "and IF NOT EXISTS would leave it so" if action.if_exists else "which an attempt that failed has left"
            yield Obstacle(
                f"{_place(statement)}: there is an INVALID index {name} already, {so}; remove it first: "
                f"DROP INDEX CONCURRENTLY {name};",
                True,
            )

    def _there(self, action: Action) -> bool:
        """Whether IF NOT EXISTS finds it, so that no row is looked at."""
        table = action.table.sql if action.table else ""
        if action.kind == "add_column":
            query = "SELECT 1 FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass(%s) AND attname = %s AND NOT attisdropped"
        else:
            query = (
                "SELECT 1 FROM pg_catalog.pg_class WHERE relnamespace = "
                "(SELECT relnamespace FROM pg_catalog.pg_class WHERE oid = to_regclass(%s)) AND relname = %s"
            )
        return self._ask(query, (table, action.column or action.name)) is not None

    def _ask(self, query: str, values: Sequence[str] | None = None) -> Any:
        cursor = self.connection.execute(query, values)  # may be the migration's own SQL
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def _place(statement: Statement) -> str:
    return statement.position.place
