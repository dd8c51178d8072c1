"""The schema between the statements: where names move within a migration, what one means depends on where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from harness.migrations.actions import actions
from harness.migrations.batches import Unit
from harness.migrations.rehearsal import Rehearsal
from harness.migrations.running import run_units
from harness.migrations.schema import Schema, snapshot

__all__ = ["stages"]

_OF_ROWS = {"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "CopyStmt", "SelectStmt", "TransactionStmt"}


def stages(rehearsal: Rehearsal) -> Sequence[Schema]:
    """The schema before each statement and after the last, without rows; nothing where no name moves, or it does not run."""
    if not any(action.kind.startswith("rename_") for s in rehearsal.statements for action in actions(s)):
        return ()
    seen = [rehearsal.before]

    def look(connection: psycopg.Connection[Any], unit: Unit) -> None:
        seen.append(seen[-1] if unit.statement.kind in _OF_ROWS else snapshot(connection))

    with rehearsal.clone(rehearsal.base) as database, database.connect() as connection:
        complete = run_units(connection, rehearsal.units, after_each=lambda unit: look(connection, unit)).complete
    return seen if complete else ()
