"""Get a lock without making anybody wait: a short lock_timeout, and again after a pause that grows."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import psycopg

from harness.migrations.batches import Unit, may_commit, refuses_transaction
from harness.migrations.tracing import Failure, execute_any, failure_of

__all__ = ["Attempt", "Patience", "Progress", "groups", "run_patiently"]

_AGAIN = {"55P03", "40P01"}  # lock not available, deadlock


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds. `lock_timeout` None waits without bound, as a bare migration does."""

    lock_timeout: float | None = 0.1
    attempts: int = 60
    first_pause: float = 0.05
    longest_pause: float = 2.0

    def pause(self, attempt: int) -> float:
        """Doubles up to `longest_pause`, with a little jitter so that two do not meet again and again."""
        longest = min(self.longest_pause, self.first_pause * 2.0 ** min(attempt - 1, 20))
        return longest * random.uniform(0.8, 1.2)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one transaction, which begins at `line` of `file`."""

    file: str
    line: int
    number: int
    seconds: float
    failure: Failure | None


@dataclass(slots=True)
class Progress:
    """What was tried; `failure` is what ended it, None when everything is in. `written` counts rows by table."""

    attempts: list[Attempt] = field(default_factory=list)
    committed: int = 0
    failure: Failure | None = None
    failed_at: str = ""  # FILE:LINE where the transaction that failed begins
    written: dict[str, int] = field(default_factory=dict)


def groups(units: Sequence[Unit]) -> list[list[Unit]]:
    """Statements that share a transaction; one outside any is a group of its own."""
    keys = [unit.transaction if unit.transaction is not None else -number for number, unit in enumerate(units, start=1)]
    numbered = list(zip(keys, units, strict=True))
    return [[unit for _, unit in group] for _, group in groupby(numbered, key=lambda pair: pair[0])]


def run_patiently(
    connection: psycopg.Connection[Any],
    units: Sequence[Unit],
    patience: Patience,
    *,
    sleep: Callable[[float], None] = time.sleep,
    tell: Callable[[Attempt], None] | None = None,
) -> Progress:
    """Run each transaction until it gets its locks, at most `patience.attempts` times. Needs an autocommit connection.

    A file's own SET lock_timeout holds from where it stands. Statements that refuse a transaction run without a
    timeout: they wait for old transactions by design. So do those that may commit themselves, and they are tried once:
    what they committed would be done again.
    """
    progress = Progress()
    for group in groups(units):
        for number in range(1, patience.attempts + 1):
            start = time.perf_counter()
            failure = _try(connection, group, patience, progress)
            begun = group[0].statement.position
            attempt = Attempt(begun.file, begun.line, number, time.perf_counter() - start, failure)
            progress.attempts.append(attempt)
            if tell is not None:
                tell(attempt)
            if failure is None or failure.sqlstate not in _AGAIN or number == patience.attempts or _commits(group):
                break
            sleep(patience.pause(number))
        if failure is not None:
            progress.failure, progress.failed_at = failure, group[0].statement.position.place
            return progress
        progress.committed += 1
    return progress


def _try(
    connection: psycopg.Connection[Any], group: Sequence[Unit], patience: Patience, progress: Progress
) -> Failure | None:
    alone = _commits(group) or (refuses_transaction(group[0].statement) and group[0].transaction is None)
    limit = 0 if alone or patience.lock_timeout is None else max(1, int(patience.lock_timeout * 1000))
    own = any(unit.explicit for unit in group)
    try:
        if group[0].statement.kind != "VariableSetStmt" and limit:
            connection.execute("SELECT set_config('lock_timeout', %s, false)", (f"{limit}ms",))
        elif alone:
            connection.execute("SET lock_timeout = 0")
        if not alone and not own:
            connection.execute("BEGIN")
        for unit in group:
            _send(connection, unit)
        if connection.info.transaction_status.name == "INTRANS":
            _count(connection, progress)
            connection.execute("COMMIT")
    except psycopg.Error as problem:
        if connection.closed:
            return failure_of(problem)
        if connection.info.transaction_status.name != "IDLE":
            connection.execute("ROLLBACK")
        return failure_of(problem)
    return None


def _commits(group: Sequence[Unit]) -> bool:
    return group[0].transaction is None and may_commit(group[0].statement)


def _send(connection: psycopg.Connection[Any], unit: Unit) -> None:
    execute_any(connection, unit.statement, unit.longest)


def _count(connection: psycopg.Connection[Any], progress: Progress) -> None:
    """Rows that this very transaction wrote: exact, whatever others do meanwhile.

    The schema `harness` is a throwaway database's own journal, which notes every change of the schema.
    """
    rows = connection.execute(
        "SELECT relid::regclass::text, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables "
        "WHERE n_tup_ins + n_tup_upd + n_tup_del > 0 AND schemaname <> 'harness'"
    ).fetchall()
    for table, count in rows:
        progress.written[table] = progress.written.get(table, 0) + int(count)
