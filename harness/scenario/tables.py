"""The tables that scenarios may name: columns, their types, the values of enums. Read from the migrated schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from harness.errors import InputError, Position

if TYPE_CHECKING:
    from psycopg import Connection

    from harness.postgres import Question

__all__ = ["Tables", "every_row_of", "load_tables", "read_columns", "read_tables", "tables_text"]

_COLUMNS = """
SELECT c.relname AS "table", a.attname AS "column", format_type(a.atttypid, a.atttypmod) AS type
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum
"""
_ENUMS = """
SELECT t.typname, array_agg(e.enumlabel::text ORDER BY e.enumsortorder)
FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
WHERE t.typnamespace = 'public'::regnamespace GROUP BY t.typname ORDER BY t.typname
"""


class _File(Struct):
    tables: dict[str, dict[str, str]]
    enums: dict[str, tuple[str, ...]]


class Tables(Struct, frozen=True):
    """Table → column → PostgreSQL's name of the type; and the labels of each enum type."""

    columns: Mapping[str, Mapping[str, str]]
    enums: Mapping[str, tuple[str, ...]]

    def type_of(self, table: str, column: str) -> str | None:
        """The type of a column, or None when there is no such column."""
        return self.columns.get(table, {}).get(column)

    def labels(self, table: str, column: str) -> tuple[str, ...] | None:
        """The values of an enum column; None when the column is no enum."""
        return self.enums.get((self.type_of(table, column) or "").strip('"'))


def read_tables(connection: Connection[Any]) -> Tables:
    """The tables of schema `public` on an open connection."""
    with connection.cursor() as cursor:
        columns = _by_table(_tuples(cursor.execute(_COLUMNS)))
        enums = {name: tuple(labels) for name, labels in _tuples(cursor.execute(_ENUMS))}
    return Tables(columns, enums)


def read_columns(query: Callable[[str], list[dict[str, Any]]]) -> Mapping[str, Mapping[str, str]]:
    """Table → column → type of schema `public` as `query` (text → rows) finds them now."""
    return _by_table([tuple(row.values()) for row in query(_COLUMNS)])


@lru_cache(256)
def every_row_of(tables: tuple[str, ...]) -> Question:
    """One question for every row of each of `tables`: its name, and its rows as a JSON array ordered by their text."""
    from psycopg import sql

    from harness.postgres import question

    parts = [
        sql.SQL(
            "SELECT {} AS name, (SELECT json_agg(line ORDER BY line::text) FROM (SELECT to_jsonb(t) FROM {} AS t) AS q (line))::text"
        ).format(sql.Literal(table), sql.Identifier(table))
        for table in tables
    ]
    return question(sql.SQL(" UNION ALL ").join(parts).as_string(None))


def _by_table(rows: Iterable[tuple[Any, ...]]) -> dict[str, dict[str, str]]:
    columns: dict[str, dict[str, str]] = {}
    for table, column, kind in rows:
        columns.setdefault(table, {})[column] = kind
    return columns


def _tuples(cursor: Any) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) if isinstance(row, dict) else tuple(row) for row in cursor.fetchall()]


def tables_text(tables: Tables) -> str:
    """The text of `scenarios/tables.json`."""
    data = {
        "tables": {name: dict(columns) for name, columns in sorted(tables.columns.items())},
        "enums": dict(sorted(tables.enums.items())),
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def load_tables(path: Path, *, shown: str = "") -> Tables:
    """The tables of a file that `tables_text` wrote.

    Raises:
        InputError: the file is missing or is something else.
    """
    name = shown or str(path)
    try:
        data = msgspec.json.decode(path.read_bytes(), type=_File)
        return Tables(data.tables, data.enums)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"The list of tables cannot be read: {error}.", "Write it anew with `harness schema`.", Position(name)
        ) from None
