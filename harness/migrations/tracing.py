"""Run a migration statement by statement and see what each one does to locks, files, rows and WAL (MIGRATIONS.md 2).

The migration's transaction is kept open after each statement; a second connection reads `pg_locks`. Rewrites come from
an event trigger and from the file node; scans and index builds from PostgreSQL's own debug messages, which it also
sends on an empty table. Statements that refuse a transaction or commit themselves are sampled while they run, with a
reader held open.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg

from harness.migrations.batches import Unit, needs_transaction, refuses_transaction, sets_out
from harness.migrations.bounding import Endless, bounded
from harness.migrations.locks import Lock, Relations, blocks_reads, held_by, strongest
from harness.migrations.repeating import repeats
from harness.migrations.schema import Schema, quoted_label, snapshot
from harness.migrations.settings import with_settings
from harness.migrations.statements import Statement, without_passwords

__all__ = ["COMMITS_ITSELF", "Failure", "Observation", "execute", "execute_any", "trace"]

_STATE = """
SELECT set_config('client_min_messages', 'debug1', false), current_setting('lock_timeout'), (SELECT coalesce(min(extract(epoch FROM bound::interval) * 1000)::int8, 0)
   FROM unnest(ARRAY[current_setting('lock_timeout'), %(statement_timeout)s, current_setting('transaction_timeout', true)]) AS bound
  WHERE bound <> '0'), extract(epoch FROM %(statement_timeout)s::interval)::float8,
 (SELECT json_object_agg(oid::int8, pg_relation_filenode(oid)) FROM pg_class WHERE oid = ANY(%(oids)s) AND relkind IN ('r', 'm')),
 (SELECT json_object_agg(oid, ARRAY[pg_stat_get_xact_numscans(oid), pg_stat_get_xact_tuples_inserted(oid),
      pg_stat_get_xact_tuples_updated(oid), pg_stat_get_xact_tuples_deleted(oid)])
    FROM unnest(%(oids)s::oid[]) AS oid)
"""
_VERIFYING = re.compile(r'^(?:verifying|rewriting) table "(?P<table>.+)"$')
_FOREIGN = re.compile(r'^validating foreign key constraint "(?P<name>.+)"$')
_BUILDING = re.compile(r'^building index "(?P<index>.+)" on table "(?P<table>.+)"')
_PROVED = re.compile(r"^existing constraints on column .* are sufficient to prove")
_SCANS = {"AlterTableStmt", "AlterDomainStmt", "CreateStmt"}  # CREATE TABLE … PARTITION OF reads the default partition
_MOVES_FILES = {"VacuumStmt", "ClusterStmt", "AlterTableStmt"}
_NO_BLOCK = "25001"
COMMITS_ITSELF = "2D000"  # said where a transaction is open around what commits
_HELD_OPEN = 0.12  # seconds that a reader delays a sampled statement, so that short locks are seen


@dataclass(frozen=True, slots=True)
class Failure:
    """What the server said: SQLSTATE and message."""

    sqlstate: str
    message: str
    endless: bool = False  # the check cancelled it
    detail: str = field(default="", compare=False)  # what it said besides, or that this is left out: it may quote a row

    def __str__(self) -> str:
        return f"{self.sqlstate}: {self.message}"


@dataclass(slots=True)
class Observation:
    """What one statement did. Seconds are its own run time; `wal` is bytes, a magnitude and not a figure."""

    unit: Unit
    locks: frozenset[Lock] = frozenset()  # held at its end, or seen while it ran
    held: frozenset[Lock] = frozenset()  # by earlier statements of the same transaction, when it began
    rewritten: tuple[str, ...] = ()
    scanned: tuple[str, ...] = ()
    built: tuple[tuple[str, str], ...] = ()  # (index, table)
    written: Mapping[str, int] = field(default_factory=dict)  # rows inserted, updated or deleted by table
    counted: int = -1  # rows that the command tag tells; -1 without
    seconds: float = 0.0
    wal: int = 0
    lock_timeout: str = "0"
    longest_wait: int = 0  # milliseconds after which a timeout of the session ends its wait for a lock; 0 for none
    limit: float = 0.0  # statement_timeout in seconds; 0 for none
    warnings: tuple[str, ...] = ()
    failure: Failure | None = None
    sampled: bool = False
    commits: bool = False  # it ended transactions itself, as a backfill in batches does
    proved: bool = False  # NOT NULL was proved by a constraint, no scan

    @property
    def gained(self) -> frozenset[Lock]:
        """Locks that this statement took or made stronger."""
        return self.locks - self.held

    @property
    def grows(self) -> bool:
        """Whether its work grows with the table: then time at another size is extrapolated, else not."""
        moved = self.rewritten or self.scanned or self.built or self.counted > 0 or any(self.written.values())
        return bool(moved or self.commits)


@dataclass(frozen=True, slots=True)
class _State:
    """A session between two statements: limits (lock_timeout, milliseconds after which a wait ends, statement_timeout in
    seconds; 0 for none), file nodes, what its transaction read and wrote, and, where they are known, its locks."""

    timeout: tuple[str, int, float]
    files: Mapping[str, int]
    counts: Mapping[str, Sequence[int]]
    held: frozenset[Lock] = frozenset()
    wal: int = 0


def trace(dsn: str, units: Sequence[Unit], before: Schema) -> tuple[list[Observation], Schema | None]:
    """Run `units` on the database at `dsn`, whose schema is `before`; stops after the first failure.

    Rewrites inside functions are seen where `harness.migrations.confinement.install_watch` was run.

    The list is shorter than `units` when a statement failed; the last observation then carries the failure, and
    there is no schema afterwards.
    """
    with psycopg.connect(dsn, autocommit=True) as watcher, psycopg.connect(dsn, autocommit=True) as worker:
        tracer = _Tracer(worker, watcher, before)
        seen = tracer.run(units)
        return seen, None if any(observation.failure for observation in seen) else snapshot(watcher)


def execute(connection: psycopg.Connection[Any], sql: str, longest: float = 0.0) -> psycopg.Cursor[Any]:
    """Send the migration's own text as it is, as one simple query; after `longest` seconds (0: never) raise Endless."""
    with bounded(connection, longest):
        return connection.execute(sql)  # the user's SQL is what is being rehearsed


def execute_any(
    connection: psycopg.Connection[Any], statement: Statement, longest: float = 0.0
) -> psycopg.Cursor[Any] | None:
    """Send a statement in the way that it asks for; None where rows went or came beside it."""
    if statement.kind != "CopyStmt" or statement.node.get("filename"):
        return execute(connection, statement.text, longest)
    with bounded(connection, longest), connection.cursor() as cursor, cursor.copy(statement.text) as copy:
        if statement.node.get("is_from"):
            copy.write(statement.copy_data or "")
        else:
            for _ in copy:  # what it prints
                pass
    return None


class _Tracer:
    """One migration on one database: the connection that runs it and the one that watches."""

    def __init__(self, worker: psycopg.Connection[Any], watcher: psycopg.Connection[Any], before: Schema) -> None:
        self.worker, self.watcher, self.before = worker, watcher, before
        self.relations = Relations.of(before)
        self.oids = [oid for oid, (_, kind) in self.relations.by_oid.items() if kind != "index"]
        self.pid = worker.info.backend_pid
        self.messages: list[tuple[str, str]] = []
        self.open: int | None = None
        self.last: _State | None = None  # after the last statement, as long as its transaction is open
        self.names = {label.split(".")[-1] for label, _ in self.relations.by_oid.values()}
        worker.add_notice_handler(
            lambda d: self.messages.append((d.severity_nonlocalized or "", d.message_primary or ""))
        )
        if worker.info.parameter_status("is_superuser") == "on":  # another login has it from its role
            worker.execute("SET lc_messages = 'C'")

    def run(self, units: Sequence[Unit]) -> list[Observation]:
        found: list[Observation] = []
        for position, unit in enumerate(units):
            following = units[position + 1].transaction if position + 1 < len(units) else None
            earlier = found[-1] if found else None
            repeated = earlier is not None and repeats(unit.statement, earlier.unit.statement)
            observation = self._again(unit, earlier) if earlier and repeated else self._one(unit)
            found.append(observation)
            if observation.failure is None and self.open is not None and following != self.open:
                observation.failure = self._finish()
            if observation.failure:
                break
        if self.open is not None and not self.worker.closed:
            self.worker.rollback()
        return found

    def _again(self, unit: Unit, earlier: Observation) -> Observation:
        """One that does what the last one did: it runs, and what was seen then is not asked again."""
        if unit.transaction is not None and self.open != unit.transaction:
            return self._one(unit)
        observation = self._run(unit)
        self.last = None  # what else it wrote is no work of the statement after it
        if observation.failure:
            self.open = None
            if not self.worker.closed:
                self.worker.execute("ROLLBACK")
            return observation
        observation.lock_timeout, observation.longest_wait, observation.limit = (
            earlier.lock_timeout,
            earlier.longest_wait,
            earlier.limit,
        )
        observation.locks, observation.written, observation.wal = earlier.locks, earlier.written, earlier.wal
        observation.held = earlier.held if unit.transaction is None else earlier.locks
        return observation

    def _one(self, unit: Unit) -> Observation:
        alone = unit.transaction is None
        if alone and (refuses_transaction(unit.statement) or needs_transaction(unit.statement) or _is_set_local(unit)):
            return self._sampled(unit) if refuses_transaction(unit.statement) else self._plain(unit)
        begins = not alone and self.last is None and sets_out(unit.statement)  # its mode is said before any query
        if self.open is None:
            if not (begins and unit.statement.kind == "TransactionStmt"):
                self.worker.execute("BEGIN")
            self.open = unit.transaction or 0
        observation = self._plain(unit) if begins else self._watched(unit)
        if alone and observation.failure is None:
            observation.failure = self._finish()
        if observation.failure:
            self.open = self.last = None
            if self.worker.closed:  # it ended its own session
                return observation
            self.worker.execute("ROLLBACK")
            said = observation.failure.sqlstate
            if alone and said in {COMMITS_ITSELF, _NO_BLOCK}:  # in the transaction that was opened to look
                observation = self._sampled(unit)
                observation.commits = said == COMMITS_ITSELF and observation.failure is None
        elif unit.statement.kind == "TransactionStmt" and self.worker.info.transaction_status.name == "IDLE":
            self.open = self.last = None
        return observation

    def _finish(self) -> Failure | None:
        """Commit what is open; deferred constraints speak here."""
        self.open = self.last = None
        try:
            self.worker.execute("COMMIT")
        except psycopg.Error as problem:
            return failure_of(problem)
        return None

    def _watched(self, unit: Unit) -> Observation:
        before = self.last or self._state()
        held, start_wal = (before.held, before.wal) if self.last else self._seen_from_beside()
        observation = self._run(unit)
        observation.held = held
        observation.lock_timeout, observation.longest_wait, observation.limit = before.timeout
        self.last = None
        if observation.failure:
            return observation
        observation.locks, wal = self._seen_from_beside()
        observation.wal = wal - start_wal
        if self.worker.info.transaction_status.name != "IDLE":
            self.last = replace(self._state(), held=observation.locks, wal=wal)
            self._fill_in(observation, before, self.last)
        return observation

    def _plain(self, unit: Unit) -> Observation:
        """Run it where nothing was asked before it; no locks."""
        self.worker.execute("SET client_min_messages = debug1")
        return self._run(unit)

    def _run(self, unit: Unit) -> Observation:
        """Run it and read the messages."""
        observation = Observation(unit)
        self.messages.clear()
        start = time.perf_counter()
        try:
            cursor = execute_any(self.worker, unit.statement, unit.longest)
            observation.counted = -1 if cursor is None else _counted(cursor)
        except psycopg.Error as problem:
            observation.failure = failure_of(problem)
        observation.seconds = time.perf_counter() - start
        self._read_messages(observation)
        return observation

    def _sampled(self, unit: Unit) -> Observation:
        """A statement that no transaction may be around: look at its locks again and again while it runs."""
        tables = [label for label, entry in self.before.tables.items() if entry["kind"] in {"r", "m"}]
        seen: list[Lock] = []
        before = self._state()
        results: list[Observation] = []
        runner = threading.Thread(target=lambda: results.append(self._plain(unit)))
        with psycopg.connect(self.watcher.info.dsn, autocommit=True, password=self.watcher.info.password) as reader:
            reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            for table in tables:
                execute(reader, f"SELECT 1 FROM {quoted_label(table)} LIMIT 0")
                if unit.statement.kind == "VacuumStmt" and self.before.is_table(table):  # nobody else is in its way
                    execute(reader, f"LOCK TABLE {quoted_label(table)} IN SHARE UPDATE EXCLUSIVE MODE")
            runner.start()
            released = time.perf_counter() + _HELD_OPEN
            try:
                while runner.is_alive():
                    seen += held_by(self.watcher, self.pid, self.relations, wanted=True)
                    if reader.info.transaction_status.name == "INTRANS" and time.perf_counter() > released:
                        reader.execute("ROLLBACK")
                    time.sleep(0.001)
            except BaseException:  # Ctrl-C, SIGTERM: what runs would be waited for, and may never end
                self.worker.cancel_safe(timeout=10)
                runner.join()
                raise
        runner.join()
        observation = results[0]
        aside = {"index"} if unit.statement.kind in {"ReindexStmt", "DropStmt"} else set()  # an index on its way out
        observation.locks, observation.sampled = strongest(lock for lock in seen if lock.on not in aside), True
        if refuses_transaction(unit.statement) or any(map(blocks_reads, seen)):  # the reader was in its way
            observation.seconds = max(0.0, observation.seconds - _HELD_OPEN)
        after = self._state()
        observation.lock_timeout, observation.longest_wait, observation.limit = after.timeout
        self._fill_in(observation, replace(before, counts={}), replace(after, counts={}))
        return observation

    def _state(self) -> _State:
        """What only its own session sees; from here on it hears the server's debug messages, whatever the migration set."""
        with with_settings(self.worker) as before:
            row = self.worker.execute(_STATE, {"oids": self.oids, **before}).fetchone()
        assert row is not None
        return _State((str(row[1]), int(row[2]), float(row[3])), row[4] or {}, row[5] or {})

    def _seen_from_beside(self) -> tuple[frozenset[Lock], int]:
        """Locks that it holds, and where the WAL is."""
        row = self.watcher.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
        return held_by(self.watcher, self.pid, self.relations), int(row[0]) if row else 0

    def _read_messages(self, observation: Observation) -> None:
        rewritten, scanned, built = [], [], []
        for severity, text in self.messages:
            if text.startswith("harness:rewrite:"):
                rewritten.append(self._label(int(text.rsplit(":", 1)[1])))
            elif match := _VERIFYING.match(text):
                scanned.append(match["table"])
            elif match := _BUILDING.match(text):
                built.append((match["index"], match["table"]))
            elif _FOREIGN.match(text):
                scanned += [name.name for name in _named(observation.unit)]
            elif _PROVED.match(text):
                observation.proved = True
            if severity == "WARNING":
                observation.warnings += (text,)
        known = self.names
        observation.rewritten = tuple(dict.fromkeys(label for label in rewritten if label))
        observation.scanned = tuple(dict.fromkeys(table for table in scanned if table in known))
        observation.built = tuple(
            (i, t) for i, t in dict.fromkeys(built) if t in known and not t.startswith("pg_toast")
        )

    def _fill_in(self, observation: Observation, before: _State, after: _State) -> None:
        kind = observation.unit.statement.kind
        if kind in _MOVES_FILES:
            moved = [self._label(int(oid)) for oid, node in before.files.items() if after.files.get(oid, node) != node]
            observation.rewritten = tuple(dict.fromkeys((*observation.rewritten, *moved)))
        written, scanned = {}, list(observation.scanned)
        for oid, now in after.counts.items():
            then = before.counts.get(oid, (0, 0, 0, 0))
            if changed := sum(now[1:]) - sum(then[1:]):
                written[self._label(int(oid))] = changed
            if kind in _SCANS and now[0] > then[0]:
                scanned.append(self._label(int(oid)))
        observation.written = {} if kind == "TruncateStmt" else written
        observation.scanned = tuple(dict.fromkeys(scanned))

    def _label(self, oid: int) -> str:
        return self.relations.by_oid.get(oid, ("", ""))[0]


def failure_of(problem: psycopg.Error) -> Failure:
    """SQLSTATE and the server's first line."""
    return Failure(
        problem.sqlstate or "",
        without_passwords((problem.diag.message_primary or str(problem)).splitlines()[0]),
        isinstance(problem, Endless),
        _detail(problem),
    )


_NAMES_ONLY = ("0A", "2B", "3F", "42", "55")  # classes whose DETAIL names objects and holds no value of a row


def _detail(problem: psycopg.Error) -> str:
    detail = problem.diag.message_detail
    if not detail:
        return ""
    raised = problem.diag.source_function == "exec_stmt_raise"  # the migration's own words, of whatever class
    if raised or not (problem.sqlstate or "").startswith(_NAMES_ONLY):
        return "the server's DETAIL is left out, since it may hold values of rows"
    return f"DETAIL: {without_passwords(' '.join(detail.split()))}"


def _named(unit: Unit) -> list[Any]:
    from harness.migrations.actions import actions

    return [name for action in actions(unit.statement) for name in (action.table, action.parent) if name]


def _counted(cursor: psycopg.Cursor[Any]) -> int:
    tag = (cursor.statusmessage or "").split()
    return int(tag[-1]) if tag and tag[0] in {"UPDATE", "DELETE", "INSERT", "MERGE"} and tag[-1].isdigit() else -1


def _is_set_local(unit: Unit) -> bool:
    return unit.statement.kind == "VariableSetStmt" and bool(unit.statement.node.get("is_local"))
