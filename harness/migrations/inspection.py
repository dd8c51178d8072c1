"""What the migrated schema itself shows: keys without an index, cascades on an optional owner, types that nothing uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.errors import Position
from harness.migrations.actions import actions, quoted
from harness.migrations.attributes import check_attributes
from harness.migrations.bookkeeping import applied, stuck
from harness.migrations.computed import check_computed
from harness.migrations.findings import Finding, Severity
from harness.migrations.policies import check_policies, check_views_over
from harness.migrations.publications import check_publications
from harness.migrations.rehearsal import Rehearsal
from harness.migrations.schema import Schema
from harness.migrations.sequences import check_ends
from harness.migrations.statements import Statement
from harness.migrations.stepping import check_stepped_over
from harness.migrations.telling import finding
from harness.migrations.trust import check_trust
from harness.migrations.upkeep import check_upkeep
from harness.migrations.writing import emptied

__all__ = ["inspect_schema"]

PHASE = "schema"
_DELETES = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


def inspect_schema(rehearsal: Rehearsal) -> list[Finding]:
    """Findings about the schema that the migration leaves; empty when it leaves none."""
    after = rehearsal.after
    if after is None:
        return []
    return [
        *_keys(rehearsal, after),
        *_unproved(rehearsal, after),
        *_types(rehearsal, after),
        *_book(rehearsal),
        *check_stepped_over(rehearsal, after),
        *_unfinished(rehearsal, after),
        *_hidden(rehearsal, after),
        *_shown(rehearsal, after),
        *check_policies(rehearsal, after),
        *check_views_over(rehearsal, after),
        *_unlogged(rehearsal, after),
        *check_upkeep(rehearsal, after),
        *check_publications(rehearsal, after),
        *check_computed(rehearsal, after),
        *check_trust(rehearsal, after),
        *check_attributes(rehearsal, after),
        *check_ends(rehearsal, after),
    ]


def _unfinished(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    """Indexes of a partitioned table alone, which none of its partitions has joined."""
    for key, index in after.indexes.items():
        if not index["valid"] and key not in rehearsal.before.indexes and after.kind(str(index["table"])) == "p":
            evidence = f"{index['name']} on {index['table']} is INVALID when the migration is done: not every partition has its part"
            remedy = f"-- build it on each partition CONCURRENTLY, then\nALTER INDEX {quoted(str(index['name']))} ATTACH PARTITION …;"
            statement = rehearsal.speaks_of(str(index["name"]))
            yield finding(
                "index.invalid-left", Severity.LOW, PHASE, statement, evidence, table=str(index["table"]), remedy=remedy
            )


def _book(rehearsal: Rehearsal) -> Iterator[Finding]:
    """What `_prisma_migrations` of the baseline (a dump with its rows) says against the files."""
    if "_prisma_migrations" not in rehearsal.before.tables:
        return
    with rehearsal.clone(rehearsal.base) as database, database.connect() as connection:
        entries = applied(connection)
    known = {entry.name: entry for entry in entries if entry.finished and not entry.rolled_back}
    for script in (*rehearsal.plan.baseline, *rehearsal.plan.target):
        entry = known.get(script.name)
        if entry is not None and entry.checksum != script.checksum:
            where = Statement(1, script.name, Position(script.display), 1, None)
            evidence = f"applied with checksum {entry.checksum[:12]}…, the file has {script.checksum[:12]}…"
            yield finding("drift.edited-migration", Severity.HIGH, PHASE, where, evidence)
    if (halted := stuck(entries)) is not None:
        evidence = f"{halted.name} began and never finished: Prisma refuses to deploy with P3009"
        yield finding("rerun.stuck", Severity.BLOCKER, PHASE, rehearsal.statements[0], evidence)


def _hidden(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    """Commands that row level security answers with no row at all, where it did not before."""
    before = rehearsal.before
    for table in sorted(after.tables):
        new = [command for command in _unpermitted(after, table) if command not in _unpermitted(before, table)]
        forced = bool(after.tables[table]["forced"] and _unpermitted(after, table))
        if not new and not (forced and not before.tables.get(table, {}).get("forced")):
            continue
        words = ", ".join(new or _unpermitted(after, table))
        who = "only superusers and roles with BYPASSRLS reach" if forced else "only its owner reaches"
        evidence = f"row level security is on for {table} and no policy permits {words}: {who} its rows{', not even its owner' * forced}"
        severity = Severity.LOW if table not in before.tables else Severity.BLOCKER if forced else Severity.HIGH
        name = table.rsplit(".", maxsplit=1)[-1]
        yield finding(
            "compat.rows-hidden",
            severity,
            PHASE,
            rehearsal.altering(name, "row level security", "policy"),
            evidence,
            table=table,
            status="measured" if forced else "predicted",
            names={"name": quoted(name)},
        )


def _shown(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    """Tables whose policies do nothing any more."""
    for table, entry in after.tables.items():
        old = rehearsal.before.tables.get(table)
        if old and old["row_security"] and not entry["row_security"]:
            evidence = f"row level security was on for {table} and is off: whoever may SELECT sees every row of it"
            statement = rehearsal.altering(table.rsplit(".", maxsplit=1)[-1], "row level security")
            yield finding("compat.rows-shown", Severity.MEDIUM, PHASE, statement, evidence, table=table)


def _unpermitted(schema: Schema, table: str) -> list[str]:
    """What row level security lets nobody do on a table, since no permissive policy is for it."""
    if not schema.tables.get(table, {}).get("row_security"):
        return []
    permitted = {p["command"] for p in schema.policies.values() if p["table"] == table and p["permissive"]}
    return [] if "*" in permitted else [words for command, words in _COMMANDS.items() if command not in permitted]


_COMMANDS = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}


def _unlogged(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    for table, entry in after.tables.items():
        old = rehearsal.before.tables.get(table)
        if entry["unlogged"] and not (old and old["unlogged"]):
            what = "is unlogged from now on" if old else "is made as an unlogged table"
            evidence = f"{table} {what}: after a crash it is empty, and replicas have no row of it"
            statement = rehearsal.altering(table.rsplit(".", maxsplit=1)[-1], "unlogged")
            severity = Severity.HIGH if old else Severity.LOW
            yield finding("data.not-durable", severity, PHASE, statement, evidence, table=table)


def _keys(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    before = rehearsal.before
    for name, key in after.constraints.items():
        new = name not in before.constraints
        if key["kind"] == "f":
            columns = tuple(key["columns"])
            bared = not new and key["table"] in before.tables and _indexed(before, key["table"], columns)
            if (new or bared) and key["enforced"] and not _indexed(after, key["table"], columns):
                statement = _unindexing(rehearsal, key, columns) if bared else _about(rehearsal, key)
                evidence = (
                    f"{key['name']} on {key['table']} ({', '.join(columns)}) has no index that begins with its columns"
                )
                names = {"columns": ", ".join(map(quoted, columns))}
                yield finding(
                    "schema.fk-without-index", Severity.LOW, PHASE, statement, evidence, table=key["table"], names=names
                )
            yield from _cascade(rehearsal, after, key)
            yield from _emptying(rehearsal, after, name, key)
        if not key["enforced"] and (new or before.constraints[name]["enforced"]):
            yield _unenforced(rehearsal, key, new)
        elif not key["valid"] and (new or before.constraints[name]["valid"]):
            evidence = f"{key['name']} on {key['table']} is NOT VALID after this migration"
            yield finding(
                "schema.invalid-constraint",
                Severity.INFO,
                PHASE,
                _about(rehearsal, key),
                evidence,
                table=key["table"],
                names={"name": quoted(key["name"])},
            )


def _unproved(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    """NOT NULL on columns that may hold NULL all the same."""
    for name, key in after.unproved.items():
        if name in rehearsal.before.unproved:
            continue
        table = str(key["table"])
        evidence = f"{key['name']} on {table} is NOT VALID after this migration: {key['column']} may hold NULL, though it is called NOT NULL"
        statement = rehearsal.altering(table.rsplit(".", maxsplit=1)[-1], str(key["name"]).lower(), "not valid")
        names = {"name": quoted(str(key["name"]))}
        hazard = "schema.invalid-constraint"
        yield finding(hazard, Severity.INFO, PHASE, statement, evidence, table=table, names=names)


def _unenforced(rehearsal: Rehearsal, key: Any, new: bool) -> Finding:
    """What only looks like a constraint: rows are held against it neither now nor later, no DELETE is refused or passed on."""
    was = "is" if new else "was enforced and is"
    evidence = f"{key['name']} on {key['table']} {was} NOT ENFORCED after this migration: no row has to keep it"
    names = {"name": quoted(key["name"]), "definition": str(key["definition"]).removesuffix(" NOT ENFORCED")}
    severity = Severity.LOW if new else Severity.MEDIUM
    statement = _about(rehearsal, key)
    return finding("schema.not-enforced", severity, PHASE, statement, evidence, table=key["table"], names=names)


def _cascade(rehearsal: Rehearsal, after: Schema, key: Any) -> Iterator[Finding]:
    for column in key["columns"]:
        old = rehearsal.before.columns.get((key["table"], column))
        if old and old.not_null and not after.columns[(key["table"], column)].not_null and key["on_delete"] == "c":
            evidence = f"{key['table']}.{column} may be NULL now and {key['name']} is still ON DELETE {_DELETES[key['on_delete']]}"
            names = {"name": quoted(key["name"]), "columns": quoted(column), "parent": quoted(key["parent"])}
            statement = _about(rehearsal, key)
            yield finding(
                "schema.cascade-on-nullable", Severity.LOW, PHASE, statement, evidence, table=key["table"], names=names
            )


def _emptying(rehearsal: Rehearsal, after: Schema, name: str, key: Any) -> Iterator[Finding]:
    """A key that ON DELETE sets a column to NULL (or to a default that is none), where the column takes no NULL."""
    required = _emptied_required(after, key)
    old = rehearsal.before.constraints.get(name)
    known = _emptied_required(rehearsal.before, old) if old and old["kind"] == "f" else []
    for column in required:
        if key["enforced"] and column not in known:
            evidence = (
                f"{key['name']} on {key['table']} is ON DELETE {_DELETES[key['on_delete']]} and {column} is NOT NULL"
            )
            statement = _about(rehearsal, key)
            yield finding(
                "schema.empties-required",
                Severity.MEDIUM,
                PHASE,
                statement,
                evidence,
                table=key["table"],
                names={"column": quoted(column)},
            )


def _emptied_required(schema: Schema, key: Any) -> list[str]:
    columns = (schema.columns[(key["table"], name)] for name in emptied(key))
    return [c.name for c in columns if schema.requires(c) and (key["on_delete"] == "n" or c.default is None)]


def _types(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    for name, entry in after.types.items():
        old = rehearsal.before.types.get(name)
        if entry["used"] or (old is not None and not old["used"]):
            continue
        statement = next((s for s in rehearsal.statements if name in s.text), rehearsal.statements[0])
        what = "is used by no column" if old is None else "was used before this migration and is used by no column now"
        yield finding(
            "schema.unused-type", Severity.LOW, PHASE, statement, f"type {name} {what}", names={"name": quoted(name)}
        )


def _indexed(schema: Schema, table: str, columns: tuple[str, ...]) -> bool:
    return any(
        index["table"] == table
        and not index["partial"]
        and set((index["columns"] or ())[: len(columns)]) == set(columns)
        for index in schema.indexes.values()
    )


def _unindexing(rehearsal: Rehearsal, key: Any, columns: tuple[str, ...]) -> Statement:
    """The statement that names an index of the key's columns which is gone."""
    gone = [
        str(index["name"])
        for index in rehearsal.before.indexes.values()
        if index["table"] == key["table"] and tuple(index["columns"] or ())[: len(columns)] == columns
    ]
    return rehearsal.speaks_of(next((name for name in gone if any(name in s.text for s in rehearsal.statements)), ""))


def _about(rehearsal: Rehearsal, key: Any) -> Statement:
    """The statement that names the constraint, else one that names its column on its table."""
    for statement in rehearsal.lasting:
        if any(action.name == key["name"] and action.kind != "validate" for action in actions(statement)):
            return statement
    for statement in rehearsal.lasting:
        for action in actions(statement):
            if action.table and action.table.name == key["table"].split(".")[-1]:
                named = set(key["columns"] or ()) & {action.column, *action.columns}
                if named or action.kind == "create_table":
                    return statement
    return rehearsal.statements[0]
