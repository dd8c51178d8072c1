"""What a table loses without which it goes on for a while: what tells its rows apart, and who clears up after it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import psycopg

from harness.migrations.actions import quoted
from harness.migrations.findings import Finding, Severity
from harness.migrations.rehearsal import Rehearsal
from harness.migrations.running import run_units
from harness.migrations.schema import Schema, quoted_label, quoted_name
from harness.migrations.statements import Statement
from harness.migrations.telling import finding
from harness.migrations.tracing import execute

__all__ = ["check_upkeep"]

PHASE = "schema"
_OFF = " (disabled)"
_PUBLISHED = (
    "SELECT CASE WHEN schemaname = 'public' AND tablename !~ '[.]' THEN tablename ELSE schemaname || '.' || tablename END, pubname "
    "FROM pg_publication_tables"
)


def check_upkeep(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    """Tables that were there and have no primary key, no replica identity or no autovacuum now, and triggers switched off."""
    before = rehearsal.before
    kept = [label for label in before.tables if before.is_table(label) and after.is_table(label)]
    bare = [t for t in kept if before.primary_key(t) and not after.primary_key(t) and t not in after.partitions]
    unnamed = [t for t in kept if after.tables[t]["unreplicated"] and not before.tables[t]["unreplicated"]]
    published, refused = _replicated(rehearsal, after, {*bare, *unnamed})
    for table in sorted({*bare, *unnamed}):
        key = ", ".join(map(quoted, before.primary_key(table)))
        told = [f"the primary key ({key}) is gone and none took its place"] if table in bare else []
        dropped = _identity_dropped(rehearsal, after, table) if table in unnamed else None
        if table in unnamed:
            lost = f"{table} has lost the index of its REPLICA IDENTITY"
            told.append(lost if dropped else f"{table} has REPLICA IDENTITY NOTHING")
        if table in published:
            told.append(f"{table} is published by {published[table]}")
        if table in refused:
            told.append(f"with {table} in a publication an UPDATE says {refused[table]}")
        hazard, words = (
            ("schema.no-primary-key", ("drop", "rename"))
            if table in bare
            else ("schema.no-replica-identity", ("replica identity",))
        )
        yield finding(
            hazard,
            Severity.BLOCKER if table in published and table in refused else Severity.MEDIUM,
            PHASE,
            dropped or rehearsal.altering(table.rsplit(".", maxsplit=1)[-1], *words),
            "; ".join(told),
            table=table,
            names={"columns": key, "name": quoted(_key_name(before, table))},
        )
    for table in kept:
        if after.tables[table]["unvacuumed"] and not before.tables[table]["unvacuumed"]:
            statement = rehearsal.altering(table.rsplit(".", maxsplit=1)[-1], "autovacuum")
            evidence = f"autovacuum_enabled is off for {table} when the migration is done"
            yield finding("schema.autovacuum-off", Severity.LOW, PHASE, statement, evidence, table=table)
    yield from _switched_off(rehearsal, after)
    yield from _gone_along(rehearsal, after)
    yield from _newly_published(rehearsal, after)


def _newly_published(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    """Tables that a publication of the migration makes unchangeable, since nothing tells their rows apart."""
    publishing = [s for s in rehearsal.statements if s.kind in {"CreatePublicationStmt", "AlterPublicationStmt"}]
    if not publishing:
        return
    with rehearsal.clone(rehearsal.base) as database, database.connect() as connection:
        then = connection.execute(_PUBLISHED).fetchall()
        run_units(connection, rehearsal.units)
        for table, publication in sorted(set(connection.execute(_PUBLISHED).fetchall()) - set(then)):
            refused = _update_refused(connection, after, table) if table in rehearsal.before.tables else ""
            if refused:
                evidence = f"{table} is published by {publication} from now on, and an UPDATE says {refused}"
                bare = table.rsplit(".", maxsplit=1)[-1]
                cause = next((s for s in publishing if bare in s.text), publishing[0])
                remedy = (
                    f"-- first a primary key, or, for a while\nALTER TABLE {quoted_label(table)} REPLICA IDENTITY FULL;"
                )
                yield finding(
                    "schema.no-replica-identity",
                    Severity.BLOCKER,
                    PHASE,
                    cause,
                    evidence,
                    table=table,
                    remedy=remedy,
                )


def _switched_off(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    for key, definition in after.triggers.items():
        table, _, name = key.rpartition(".")
        if definition.endswith(_OFF) and not rehearsal.before.triggers.get(key, _OFF).endswith(_OFF):
            evidence = f"trigger {name} of {table} is disabled when the migration is done"
            statement = rehearsal.altering(table.rsplit(".", maxsplit=1)[-1], "disable trigger")
            names = {"name": quoted(name)}
            yield finding("schema.trigger-off", Severity.MEDIUM, PHASE, statement, evidence, table=table, names=names)


def _gone_along(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    """Triggers that no statement names and that are gone: with their function, or with the table that had the name."""
    for key, definition in rehearsal.before.triggers.items():
        table, _, name = key.rpartition(".")
        named = any(name in statement.text for statement in rehearsal.statements)
        if key in after.triggers or named or not after.is_table(table) or definition.endswith(_OFF):
            continue
        evidence = f"trigger {name} of {table} is gone when the migration is done, and no statement names it"
        function = definition.rpartition("EXECUTE FUNCTION ")[2].partition("(")[0].rpartition(".")[2]
        cause = rehearsal.speaks_of(function or table.rpartition(".")[2])
        remedy = f"-- make it again, or drop it by its name\n{definition};"
        yield finding("schema.trigger-off", Severity.MEDIUM, PHASE, cause, evidence, table=table, remedy=remedy)


def _identity_dropped(rehearsal: Rehearsal, after: Schema, table: str) -> Statement | None:
    """The statement that drops the index which was the table's identity; None when NOTHING was asked for."""
    kept = {entry["oid"] for entry in after.indexes.values()}
    gone = {
        str(e["name"])
        for e in rehearsal.before.indexes.values()
        if e["table"] == table and e["identity"] and e["oid"] not in kept
    }
    return rehearsal.speaks_of(gone.pop()) if gone else None


def _key_name(schema: Schema, table: str) -> str:
    return next((str(k["name"]) for k in schema.constraints.values() if k["table"] == table and k["kind"] == "p"), "…")


def _replicated(
    rehearsal: Rehearsal, after: Schema, tables: Collection[str]
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Which of the tables the baseline publishes, by which publication; and what an UPDATE says once they are published."""
    refused: dict[str, str] = {}
    if not tables:
        return {}, refused
    with rehearsal.clone(rehearsal.base) as database, database.connect() as connection:
        published = {str(row[0]): str(row[1]) for row in connection.execute(_PUBLISHED).fetchall()}
        run_units(connection, rehearsal.units)
        for table in tables:
            probe = f"CREATE PUBLICATION harness_probe FOR TABLE {quoted_label(table)}"
            if said := _update_refused(connection, after, table, probe):
                refused[table] = said
    return published, refused


def _update_refused(connection: psycopg.Connection[Any], after: Schema, table: str, first: str = "SELECT") -> str:
    """What an UPDATE of no row says after `first`, for want of a replica identity; empty when it goes through."""
    column = next((c for c in after.columns_of(table) if not c.generated and c.identity != "a"), None)
    if column is None:
        return ""
    name = quoted_name(column.name)
    try:
        with connection.transaction(force_rollback=True):
            execute(connection, first)
            execute(connection, f"UPDATE {quoted_label(table)} SET {name} = {name} WHERE false")
    except psycopg.errors.ObjectNotInPrerequisiteState as problem:
        return str(problem.diag.message_primary)
    return ""
