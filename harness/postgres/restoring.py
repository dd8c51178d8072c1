"""Putting rows and sequences back: one function in the database, written for its tables, called once a reset.

For each table that the journal names, the rows whose keys it names are deleted and those that were there in the
beginning are inserted again from `harness.base`. Plans are cached, so a table costs about a tenth of a millisecond.
It runs on a connection with `session_replication_role = replica`: no foreign key and no trigger of the schema
interferes, in whatever order the tables come.
"""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg import sql

from harness.postgres.tables import Table, read_tables

__all__ = ["install_restoring"]

_SEQUENCES: LiteralString = """
    SELECT c.oid::bigint, n.nspname, c.relname
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname NOT IN ('harness', 'information_schema')
      AND n.nspname !~ '^pg_' ORDER BY c.oid
"""

_FUNCTIONS: LiteralString = """
CREATE FUNCTION harness.restore_rows(since bigint) RETURNS oid[] LANGUAGE plpgsql AS $harness$
DECLARE
    touched oid[] := ARRAY(SELECT DISTINCT relation FROM harness.journal WHERE position > since AND relation <> 0);
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

_KEYED: LiteralString = """
        WHEN {oid} THEN
            DELETE FROM ONLY {table} t USING {keys} k WHERE {match};
            INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {values}
            FROM {keys} k JOIN harness.base b ON b.relation = {oid} AND b.key = ARRAY[{texts}]
            CROSS JOIN LATERAL (SELECT b.line::{table} AS line OFFSET 0) r;
"""

_KEYLESS: LiteralString = """
        WHEN {oid} THEN
            DELETE FROM ONLY {table};
            INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {values}
            FROM harness.base b CROSS JOIN LATERAL (SELECT b.line::{table} AS line OFFSET 0) r
            WHERE b.relation = {oid};
"""

_KEYS: LiteralString = """(
            SELECT DISTINCT {parts} FROM harness.journal j, LATERAL (VALUES (j.before), (j.after)) v(line)
            WHERE j.position > since AND j.relation = {oid} AND v.line IS NOT NULL)"""

_SEQUENCE: LiteralString = """
    IF (SELECT (last_value, is_called) IS DISTINCT FROM ({value}::bigint, {called}) FROM {sequence}) THEN
        PERFORM setval({oid}::regclass, {value}, {called});
        moved := moved || {shown}::text;
    END IF;"""


def install_restoring(connection: psycopg.Connection[Any]) -> None:
    """Keep the rows of every watched table in `harness.base`, and write the functions that put them back."""
    tables = read_tables(connection)
    for table in tables:
        connection.execute(_keep(table))
    connection.execute("CREATE INDEX base_key ON harness.base (relation, key)")
    branches = sql.SQL("").join(_branch(table) for table in tables) if tables else sql.SQL("WHEN 0 THEN NULL;")
    sequences = [_sequence(connection, *row) for row in connection.execute(_SEQUENCES).fetchall()]
    connection.execute(sql.SQL(_FUNCTIONS).format(tables=branches, sequences=sql.SQL("").join(sequences)))


def _keep(table: Table) -> sql.Composed:
    texts = sql.SQL(", ").join(
        sql.SQL('"the row".{}::text').format(sql.Identifier(column.name)) for column in table.key
    )
    key = sql.SQL("ARRAY[{}]").format(texts) if table.comparable else sql.SQL("NULL::text[]")
    return sql.SQL('INSERT INTO harness.base SELECT {}, {}, "the row"::text FROM ONLY {} "the row"').format(
        sql.Literal(table.oid), key, table.identifier
    )


def _branch(table: Table) -> sql.Composed:
    parts = {
        "oid": sql.Literal(table.oid),
        "table": table.identifier,
        "columns": sql.SQL(", ").join(map(sql.Identifier, table.columns)),
        "values": sql.SQL(", ").join(sql.SQL("(r.line).{}").format(sql.Identifier(name)) for name in table.columns),
    }
    if not table.in_place:
        return sql.SQL("WHEN {} THEN NULL;").format(parts["oid"])
    if not table.comparable:
        return sql.SQL(_KEYLESS).format(**parts)
    names = [sql.Identifier(f"k{number}") for number in range(len(table.key))]
    return sql.SQL(_KEYED).format(
        **parts,
        keys=sql.SQL(_KEYS).format(parts=_typed_keys(table, names), oid=parts["oid"]),
        texts=sql.SQL(", ").join(sql.SQL("k.{}::text").format(name) for name in names),
        match=sql.SQL(" AND ").join(
            sql.SQL("t.{} = k.{}").format(sql.Identifier(column.name), name)
            for column, name in zip(table.key, names, strict=True)
        ),
    )


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
