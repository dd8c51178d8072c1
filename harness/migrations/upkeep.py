"""What a table loses without which it goes on for a while: what tells its rows apart, and who clears up after it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from harness.migrations.actions import quoted
from harness.migrations.findings import Finding, Severity
from harness.migrations.publications import published, update_refused
from harness.migrations.rehearsal import Rehearsal
from harness.migrations.running import run_units
from harness.migrations.schema import Schema, quoted_label
from harness.migrations.statements import Statement
from harness.migrations.telling import finding

__all__ = ["check_upkeep"]

PHASE = "schema"
_OFF = " (disabled)"


def check_upkeep(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    """Tables that were there and have no primary key, no replica identity or no autovacuum now, and triggers switched off."""
    before = rehearsal.before
    kept = [label for label in before.tables if before.is_table(label) and after.is_table(label)]
    bare = [t for t in kept if before.primary_key(t) and not after.primary_key(t) and t not in after.partitions]
    unnamed = [t for t in kept if after.tables[t]["unreplicated"] and not before.tables[t]["unreplicated"]]
    known, refused = _replicated(rehearsal, after, {*bare, *unnamed})
    for table in sorted({*bare, *unnamed}):
        key = ", ".join(map(quoted, before.primary_key(table)))
        told = [f"the primary key ({key}) is gone and none took its place"] if table in bare else []
        dropped = _identity_dropped(rehearsal, after, table) if table in unnamed else None
        if table in unnamed:
            lost = f"{table} has lost the index of its REPLICA IDENTITY"
            told.append(lost if dropped else f"{table} has REPLICA IDENTITY NOTHING")
        if table in known:
            told.append(f"{table} is published by {known[table]}")
        if table in refused:
            told.append(f"with {table} in a publication an UPDATE says {refused[table]}")
        hazard, words = (
            ("schema.no-primary-key", ("drop", "rename"))
            if table in bare
            else ("schema.no-replica-identity", ("replica identity",))
        )
        yield finding(
            hazard,
            Severity.BLOCKER if table in known and table in refused else Severity.MEDIUM,
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
        known = dict(published(connection).keys())
        run_units(connection, rehearsal.units)
        for table in tables:
            probe = f"CREATE PUBLICATION harness_probe FOR TABLE {quoted_label(table)}"
            if said := update_refused(connection, after, table, probe):
                refused[table] = said
    return known, refused
