"""What becomes of the running release's writes where rules, triggers, functions or keys that point at a table are others.

Writes of every kind are run on the old schema and on the new one, and rolled back: one that was taken may be refused,
may touch nothing, or may take rows of other tables with it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any

import psycopg

from harness.errors import InputError
from harness.migrations.actions import quoted
from harness.migrations.findings import Finding, Severity
from harness.migrations.generator import row_sql
from harness.migrations.rehearsal import Rehearsal
from harness.migrations.schema import Schema, quoted_label, quoted_name
from harness.migrations.statements import Statement
from harness.migrations.telling import finding
from harness.migrations.tracing import Failure, execute, failure_of
from harness.migrations.values import SIZE, base_type

__all__ = ["CODE_FIRST", "Writes", "attempt", "emptied", "first_row", "new_failure"]

PHASE = "compatibility"
_OTHER = {
    **dict.fromkeys(("text", "character varying"), "{0} || 'x'"),
    **dict.fromkeys(("smallint", "integer", "bigint", "numeric", "real", "double precision", "date"), "{0} + 1"),
    "boolean": "NOT {0}",
    **dict.fromkeys(("timestamp without time zone", "timestamp with time zone"), "{0} + interval '1 day'"),
}  # another value of a column, by its type
_UNTIDY = dict.fromkeys(("text", "character varying"), "' ' || {0} || 'X '")  # which triggers like to tidy up
_MAKERS = {"RuleStmt", "CreateTrigStmt", "CreateFunctionStmt"}
_MEANT = {
    "INSERT": Severity.BLOCKER,
    "UPDATE": Severity.HIGH,
    "DELETE": Severity.MEDIUM,
}  # a trigger that refuses on purpose
_OF_VALUES = {"22", "23"}  # where the value is made up or a check is new; that is tried elsewhere
_BROKEN = "42"  # a name that is not there, a type that does not fit: nobody meant that
CODE_FIRST = "-- first release code that no longer does it, then migrate"
_SET_COLUMNS = re.compile(r"ON DELETE SET (?:NULL|DEFAULT) \(([^)]+)\)")
_TAKEN_ALONG = {
    "c": "takes {rows} of {child} with it",
    "n": "empties {column} in {rows} of {child}",
    "d": "sets {column} to its default in {rows} of {child}",
}


def attempt(connection: psycopg.Connection[Any], sql: str) -> int | Failure:
    """Rows that a statement touches, or why it is refused, deferred constraints and triggers included; rolled back."""
    try:
        with connection.transaction(force_rollback=True):
            touched = execute(connection, sql).rowcount
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            return touched
    except psycopg.Error as problem:
        return failure_of(problem)


def first_row(connection: psycopg.Connection[Any], sql: str) -> tuple[Any, ...] | None:
    """The first row of a query, rolled back; None when it is refused."""
    try:
        with connection.transaction(force_rollback=True):
            return execute(connection, sql).fetchone()
    except psycopg.Error:
        return None


def new_failure(before: psycopg.Connection[Any], after: psycopg.Connection[Any], sql: str) -> Failure | None:
    """Why `sql` is refused now, if it was not before."""
    failure = attempt(after, sql)
    return failure if isinstance(failure, Failure) and not isinstance(attempt(before, sql), Failure) else None


class Writes:
    """The old schema's writes, on both databases."""

    def __init__(
        self, rehearsal: Rehearsal, new: Schema, before: psycopg.Connection[Any], after: psycopg.Connection[Any]
    ) -> None:
        self.rehearsal, self.old, self.new = rehearsal, rehearsal.before, new
        self.before, self.after = before, after

    def diverted(self) -> list[str]:
        """Tables whose rules or triggers are others, or may do another thing."""
        return [table for table in self._kept() if self._diverted(table)]

    def _kept(self) -> list[str]:
        both = (t for t in sorted(self.old.tables) if self.old.is_table(t) and self.new.is_table(t))
        return [table for table in both if table not in self.old.partitions]

    def findings(self, told: Collection[str]) -> Iterator[Finding]:
        """Writes that are swallowed, refused, or reach further than they did; of tables `told` the INSERT is known to fail."""
        for table in self._kept():
            if self._diverted(table):
                for command, sql in self.of(table):
                    yield from self._swallowed(table, command, sql)
                yield from self._refused(table, told)
                yield from self._replaced(table)
            for old, new in self._keys(table):
                yield from self._deletes(table, old, new)

    def _diverted(self, table: str) -> bool:
        """Whether its rules, its triggers, or functions that a trigger may call are others."""
        mine = [
            {name: text for name, text in kind.items() if name.startswith(f"{table}.")}
            for schema in (self.old, self.new)
            for kind in (schema.rules, schema.triggers)
        ]
        return mine[:2] != mine[2:] or bool(mine[3] and self._moved())

    def _moved(self) -> bool:
        """Whether anything is another that a trigger may name: it finds that out when it fires."""
        named = ("functions", "columns", "enums", "sequences", "views", "constraints")
        return any(getattr(self.old, what) != getattr(self.new, what) for what in named)

    def of(self, table: str) -> Iterator[tuple[str, str]]:
        """INSERTs, an UPDATE that changes a value of every row, a DELETE of every row, as far as the old schema takes them."""
        with suppress(InputError):  # no row of this table can be made up; the rehearsal's notes say so
            yield "INSERT", row_sql(self.before, self.old, table, {})
            yield "INSERT", row_sql(self.before, self.old, table, {}, minimal=True)  # what is left to the defaults
        label = quoted_label(table)
        for column in self.old.columns_of(table):
            other = _OTHER.get(SIZE.sub("", base_type(column.type, self.old)))
            if other and not column.generated and column.identity != "a":
                sql = f"UPDATE {label} SET {quoted_name(column.name)} = {other.format(quoted_name(column.name))}"
                if self._touched(self.before, sql):
                    yield "UPDATE", sql
                    break
        yield "DELETE", f"DELETE FROM {label}"

    def _touched(self, connection: psycopg.Connection[Any], sql: str) -> int | None:
        """Rows that a statement touches; None when it is refused."""
        answer = attempt(connection, sql)
        return None if isinstance(answer, Failure) else answer

    def _swallowed(self, table: str, command: str, sql: str) -> Iterator[Finding]:
        """Writes that run and touch fewer rows than before: a rule or a trigger swallows them."""
        then, now = self._touched(self.before, sql), self._touched(self.after, sql)
        if then is None and now == 0:  # refused before (a key points at the row), nothing now
            then = self._touched(self.before, f"SELECT FROM {quoted_label(table)}")
        if then and now is not None and now < then:
            evidence = f"{command} reached {_rows(then)} of {table} before and {now:,} now, without an error"
            yield self._found("compat.writes-lost", Severity.BLOCKER, table, command, evidence)

    def _refused(self, table: str, told: Collection[str]) -> Iterator[Finding]:
        """Writes that are refused now, though what a row may hold is the same."""
        known: set[str] = {"INSERT"} if table in told else set()
        stricter = _rules(self.old, table) != _rules(self.new, table)
        for command, sql, kept in self._trials(table):
            then, now = attempt(self.before, sql), attempt(self.after, sql)
            if isinstance(then, Failure) or not isinstance(now, Failure) or command in known:
                continue
            if now.sqlstate[:2] not in _OF_VALUES or (kept and not stricter):
                known.add(command)
                meant = now.sqlstate[:2] not in {_BROKEN, *_OF_VALUES}
                severity = _MEANT[command] if meant else Severity.BLOCKER
                evidence = f"{command} on {table} went through before ({_rows(then)}) and now says {now}"
                yield self._found("compat.old-app-write-fails", severity, table, command, evidence, remedy=CODE_FIRST)

    def _replaced(self, table: str) -> Iterator[Finding]:
        """Values of the running release in whose place another is stored; what differs by itself (now()) is left out."""
        changed: dict[str, list[str]] = {}
        for command, name, sql in self._stores(table):
            then = _stored(self.before, sql)
            if then is None or then != _stored(self.before, sql):
                continue
            now = _stored(self.after, sql)
            if now is not None and now[0] == then[0] and now[1:] != then[1:]:
                changed.setdefault(name, []).append(command)
        for name, commands in changed.items():
            evidence = (
                f"the running release gives a value for {table}.{name} with {' and '.join(dict.fromkeys(commands))}, and another is stored, "
                "without an error"
            )
            yield finding(
                "compat.writes-changed",
                Severity.MEDIUM,
                PHASE,
                self._diverting(table, commands[0]),
                evidence,
                table=table,
                names={"column": quoted(name)},
            )

    def _stores(self, table: str) -> Iterator[tuple[str, str, str]]:
        """(command, column, SQL that writes and gives back the column), for each column that an application may write."""
        label, insert = quoted_label(table), ""
        with suppress(InputError):
            insert = row_sql(self.before, self.old, table, {})
        for column in self.old.columns_of(table):
            now = self.new.columns.get((table, column.name))
            if column.generated or column.identity == "a" or now is None or now.type != column.type:
                continue
            name = quoted_name(column.name)
            if insert:
                yield "INSERT", column.name, f"{insert} RETURNING {name}"
            kind = SIZE.sub("", base_type(column.type, self.old))
            for other in filter(None, (_OTHER.get(kind), _UNTIDY.get(kind))):
                yield "UPDATE", column.name, f"UPDATE {label} SET {name} = {other.format(name)} RETURNING {name}"

    def _trials(self, table: str) -> Iterator[tuple[str, str, bool]]:
        """First the UPDATE that leaves every value as it is: what refuses it refuses any. With each whether its values are
        those that the old schema's rows have."""
        names = [quoted_name(c.name) for c in self.old.columns_of(table) if not c.generated and c.identity != "a"]
        if names:
            sql = f"UPDATE {quoted_label(table)} SET {', '.join(f'{name} = {name}' for name in names)}"
            yield "UPDATE", sql, True
        for command, sql in self.of(table):
            yield command, sql, command != "UPDATE"

    def _keys(self, table: str) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """Keys that point at the table, as they were and as they are, where a DELETE does another thing."""
        for old in self.old.constraints.values():
            if old["kind"] != "f" or old["parent"] != table:
                continue
            same = ("table", "parent", "columns", "parent_columns")
            new = next(
                (
                    n
                    for n in self.new.constraints.values()
                    if n["kind"] == "f" and all(n[part] == old[part] for part in same)
                ),
                None,
            )
            if new is not None and new["on_delete"] != old["on_delete"]:
                yield old, new

    def _deletes(self, table: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Finding]:
        child, columns = str(old["table"]), list(old["columns"])
        key = ", ".join(quoted_name(name) for name in old["parent_columns"])
        pointing = ", ".join(quoted_name(name) for name in columns)
        source = quoted_label(child)
        sql = (
            f"DELETE FROM {quoted_label(table)} WHERE ({key}) IN (SELECT {pointing} FROM {source} "
            f"WHERE ({pointing}) IS NOT NULL LIMIT 1)"
        )
        then, now = attempt(self.before, sql), attempt(self.after, sql)
        cause = self._of_key(child, new)
        if isinstance(now, Failure) and not isinstance(then, Failure) and then:
            evidence = f"DELETE of a row of {table} to which rows of {child} point went through and now says {now}"
            yield finding(
                "compat.old-app-write-fails", Severity.MEDIUM, PHASE, cause, evidence, table=table, remedy=CODE_FIRST
            )
        elif isinstance(then, Failure) and then.sqlstate.startswith("23") and not isinstance(now, Failure) and now:
            what = _TAKEN_ALONG.get(new["on_delete"], "").format(
                rows=_rows(self._pointing(child, columns)), child=child, column=" and ".join(emptied(new))
            )
            evidence = f"DELETE of one row of {table} was refused ({then.sqlstate}) while rows of {child} pointed at it, and now {what}"
            names = {
                "name": quoted(str(new["name"])),
                "columns": ", ".join(map(quoted, columns)),
                "parent": quoted(table),
            }
            yield finding(
                "compat.delete-reaches-further", Severity.MEDIUM, PHASE, cause, evidence, table=child, names=names
            )

    def _pointing(self, child: str, columns: list[str]) -> int:
        """Rows that point at the one that is deleted."""
        pointing = ", ".join(quoted_name(name) for name in columns)
        return (
            self._touched(
                self.before,
                f"SELECT FROM {quoted_label(child)} WHERE ({pointing}) IN (SELECT {pointing} FROM {quoted_label(child)} "
                f"WHERE ({pointing}) IS NOT NULL LIMIT 1)",
            )
            or 0
        )

    def _of_key(self, child: str, key: Mapping[str, Any]) -> Statement:
        return self.rehearsal.altering(
            child.rsplit(".", maxsplit=1)[-1], "on delete", "references", str(key["name"]).lower()
        )

    def _found(
        self, hazard: str, severity: Severity, table: str, command: str, evidence: str, remedy: str = ""
    ) -> Finding:
        cause = self._diverting(table, command)
        return finding(hazard, severity, PHASE, cause, evidence, table=table, names={"command": command}, remedy=remedy)

    def _diverting(self, table: str, command: str) -> Statement:
        name = table.rsplit(".", maxsplit=1)[-1]
        making = [s for s in self.rehearsal.statements if s.kind in _MAKERS and name in s.text]
        return next(
            (s for s in making if command.lower() in s.text.lower()),
            making[0] if making else self.rehearsal.speaks_of(name),
        )


def emptied(key: Mapping[str, Any]) -> list[str]:
    """The columns that ON DELETE SET NULL or SET DEFAULT sets: those it names, else all of the key; none for another key."""
    if key["on_delete"] not in {"n", "d"}:
        return []
    named = _SET_COLUMNS.search(str(key["definition"]))
    return [c for c in key["columns"] if not named or c in {n.strip('" ') for n in named[1].split(",")}]


def _stored(connection: psycopg.Connection[Any], sql: str) -> tuple[int, ...] | None:
    """Rows that a write gives back, values among them, and the sum of their hashes; None when it is refused. Rolled back."""
    inside = f"WITH written (v) AS ({sql}) SELECT count(*), count(v), coalesce(sum(hashtextextended(v::text, 0)::numeric), 0) FROM written"
    try:
        with connection.transaction(force_rollback=True):
            row = execute(connection, inside).fetchone()
    except psycopg.Error:
        return None
    return tuple(map(int, row)) if row else None


def _rules(schema: Schema, table: str) -> tuple[object, ...]:
    """What a table's own columns and constraints ask of a row."""
    constraints = sorted((name, str(e["definition"])) for name, e in schema.constraints.items() if e["table"] == table)
    indexes = sorted((name, str(e["definition"])) for name, e in schema.indexes.items() if e["table"] == table)
    return [(c.name, c.type, c.not_null) for c in schema.columns_of(table)], constraints, indexes


def _rows(count: int) -> str:
    return f"{count:,} row{'s' * (count != 1)}"
