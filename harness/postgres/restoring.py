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

# Whether the rows of a table came to stand in their order; they do not when the first free room is behind later room.
_FUNCTIONS: LiteralString = """
CREATE FUNCTION harness.refill(one oid) RETURNS boolean LANGUAGE plpgsql AS $harness$
DECLARE
    ordered boolean;
BEGIN
    CASE one {refills} ELSE RAISE EXCEPTION 'no way back is known for table %', one; END CASE;
    RETURN coalesce(ordered, true);
END $harness$;

CREATE FUNCTION harness.restore_rows(since pg_lsn, OUT touched oid[], OUT disordered oid[])
LANGUAGE plpgsql AS $harness$
DECLARE
    one oid;
BEGIN
    disordered := '{{}}';
    touched := ARRAY(SELECT DISTINCT relation FROM harness.journal WHERE at >= since AND relation <> 0);
    FOREACH one IN ARRAY touched LOOP
        CASE one {repairs} ELSE NULL; END CASE;
    END LOOP;
END $harness$;

CREATE FUNCTION harness.restore_sequences() RETURNS text[] LANGUAGE plpgsql AS $harness$
DECLARE
    moved text[] := '{{}}';
BEGIN
    {sequences}
    RETURN moved;
END $harness$;
"""

_REFILL: LiteralString = """
        WHEN {oid} THEN
            DELETE FROM ONLY {table};
            WITH put AS (
                INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {values}
                FROM harness.base b CROSS JOIN LATERAL (SELECT b.line::{table} AS line OFFSET 0) r
                WHERE b.relation = {oid} ORDER BY b.place RETURNING ctid AS place
            ), steps AS (SELECT place > lag(place) OVER () AS forward FROM put)
            SELECT bool_and(forward) INTO ordered FROM steps;
"""

_REPAIR_ALL: LiteralString = """
        WHEN {oid} THEN
            IF NOT harness.refill({oid}) THEN
                disordered := disordered || {oid}::oid;
            END IF;
"""

# Rows that were not there in the beginning are simply deleted.
_REPAIR_FEW: LiteralString = """
        WHEN {oid} THEN
            IF NOT EXISTS (SELECT FROM {keys} k JOIN harness.base b ON b.relation = {oid} AND b.key = ARRAY[{texts}])
            THEN
                DELETE FROM ONLY {table} t USING {keys} k WHERE {match};
            ELSIF NOT harness.refill({oid}) THEN
                disordered := disordered || {oid}::oid;
            END IF;
"""

_REPAIR_MANY: LiteralString = """
        WHEN {oid} THEN
            DELETE FROM ONLY {table} t USING {keys} k WHERE {match};
            INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {values}
            FROM {keys} k JOIN harness.base b ON b.relation = {oid} AND b.key = ARRAY[{texts}]
            CROSS JOIN LATERAL (SELECT b.line::{table} AS line OFFSET 0) r;
"""

_KEYS: LiteralString = """(
            SELECT DISTINCT {parts} FROM harness.journal j, LATERAL (VALUES (j.before), (j.after)) v(line)
            WHERE j.at >= since AND j.relation = {oid} AND v.line IS NOT NULL)"""

_SEQUENCE: LiteralString = """
    IF (SELECT (last_value, is_called) IS DISTINCT FROM ({value}::bigint, {called}) FROM {sequence}) THEN
        PERFORM setval({oid}::regclass, {value}, {called});
        moved := moved || {shown}::text;
    END IF;"""


_AS_THE_JOURNAL_TELLS: LiteralString = """
    SET LOCAL timezone = 'UTC'; SET LOCAL intervalstyle = 'postgres'; SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'
"""


def install_restoring(connection: psycopg.Connection[Any]) -> None:
    """Keep the rows of every watched table in `harness.base`, and write the functions that put them back."""
    tables = read_tables(connection)
    connection.execute(_AS_THE_JOURNAL_TELLS)
    rows = {table.oid: connection.execute(_keep(table)).rowcount for table in tables}
    connection.execute("CREATE INDEX base_key ON harness.base (relation, key)")
    restorable = [table for table in tables if table.in_place]
    connection.execute(
        sql.SQL(_FUNCTIONS).format(
            refills=_joined([sql.SQL(_REFILL).format(**_parts(table)) for table in restorable]),
            repairs=_joined([_repair(table, rows[table.oid]) for table in restorable]),
            sequences=sql.SQL("").join(
                _sequence(connection, *row) for row in connection.execute(_SEQUENCES).fetchall()
            ),
        )
    )


def _joined(branches: list[sql.Composed]) -> sql.Composed:
    return sql.SQL("").join(branches or [sql.SQL("WHEN 0 THEN NULL;").format()])


def _keep(table: Table) -> sql.Composed:
    columns = [sql.SQL('"the row".{}::text').format(sql.Identifier(column.name)) for column in table.key]
    key = sql.SQL("ARRAY[{}]").format(sql.SQL(", ").join(columns)) if table.comparable else sql.SQL("NULL::text[]")
    return sql.SQL(
        'INSERT INTO harness.base (relation, key, line, said) SELECT {}, {}, "the row"::text, row_to_json("the row") FROM ONLY {} "the row"'
    ).format(sql.Literal(table.oid), key, table.identifier)


def _repair(table: Table, rows: int) -> sql.Composed:
    """What to do with a table: all its rows again when they have no keys, or are few, so that their order comes back
    too; else those whose keys the journal names."""
    if not table.comparable:
        return sql.SQL(_REPAIR_ALL).format(**_parts(table))
    parts = _parts(table) | _key_parts(table)
    return sql.SQL(_REPAIR_FEW if rows <= FEW else _REPAIR_MANY).format(**parts)


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
