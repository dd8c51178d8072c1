"""Putting rows and sequences back: one function in the database, written for its tables, called once a reset.

For each table that the journal names, changed rows are deleted and those that were there in the beginning are
inserted again from `harness.base`. Plans are cached, so a table costs about a tenth of a millisecond.
It runs on a connection with `session_replication_role = replica`: no foreign key and no trigger of the schema
interferes, in whatever order the tables come.
"""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg import sql

from harness.postgres.tables import Table, read_tables

__all__ = ["FEW", "install_restoring"]

FEW = 100  # rows; of a table with no more, all are put back when one was changed, in the order in which they were

_SEQUENCES: LiteralString = """
    SELECT c.oid::bigint, n.nspname, c.relname
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname NOT IN ('harness', 'information_schema')
      AND n.nspname !~ '^pg_' ORDER BY c.oid
"""

_FUNCTIONS: LiteralString = """
CREATE FUNCTION harness.restore_rows(since pg_lsn) RETURNS oid[] LANGUAGE plpgsql AS $harness$
DECLARE
    touched oid[] := ARRAY(SELECT DISTINCT relation FROM harness.journal WHERE at >= since AND relation <> 0);
    one oid;
BEGIN
    FOREACH one IN ARRAY touched LOOP
        CASE one {tables} ELSE RAISE EXCEPTION 'no way back is known for table %', one; END CASE;
    END LOOP;
    RETURN touched;
END $harness$;

CREATE FUNCTION harness.restore_sequences() RETURNS text[] LANGUAGE plpgsql AS $harness$
DECLARE
    moved text[] := '{{}}';
BEGIN
    {sequences}
    RETURN moved;
END $harness$;
"""

_BY_KEY: LiteralString = """
            DELETE FROM ONLY {table} t USING {keys} k WHERE {match};
            INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {values}
            FROM {keys} k JOIN harness.base b ON b.relation = {oid} AND b.key = ARRAY[{texts}]
            CROSS JOIN LATERAL (SELECT b.line::{table} AS line OFFSET 0) r;
"""

_ALL: LiteralString = """
            DELETE FROM ONLY {table};
            INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {values}
            FROM harness.base b CROSS JOIN LATERAL (SELECT b.line::{table} AS line OFFSET 0) r
            WHERE b.relation = {oid} ORDER BY b.place;
"""

_ALL_OR_NEW: LiteralString = """
            IF EXISTS (SELECT FROM harness.journal WHERE at >= since AND relation = {oid} AND operation <> 'insert')
            THEN {all}
            ELSE DELETE FROM ONLY {table} t USING {keys} k WHERE {match};
            END IF;
"""

_KEYS: LiteralString = """(
            SELECT DISTINCT {parts} FROM harness.journal j, LATERAL (VALUES (j.before), (j.after)) v(line)
            WHERE j.at >= since AND j.relation = {oid} AND v.line IS NOT NULL)"""

_SEQUENCE: LiteralString = """
    IF (SELECT (last_value, is_called) IS DISTINCT FROM ({value}::bigint, {called}) FROM {sequence}) THEN
        PERFORM setval({oid}::regclass, {value}, {called});
        moved := moved || {shown}::text;
    END IF;"""


def install_restoring(connection: psycopg.Connection[Any]) -> None:
    """Keep the rows of every watched table in `harness.base`, and write the functions that put them back."""
    tables = read_tables(connection)
    rows = {table.oid: connection.execute(_keep(table)).rowcount for table in tables}
    connection.execute("CREATE INDEX base_key ON harness.base (relation, key)")
    branches = [_branch(table, rows[table.oid]) for table in tables] or [sql.SQL("WHEN 0 THEN NULL;").format()]
    sequences = [_sequence(connection, *row) for row in connection.execute(_SEQUENCES).fetchall()]
    connection.execute(
        sql.SQL(_FUNCTIONS).format(tables=sql.SQL("").join(branches), sequences=sql.SQL("").join(sequences))
    )


def _keep(table: Table) -> sql.Composed:
    columns = [sql.SQL('"the row".{}::text').format(sql.Identifier(column.name)) for column in table.key]
    key = sql.SQL("ARRAY[{}]").format(sql.SQL(", ").join(columns)) if table.comparable else sql.SQL("NULL::text[]")
    return sql.SQL(
        'INSERT INTO harness.base (relation, key, line) SELECT {}, {}, "the row"::text FROM ONLY {} "the row"'
    ).format(sql.Literal(table.oid), key, table.identifier)


def _branch(table: Table, rows: int) -> sql.Composed:
    """What to do with a table: all its rows again when they have no keys, or are few, so that their order comes back
    too; else those whose keys the journal names; nothing when only a new clone will do."""
    when = sql.SQL("WHEN {} THEN ").format(sql.Literal(table.oid))
    if not table.in_place:
        return when + sql.SQL("NULL;")
    parts = _parts(table)
    if not table.comparable:
        return when + sql.SQL(_ALL).format(**parts)
    parts |= _key_parts(table)
    if rows > FEW:
        return when + sql.SQL(_BY_KEY).format(**parts)
    return when + sql.SQL(_ALL_OR_NEW).format(**parts, all=sql.SQL(_ALL).format(**parts))


def _parts(table: Table) -> dict[str, sql.Composable]:
    return {
        "oid": sql.Literal(table.oid),
        "table": table.identifier,
        "columns": sql.SQL(", ").join(map(sql.Identifier, table.columns)),
        "values": sql.SQL(", ").join(sql.SQL("(r.line).{}").format(sql.Identifier(name)) for name in table.columns),
    }


def _key_parts(table: Table) -> dict[str, sql.Composable]:
    names = [sql.Identifier(f"k{number}") for number in range(len(table.key))]
    pairs = zip(table.key, names, strict=True)
    matches = (sql.SQL("t.{} = k.{}").format(sql.Identifier(column.name), name) for column, name in pairs)
    return {
        "keys": sql.SQL(_KEYS).format(parts=_typed_keys(table, names), oid=sql.Literal(table.oid)),
        "texts": sql.SQL(", ").join(sql.SQL("k.{}::text").format(name) for name in names),
        "match": sql.SQL(" AND ").join(matches),
    }


def _typed_keys(table: Table, names: list[sql.Identifier]) -> sql.Composed:
    """The key's columns read from a row's JSON. The type's name comes from the catalogue, quoted by the server."""
    return sql.SQL(", ").join(
        sql.SQL("(v.line ->> {})::{} AS {}").format(
            sql.Literal(column.name),
            sql.SQL(column.type),  # format_type() of the catalogue
            name,
        )
        for column, name in zip(table.key, names, strict=True)
    )


def _sequence(connection: psycopg.Connection[Any], oid: int, schema: str, name: str) -> sql.Composed:
    sequence = sql.Identifier(schema, name)
    row = connection.execute(sql.SQL("SELECT last_value, is_called FROM {}").format(sequence)).fetchone()
    value, called = row or (1, False)
    return sql.SQL(_SEQUENCE).format(
        oid=sql.Literal(oid),
        shown=sql.Literal(name if schema == "public" else f"{schema}.{name}"),
        sequence=sequence,
        value=sql.Literal(value),
        called=sql.Literal(called),
    )
