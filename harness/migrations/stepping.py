"""IF NOT EXISTS of what is there and is something else: the server looks at the name alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import psycopg

from harness.migrations.actions import Action, actions, quoted
from harness.migrations.findings import Finding, Severity
from harness.migrations.rehearsal import Rehearsal, ordered_labels
from harness.migrations.schema import Schema, quoted_label, snapshot
from harness.migrations.statements import Statement
from harness.migrations.telling import finding
from harness.migrations.tracing import execute

__all__ = ["check_stepped_over"]

PHASE = "schema"


def check_stepped_over(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    """A table that is there without a column, a column that is there and may be NULL, either with another type."""
    for statement in rehearsal.statements:
        for action in actions(statement):
            if (
                action.kind == "create_index"
                and action.if_exists
                and (differs := _other_index(rehearsal, after, statement))
            ):
                yield finding(
                    "check.stepped-over", Severity.HIGH, PHASE, statement, f"{differs} when the migration is done"
                )
                continue
            label = rehearsal.label(action.table.name, action.table.schema) if action.table else ""
            if not action.if_exists or label not in after.tables:
                continue
            differs = _lacking(after, action, label) or _nullable(rehearsal, after, action, label)
            differs = differs or _other_types(rehearsal, after, statement, action, label)
            if differs:
                evidence = f"{differs} when the migration is done"
                yield finding(
                    "check.stepped-over", Severity.HIGH, PHASE, statement, evidence, table=label, about=action.column
                )


def _lacking(after: Schema, action: Action, label: str) -> str:
    if action.kind != "create_table" or not action.node:
        return ""
    meant = [e["ColumnDef"]["colname"] for e in action.node.get("tableElts", ()) if "ColumnDef" in e]
    lacking = [quoted(name) for name in meant if (label, name) not in after.columns]
    return f"{label} is there already, and has no {ordered_labels(lacking)}" if lacking else ""


def _nullable(rehearsal: Rehearsal, after: Schema, action: Action, label: str) -> str:
    if action.kind != "add_column" or (label, action.column) not in rehearsal.before.columns:
        return ""
    now = after.columns.get((label, action.column))
    if "required" not in action.values or now is None or now.not_null:
        return ""
    return f"{label}.{action.column} is there already, and may be NULL"


def _other_types(rehearsal: Rehearsal, after: Schema, statement: Statement, action: Action, label: str) -> str:
    """What the statement makes where nothing is in its way has another type than what is left in its place."""
    if action.kind == "create_table":
        if not rehearsal.before.is_table(label):
            return ""
        away = f"DROP TABLE {quoted_label(label)} CASCADE"
    elif action.kind == "add_column" and (label, action.column) in rehearsal.before.columns:
        away = f"ALTER TABLE {quoted_label(label)} DROP COLUMN {quoted(action.column)} CASCADE"
    else:
        return ""
    meant = _made(rehearsal, statement, away)
    for (table, name), kind in meant.items():
        now = after.columns.get((table, name))
        concerned = table == label and (action.kind == "create_table" or name == action.column)
        if concerned and now is not None and now.type != kind:
            return f"{label}.{quoted(name)} is there already, and is {now.type}, not {kind}"
    return ""


def _other_index(rehearsal: Rehearsal, after: Schema, statement: Statement) -> str:
    """An index of that name (the first 63 bytes of it) is there already, and is on something else."""
    name = str(statement.node.get("idxname", "")).encode()[:63].decode(errors="ignore")
    there = next((e for key, e in rehearsal.before.indexes.items() if e["name"] == name and key in after.indexes), None)
    if there is None:
        return ""
    plain = statement.text.replace("CONCURRENTLY", "").replace("concurrently", "")
    with rehearsal.clone(rehearsal.base) as database, database.connect() as connection:
        schema = str(there["table"]).rpartition(".")[0] or "public"
        try:
            execute(connection, f"ALTER INDEX {quoted(schema)}.{quoted(name)} RENAME TO harness_stepped_over")
            execute(connection, plain, rehearsal.options.longest)
        except psycopg.Error:  # it rests on what comes before it in the file
            return ""
        made = next((e for e in snapshot(connection).indexes.values() if e["name"] == name), None)
    same = made is None or made["definition"] == there["definition"]
    return (
        ""
        if same or made is None
        else f"index {name} is there already, as {there['definition']}, not {made['definition']}"
    )


def _made(rehearsal: Rehearsal, statement: Statement, away: str) -> Mapping[tuple[str, str], str]:
    """Types by column after `away` and the statement; empty where they cannot be run on the old schema."""
    with rehearsal.clone(rehearsal.base) as database, database.connect() as connection:
        try:
            execute(connection, away)
            execute(connection, statement.text, rehearsal.options.longest)
        except psycopg.Error:  # it rests on what comes before it in the file, or on what was taken away
            return {}
        return {key: column.type for key, column in snapshot(connection).columns.items()}
