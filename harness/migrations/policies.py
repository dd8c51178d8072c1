"""What row level security shows after the migration and showed before: counted on made-up rows, as no owner sees it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from harness.migrations.findings import Finding, Severity
from harness.migrations.rehearsal import Rehearsal
from harness.migrations.running import run_units
from harness.migrations.schema import Schema, quoted_label
from harness.migrations.telling import finding
from harness.migrations.tracing import Failure, execute, failure_of

__all__ = ["check_policies"]

PHASE = "schema"
_EVERY_ROW = "true"


@dataclass(frozen=True, slots=True)
class _Asked:
    """Conditions of policies: one of `permitting` must hold, and all of `restricting`."""

    permitting: frozenset[str]
    restricting: frozenset[str]

    @property
    def sql(self) -> str:
        parts = [] if _EVERY_ROW in self.permitting else [" OR ".join(sorted(self.permitting))]
        parts += sorted(self.restricting)
        return " AND ".join(f"({part})" for part in parts) if len(parts) > 1 else "".join(parts) or _EVERY_ROW

    def narrower(self, then: _Asked) -> bool:
        """Whether it may hide what was shown."""
        wider = _EVERY_ROW in self.permitting or self.permitting >= then.permitting
        return not (wider and self.restricting <= then.restricting)


def check_policies(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    """Tables of which a SELECT finds fewer rows, since their policies ask for more than they did."""
    before = rehearsal.before
    asked: dict[str, tuple[str, str]] = {}
    for table in sorted(after.tables):
        then, now = _shown_if(before, table), _shown_if(after, table)
        if before.is_table(table) and after.is_table(table) and then and now and now.narrower(then):
            asked[table] = then.sql, now.sql
    if not asked:
        return
    template = rehearsal.sized(min(rehearsal.options.rows, 1000))
    with rehearsal.clone(template) as database, database.connect() as connection:
        counts = {table: _count(connection, table, then) for table, (then, _) in asked.items()}
        run_units(connection, rehearsal.units)
        for table, (_, condition) in asked.items():
            found, kept = counts[table], _count(connection, table, condition)
            if isinstance(found, Failure) or not found:
                told = "no made-up row passed before, so what is hidden cannot be counted here"
            elif isinstance(kept, Failure):
                told = f"a session that sets nothing is told {kept}"
            else:
                told = f"{found - kept:,} of {found:,} made-up rows do not pass in a session that sets nothing"
            if isinstance(found, Failure) or isinstance(kept, Failure) or not found or kept < found:
                yield _hidden(rehearsal, table, condition, told)


def _hidden(rehearsal: Rehearsal, table: str, condition: str, told: str) -> Finding:
    evidence = (
        f"whoever does not own {table} finds only rows with {condition}: {told}; does the running release fit to that?"
    )
    statement = rehearsal.altering(table.rsplit(".", maxsplit=1)[-1], "policy", "row level security")
    remedy = (
        "-- first release code whose sessions fit to the policies; as its login\n"
        f"SELECT count(*) FROM {quoted_label(table)} WHERE NOT coalesce({condition}, false);"
    )
    return finding(
        "compat.rows-hidden",
        Severity.MEDIUM,
        PHASE,
        statement,
        evidence,
        table=table,
        status="predicted",
        remedy=remedy,
    )


def _shown_if(schema: Schema, table: str) -> _Asked | None:
    """What SELECT asks of a row, whatever the role; None where nothing permits any."""
    if not schema.tables.get(table, {}).get("row_security"):
        return _Asked(frozenset({_EVERY_ROW}), frozenset())
    mine = [p for p in schema.policies.values() if p["table"] == table and p["command"] in {"*", "r"}]
    permitting = frozenset(p["using"] or _EVERY_ROW for p in mine if p["permissive"])
    restricting = frozenset(p["using"] for p in mine if not p["permissive"] and p["using"]) - {_EVERY_ROW}
    return _Asked(permitting, restricting) if permitting else None


def _count(connection: psycopg.Connection[Any], table: str, condition: str) -> int | Failure:
    try:
        with connection.transaction():
            row = execute(connection, f"SELECT count(*) FROM {quoted_label(table)} WHERE {condition}").fetchone()
    except psycopg.Error as problem:
        return failure_of(problem)
    return int(row[0]) if row else 0
