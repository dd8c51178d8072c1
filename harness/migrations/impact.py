"""Phase 5: traffic while the migration applies, behind a long reader and an idle transaction (MIGRATIONS.md 1.1).

Twice: as the migration stands, and with a short lock timeout and retries. What hurts is not the statement but the queue
behind it, so what is measured is how long others waited.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import HarnessFault
from harness.migrations.findings import Finding, Severity
from harness.migrations.patience import Patience, Progress, run_patiently
from harness.migrations.rehearsal import Rehearsal
from harness.migrations.schema import quoted_label
from harness.migrations.telling import finding
from harness.migrations.tracing import execute
from harness.migrations.traffic import Counts, SqlTraffic, Traffic

if TYPE_CHECKING:
    from harness.postgres import Database

__all__ = ["Course", "Impact", "default_traffic", "measure_impact"]

PHASE = "traffic"
_WAITING = """
SELECT count(DISTINCT pid), coalesce(extract(epoch FROM max(clock_timestamp() - waitstart)), 0)::float8 FROM pg_locks
WHERE NOT granted AND pid <> %s AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())
"""
_NAMED = re.compile(r'(?:column|relation|type|constraint) "(?:[^".]+\.)?([^"]+)"')
_WARM_UP = 0.25  # seconds of traffic before anything happens
PATIENCE = 10.0  # seconds that an application gets for its first requests
_AFTER = 0.25  # and after everything is over
_NO_HELP = (
    "-- a short lock_timeout did not help here ({}): the statement itself holds the lock that long once it has it.\n"
    "-- first what makes it work for less time: see the findings rewrite, scan.* and index.* of this check"
)


@dataclass(frozen=True, slots=True)
class Course:
    """One run of the migration under traffic. Seconds; `blocked` is the most sessions that waited for a lock at one moment, without the one that migrates;
    `lock_wait` is the longest such wait, as the server tells it, whatever else makes a request slow."""

    name: str
    requests: int
    failures: int
    refused: int
    by_visitor: dict[str, int]
    worst_wait: float
    worst_before: float
    blocked: int
    lock_wait: float
    deadlocks: int
    attempts: int
    seconds: float
    applied: bool
    failure: str
    errors: dict[str, int]
    late_requests: int
    late_failures: int
    late_errors: dict[str, int]

    def line(self) -> str:
        """For the terminal."""
        state = (
            f"in after {self.attempts} attempt{'s' * (self.attempts != 1)} and {self.seconds:.2f} s"
            if self.applied
            else f"NOT in: {self.failure}"
        )
        return (
            f"{self.name:<28} {state}; {self.requests} requests, {self.failures} failed; "
            f"worst wait {self.worst_wait * 1000:.0f} ms; {self.blocked} sessions blocked; {self.deadlocks} deadlocks"
        )


@dataclass(frozen=True, slots=True)
class Impact:
    """Both courses, what the traffic was, and how long the transactions in the way were open."""

    traffic: str
    held_open: float
    courses: tuple[Course, ...] = field(default=())

    def lines(self) -> list[str]:
        """For the terminal."""
        head = f"{self.traffic}; a long reader and an idle transaction held open for {self.held_open:.1f} s"
        return [head, *(course.line() for course in self.courses)]


def default_traffic(rehearsal: Rehearsal) -> Traffic:
    """The booking flow when the baseline is the booking application's history, else SQL on the touched tables."""
    for script in rehearsal.plan.baseline:
        folder = next((parent for parent in script.path.resolve().parents if (parent / "history.txt").is_file()), None)
        if folder is not None and (folder.parent / "catalogues" / "production.yaml").is_file():
            return _booking(folder.parent)
    return SqlTraffic(rehearsal.before, sorted(rehearsal.touched))


def _booking(fixtures: Path) -> Traffic:
    from harness.migrations.bookingtraffic import BookingTraffic

    return BookingTraffic(fixtures)


def measure_impact(rehearsal: Rehearsal, traffic: Traffic | None) -> tuple[Impact | None, list[Finding]]:
    """Run both courses and judge them; no impact when the traffic does not fit the schema."""
    chosen = traffic or default_traffic(rehearsal)
    if chosen.fits(rehearsal.before):
        chosen = SqlTraffic(rehearsal.before, sorted(rehearsal.touched))
        if why := chosen.fits(rehearsal.before):
            rehearsal.notes.append(f"no traffic: {why}")
            return None, []
    held = rehearsal.options.traffic_seconds
    courses = (
        _course(rehearsal, chosen, "as it stands", Patience(lock_timeout=None, attempts=1), held),
        _course(
            rehearsal,
            chosen,
            "lock timeout and retries",
            Patience(lock_timeout=0.1, attempts=60, first_pause=0.2, longest_pause=0.4),
            held,
        ),
    )
    impact = Impact(chosen.name, held, courses)
    return impact, list(_judge(rehearsal, impact))


def _course(rehearsal: Rehearsal, traffic: Traffic, name: str, patience: Patience, held: float) -> Course:
    template = rehearsal.sized(rehearsal.options.rows).derive(f"traffic {traffic.name}", traffic.prepare)
    with rehearsal.clone(template) as database:
        return _Scene(rehearsal, traffic, database).play(name, patience, held)


class _Scene:
    """Traffic, two transactions in the way, a watcher, and the migration."""

    def __init__(self, rehearsal: Rehearsal, traffic: Traffic, database: Database) -> None:
        self.rehearsal, self.traffic, self.database = rehearsal, traffic, database
        self.counts, self.stop, self.over = Counts(), threading.Event(), threading.Event()
        self.blocked = 0
        self.lock_wait = 0.0
        self.migrating = 0  # the process that migrates: it waits too, and is not counted
        self.broken: list[BaseException] = []

    def play(self, name: str, patience: Patience, held: float) -> Course:
        threads = [
            threading.Thread(target=self._traffic),
            threading.Thread(target=self._watch),
        ]
        for thread in threads:
            thread.start()
        try:
            self._warm_up()
            worst_before, self.counts.worst = self.counts.worst, 0.0
            progress, seconds = self._migrate_behind(patience, held)
            self.counts.migrated()
            time.sleep(_AFTER)
        finally:
            self.stop.set()
            self.over.set()
            for thread in threads:
                thread.join()
        if self.broken:
            raise self.broken[0]
        if self.counts.requests == 0:
            raise HarnessFault(f"the traffic ({self.traffic.name}) made no request: nothing was measured.")
        return self._told(name, progress, seconds, worst_before)

    def _traffic(self) -> None:
        try:
            self.traffic.run(self.database, self.stop, self.counts)
        except BaseException as problem:  # noqa: BLE001 - handed on to the thread that waits, which raises it
            self.broken.append(problem)

    def _warm_up(self) -> None:
        """Until the traffic flows, at most PATIENCE: an application needs its first connections."""
        deadline = time.monotonic() + PATIENCE
        while self.counts.requests < 5 and not self.broken and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(_WARM_UP)

    def _migrate_behind(self, patience: Patience, held: float) -> tuple[Progress, float]:
        """Open the two transactions, start the migration, let go of them after `held` seconds, wait for its end."""
        done: list[tuple[Progress, float]] = []
        tables = [table for table in sorted(self.rehearsal.touched) if self.rehearsal.before.is_table(table)][:4]
        with self.database.connect() as reader, self.database.connect() as idle:
            for connection in (reader, idle):
                connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
                for table in tables:
                    execute(connection, f"SELECT 1 FROM {quoted_label(table)} LIMIT 1")
            migration = threading.Thread(target=lambda: done.append(self._migrate(patience)))
            migration.start()
            until = time.monotonic() + held
            while time.monotonic() < until:
                execute(
                    reader, f"SELECT count(*) FROM {quoted_label(tables[0])}" if tables else "SELECT 1"
                )  # a report at work
                time.sleep(0.05)
            idle.execute("ROLLBACK")
            reader.execute("ROLLBACK")
            migration.join()
        return done[0]

    def _migrate(self, patience: Patience) -> tuple[Progress, float]:
        start = time.perf_counter()
        with self.database.connect() as connection:
            self.migrating = connection.info.backend_pid
            progress = run_patiently(connection, self.rehearsal.units, patience)
        return progress, time.perf_counter() - start

    def _watch(self) -> None:
        with self.database.connect() as connection:
            while not self.over.is_set():
                row = connection.execute(_WAITING, (self.migrating,)).fetchone()
                if row is not None:
                    self.blocked = max(self.blocked, int(row[0]))
                    self.lock_wait = max(self.lock_wait, float(row[1]))
                time.sleep(0.02)

    def _told(self, name: str, progress: Progress, seconds: float, worst_before: float) -> Course:
        with self.database.connect() as connection:
            row = connection.execute(
                "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
            ).fetchone()
        counts = self.counts
        return Course(
            name=name,
            requests=counts.requests,
            failures=counts.failures,
            refused=counts.refused,
            by_visitor=dict(counts.by_visitor),
            worst_wait=counts.worst,
            worst_before=worst_before,
            blocked=self.blocked,
            lock_wait=self.lock_wait,
            deadlocks=int(row[0]) if row else 0,
            attempts=len(progress.attempts),
            seconds=seconds,
            applied=progress.failure is None,
            failure=f"{progress.failed_at}: {progress.failure}" if progress.failure else "",
            errors=dict(counts.errors.most_common(5)),
            late_requests=counts.late_requests,
            late_failures=counts.late_failures,
            late_errors=dict(counts.late_errors.most_common(5)),
        )


def _judge(rehearsal: Rehearsal, impact: Impact) -> Iterator[Finding]:
    bare, patient = impact.courses
    statement = rehearsal.speaks_of()
    if bare.blocked and bare.lock_wait > impact.held_open / 2:
        helps = patient.applied and patient.worst_wait < bare.worst_wait
        better = (
            f"with lock_timeout = 100ms and retries {patient.worst_wait:.2f} s, in at attempt {patient.attempts}"
            if patient.applied
            else "retries did not get in"
        )
        evidence = (
            f"behind a transaction of {impact.held_open:.1f} s, {bare.blocked} session{'s were' if bare.blocked > 1 else ' was'} blocked, "
            f"one for {bare.lock_wait:.2f} s, and the worst request took "
            f"{bare.worst_wait:.2f} s (before: {bare.worst_before:.2f} s); {better}"
        )
        yield finding(
            "lock.queue", Severity.MEDIUM, PHASE, statement, evidence, remedy="" if helps else _NO_HELP.format(better)
        )
    for course in impact.courses:
        if course.deadlocks:
            evidence = f"{course.deadlocks} deadlocks in {course.seconds:.1f} s ({course.name})"
            yield finding("lock.deadlock", Severity.HIGH, PHASE, statement, evidence)
            break
    if bare.late_failures or patient.late_failures:
        worst = bare if bare.late_failures else patient
        evidence = f"{worst.late_failures} of {worst.late_requests} requests after the migration failed: {_listed(worst.late_errors)}"
        named = _NAMED.search(next(iter(worst.late_errors), ""))
        cause = rehearsal.speaks_of(named[1]) if named else statement
        yield finding("compat.requests-fail", Severity.BLOCKER, PHASE, cause, evidence)
    if not bare.applied:
        yield finding(
            "check.not-applied", Severity.MEDIUM, PHASE, statement, f"under traffic it did not get in: {bare.failure}"
        )


def _listed(errors: dict[str, int]) -> str:
    return "; ".join(f"{text} ({count})" for text, count in list(errors.items())[:3])
