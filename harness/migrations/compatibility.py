"""What the running release meets on the new schema, and the new release on the old one (MIGRATIONS.md 1.2).

Without the application's code, its queries are those that an object mapper makes of a schema: read every column that
the model knows, write a row with all of them, write a row with only what is required. They are run, and rolled back.
`harness migrate rollout` does the same with the real application.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import psycopg

from harness.errors import InputError
from harness.migrations import fingerprints
from harness.migrations.actions import actions
from harness.migrations.defaults import check_defaults
from harness.migrations.findings import Finding, Severity
from harness.migrations.firing import check_firing
from harness.migrations.generator import row_sql
from harness.migrations.meanings import check_meanings
from harness.migrations.rehearsal import Rehearsal
from harness.migrations.running import run_units
from harness.migrations.schema import Column, Schema, quoted_label, quoted_name, snapshot
from harness.migrations.statements import Statement
from harness.migrations.telling import finding
from harness.migrations.tracing import Failure, execute
from harness.migrations.usage import check_usage
from harness.migrations.values import SIZE, base_type
from harness.migrations.writing import Writes, attempt

__all__ = ["check_compatibility", "new_kinds"]

PHASE = "compatibility"
_NULL_REFUSED = "23502"  # a default helps here, and nowhere else
_REPEATED = {"23505", "23P01"}  # a key, or what an exclusion constraint keeps apart
_CHECK_REFUSED = "23514"
_SERVERS = "428C9"  # GENERATED ALWAYS
_MADE_UP = (
    "; the row is made up and what it repeats is its own: do two rows of production share what must be unique now?"
)
_CODE_FIRST = "-- first release code that writes only what both schemas take, then migrate"
_TEXTS = {"text", "character varying", "character", "citext"}


def check_compatibility(rehearsal: Rehearsal) -> list[Finding]:
    """Run both models against both schemas; empty when the migration does not run at all."""
    template = rehearsal.sized(min(rehearsal.options.rows, 1000))  # tidy rows: what is tried is the models
    with rehearsal.clone(template) as old, rehearsal.clone(template) as new, new.connect() as session:
        prepared = _prepare(session, rehearsal.before)
        with new.connect() as runner:
            if not run_units(runner, rehearsal.units).complete:
                return []
        with (
            old.connect() as before,
            new.connect() as after,
        ):  # sessions of the application keep none of its settings
            models = _Models(rehearsal, before, after)
            found = [*models.findings(), *models.stale(session, prepared)]
            told = {f.table for f in found if f.id == "compat.old-app-write-fails"}
            writes = Writes(rehearsal, models.new, before, after)
            diverted = list(writes.findings(told))
            found += diverted
            found += check_firing(rehearsal, writes, before, after, {finding.table for finding in diverted})
            found += check_defaults(rehearsal, models.new, before, after)
            found += check_meanings(rehearsal, models.new, before, after)
            return [*found, *check_usage(rehearsal, models.new, before, after)]


def _prepare(session: psycopg.Connection[Any], schema: Schema) -> dict[str, str]:
    """The query of each table, prepared and run as a pool of the running release has it; by table its name."""
    names = {table: f"harness_read_{number}" for number, table in enumerate(sorted(schema.tables))}
    for table, name in list(names.items()):
        try:
            execute(session, f"PREPARE {name} AS {_select(schema, table)} LIMIT 1")
            execute(session, f"EXECUTE {name}")
        except psycopg.Error:
            del names[table]  # a view that fails by itself: nothing can get worse
    return names


def new_kinds(before: Schema, after: Schema) -> Iterator[tuple[str, str, str, str]]:
    """(table, column, SQL value, words) of rows that only the new schema takes: NULL, a new enum value, a longer text."""
    for (table, name), column in after.columns.items():
        old = before.columns.get((table, name))
        if old is None or not after.is_table(table):
            continue
        if before.requires(old) and not after.requires(column):
            yield table, name, "NULL", f"NULL in {name}"
        if (label := _new_label(before, after, column)) is not None:
            yield table, name, f"'{label}'::{column.type}", f"{label!r} in {name}"
        length, longer = _length(old.type), _length(column.type)
        if length and (longer is None or longer > length) and column.type.split("(")[0] in _TEXTS:
            yield table, name, f"repeat('x', {length + 1})", f"{length + 1} characters in {name}"
        if (old.type, column.type) in {("integer", "bigint"), ("smallint", "integer"), ("smallint", "bigint")}:
            yield (
                table,
                name,
                "3000000000" if column.type == "bigint" else "100000",
                f"a number beyond {old.type} in {name}",
            )


def _new_label(before: Schema, after: Schema, column: Column) -> str | None:
    kind = column.type.strip('"').removesuffix("[]")
    if column.type.endswith("[]") or kind not in before.enums or kind not in after.enums:
        return None
    return next((label for label in after.enums[kind] if label not in before.enums[kind]), None)


def _length(kind: str) -> int | None:
    inside = kind.partition("(")[2].rstrip(")")
    return int(inside) if inside.isdigit() and kind.startswith("character") else None


_LITERAL = re.compile(r"'(?:[^']|'')*'")


class _Models:
    """The model before and the model after, each on both databases."""

    def __init__(self, rehearsal: Rehearsal, before: psycopg.Connection[Any], after: psycopg.Connection[Any]) -> None:
        self.rehearsal = rehearsal
        self.old, self.new = rehearsal.before, snapshot(after)
        self.before, self.after = before, after

    def findings(self) -> Iterator[Finding]:
        for table in sorted(self.old.tables):
            if table not in self.old.partitions and self._differs(table):
                yield from self._old_reads(table)
                if self.old.is_table(table):
                    yield from self._old_writes(table)
        yield from self._nulls()
        yield from self._new_on_old()

    def stale(self, session: psycopg.Connection[Any], prepared: Mapping[str, str]) -> Iterator[Finding]:
        """Prepared before, refused now, though the same text still runs."""
        for table, name in prepared.items():
            if table in self.old.partitions or self._try(self.after, _select(self.old, table)):
                continue
            failure = self._try(session, f"EXECUTE {name}")
            if failure:
                changed = [c.name for c in self.old.columns_of(table) if c.type != self.new.columns[table, c.name].type]
                evidence = (
                    f"the query of {table} that an open session had prepared says {failure}; prepared anew it runs"
                )
                yield self._found("compat.cached-plan", Severity.LOW, table, " ".join(changed), evidence)

    def _differs(self, table: str) -> bool:
        """Only tables that the migration changed: others cannot behave differently."""
        same_relation = self.old.tables[table]["oid"] == self.new.tables.get(table, {}).get("oid")
        if not same_relation or self.old.views.get(table) != self.new.views.get(table):
            return True
        if _shape(self.old, table) != _shape(self.new, table) or _checks(self.old, table) != _checks(self.new, table):
            return True
        return self._enums_differ(table) or self._domains_differ(table) or self._asks_other_functions(table)

    def _asks_other_functions(self, table: str) -> bool:
        """Whether a check of the table asks a function that is another now."""
        then, now = self.old.functions, self.new.functions
        changed = [name.partition("(")[0].rpartition(".")[2] for name, text in then.items() if now.get(name) != text]
        return any(f"{name}(" in check for check in _checks(self.old, table).values() for name in changed)

    def _domains_differ(self, table: str) -> bool:
        """Whether a domain of its columns asks for other values, or has another default."""
        kinds = {column.type for column in self.old.columns_of(table)}
        asked = [
            [[(e["checks"], e["required"], e["default"]) for e in schema.domains_under(kind)] for kind in sorted(kinds)]
            for schema in (self.old, self.new)
        ]
        return asked[0] != asked[1]

    def _enums_differ(self, table: str) -> bool:
        kinds = {column.type.strip('"').removesuffix("[]") for column in self.old.columns_of(table)}
        return any(self.old.enums[kind] != self.new.enums.get(kind) for kind in kinds if kind in self.old.enums)

    def _old_reads(self, table: str) -> Iterator[Finding]:
        failure = self._try(self.after, _select(self.old, table))
        if failure:
            evidence = f"the query that reads every column of {table} as before now says {failure}"
            yield self._found("compat.old-app-read-fails", Severity.BLOCKER, table, failure.message, evidence)
            return
        for column in self.old.columns_of(table):
            now = self.new.columns.get((table, column.name))
            if now and not _same_family(base_type(column.type, self.old), base_type(now.type, self.new)):
                evidence = (
                    f"{table}.{column.name} was {column.type} and is {now.type}: the running release reads another type"
                )
                if (column.type, now.type) == ("json", "jsonb"):
                    evidence += f"; {fingerprints.JSONB_KEEPS}, and refuses \\u0000"
                yield self._found("compat.old-app-read-fails", Severity.MEDIUM, table, column.name, evidence)

    def _old_writes(self, table: str) -> Iterator[Finding]:
        tried: list[tuple[str, dict[str, str], bool, Severity]] = [
            ("a row with every column that it knows", {}, False, Severity.BLOCKER),
            ("a row with only the columns that were required", {}, True, Severity.BLOCKER),
        ]
        for column in self.old.columns_of(table):
            now = self.new.columns.get((table, column.name))
            if now and self.new.requires(now) and not self.old.requires(column):
                tried.append(
                    (
                        f"a row with NULL in {column.name}, which was allowed",
                        {column.name: "NULL"},
                        False,
                        Severity.MEDIUM,
                    )
                )
            kind = column.type.strip('"')
            gone = [
                label
                for label in self.old.enums.get(kind, ())
                if label not in self.new.enums.get(kind, self.old.enums.get(kind, ()))
            ]
            if gone:
                tried.append(
                    (f"a row with {gone[0]!r} in {column.name}", {column.name: f"'{gone[0]}'"}, False, Severity.BLOCKER)
                )
        listed = {f"a row with {value} in {name}": {name: value} for name, value in self._listed_no_more(table)}
        tried += [(words, values, False, Severity.MEDIUM) for words, values in listed.items()]
        for words, values, minimal, severity in tried:
            failure = self._old_write_fails(table, values, minimal)
            certain = words in listed or not failure or self._by_defaults(table, failure, minimal)
            if failure and (certain or failure.sqlstate != _CHECK_REFUSED):
                named = next((n for (t, n) in self.new.columns if t == table and f'"{n}"' in failure.message), "…")
                evidence = f"the running release writes {words} into {table}; the new schema says {failure}"
                found = self._found(
                    "compat.old-app-write-fails", severity, table, failure.message, evidence, column=named
                )
                if failure.sqlstate in _REPEATED and self._may_differ(table, failure):
                    told = evidence + _MADE_UP
                    found = replace(found, severity=Severity.MEDIUM, status="predicted", evidence=told)
                if failure.sqlstate == _SERVERS:  # only who wrote the numbers itself notices
                    found = replace(found, severity=self._number_written(table, failure))
                yield found if failure.sqlstate == _NULL_REFUSED else replace(found, remedy=_CODE_FIRST)
                if failure.sqlstate != _SERVERS:
                    return

    def _listed_no_more(self, table: str) -> Iterator[tuple[str, str]]:
        """Columns with values that a check of theirs named before, and none names now."""
        now = " ".join(_checks(self.new, table).values())
        for key in self.old.constraints.values():
            if key["table"] == table and key["kind"] == "c" and len(key["columns"] or ()) == 1:
                named = dict.fromkeys(_LITERAL.findall(str(key["definition"])))
                yield from ((key["columns"][0], value) for value in [v for v in named if v not in now][:3])

    def _old_write_fails(self, table: str, values: dict[str, str], minimal: bool) -> Failure | None:
        try:
            sql = row_sql(self.before, self.old, table, values, minimal=minimal)
        except InputError:
            return None  # no row of this table can be made up; the rehearsal's notes say so
        failure = None if self._try(self.before, sql) else self._try(self.after, sql)
        if failure is None or failure.sqlstate not in _REPEATED:
            return failure
        fresh = row_sql(self.before, self.old, table, values, minimal=minimal, fresh=True)
        return failure if self._try(self.before, fresh) or self._try(self.after, fresh) else None

    def _by_defaults(self, table: str, failure: Failure, minimal: bool) -> bool:
        """Whether a check refuses what stands in a row by default alone: no value of it is made up."""
        refused = [
            k for k in self.new.constraints.values() if k["table"] == table and f'"{k["name"]}"' in failure.message
        ]
        given = {c.name for c in self.old.columns_of(table) if c.not_null and not (c.default or c.identity)}
        return minimal and any(k["columns"] and not given & set(k["columns"]) for k in refused)

    def _number_written(self, table: str, failure: Failure) -> Severity:
        """How bad it is that the server gives the number now: it did before too where it was asked to."""
        named = (c for c in self.old.columns_of(table) if f'"{c.name}"' in failure.message)
        return Severity.MEDIUM if any(column.identity or column.default for column in named) else Severity.BLOCKER

    def _may_differ(self, table: str, failure: Failure) -> bool:
        """Whether the running release decides what is in the unique index that refused its row."""
        broken = [i for i in self.new.indexes.values() if i["table"] == table and f'"{i["name"]}"' in failure.message]
        known = {column.name for column in self.old.columns_of(table)}
        computed = {column.name for column in self.new.columns_of(table) if column.generated}
        filled = any(name.startswith(f"{table}.") for name in self.new.triggers)
        return filled or any(i["expression"] or (known | computed) & set(i["columns"] or ()) for i in broken)

    def _nulls(self) -> Iterator[Finding]:
        for table, name, value, words in new_kinds(self.old, self.new):
            if value != "NULL":
                continue
            sql = self._row_of_new_kind(table, name, value)
            if sql and self._read_back(table, name, sql):
                evidence = f"a row with {words} was written; the query of the running release returned NULL in {table}.{name}, which it knows as NOT NULL"
                yield self._found("compat.old-app-sees-null", Severity.MEDIUM, table, name, evidence, column=name)

    def _row_of_new_kind(self, table: str, column: str, value: str) -> str:
        """An INSERT of it by the new release; empty where no row of this table can be made up (the notes say so)."""
        with suppress(InputError):
            return row_sql(self.after, self.new, table, {column: value})
        return ""

    def _read_back(self, table: str, column: str, insert: str) -> bool:
        """Whether a row written by the new release shows NULL to the old one's query. Nothing is kept."""
        try:
            with self.after.transaction(force_rollback=True):
                execute(self.after, insert)
                row = execute(
                    self.after, f'SELECT count(*) FROM ({_select(self.old, table)}) AS rows WHERE "{column}" IS NULL'
                ).fetchone()
        except psycopg.Error:
            return False
        return bool(row and row[0])

    def _new_on_old(self) -> Iterator[Finding]:
        for table in sorted(self.new.tables):
            if table in self.new.partitions:
                continue
            failure = self._try(self.before, _select(self.new, table))
            if failure:
                evidence = f"the query that reads every column of {table} as after the migration says {failure} on the old schema"
                yield self._found(
                    "compat.new-app-on-old-schema-fails", Severity.MEDIUM, table, failure.message, evidence
                )
        for table, name, value, words in new_kinds(self.old, self.new):
            sql = self._row_of_new_kind(table, name, value)
            failure = self._try(self.before, sql) if sql else None
            if failure:
                evidence = f"a row with {words} into {table}: the old schema says {failure}"
                yield self._found("compat.new-app-on-old-schema-fails", Severity.MEDIUM, table, name, evidence)

    def _found(self, hazard: str, severity: Severity, table: str, hint: str, evidence: str, **names: str) -> Finding:
        cause = self._cause(table, hint)
        return finding(hazard, severity, PHASE, cause, evidence, table=table, names=names, about=hint)

    def _try(self, connection: psycopg.Connection[Any], sql: str) -> Failure | None:
        """Run and roll back; what the server said, or None."""
        answer = attempt(connection, sql)
        return answer if isinstance(answer, Failure) else None

    def _cause(self, table: str, hint: str) -> Statement:
        """The statement that speaks of the column in `hint`, else of the table, else the first."""
        about = []
        for statement in self.rehearsal.lasting:
            for action in actions(statement):
                words = [word for word in (action.column, *action.values, action.name) if len(word) > 1]
                if action.table and action.table.name == table.rsplit(".", maxsplit=1)[-1]:
                    about.append(statement)
                    if any(word in hint for word in words):
                        return statement
        changing = [s for s in about if s.kind not in {"UpdateStmt", "SelectStmt", "InsertStmt", "DeleteStmt"}]
        enum = [s for s in self.rehearsal.statements if s.kind == "AlterEnumStmt"]
        found = next(iter(changing or about or enum), None)
        return found or self.rehearsal.speaks_of(table.rsplit(".", maxsplit=1)[-1])


def _checks(schema: Schema, table: str) -> dict[str, str]:
    """Those of the table; of one that is not validated only what is written from now on is asked."""
    return {n: str(k["definition"]) for n, k in schema.constraints.items() if k["table"] == table and k["kind"] == "c"}


def _shape(schema: Schema, table: str) -> dict[str, tuple[object, ...]]:
    return {c.name: (c.type, c.not_null, c.default, c.identity, c.generated) for c in schema.columns_of(table)}


def _same_family(old: str, new: str) -> bool:
    """Whether a driver hands out the same kind of value: sizes do not matter, `with time zone` does. Of a domain the
    server names the type under it."""
    left, right = SIZE.sub("", old), SIZE.sub("", new)
    return left == right or ({left, right} <= _TEXTS and right != "character")  # which fills values up with blanks


def _select(schema: Schema, table: str) -> str:
    names = ", ".join(quoted_name(column.name) for column in schema.columns_of(table)) or "1"
    return f"SELECT {names} FROM {quoted_label(table)}"
