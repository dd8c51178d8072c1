"""Phase 7: the migrated schema against the models, SQLAlchemy's and Prisma's."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import InputError, Position
from harness.migrations.actions import quoted
from harness.migrations.findings import Finding, Severity
from harness.migrations.prismaschema import Field, Model, PrismaSchema, Relation, read_prisma_schema
from harness.migrations.rehearsal import Rehearsal
from harness.migrations.running import run_units
from harness.migrations.schema import Schema
from harness.migrations.statements import Statement
from harness.migrations.telling import finding

__all__ = ["check_drift", "compare_prisma", "drift_reason"]

PHASE = "drift"
_ACTIONS = {"a": "NoAction", "r": "Restrict", "c": "Cascade", "n": "SetNull", "d": "SetDefault"}
_SQL_ACTIONS = {
    "NoAction": "NO ACTION",
    "Restrict": "RESTRICT",
    "Cascade": "CASCADE",
    "SetNull": "SET NULL",
    "SetDefault": "SET DEFAULT",
}
_TYPES = {
    "String": "text",
    "Int": "integer",
    "BigInt": "bigint",
    "Float": "double precision",
    "Decimal": "numeric(65,30)",
    "Boolean": "boolean",
    "DateTime": "timestamp(3) without time zone",
    "Json": "jsonb",
    "Bytes": "bytea",
}
_NATIVE = {
    "Text": "text",
    "Uuid": "uuid",
    "Date": "date",
    "SmallInt": "smallint",
    "Json": "json",
    "JsonB": "jsonb",
    "Real": "real",
    "Citext": "citext",
    "Inet": "inet",
    "Xml": "xml",
}


def drift_reason(rehearsal: Rehearsal) -> str:
    """Why it cannot be checked; empty when it can."""
    if rehearsal.options.models is None and rehearsal.options.prisma_schema is None:
        return "no models (--models) and no schema.prisma (--prisma-schema) were given"
    return ""


def check_drift(rehearsal: Rehearsal) -> list[Finding]:
    """Compare the schema after the migration with each model that was given."""
    found: list[Finding] = []
    after = rehearsal.after
    if rehearsal.options.prisma_schema is not None and after is not None:
        found += compare_prisma(read_prisma_schema(rehearsal.options.prisma_schema), after)
    if rehearsal.options.models is not None:
        found += _compare_models(rehearsal, rehearsal.options.models)
    return found


def compare_prisma(model: PrismaSchema, schema: Schema) -> list[Finding]:
    """What model and database disagree about; positions are those of schema.prisma."""
    return list(_Prisma(model, schema).findings())


class _Prisma:
    """A Prisma schema beside a database's."""

    def __init__(self, model: PrismaSchema, schema: Schema) -> None:
        self.model, self.schema = model, schema

    def findings(self) -> Iterator[Finding]:
        for model in self.model.models.values():
            if model.table not in self.schema.tables:
                evidence = f"model {model.name} reads table {model.table}, which no migration made"
                yield self._found(
                    "drift.table",
                    Severity.HIGH,
                    model.line,
                    evidence,
                    f"CREATE TABLE {quoted(model.table)} (…);",
                    model.table,
                )
                continue
            yield from self._fields(model)
            yield from self._relations(model)
            yield from self._uniques(model)
        mapped = {model.table for model in self.model.models.values()} | {"_prisma_migrations"}
        for table in sorted(self.schema.tables):
            if self.schema.is_table(table) and table not in mapped and table not in self.schema.partitions:
                yield self._found(
                    "drift.table",
                    Severity.LOW,
                    1,
                    f"table {table} has no model",
                    f"-- model {table} {{ … }} in schema.prisma",
                    table,
                )
        yield from self._enums()

    def _fields(self, model: Model) -> Iterator[Finding]:
        for entry in model.fields.values():
            column = self.schema.columns.get((model.table, entry.column))
            place = f"{model.name}.{entry.name}"
            if column is None:
                sql = f"ALTER TABLE {quoted(model.table)} ADD COLUMN {quoted(entry.column)} {_expected(entry)};"
                evidence = f"{place} reads and writes column {entry.column}, which no migration made"
                yield self._found("drift.column", Severity.HIGH, entry.line, evidence, sql, model.table)
                continue
            if column.not_null == entry.optional and not entry.many:
                word = "optional" if entry.optional else "required"
                sql = f"ALTER TABLE {quoted(model.table)} ALTER COLUMN {quoted(entry.column)} {'DROP' if entry.optional else 'SET'} NOT NULL;"
                evidence = f"{place} is {word} and the column {'is NOT NULL' if column.not_null else 'may be NULL'}"
                yield self._found("drift.nullability", Severity.MEDIUM, entry.line, evidence, sql, model.table)
            if not _same_type(_expected(entry), column.type):
                evidence = f"{place} is {entry.kind} ({_expected(entry)}) and the column is {column.type}"
                sql = f"ALTER TABLE {quoted(model.table)} ALTER COLUMN {quoted(entry.column)} TYPE {_expected(entry)};"
                yield self._found("drift.type", Severity.MEDIUM, entry.line, evidence, sql, model.table)
        known = {entry.column for entry in model.fields.values()}
        for column in self.schema.columns_of(model.table):
            if column.name not in known:
                needed = column.not_null and not column.default and not column.identity
                evidence = f"column {model.table}.{column.name} has no field in model {model.name}" + (
                    ", and it is required" if needed else ""
                )
                severity = Severity.HIGH if needed else Severity.LOW
                yield self._found(
                    "drift.column",
                    severity,
                    model.line,
                    evidence,
                    f"-- {column.name} … in model {model.name}",
                    model.table,
                )

    def _relations(self, model: Model) -> Iterator[Finding]:
        keys = {frozenset(key["columns"]): key for key in self.schema.foreign_keys(model.table)}
        for relation in model.relations:
            key = keys.get(frozenset(relation.columns))
            columns = ", ".join(relation.columns)
            if key is None:
                evidence = f"the relation on {columns} of {model.name} has no foreign key"
                yield self._found(
                    "drift.foreign-key",
                    Severity.MEDIUM,
                    relation.line,
                    evidence,
                    _key_sql(model.table, relation),
                    model.table,
                )
                continue
            for word, wanted, actual in (
                ("ON DELETE", relation.on_delete, key["on_delete"]),
                ("ON UPDATE", relation.on_update, key["on_update"]),
            ):
                if wanted != _ACTIONS[actual]:
                    evidence = f"{model.name} ({columns}): the model means {word} {_SQL_ACTIONS[wanted]}, {key['name']} says {_SQL_ACTIONS[_ACTIONS[actual]]}"
                    sql = f"ALTER TABLE {quoted(model.table)} DROP CONSTRAINT {quoted(key['name'])};\n{_key_sql(model.table, relation)}"
                    yield self._found("drift.foreign-key", Severity.MEDIUM, relation.line, evidence, sql, model.table)

    def _uniques(self, model: Model) -> Iterator[Finding]:
        there = {frozenset(columns) for columns in self.schema.unique_sets(model.table)}
        for columns in sorted(model.uniques - there, key=sorted):
            names = ", ".join(map(quoted, sorted(columns)))
            evidence = f"{model.name} says that ({', '.join(sorted(columns))}) is unique and no index makes it so"
            yield self._found(
                "drift.index",
                Severity.MEDIUM,
                model.line,
                evidence,
                f"CREATE UNIQUE INDEX CONCURRENTLY ON {quoted(model.table)} ({names});",
                model.table,
            )

    def _enums(self) -> Iterator[Finding]:
        for name, (values, line) in self.model.enums.items():
            there = self.schema.enums.get(name)
            if there is None:
                sql = f"CREATE TYPE {quoted(name)} AS ENUM (…);"
                yield self._found("drift.enum", Severity.HIGH, line, f"enum {name} is not in the database", sql, "")
            elif set(there) != set(values):
                missing = [value for value in values if value not in there]
                extra = [value for value in there if value not in values]
                evidence = f"enum {name}: {', '.join(missing) or 'nothing'} only in the model, {', '.join(extra) or 'nothing'} only in the database"
                sql = (
                    "\n".join(f"ALTER TYPE {quoted(name)} ADD VALUE '{value}';" for value in missing)
                    or f"-- add {', '.join(extra)} to the model"
                )
                yield self._found("drift.enum", Severity.HIGH if missing else Severity.MEDIUM, line, evidence, sql, "")
        for name in sorted(set(self.schema.enums) - set(self.model.enums)):
            yield self._found(
                "drift.enum", Severity.LOW, 1, f"enum type {name} is in no model", f"DROP TYPE {quoted(name)};", ""
            )

    def _found(self, hazard: str, severity: Severity, line: int, evidence: str, sql: str, table: str) -> Finding:
        where = Statement(1, table or self.model.file, Position(self.model.file, line), line, None)
        return finding(hazard, severity, PHASE, where, evidence, table=table, names={"sql": sql})


def _expected(entry: Field) -> str:
    """The PostgreSQL type that Prisma gives a field."""
    kind = _TYPES.get(entry.kind, entry.kind)
    name, _, size = entry.native.rstrip(")").partition("(")
    if name in {"VarChar", "Char"}:
        kind = f"{'character varying' if name == 'VarChar' else 'character'}({size})"
    elif name == "Decimal":
        kind = f"numeric({size})"
    elif name in {"Timestamp", "Timestamptz"}:
        kind = f"timestamp({size or 3}) {'with' if name == 'Timestamptz' else 'without'} time zone"
    elif name in _NATIVE:
        kind = _NATIVE[name]
    return f"{kind}[]" if entry.many else kind


def _same_type(expected: str, actual: str) -> bool:
    return expected == actual.replace('"', "") or expected.startswith("Unsupported")


def _key_sql(table: str, relation: Relation) -> str:
    names = ", ".join(map(quoted, relation.columns))
    return (
        f"ALTER TABLE {quoted(table)} ADD FOREIGN KEY ({names}) REFERENCES {quoted(relation.parent)} "
        f"ON DELETE {_SQL_ACTIONS[relation.on_delete]} ON UPDATE {_SQL_ACTIONS[relation.on_update]} NOT VALID;"
    )


def _compare_models(rehearsal: Rehearsal, reference: str) -> Iterator[Finding]:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlalchemy import create_engine, pool

    metadata = _metadata(reference)
    with rehearsal.clone(rehearsal.base) as database, database.connect() as connection:
        run_units(connection, rehearsal.units)
        engine = create_engine(database.sqlalchemy_url, poolclass=pool.NullPool)
        try:
            with engine.connect() as bind:
                context = MigrationContext.configure(bind, opts={"compare_type": True})
                differences = compare_metadata(context, metadata)
        finally:
            engine.dispose()
    for difference in differences:
        for single in difference if isinstance(difference, list) else [difference]:
            yield _of_alembic(reference, single)


def _metadata(reference: str) -> Any:
    module, _, attribute = reference.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # as `python -m` does: the application's own modules stand there
    try:
        value: Any = importlib.import_module(module)
        for part in (attribute or "metadata").split("."):
            value = getattr(value, part)
    except (ImportError, AttributeError) as problem:
        raise InputError(
            f"--models {reference}: {problem}", "Give module:attribute of a SQLAlchemy MetaData."
        ) from problem
    return getattr(value, "metadata", value)


_KINDS = {
    "add_table": ("drift.table", Severity.HIGH, "the model has it, the database does not"),
    "remove_table": ("drift.table", Severity.LOW, "the database has it, no model does"),
    "add_column": ("drift.column", Severity.HIGH, "the model has it, the database does not"),
    "remove_column": ("drift.column", Severity.LOW, "the database has it, no model does"),
    "modify_nullable": ("drift.nullability", Severity.MEDIUM, "model and database differ in NULL"),
    "modify_type": ("drift.type", Severity.MEDIUM, "model and database differ in the type"),
    "add_fk": ("drift.foreign-key", Severity.MEDIUM, "only the model has this foreign key"),
    "remove_fk": ("drift.foreign-key", Severity.MEDIUM, "only the database has this foreign key"),
}


def _of_alembic(reference: str, difference: Any) -> Finding:
    kind = str(difference[0])
    hazard, severity, words = _KINDS.get(kind, ("drift.index", Severity.LOW, kind.replace("_", " ")))
    described = re.sub(r"\s+", " ", " ".join(_words(part) for part in difference[1:] if part is not None)).strip()
    where = Statement(1, reference, Position(reference), 1, None)
    return finding(
        hazard, severity, PHASE, where, f"{described[:200]}: {words}", names={"sql": f"-- {kind}: {described[:200]}"}
    )


def _words(part: Any) -> str:
    table = getattr(part, "table", None)
    name = getattr(part, "name", None)
    if table is not None and name:
        return f"{table.name}.{name}"
    return str(name) if name else "" if isinstance(part, dict) else str(part)
