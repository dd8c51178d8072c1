"""`_prisma_migrations`: what Prisma believes to be applied (MIGRATIONS.md 4)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from harness.migrations.reading import Script

__all__ = ["Entry", "applied", "record", "stuck"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the table."""

    name: str
    checksum: str
    finished: bool
    rolled_back: bool


def applied(connection: psycopg.Connection[Any]) -> list[Entry]:
    """The table's rows, oldest first; empty when there is no such table."""
    row = connection.execute("SELECT to_regclass('_prisma_migrations') IS NOT NULL").fetchone()
    if not row or not row[0]:
        return []
    rows = connection.execute(
        "SELECT migration_name, checksum, finished_at IS NOT NULL, rolled_back_at IS NOT NULL FROM _prisma_migrations ORDER BY started_at"
    ).fetchall()
    return [Entry(*entry) for entry in rows]


def stuck(entries: Sequence[Entry]) -> Entry | None:
    """A migration that began and neither finished nor was rolled back: Prisma stops there with P3009."""
    return next((entry for entry in entries if not entry.finished and not entry.rolled_back), None)


def record(connection: psycopg.Connection[Any], script: Script) -> None:
    """Enter `script` as applied, as `migrate deploy` would have."""
    connection.execute(
        "INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, logs, rolled_back_at, started_at, applied_steps_count) "
        "VALUES (%s, %s, now(), %s, NULL, NULL, now(), 1)",
        (str(uuid.uuid4()), script.checksum, script.name),
    )
