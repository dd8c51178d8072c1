"""Columns where a migration wrote nothing but values that were missing, whatever statement it used for that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from harness.migrations.fingerprints import Change
from harness.migrations.rehearsal import Rehearsal
from harness.migrations.schema import quoted_label, quoted_name
from harness.migrations.tracing import execute

if TYPE_CHECKING:
    from harness.postgres import Template

__all__ = ["fills_only_gaps"]

_MOST = 100_000  # rows that are compared one by one


def fills_only_gaps(
    rehearsal: Rehearsal,
    template: Template,
    after: psycopg.Connection[Any],
    change: Change,
    *,
    rows_go: bool = False,
) -> bool:
    """Whether every row of `template` that had a value in the column still has it, told apart by its primary key.

    `rows_go`: those that are not there any more do not count.
    """
    column = rehearsal.before.columns.get((change.table, change.column))
    key = rehearsal.before.primary_key(change.table)
    if change.kind != "values changed" or column is None or column.not_null or not key:
        return False
    names = ", ".join(map(quoted_name, key))
    value = quoted_name(change.column)
    sql = f"SELECT ROW({names})::text, {value}::text FROM {quoted_label(change.table)} LIMIT {_MOST}"
    with rehearsal.clone(template) as database, database.connect() as before:
        then, now = _values(before, sql), _values(after, sql)
    if then is None or now is None or len(then) >= _MOST:
        return False
    kept = {row: text for row, text in then.items() if text is not None and (row in now or not rows_go)}
    return kept.items() <= now.items()


def _values(connection: psycopg.Connection[Any], sql: str) -> dict[str, str | None] | None:
    try:
        with connection.transaction(force_rollback=True):
            return dict(execute(connection, sql).fetchall())
    except psycopg.Error:
        return None
