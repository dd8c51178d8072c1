"""Logical replication: tables that a publication makes unchangeable, and what it does not carry any more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from harness.migrations.actions import quoted
from harness.migrations.findings import Finding, Severity
from harness.migrations.rehearsal import Rehearsal, ordered_labels
from harness.migrations.running import run_units
from harness.migrations.schema import Schema, quoted_label, quoted_name
from harness.migrations.telling import finding
from harness.migrations.tracing import execute

__all__ = ["check_publications", "published", "update_refused"]

PHASE = "schema"
_PUBLISHED = """
SELECT CASE WHEN t.schemaname = 'public' AND t.tablename !~ '[.]' THEN t.tablename ELSE t.schemaname || '.' || t.tablename END,
       t.pubname::text, t.attnames::text[], coalesce(t.rowfilter, '')
  FROM pg_publication_tables t
"""


@dataclass(frozen=True, slots=True)
class _Carried:
    """What a publication carries of a table."""

    columns: frozenset[str]
    rows: str  # the condition that they meet; empty for all


def published(connection: psycopg.Connection[Any]) -> Mapping[tuple[str, str], _Carried]:
    """By (table, publication) what of the table it carries."""
    rows = connection.execute(_PUBLISHED).fetchall()
    return {(table, name): _Carried(frozenset(columns or ()), condition) for table, name, columns, condition in rows}


def update_refused(connection: psycopg.Connection[Any], after: Schema, table: str, first: str = "SELECT") -> str:
    """What an UPDATE of no row says after `first`, for want of a replica identity; empty when it goes through."""
    column = next((c for c in after.columns_of(table) if not c.generated and c.identity != "a"), None)
    if column is None:
        return ""
    name = quoted_name(column.name)
    try:
        with connection.transaction(force_rollback=True):
            execute(connection, first)
            execute(connection, f"UPDATE {quoted_label(table)} SET {name} = {name} WHERE false")
    except (psycopg.errors.ObjectNotInPrerequisiteState, psycopg.errors.InvalidColumnReference) as problem:
        detail = problem.diag.message_detail if problem.sqlstate == "42P10" else ""
        return f"{problem.diag.message_primary}{f': {detail}' if detail else ''}"
    return ""


def check_publications(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    """Published tables that take no UPDATE any more, and tables of which subscribers get less than before, or nothing."""
    scripts = (*rehearsal.plan.baseline, *rehearsal.plan.target)
    if not any("PublicationStmt" in s.kind for script in scripts for s in script.source.statements):
        return
    before = rehearsal.before
    with rehearsal.clone(rehearsal.base) as database, database.connect() as connection:
        then = published(connection)
        kept = [table for table in before.tables if before.is_table(table) and after.is_table(table)]
        refused = {table for table in kept if update_refused(connection, before, table)}
        run_units(connection, rehearsal.units)
        now = published(connection)
        for table, name in sorted(now):
            said = update_refused(connection, after, table) if table in kept and table not in refused else ""
            bared = before.primary_key(table) and not after.primary_key(table)  # told as that
            if said and not bared and not after.tables[table]["unreplicated"]:
                yield _unchangeable(rehearsal, table, name, said, new=(table, name) not in then)
        for table, name in sorted(then):
            lost = _lost(then[table, name], now.get((table, name)), after, table)
            if table in kept and lost:
                yield _less(rehearsal, table, name, lost)


def _unchangeable(rehearsal: Rehearsal, table: str, publication: str, said: str, *, new: bool) -> Finding:
    evidence = f"{table} is published by {publication}{' from now on' * new}, and an UPDATE says {said}"
    remedy = f"-- first a primary key, or, for a while\nALTER TABLE {quoted_label(table)} REPLICA IDENTITY FULL;"
    if "Column list" in said:  # FULL asks for every column
        remedy = f"-- with the columns of its key among them\nALTER PUBLICATION {quoted(publication)} SET TABLE {quoted_label(table)} (…);"
    cause = rehearsal.altering(table.rsplit(".", maxsplit=1)[-1], "publication", "identity")
    return finding("schema.no-replica-identity", Severity.BLOCKER, PHASE, cause, evidence, table=table, remedy=remedy)


def _less(rehearsal: Rehearsal, table: str, publication: str, lost: str) -> Finding:
    cause = rehearsal.altering(table.rsplit(".", maxsplit=1)[-1], "publication", "rename", "detach")
    evidence = f"{publication} {lost.format(table=table)}"
    names = {"name": quoted(publication)}
    return finding("schema.unpublished", Severity.MEDIUM, PHASE, cause, evidence, table=table, names=names)


def _lost(then: _Carried, now: _Carried | None, after: Schema, table: str) -> str:
    if now is None:
        return "does not carry {table} any more"
    if then.rows != now.rows and now.rows:
        return f"carries only rows of {{table}} that meet {now.rows}"
    gone = sorted(name for name in then.columns - now.columns if (table, name) in after.columns)
    return f"carries {ordered_labels(gone)} of {{table}} no more" if gone else ""
