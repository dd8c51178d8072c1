"""What the running release may do besides reading and writing rows, and cannot do any more: tell rows apart in an upsert,
refresh a view beside its readers, name a constraint or a sequence, find the rows of a part through the whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import psycopg

from harness.errors import InputError
from harness.migrations.actions import quoted
from harness.migrations.calls import check_calls
from harness.migrations.findings import Finding, Severity
from harness.migrations.generator import row_sql
from harness.migrations.privileges import check_privileges
from harness.migrations.rehearsal import Rehearsal
from harness.migrations.schema import Schema, quoted_label
from harness.migrations.telling import finding
from harness.migrations.writing import CODE_FIRST, attempt, new_failure

__all__ = ["check_usage"]

PHASE = "compatibility"


def check_usage(
    rehearsal: Rehearsal, new: Schema, before: psycopg.Connection[Any], after: psycopg.Connection[Any]
) -> Iterator[Finding]:
    """Findings about uses that the old schema allows and the new one does not. Both databases hold the same rows."""
    old = rehearsal.before
    yield from _upserts(rehearsal, new, before, after)
    yield from _refreshes(rehearsal, new, before, after)
    yield from _constraint_names(rehearsal, new, before, after)
    yield from _numbers(rehearsal, new, before, after)
    yield from _steps(rehearsal, before, after)
    yield from check_calls(rehearsal, new, before, after)
    yield from check_privileges(rehearsal, new)
    yield from _regrouped(rehearsal, old, new, before, after)
    yield from _at_once(rehearsal, old, new)


def _unique(schema: Schema, table: str) -> dict[tuple[str, ...], str]:
    """Columns that an upsert may name, with the index that tells rows apart by them."""
    return {
        tuple(index["columns"] or ()): str(index["name"])
        for index in schema.indexes.values()
        if index["table"] == table
        and index["unique"]
        and index["valid"]
        and index["immediate"]
        and not index["partial"]
        and not index["expression"]
    }


def _upserts(
    rehearsal: Rehearsal, new: Schema, before: psycopg.Connection[Any], after: psycopg.Connection[Any]
) -> Iterator[Finding]:
    old = rehearsal.before
    for table in sorted(old.tables):
        if not old.is_table(table) or not new.is_table(table) or table in old.partitions:
            continue
        now = {frozenset(columns) for columns in _unique(new, table)}
        for columns, index in sorted(_unique(old, table).items()):
            if frozenset(columns) in now or any((table, column) not in new.columns for column in columns):
                continue
            upsert = f"ON CONFLICT ({', '.join(map(quoted, columns))})"
            with suppress(InputError):  # no row of this table can be made up; the rehearsal's notes say so
                sql = f"{row_sql(before, old, table, {})} {upsert} DO NOTHING"
                failure = new_failure(before, after, sql)
                if failure is not None:
                    evidence = f"INSERT INTO {table} … {upsert} worked and now says {failure}: does the running release do that?"
                    yield finding(
                        "compat.old-app-write-fails",
                        Severity.MEDIUM,
                        PHASE,
                        rehearsal.speaks_of(index),
                        evidence,
                        table=table,
                        status="predicted",
                        remedy=CODE_FIRST,
                    )


def _constraint_names(
    rehearsal: Rehearsal, new: Schema, before: psycopg.Connection[Any], after: psycopg.Connection[Any]
) -> Iterator[Finding]:
    """Constraints that an upsert may name, on the same columns under another name."""
    old = rehearsal.before
    for key, entry in sorted(old.constraints.items()):
        table, name = str(entry["table"]), str(entry["name"])
        if entry["kind"] not in {"u", "p", "x"} or key in new.constraints or not new.is_table(table):
            continue
        heirs = [str(e["name"]) for e in new.constraints.values() if _alike(e, entry)]
        with suppress(InputError):  # no row of this table can be made up; the rehearsal's notes say so
            sql = f"{row_sql(before, old, table, {})} ON CONFLICT ON CONSTRAINT {quoted(name)} DO NOTHING"
            failure = new_failure(before, after, sql) if heirs else None
            if failure is not None:
                evidence = (
                    f"INSERT INTO {table} … ON CONFLICT ON CONSTRAINT {name} worked and now says {failure}: it is called "
                    f"{heirs[0]}; does the running release say its name, or look for it in errors?"
                )
                cause = rehearsal.speaks_of(name)
                yield finding(
                    "compat.old-app-write-fails",
                    Severity.LOW,
                    PHASE,
                    cause,
                    evidence,
                    table=table,
                    status="predicted",
                    remedy=CODE_FIRST,
                )


def _alike(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    return all(left[part] == right[part] for part in ("table", "kind", "columns"))


def _numbers(
    rehearsal: Rehearsal, new: Schema, before: psycopg.Connection[Any], after: psycopg.Connection[Any]
) -> Iterator[Finding]:
    """Sequences that gave numbers, and are not found under their names any more."""
    old = rehearsal.before
    for sequence in old.sequences:
        if sequence in new.sequences:
            continue
        fed = [entry for entry in old.numbering.values() if entry["sequence"] == sequence]
        if fed and not any((entry["table"], entry["column"]) in new.columns for entry in fed):
            continue  # it went with its column, which is told
        failure = new_failure(before, after, f"SELECT nextval('{quoted_label(sequence)}')")
        if failure is not None:
            evidence = (
                f"nextval of {sequence} worked and now says {failure}: does the running release ask it for numbers?"
            )
            yield finding(
                "compat.old-app-write-fails",
                Severity.LOW if fed else Severity.MEDIUM,
                PHASE,
                rehearsal.speaks_of(sequence.rpartition(".")[2]),
                evidence,
                status="predicted",
                remedy="-- keep the sequence under its name until no release asks for it",
            )


_STEPS = """SELECT CASE WHEN schemaname = 'public' THEN sequencename ELSE schemaname || '.' || sequencename END, increment_by
FROM pg_sequences"""


def _steps(rehearsal: Rehearsal, before: psycopg.Connection[Any], after: psycopg.Connection[Any]) -> Iterator[Finding]:
    """Sequences that leave fewer numbers out: who takes a block of numbers for each that it is given meets others' numbers."""
    then, now = ({str(n): int(by) for n, by in each.execute(_STEPS).fetchall()} for each in (before, after))
    for sequence, step in sorted(then.items()):
        new_step = now.get(sequence, step)
        if abs(new_step) < abs(step):
            evidence = (
                f"{sequence} went on by {step} and goes on by {new_step} now: a running release that takes the numbers "
                "between for itself (allocationSize of Hibernate, a block for each call) writes keys that others have"
            )
            yield finding(
                "compat.old-app-write-fails",
                Severity.MEDIUM,
                PHASE,
                rehearsal.altering(sequence.rpartition(".")[2], "increment"),
                evidence,
                status="predicted",
                remedy="-- first release code that takes one number for each call, everywhere, then migrate",
            )


def _refreshes(
    rehearsal: Rehearsal, new: Schema, before: psycopg.Connection[Any], after: psycopg.Connection[Any]
) -> Iterator[Finding]:
    for view in sorted(rehearsal.before.tables):
        lost = _unique(rehearsal.before, view).keys() - _unique(new, view).keys()
        if rehearsal.before.kind(view) != "m" or new.kind(view) != "m" or not lost:
            continue
        sql = f"REFRESH MATERIALIZED VIEW CONCURRENTLY {quoted_label(view)}"
        failure = new_failure(before, after, sql)
        if failure is not None:
            evidence = f"REFRESH MATERIALIZED VIEW CONCURRENTLY {view} worked and now says {failure}"
            cause = rehearsal.speaks_of(_unique(rehearsal.before, view)[min(lost)])
            remedy = "-- build the successor of the unique index first, then drop this one"
            yield finding(
                "compat.old-app-write-fails", Severity.MEDIUM, PHASE, cause, evidence, table=view, remedy=remedy
            )


_LATER = re.compile(r" DEFERRABLE\b")


def _at_once(rehearsal: Rehearsal, old: Schema, new: Schema) -> Iterator[Finding]:
    """Constraints that could wait for the end of a transaction, and are held against each statement now."""
    for key, entry in old.constraints.items():
        now = new.constraints.get(key)
        if now is None or not _LATER.search(str(entry["definition"])) or _LATER.search(str(now["definition"])):
            continue
        evidence = (
            f"{entry['name']} on {entry['table']} could be checked when a transaction ends, and is checked at each statement "
            "now: does the running release write in an order that breaks it on the way?"
        )
        yield finding(
            "compat.old-app-write-fails",
            Severity.MEDIUM,
            PHASE,
            rehearsal.speaks_of(str(entry["name"])),
            evidence,
            table=str(entry["table"]),
            status="predicted",
            remedy=CODE_FIRST,
        )


def _regrouped(
    rehearsal: Rehearsal, old: Schema, new: Schema, before: psycopg.Connection[Any], after: psycopg.Connection[Any]
) -> Iterator[Finding]:
    """Parts of a whole (partitions, children) that stand alone now, and tables that are part of one now: queries of the whole
    find fewer rows, or more."""
    for part_of, elsewhere in ((old, new), (new, old)):
        for child, parent in sorted(part_of.partitions.items()):
            there = child in elsewhere.tables and parent in elsewhere.tables
            if not there or elsewhere.partitions.get(child) == parent:
                continue
            then, now = (attempt(each, f"SELECT FROM {quoted_label(parent)}") for each in (before, after))
            if not isinstance(then, int) or not isinstance(now, int):
                continue
            if part_of is old and now < then:
                evidence = f"{then - now:,} of {then:,} rows that queries of {parent} found are in {child} alone now"
                remedy = f"-- first release code that does not ask {parent} for these rows, then migrate"
                yield _other_rows(rehearsal, "compat.rows-hidden", child, parent, evidence, remedy, "detach")
            elif part_of is new and now > then:
                evidence = (
                    f"queries of {parent} found {then:,} rows and find {now:,} now, those of {child} among them; UPDATE and "
                    f"DELETE of {parent} reach them too"
                )
                remedy = f"-- does the running release count on these rows not being in {parent}? It can say FROM ONLY {quoted_label(parent)}"
                yield _other_rows(rehearsal, "compat.rows-shown", child, parent, evidence, remedy, "attach")


def _other_rows(
    rehearsal: Rehearsal, hazard: str, child: str, parent: str, evidence: str, remedy: str, word: str
) -> Finding:
    cause = rehearsal.altering(child.rsplit(".", maxsplit=1)[-1], word, "inherit")
    return finding(hazard, Severity.MEDIUM, PHASE, cause, evidence, table=parent, remedy=remedy)
