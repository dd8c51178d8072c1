"""What the schema asks of new rows and never asked of those that were there: a constraint that is NOT VALID in the baseline.

Production may hold rows that do not keep it, and no INSERT makes one while it is there: it is taken off, and put back as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg

from harness.migrations.schema import Schema

__all__ = ["unproved"]

_NOT_VALID = """
SELECT CASE WHEN k.conrelid <> 0 THEN 'ALTER TABLE ' || k.conrelid::regclass ELSE 'ALTER DOMAIN ' || k.contypid::regtype END,
       quote_ident(k.conname), pg_get_constraintdef(k.oid), k.contype::text, k.conrelid::int8, k.conname::text,
       ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey))
  FROM pg_constraint k
 WHERE NOT k.convalidated AND k.contype IN ('c', 'f', 'n') AND k.coninhcount = 0 AND k.conparentid = 0
   AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)
 ORDER BY k.oid
"""  # one that is not enforced refuses nothing anyway


@contextmanager
def unproved(connection: psycopg.Connection[Any], schema: Schema) -> Iterator[Schema]:
    """The schema without what no existing row was held against, while none of it is in the database."""
    found = connection.execute(_NOT_VALID).fetchall()
    for head, name, *_ in found:
        connection.execute(f"{head} DROP CONSTRAINT {name}")
    tables = {int(entry["oid"]): label for label, entry in schema.tables.items()}
    of_tables = [(tables.get(relation, ""), kind, name, columns) for *_, kind, relation, name, columns in found]
    gone = {f"{table}.{name}" for table, _, name, _ in of_tables}
    nullable = {(table, column) for table, kind, _, columns in of_tables if kind == "n" for column in columns}
    yield replace(
        schema,
        constraints={name: entry for name, entry in schema.constraints.items() if name not in gone},
        columns={
            key: replace(column, not_null=False) if key in nullable else column
            for key, column in schema.columns.items()
        },
    )
    for head, name, definition, *_ in found:
        connection.execute(f"{head} ADD CONSTRAINT {name} {definition}")
