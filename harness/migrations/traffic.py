"""What runs against the database while a migration applies: plain SQL for any schema, or the booking flow itself.

A `Traffic` is asked whether it fits a schema, prepares a database, and then runs until it is stopped.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import psycopg

from harness.migrations.schema import Schema, quoted_label, quoted_name
from harness.migrations.tracing import execute

if TYPE_CHECKING:
    from harness.postgres import Database

__all__ = ["Counts", "SqlTraffic", "Traffic", "run_in_threads"]


@dataclass(slots=True)
class Counts:
    """What came of it. `refused` are answers that the application means (401 from the legacy one); seconds."""

    requests: int = 0
    failures: int = 0
    refused: int = 0
    worst: float = 0.0
    by_visitor: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    late_errors: Counter[str] = field(default_factory=Counter)
    late_failures: int = 0  # after the migration had ended: no lock explains them
    late_requests: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _late: bool = False

    def add(self, visitor: str, seconds: float, error: str = "", *, refused: bool = False) -> None:
        """One request; `error` is empty when it did what it should."""
        with self._lock:
            self.requests += 1
            self.by_visitor[visitor] += 1
            self.worst = max(self.worst, seconds)
            self.refused += refused
            self.late_requests += self._late
            if error:
                self.failures += 1
                self.errors[error] += 1
                if self._late:
                    self.late_failures += 1
                    self.late_errors[error] += 1

    def migrated(self) -> None:
        """From now on requests meet the new schema."""
        self._late = True


class Traffic(Protocol):
    """Anonymous and authenticated requests of the running release, until stopped."""

    name: str

    def fits(self, schema: Schema) -> str:
        """Empty when it can run on this schema, else why not."""
        ...

    def prepare(self, connection: psycopg.Connection[Any]) -> None:
        """What it needs there beyond the baseline: rows, tables of its own. Called once; both courses get copies."""
        ...

    def run(self, database: Database, stop: threading.Event, counts: Counts) -> None:
        """Returns when `stop` is set and every request has ended."""
        ...


def run_in_threads(workers: Sequence[Callable[[], None]]) -> None:
    """Run all of them and wait; the first exception of any of them is raised here."""
    problems: list[BaseException] = []

    def guarded(worker: Callable[[], None]) -> Callable[[], None]:
        def work() -> None:
            try:
                worker()
            except BaseException as problem:  # noqa: BLE001 - raised below, in the thread that waits
                problems.append(problem)

        return work

    threads = [threading.Thread(target=guarded(worker)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


@dataclass
class SqlTraffic:
    """Readers and writers on the tables that the migration touches, as an object mapper would: every column, by key."""

    schema: Schema
    tables: Sequence[str]
    readers: int = 6
    writers: int = 2
    name: str = "SQL on the touched tables"

    def fits(self, schema: Schema) -> str:
        """Needs a touched table."""
        return (
            ""
            if any(schema.is_table(table) for table in self.tables)
            else "the migration touches no table that was there"
        )

    def prepare(self, connection: psycopg.Connection[Any]) -> None:
        """Nothing: the generated rows are enough."""
        del connection

    def run(self, database: Database, stop: threading.Event, counts: Counts) -> None:
        """One connection a thread, one statement after the other."""
        reads = [self._read(table) for table in self.tables if self.schema.is_table(table)]
        writes = [sql for table in self.tables if self.schema.is_table(table) and (sql := self._write(table))]
        workers = [self._worker(database, stop, counts, "reader", reads) for _ in range(self.readers)]
        workers += [self._worker(database, stop, counts, "writer", writes) for _ in range(self.writers) if writes]
        run_in_threads(workers)

    def _worker(
        self, database: Database, stop: threading.Event, counts: Counts, visitor: str, statements: Sequence[str]
    ) -> Callable[[], None]:
        def work() -> None:
            with database.connect() as connection:
                while not stop.is_set():
                    for sql in statements:
                        self._one(connection, sql, visitor, counts)
                    time.sleep(0.002)

        return work

    def _one(self, connection: psycopg.Connection[Any], sql: str, visitor: str, counts: Counts) -> None:
        start = time.perf_counter()
        try:
            try:
                execute(connection, sql)
            except (
                psycopg.errors.FeatureNotSupported
            ):  # "cached plan must not change result type": compat.cached-plan tells it
                connection.execute("DEALLOCATE ALL")  # what an object mapper does, for once
                execute(connection, sql)
        except psycopg.Error as problem:
            counts.add(visitor, time.perf_counter() - start, f"{problem.sqlstate}: {problem.diag.message_primary}")
            return
        counts.add(visitor, time.perf_counter() - start)

    def _read(self, table: str) -> str:
        names = ", ".join(quoted_name(column.name) for column in self.schema.columns_of(table))
        return f"SELECT {names} FROM {quoted_label(table)} LIMIT 5"

    def _write(self, table: str) -> str:
        """Writes one row as it is, so that nothing changes but the locks are taken."""
        key = self.schema.primary_key(table)
        plain = [
            c.name for c in self.schema.columns_of(table) if c.name not in key and not c.generated and not c.identity
        ]
        if not key or not plain:
            return ""
        pairs = " AND ".join(f"row.{quoted_name(name)} = one.{quoted_name(name)}" for name in key)
        picked = ", ".join(map(quoted_name, key))
        source = f"(SELECT {picked} FROM {quoted_label(table)} LIMIT 1 OFFSET floor(random() * 20)::int)"
        return f"UPDATE {quoted_label(table)} AS row SET {quoted_name(plain[0])} = row.{quoted_name(plain[0])} FROM {source} AS one WHERE {pairs}"
