"""Rows that the user gives: a catalogue (`{Table: {key: {column: value}}}` as YAML) or SQL with INSERTs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import yaml
from psycopg import sql

from harness.errors import InputError, Position
from harness.migrations.batches import transaction_control
from harness.migrations.generator import insertion_order
from harness.migrations.schema import Schema
from harness.migrations.statements import split
from harness.migrations.tracing import execute_any

__all__ = ["Given", "insert_given", "read_given"]


@dataclass(frozen=True, slots=True)
class Given:
    """Either `rows` by table, or `script` as SQL."""

    file: str
    rows: Mapping[str, list[Mapping[str, Any]]]
    script: str = ""


def read_given(path: Path) -> Given:
    """Read a catalogue or an SQL file; raises InputError when it is neither."""
    if not path.is_file():
        raise InputError(f"{path} does not exist.", "Give a catalogue (.yaml) or a file of INSERTs (.sql).")
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".sql":
        return Given(str(path), {}, text)
    try:
        content = yaml.load(text, Loader=yaml.CBaseLoader)  # noqa: S506 - the base loader makes text only, no objects
    except yaml.YAMLError as problem:
        raise InputError(f"this is not YAML: {problem}", "", Position(str(path))) from problem
    if not isinstance(content, dict) or not all(isinstance(rows, dict) for rows in content.values()):
        raise InputError(
            "a catalogue maps table → key → row.", "See fixtures/catalogues/production.yaml.", Position(str(path))
        )
    return Given(str(path), {table: list(rows.values()) for table, rows in content.items()})


def insert_given(connection: psycopg.Connection[Any], schema: Schema, given: Given) -> None:
    """Insert the rows, parents first; columns that this schema does not have are left out, an unknown table is an error."""
    if given.script:
        _run_script(connection, given)
        return
    unknown = [table for table in given.rows if table not in schema.tables]
    if unknown:
        raise InputError(f"table {unknown[0]!r} of the catalogue is not in the baseline.", "", Position(given.file))
    for table in insertion_order(schema):
        for row in given.rows.get(table, ()):
            try:
                _insert(connection, schema, table, row)
            except psycopg.Error as problem:
                what = f"{table} refuses the row {row}: {problem.diag.message_primary or problem}"
                raise InputError(what, "The rows must fit the baseline.", Position(given.file)) from problem


def _run_script(connection: psycopg.Connection[Any], given: Given) -> None:
    """The user's own SQL, in one transaction."""
    with connection.transaction():
        for statement in split(given.script, given.file).statements:
            try:
                if not transaction_control(statement):
                    execute_any(connection, statement)
            except psycopg.Error as problem:
                what = f"the baseline refuses these rows: {problem.diag.message_primary or problem}"
                raise InputError(what, "The rows must fit the baseline.", statement.position) from problem


def _insert(connection: psycopg.Connection[Any], schema: Schema, table: str, row: Mapping[str, Any]) -> None:
    columns = [column for column in schema.columns_of(table) if column.name in row]
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
    relation = sql.Identifier(*table.split(".", 1))
    values = {column.name: _json_value(row[column.name]) for column in columns}
    query = sql.SQL(
        "INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE SELECT {names} FROM json_populate_record(NULL::{table}, %s)"
    )
    connection.execute(query.format(table=relation, names=names), (json.dumps(values),))


def _json_value(value: Any) -> Any:
    """Plain YAML text as PostgreSQL reads it; JSON columns and arrays stay structures."""
    return None if isinstance(value, str) and value in {"null", "~"} else value
