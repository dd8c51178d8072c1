"""Run a migration with its own transactions and nothing else, stopping at the first failure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from harness.migrations.batches import Unit, needs_transaction, refuses_transaction, sets_out
from harness.migrations.tracing import Failure, execute_any, failure_of

__all__ = ["Outcome", "run_units"]

Inspect = Callable[[psycopg.Connection[Any], Unit], None]


@dataclass(slots=True)
class Outcome:
    """How far it went. `counts` maps the position of a unit to the rows its command tag tells."""

    done: int = 0
    failure: Failure | None = None
    failed: Unit | None = None
    counts: dict[int, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every statement ran."""
        return self.failure is None


def run_units(
    connection: psycopg.Connection[Any],
    units: Sequence[Unit],
    inspect: Inspect | None = None,
    after_each: Callable[[Unit], None] = lambda _: None,
) -> Outcome:
    """Run `units` over an autocommit connection; `after_each` is called after each, within its transaction.

    When one fails and `inspect` is given, it is called in the state right before that statement; then everything of
    the statement's own transaction is rolled back.
    """
    outcome = Outcome()
    for position, unit in enumerate(units):
        following = units[position + 1].transaction if position + 1 < len(units) else None
        try:
            _enter(connection, unit)
            _one(connection, unit, outcome, position, returns=inspect is not None)
            after_each(unit)
            _leave(connection, unit, following)
        except psycopg.Error as problem:
            outcome.failure, outcome.failed = failure_of(problem), unit
            if connection.closed:  # it ended its own session, and what was open is rolled back
                return outcome
            if inspect is not None:
                _look_before(connection, unit, inspect)
            if connection.info.transaction_status.name != "IDLE":
                connection.execute("ROLLBACK")
            return outcome
        outcome.done += 1
    return outcome


def _enter(connection: psycopg.Connection[Any], unit: Unit) -> None:
    if unit.transaction is not None and connection.info.transaction_status.name == "IDLE" and not unit.explicit:
        connection.execute("BEGIN")


def _one(connection: psycopg.Connection[Any], unit: Unit, outcome: Outcome, position: int, *, returns: bool) -> None:
    inside = returns and connection.info.transaction_status.name == "INTRANS"
    savepoint = inside and _may_be_saved(unit)
    if savepoint:
        connection.execute("SAVEPOINT harness_step")
    cursor = execute_any(connection, unit.statement, unit.longest)
    if cursor is not None and (cursor.statusmessage or "").split()[:1] in (
        ["UPDATE"],
        ["DELETE"],
        ["INSERT"],
        ["MERGE"],
    ):
        outcome.counts[position] = cursor.rowcount
    if savepoint:
        connection.execute("RELEASE SAVEPOINT harness_step")


def _may_be_saved(unit: Unit) -> bool:
    """Whether a savepoint may stand before it: a transaction's mode is set in none."""
    return (
        not sets_out(unit.statement)
        and not refuses_transaction(unit.statement)
        and unit.statement.kind != "TransactionStmt"
    )


def _leave(connection: psycopg.Connection[Any], unit: Unit, following: int | None) -> None:
    if connection.info.transaction_status.name != "IDLE" and not unit.explicit and following != unit.transaction:
        connection.execute("COMMIT")


def _look_before(connection: psycopg.Connection[Any], unit: Unit, inspect: Inspect) -> None:
    """Back to the savepoint (or to the committed state), then let `inspect` look."""
    if connection.info.transaction_status.name == "INERROR":
        can_return = _may_be_saved(unit)
        connection.execute(
            "ROLLBACK TO SAVEPOINT harness_step" if can_return and not needs_transaction(unit.statement) else "ROLLBACK"
        )
    inspect(connection, unit)
