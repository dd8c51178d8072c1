"""What the running release may do besides reading and writing rows, and cannot do any more: tell rows apart in an upsert,
refresh a view beside its readers, call a function, reach an object at all, find the rows of a part through the whole."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg

from harness.errors import InputError
from harness.migrations.actions import quoted
from harness.migrations.findings import Finding, Severity
from harness.migrations.generator import row_sql
from harness.migrations.rehearsal import Rehearsal, ordered_labels
from harness.migrations.schema import Schema, quoted_label
from harness.migrations.telling import finding
from harness.migrations.tracing import Failure
from harness.migrations.writing import CODE_FIRST, attempt

__all__ = ["check_usage"]

PHASE = "compatibility"
_USED = {"SELECT", "INSERT", "UPDATE", "DELETE", "USAGE", "EXECUTE"}  # by an application while it runs
_NOT_CALLED = "SELECT oid::regprocedure::text FROM pg_proc WHERE prorettype = 'trigger'::regtype"


def check_usage(
    rehearsal: Rehearsal, new: Schema, before: psycopg.Connection[Any], after: psycopg.Connection[Any]
) -> Iterator[Finding]:
    """Findings about uses that the old schema allows and the new one does not. Both databases hold the same rows."""
    old = rehearsal.before
    yield from _upserts(rehearsal, new, before, after)
    yield from _refreshes(rehearsal, new, before, after)
    yield from _calls(rehearsal, old, new, before, after)
    yield from _privileges(rehearsal, old, new)
    yield from _parts(rehearsal, old, new, before, after)
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


def _new_failure(before: psycopg.Connection[Any], after: psycopg.Connection[Any], sql: str) -> Failure | None:
    """Why `sql` is refused now, if it was not before."""
    failure = attempt(after, sql)
    return failure if isinstance(failure, Failure) and not isinstance(attempt(before, sql), Failure) else None


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
                failure = _new_failure(before, after, sql)
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


def _refreshes(
    rehearsal: Rehearsal, new: Schema, before: psycopg.Connection[Any], after: psycopg.Connection[Any]
) -> Iterator[Finding]:
    for view in sorted(rehearsal.before.tables):
        lost = _unique(rehearsal.before, view).keys() - _unique(new, view).keys()
        if rehearsal.before.kind(view) != "m" or new.kind(view) != "m" or not lost:
            continue
        sql = f"REFRESH MATERIALIZED VIEW CONCURRENTLY {quoted_label(view)}"
        failure = _new_failure(before, after, sql)
        if failure is not None:
            evidence = f"REFRESH MATERIALIZED VIEW CONCURRENTLY {view} worked and now says {failure}"
            cause = rehearsal.speaks_of(_unique(rehearsal.before, view)[min(lost)])
            remedy = "-- build the successor of the unique index first, then drop this one"
            yield finding(
                "compat.old-app-write-fails", Severity.MEDIUM, PHASE, cause, evidence, table=view, remedy=remedy
            )


def _calls(
    rehearsal: Rehearsal, old: Schema, new: Schema, before: psycopg.Connection[Any], after: psycopg.Connection[Any]
) -> Iterator[Finding]:
    gone = [name for name in old.functions if name not in new.functions]
    of_triggers = {str(row[0]) for row in before.execute(_NOT_CALLED).fetchall()} if gone else set()
    for function in sorted(set(gone) - of_triggers):
        name, _, given = function.removesuffix(")").partition("(")
        values = ", ".join(f"NULL::{kind}" for kind in given.split(",")) if given else ""
        sql = f"EXPLAIN SELECT {name}({values})"
        failure = _new_failure(before, after, sql)
        if failure is not None:
            evidence = f"a call of {function} worked and now says {failure}: does the running release call it?"
            yield finding(
                "compat.old-app-read-fails",
                Severity.MEDIUM,
                PHASE,
                rehearsal.speaks_of(name.rsplit(".", maxsplit=1)[-1].strip('"')),
                evidence,
                status="predicted",
                remedy="-- keep the old signature beside the new one until no release calls it",
            )


def _privileges(rehearsal: Rehearsal, old: Schema, new: Schema) -> Iterator[Finding]:
    there = {line.split(": ", 1)[0] for line in new.grants}
    lost: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for line, owns in old.grants.items():
        label, _, text = line.partition(": ")
        privilege, _, role = text.removeprefix("grant ").removesuffix(" with grant option").partition(" to ")
        kept = {f"{label}: grant {privilege} to {who}" for who in (role, "PUBLIC")}
        kept |= {f"{grant} with grant option" for grant in kept}
        if privilege in _USED and label in there and not kept & new.grants.keys():
            lost[label, role, owns].append(privilege)
    for (label, role, owns), privileges in sorted(lost.items()):
        made_anew = _oid(old, label) != _oid(new, label)
        if owns and made_anew:
            continue  # whoever migrates owns what it makes
        who = "the owner until now" if owns else role
        why = "it was dropped and made anew" if made_anew else "it has another owner" if owns else "they are revoked"
        evidence = f"{who} had {ordered_labels(sorted(privileges))} on {label} and has not any more: {why}"
        bare = label.partition("(")[0].rsplit(".", maxsplit=1)[-1]
        words = ("drop", "rename") if made_anew else ("owner",) if owns else ("revoke",)
        is_table = label in old.tables
        yield finding(
            "compat.privileges-lost",
            Severity.HIGH if made_anew else Severity.MEDIUM,
            PHASE,
            rehearsal.altering(bare, *words),
            evidence,
            table=label if is_table else "",
            names={
                "privileges": ", ".join(sorted(privileges)),
                "object": ".".join(map(quoted, label.split(".", 1))) if is_table else label,
                "role": "…" if owns else role if role == "PUBLIC" else quoted(role),
            },
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


def _oid(schema: Schema, label: str) -> Any:
    """What tells a relation from another of the same name; None for other objects."""
    return schema.tables.get(label, {}).get("oid")


def _parts(
    rehearsal: Rehearsal, old: Schema, new: Schema, before: psycopg.Connection[Any], after: psycopg.Connection[Any]
) -> Iterator[Finding]:
    """Parts of a whole (partitions, children) that stand alone now: their rows are kept, and not found where they were."""
    for child, parent in sorted(old.partitions.items()):
        if child not in new.tables or parent not in new.tables or new.partitions.get(child) == parent:
            continue
        then, now = (attempt(each, f"SELECT FROM {quoted_label(parent)}") for each in (before, after))
        if isinstance(then, int) and isinstance(now, int) and now < then:
            evidence = f"{then - now:,} of {then:,} rows that queries of {parent} found are in {child} alone now"
            yield finding(
                "compat.rows-hidden",
                Severity.MEDIUM,
                PHASE,
                rehearsal.altering(child.rsplit(".", maxsplit=1)[-1], "detach", "inherit"),
                evidence,
                table=parent,
                remedy=f"-- first release code that does not ask {parent} for these rows, then migrate",
            )
