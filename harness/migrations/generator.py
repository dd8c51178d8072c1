"""Rows for any schema: types, keys, enums and checks are honoured (issue of every static tool: an empty database proves nothing).

Two kinds of rows. *Plain* rows are what a tidy application writes: no NULL, every value of a column distinct where the
type has room, and the same number gives the same value for the same type everywhere, so a column that only later
becomes a foreign key points at rows that exist. *Awkward* rows are every kind that the schema still allows: NULL in
each nullable column, repeated values, negative numbers, empty and full-length text, references to nothing.
Numbering is by row, nothing is random: the same schema and size give the same rows.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import psycopg

from harness.errors import InputError
from harness.migrations.fitting import fitting
from harness.migrations.literals import Literals
from harness.migrations.schema import Column, Schema, quoted_label, quoted_name
from harness.migrations.values import NUMBERS, base_type, plain_value

__all__ = ["Generated", "fill", "fill_awkward", "insertion_order", "row_sql"]

PARENTS = 20_000  # existing keys that foreign keys choose from, when each may be taken once
FEW_PARENTS = 200
MANY = 20_000  # rows from which several connections insert at once
MOST_PARTS = 4
_AWKWARD_KEYS = 20_000  # a backfill in batches walks from key to key: those of no row cost it time, as a billion would
_SHAPES = dict.fromkeys(("json", "jsonb"), ("{}", "[]", "null", '"x"'))  # no type says which of them it is
_FURTHER = 1_000_000_000  # where a given row has the key


@dataclass(slots=True)
class Generated:
    """Rows made by table, and what could not be made, with the reason."""

    rows: dict[str, int] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def insertion_order(schema: Schema) -> list[str]:
    """Tables with parents before children; partitions are filled through their parent. Cycles keep their name order."""
    tables = sorted(table for table in schema.tables if schema.is_table(table) and table not in schema.partitions)
    ordered: list[str] = []
    waiting = list(tables)
    while waiting:
        ready = [
            t
            for t in waiting
            if all(k["parent"] in (*ordered, t) or k["parent"] not in waiting for k in schema.foreign_keys(t))
        ]
        for table in ready or waiting[:1]:
            ordered.append(table)
            waiting.remove(table)
    return ordered


def fill(
    connection: psycopg.Connection[Any],
    schema: Schema,
    sizes: Mapping[str, int],
    *,
    first: int = 1,
    only: Collection[str] | None = None,
    sparse: Mapping[str, Collection[str]] | None = None,
) -> Generated:
    """Insert plain rows numbered from `first` until each table has `sizes[table]`; triggers and foreign keys are off.

    Of the columns in `sparse`, by table, three values in four are NULL, where the schema lets them be.
    A table that refuses its rows is reported in `failures`, not raised: the phases that need it say so.
    """
    made = Generated()
    switched = _triggers(connection, "replica")
    for table in insertion_order(schema):
        wanted = sizes.get(table, 0)
        if wanted < first or (only is not None and table not in only):
            continue
        try:
            made.rows[table] = _fill_table(connection, schema, table, first, wanted, (sparse or {}).get(table, ()))
        except (psycopg.Error, InputError) as problem:
            made.failures[table] = str(problem).splitlines()[0]
    if switched:
        _triggers(connection, "origin")
    return made


def fill_awkward(connection: psycopg.Connection[Any], schema: Schema, literals: Literals) -> Generated:
    """Insert awkward rows after the plain ones; a row that the schema refuses is left out. Needs plain rows to copy from.

    Each row is a copy of an existing one with a fresh key and one column made awkward.
    """
    made = Generated()
    for table in insertion_order(schema):
        columns = schema.columns_of(table)
        number = _AWKWARD_KEYS
        try:
            fits = _fits(connection, schema, table, [column for column in columns if not column.generated])
        except InputError:
            continue  # then it has no plain rows either, and `fill` has said so
        for column in columns:
            if column.generated:
                continue
            alone = (column.name,) in schema.unique_sets(table)
            said = literals.of(table, column.name)
            coming = [literal for literal in said if literal not in literals.brought]
            kinds = _compared(column, coming) if alone and column.not_null else _awkward_values(column, said, schema)
            for expression in [*kinds, *_twins(column, schema) * alone]:
                number += 1
                added = any(
                    _insert_variant(connection, schema, table, key, {column.name: expression}, fits)
                    for key in (number, number + _FURTHER)
                )
                made.rows[table] = made.rows.get(table, 0) + added
        types = {column.name: column.type for column in columns}
        for name, key in literals.together:
            if table.rpartition(".")[2] == name and key.keys() <= types.keys():
                number += 1
                values = {column: f"{text}::{types[column]}" for column, text in key.items()}
                _insert_variant(connection, schema, table, number, values, fits)
    return made


def row_sql(
    connection: psycopg.Connection[Any],
    schema: Schema,
    table: str,
    values: Mapping[str, str],
    *,
    minimal: bool = False,
    fresh: bool = False,
) -> str:
    """An INSERT of one new row as an application with this schema writes it, with `values` (SQL by column) set.

    `minimal` leaves out every column that has a default or may be NULL. Values that need not be unique repeat those of
    another row, unless it is to be `fresh`. Raises InputError when no such row is known.
    """
    columns = [column for column in schema.columns_of(table) if not column.generated]
    fits = _fits(connection, schema, table, columns)
    unique = {name for names in schema.unique_sets(table) for name in names}
    shown: dict[str, str] = {}
    for column in columns:
        optional = bool(column.default or column.identity or not column.not_null)
        if column.name in values:
            shown[column.name] = values[column.name]
        elif not (minimal and optional):
            number = 1_900_000_001 if fresh or column.name in unique else 7
            fit = fits.get(column.name)
            shown[column.name] = (
                _at(fit, number) if fit else _plain_expression(schema, table, column, number=str(number))
            )
    if not shown:
        return f"INSERT INTO {quoted_label(table)} DEFAULT VALUES"
    names = ", ".join(quoted_name(name) for name in shown)
    source = NUMBERS.format(series="generate_series(7, 7) AS g")
    generated = any(column.identity == "a" for column in columns if column.name in shown)
    overriding = "OVERRIDING SYSTEM VALUE " if generated else ""  # who knows of no identity says nothing about it
    return f"INSERT INTO {quoted_label(table)} ({names}) {overriding}SELECT {', '.join(shown.values())} FROM {source}"


def _fill_table(
    connection: psycopg.Connection[Any], schema: Schema, table: str, first: int, last: int, sparse: Collection[str] = ()
) -> int:
    columns = [column for column in schema.columns_of(table) if not column.generated]
    fits = _fits(connection, schema, table, columns)
    plain = {column.name: fits.get(column.name) or _plain_expression(schema, table, column) for column in columns}
    few = {name: f"CASE WHEN g % 4 = 0 THEN {plain[name]} END" for name in sparse if name in plain and name not in fits}
    try:
        made = _fill_columns(connection, table, {**plain, **few}, first, last)
    except psycopg.errors.IntegrityError:  # a check or a domain wants a value there
        if not few:
            raise
        made = _fill_columns(connection, table, plain, first, last)
    _move_sequences(connection, columns, last)
    return made


def _fill_columns(
    connection: psycopg.Connection[Any], table: str, expressions: Mapping[str, str], first: int, last: int
) -> int:
    names = ", ".join(map(quoted_name, expressions))
    start = f"INSERT INTO {quoted_label(table)} ({names}) OVERRIDING SYSTEM VALUE SELECT {', '.join(expressions.values())} FROM "
    parts = [start + NUMBERS.format(series=f"generate_series({a}, {b}) AS g") for a, b in _parts(first, last)]
    return _insert_together(connection, parts)


def _fits(connection: psycopg.Connection[Any], schema: Schema, table: str, columns: Sequence[Column]) -> dict[str, str]:
    return fitting(connection, schema, table, columns, lambda column: _plain_expression(schema, table, column))


def _at(expression: str, number: int) -> str:
    """What an expression over NUMBERS is for one number."""
    return f"(SELECT {expression} FROM {NUMBERS.format(series=f'generate_series({number}, {number}) AS g')})"


def _parts(first: int, last: int) -> list[tuple[int, int]]:
    """The numbers from `first` to `last` in as many parts as there are cores, when there are many."""
    number = min(MOST_PARTS, os.cpu_count() or 1) if last - first >= MANY else 1
    size = -(-(last - first + 1) // number)
    return [(start, min(last, start + size - 1)) for start in range(first, last + 1, size)]


def _insert_together(connection: psycopg.Connection[Any], parts: Sequence[str]) -> int:
    """Run the INSERTs at once, the first on this connection and each other on one of its own; the rows made.

    When one fails the others end all the same, and the first failure is raised.
    """
    if len(parts) == 1:
        return _insert(connection, parts[0])
    dsn, password = connection.info.dsn, connection.info.password

    def beside(sql: str) -> int:
        with psycopg.connect(dsn, password=password, autocommit=True) as other:
            _triggers(other, "replica")
            return _insert(other, sql)

    with ThreadPoolExecutor(len(parts) - 1) as pool:
        others = pool.map(beside, parts[1:])
        return _insert(connection, parts[0]) + sum(others)


def _insert(connection: psycopg.Connection[Any], sql: str) -> int:
    """Rows that repeat a key are left out. That is tried only when there are some: looking costs two fifths more."""
    try:
        return _execute(connection, sql).rowcount
    except (psycopg.errors.UniqueViolation, psycopg.errors.ExclusionViolation):
        return _execute(connection, f"{sql} ON CONFLICT DO NOTHING").rowcount


def _plain_expression(schema: Schema, table: str, column: Column, *, number: str = "g") -> str:
    """SQL for the value of `column` in row `g`: a key of the parent for a foreign key, else the type's g-th value."""
    for key in schema.foreign_keys(table):
        if column.name in key["columns"] and key["parent"] != table:
            parent_column = key["parent_columns"][key["columns"].index(column.name)]
            order = ", ".join(map(quoted_name, key["parent_columns"]))  # one order for all columns of a key
            own = any(set(key["columns"]) & set(columns) for columns in schema.unique_sets(table))
            limit = PARENTS if own else FEW_PARENTS  # taking an element of a long array of texts walks through it
            parent = quoted_label(key["parent"])
            keys = f"ARRAY(SELECT {quoted_name(parent_column)} FROM {parent} ORDER BY {order} LIMIT {limit})"
            counted = f"(SELECT greatest(1, count(*))::int FROM (SELECT FROM {parent} LIMIT {limit}) parents)"
            return f"({keys})[1 + (({number} - 1) % {counted})::int]"
    return plain_value(column, schema, number=number)


def _compared(column: Column, literals: Sequence[str]) -> list[str]:
    return [f"{literal}::{column.type}" for literal in literals]


def _awkward_values(column: Column, literals: Sequence[str], schema: Schema) -> list[str]:
    values = _compared(column, literals)
    if _is_nullable(column):
        values.append("NULL")
    base = base_type(column.type, schema)
    kind = base.split("(")[0]
    if kind in {"integer", "bigint", "smallint", "numeric", "double precision", "real"}:
        values += ["-1", "0"]
    elif kind in {"text", "character varying", "character"}:
        full = base.partition("(")[2].rstrip(")")
        values += ["''", f"repeat('x', {full or 300})"]
    elif kind in _SHAPES:
        values += [f"'{text}'::{kind}" for text in _SHAPES[kind]]
    elif kind.endswith("[]"):
        values.append(f"'{{}}'::{kind}")
    labels = schema.enums.get(column.type.strip('"'), [])
    values += [f"'{label}'::{column.type}" for label in labels]
    values += ["true", "false"] if kind == "boolean" else []
    return [*values, "SAME", "SAME"]


def _twins(column: Column, schema: Schema) -> list[str]:
    """Of a text that no two rows share: the one that differs in case alone, which is another value to its index."""
    kind = base_type(column.type, schema).split("(")[0]
    return [f"upper({quoted_name(column.name)})"] if kind in {"text", "character varying"} else []


def _insert_variant(
    connection: psycopg.Connection[Any],
    schema: Schema,
    table: str,
    number: int,
    values: Mapping[str, str],
    fits: Mapping[str, str],
) -> int:
    """One copy of the first row with new keys, and `values` (SQL by column) set; 0 when the schema refuses it."""
    unique = {column for columns in schema.unique_sets(table) for column in columns}
    columns = [column for column in schema.columns_of(table) if not column.generated]
    parents = {column for key in schema.foreign_keys(table) for column in key["columns"]}
    shown = []
    for column in columns:
        if (expression := values.get(column.name, "SAME")) != "SAME":
            shown.append(expression)
        elif column.name in unique and column.name not in parents:
            fit = fits.get(column.name)
            shown.append(_at(fit, number) if fit else plain_value(column, schema, number=str(number)))
        else:
            shown.append(quoted_name(column.name))
    names = ", ".join(quoted_name(column.name) for column in columns)
    sql = (
        f"INSERT INTO {quoted_label(table)} ({names}) OVERRIDING SYSTEM VALUE "
        f"SELECT {', '.join(shown)} FROM {quoted_label(table)} LIMIT 1 ON CONFLICT DO NOTHING"
    )
    try:
        return _execute(connection, sql).rowcount
    except psycopg.Error:
        return 0  # the schema does not allow such a row: then no production has one


def _triggers(connection: psycopg.Connection[Any], role: str) -> bool:
    """Off (`replica`) or on (`origin`); False where this login may not: then rows are made with triggers on."""
    try:
        connection.execute("SELECT set_config('session_replication_role', %s, false)", (role,))
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def _is_nullable(column: Column) -> bool:
    return not column.not_null


def _move_sequences(connection: psycopg.Connection[Any], columns: Sequence[Column], last: int) -> None:
    for column in columns:
        if column.identity or "nextval(" in (column.default or ""):
            connection.execute(
                "SELECT setval(s, greatest(%s, 1)) FROM pg_get_serial_sequence(%s, %s) AS s WHERE s IS NOT NULL",
                (last + 1, quoted_label(column.table), column.name),
            )


def _execute(connection: psycopg.Connection[Any], sql: str) -> psycopg.Cursor[Any]:
    return connection.execute(sql)  # names are quoted above, values are our own
