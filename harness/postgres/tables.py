"""What the catalogue says about the tables that a sandbox watches: columns, keys, names."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from msgspec import Struct
from psycopg import sql
from psycopg.rows import dict_row

__all__ = ["KeyColumn", "Table", "read_tables"]


class KeyColumn(Struct, frozen=True):
    """A column of a key, and its type as SQL writes it."""

    name: str
    type: str


class Table(Struct, frozen=True):
    """A table with rows of its own (a partition too). `shown` is the name that evidence uses."""

    oid: int
    schema: str
    name: str
    shown: str
    columns: tuple[str, ...]  # those that may be written: generated ones are left out
    key: tuple[KeyColumn, ...]  # empty: rows have no identity but their content
    comparable: bool  # the key's values can be read back from JSON, so rows can be put back one by one
    in_place: bool  # rows can be put back: it has columns, and no trigger or rule that would fire meanwhile

    @property
    def identifier(self) -> sql.Identifier:
        """The qualified, quoted name."""
        return sql.Identifier(self.schema, self.name)

    def key_of(self, row: dict[str, Any]) -> dict[str, Any]:
        """The key of a row; the whole row when the table has none."""
        return {column.name: row.get(column.name) for column in self.key} if self.key else row


# The key: the primary key, else the first unique index whose columns may not be null. `root` is the table that a
# partition belongs to in the end.
_TABLES: LiteralString = r"""
WITH RECURSIVE ancestry AS (
    SELECT oid AS leaf, oid AS relation FROM pg_catalog.pg_class WHERE oid = ANY (%(oids)s)
    UNION ALL
    SELECT a.leaf, i.inhparent FROM ancestry a JOIN pg_catalog.pg_class c ON c.oid = a.relation AND c.relispartition
    JOIN pg_catalog.pg_inherits i ON i.inhrelid = a.relation
), roots AS (
    SELECT a.leaf, a.relation FROM ancestry a JOIN pg_catalog.pg_class c ON c.oid = a.relation
    WHERE NOT c.relispartition
), keys AS (
    SELECT DISTINCT ON (i.indrelid) i.indrelid, i.indkey::int2[] AS attributes
    FROM pg_catalog.pg_index i
    WHERE i.indrelid = ANY (%(oids)s) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = i.indrelid
                      AND a.attnum = ANY (i.indkey::int2[]) AND NOT a.attnotnull)
    ORDER BY i.indrelid, i.indisprimary DESC, i.indexrelid
)
SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name,
       CASE WHEN rn.nspname = 'public' THEN rc.relname ELSE rn.nspname || '.' || rc.relname END AS shown,
       ARRAY(SELECT a.attname FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
             AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum)::text[] AS columns,
       ARRAY(SELECT a.attname FROM unnest(k.attributes) WITH ORDINALITY AS u(attribute, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.attribute
             ORDER BY place)::text[] AS key,
       ARRAY(SELECT pg_catalog.format_type(a.atttypid, a.atttypmod)
             FROM unnest(k.attributes) WITH ORDINALITY AS u(attribute, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.attribute
             ORDER BY place)::text[] AS key_types,
       NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
                   WHERE a.attrelid = c.oid AND a.attnum = ANY (k.attributes) AND t.typtype <> 'e'
                     AND a.atttypid NOT IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'name'::regtype,
                         'uuid'::regtype, 'int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype,
                         'oid'::regtype, 'boolean'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype,
                         'date'::regtype, 'time'::regtype, 'bytea'::regtype)) AS comparable,
       NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND t.tgenabled IN ('A', 'R')
                   AND t.tgname NOT LIKE '00\_harness\_%%')
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_rewrite w WHERE w.ev_class = c.oid AND w.ev_enabled IN ('A', 'R'))
       AS in_place
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN roots r ON r.leaf = c.oid JOIN pg_catalog.pg_class rc ON rc.oid = r.relation
JOIN pg_catalog.pg_namespace rn ON rn.oid = rc.relnamespace
LEFT JOIN keys k ON k.indrelid = c.oid
WHERE c.oid = ANY (%(oids)s) ORDER BY c.oid
"""


def read_tables(connection: psycopg.Connection[Any], oids: list[int] | None = None) -> list[Table]:
    """The tables with these oids; all watched ones when None."""
    if oids is None:
        oids = [int(oid) for (oid,) in connection.execute("SELECT oid FROM harness.watched").fetchall()]
    with connection.cursor(row_factory=dict_row) as cursor:
        return [_table(row) for row in cursor.execute(_TABLES, {"oids": oids})]


def _table(row: dict[str, Any]) -> Table:
    key = tuple(KeyColumn(name, kind) for name, kind in zip(row["key"], row["key_types"], strict=True))
    return Table(
        oid=row["oid"],
        schema=row["schema"],
        name=row["name"],
        shown=row["shown"],
        columns=tuple(row["columns"]),
        key=key,
        comparable=bool(key) and row["comparable"],
        in_place=row["in_place"] and bool(row["columns"]),
    )
