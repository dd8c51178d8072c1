"""What a session keeps when a migration is done: settings, another role, locks of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import psycopg

from harness.migrations.findings import Finding, Severity
from harness.migrations.rehearsal import Rehearsal
from harness.migrations.settings import with_settings
from harness.migrations.telling import finding

__all__ = ["Session", "check_session"]

PHASE = "failure"
_SETTINGS = (
    "search_path",
    "session_replication_role",
    "row_security",
    "role",
    "default_transaction_read_only",
    "default_transaction_isolation",
    "default_tablespace",
    "synchronous_commit",
    "statement_timeout",
    "TimeZone",
)
_LESSER = {"statement_timeout", "TimeZone"}  # set with good reason, and seldom harmful where the session goes on
_TAKE = re.compile(r"pg_(?:try_)?advisory_lock", re.IGNORECASE)
_LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()"


@dataclass(frozen=True, slots=True)
class Session:
    """Its settings by name, and the number of advisory locks that it holds outside of transactions."""

    settings: Mapping[str, str]
    locks: int

    @classmethod
    def of(cls, connection: psycopg.Connection[Any]) -> Self:
        """As it is now; `connection` is in no transaction."""
        with with_settings(connection) as own:
            rows = connection.execute(
                "SELECT name, current_setting(name) FROM unnest(%s::text[]) AS wanted (name)", [list(_SETTINGS)]
            ).fetchall()
            held = connection.execute(_LOCKS).fetchone()
        return cls({**dict(rows), **own}, int(held[0]) if held else 0)


def check_session(rehearsal: Rehearsal, before: Session, after: Session) -> Iterator[Finding]:
    """Findings about what is otherwise in the session after the migration than it was before."""
    runners = {rehearsal.runner(script) for script in rehearsal.plan.target}
    ends = runners == {"psql"}  # with the file, unless a pool keeps the connection
    for name in _SETTINGS:
        then, now = before.settings[name], after.settings[name]
        if then == now:
            continue
        statement = rehearsal.speaks_of(name) if name != "role" else rehearsal.altering("role", "set")
        severity = Severity.LOW if ends else Severity.MEDIUM
        if name in _LESSER:
            severity = Severity.INFO if ends else Severity.LOW
        evidence = f"{name} was {then or 'empty'} and is {now or 'empty'} for the session when the migration is done"
        yield finding("tx.session-left", severity, PHASE, statement, evidence, names={"undo": f"RESET {name}"})
    if after.locks > before.locks:
        statement = next((s for s in rehearsal.statements if _TAKE.search(s.text)), rehearsal.speaks_of("advisory"))
        evidence = f"{after.locks - before.locks} advisory locks are held by the session when the migration is done"
        if after.locks - before.locks == 1:
            evidence = "an advisory lock is held by the session when the migration is done: who waits for it waits until the session ends"
        severity = Severity.LOW if ends else Severity.MEDIUM
        undo = "SELECT pg_advisory_unlock_all()"
        yield finding("tx.session-left", severity, PHASE, statement, evidence, names={"undo": undo})
