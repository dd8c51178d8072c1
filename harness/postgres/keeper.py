"""The connection that undoes what scenarios did: quiet, with foreign keys and triggers switched off once."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql

from harness.errors import HarnessFault, MachineError
from harness.postgres.database import Database
from harness.postgres.questions import Pending, Question
from harness.postgres.tables import Table

__all__ = ["Keeper"]

_GRACE = 0.25  # seconds that a transaction of the application gets to end by itself
_PATIENCE = 5.0  # seconds that a connection gets to end after it was told to
_TIDY_EVERY = (
    64  # resets between two clean-ups of dead rows; without them a reset slows down by half a microsecond each
)

# `session_replication_role` is set once: setting it throws away the cached plans.
_SESSION: LiteralString = """
    SET harness.quiet = 'on'; SET lock_timeout = '250ms'; SET client_min_messages = warning;
    SET timezone = 'UTC'; SET datestyle = 'ISO, MDY'; SET intervalstyle = 'postgres'; SET extra_float_digits = 1
"""
_RESET = Question("SELECT harness.reset($1::pg_lsn, $2::int[])::text")
_BUSY = Question("""
    SELECT CASE WHEN busy = '{}' THEN json_build_object('at', since, 'tables', NULL, 'sequences', NULL,
                                                        'schema', NULL, 'unseen', '')
           ELSE json_build_object('busy', busy) END::text
    FROM (SELECT $1::pg_lsn AS since, harness.busy($2::int[]) AS busy) AS asked
""")
_END: LiteralString = """
    SELECT pid, coalesce(nullif(application_name, ''), 'a connection') || ', ' || coalesce(state, 'unknown')
           || coalesce(': ' || nullif(left(query, 200), ''), ''), pg_terminate_backend(pid)
    FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
    AND pid <> ALL (%(mine)s) AND (%(busy)s::int[] IS NULL OR pid = ANY (%(busy)s))
"""
_ALIVE: LiteralString = "SELECT 1 FROM pg_stat_get_activity(NULL) WHERE pid = ANY (%s)"


class Keeper:
    """Resets one database. `exact` says that it is a superuser, who can put rows back in place."""

    def __init__(self, database: Database, *, exact: bool) -> None:
        self.connection = database.connect()
        self.connection.execute(_SESSION)
        if exact:
            self.connection.execute("SET session_replication_role = replica")
        self._exact = exact
        self._mine = [self.connection.info.backend_pid]
        self._touched: dict[int, Table] = {}
        self._resets = 0
        self._asked: Pending | None = None

    def state(self) -> tuple[str, str]:
        """The position in the log, and what no event trigger would tell of this database."""
        unseen = "harness.unseen()" if self._exact else "''"
        row = self.connection.execute(f"SELECT pg_current_wal_insert_lsn()::text, {unseen}").fetchone()
        return row or ("0/0", "")

    def spare(self, connection: psycopg.Connection[Any]) -> None:
        """`connection` is the sandbox's own: never busy, never ended."""
        self._mine.append(connection.info.backend_pid)

    def begin_reset(self, since: str) -> None:
        """Ask for what `reset` waits for."""
        mine = ",".join(map(str, self._mine))
        self._asked = (_RESET if self._exact else _BUSY).begin(self.connection, since, f"{{{mine}}}")

    def reset(self, since: str) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Put rows and sequences back to what they were at the log position `since`.

        The answer of harness.reset, and the connections that had to be ended first.
        """
        answer = self._attempt(since)
        deadline = time.monotonic() + _GRACE
        while "busy" in answer and time.monotonic() < deadline:
            time.sleep(0.005)
            answer = self._attempt(since)
        ended: tuple[str, ...] = ()
        if "busy" in answer:
            ended = self.end_connections(answer["busy"])
            answer = self._attempt(since)
        if "busy" in answer:
            raise HarnessFault("Connections that were ended are still busy, so the database cannot be reset.")
        return answer, ended

    def end_connections(self, busy: list[int] | None) -> tuple[str, ...]:
        """End these connections (None: all that are not the sandbox's own) and say what each was doing."""
        try:
            rows = self.connection.execute(_END, {"mine": self._mine, "busy": busy}).fetchall()
        except psycopg.errors.InsufficientPrivilege as error:
            raise MachineError(
                "A connection of somebody with more rights holds a transaction in the harness's database.",
                "End it; the user that the harness connects as may not.",
            ) from error
        pids = [pid for pid, *_ in rows]
        deadline = time.monotonic() + _PATIENCE
        while self.connection.execute(_ALIVE, (pids,)).fetchall() and time.monotonic() < deadline:
            time.sleep(0.002)
        return tuple(what for _, what, _ in rows) + self._end_prepared()

    def tidy(self, touched: list[Table]) -> None:
        """Now and then, forget dead rows."""
        self._touched.update((table.oid, table) for table in touched)
        self._resets += 1
        if self._resets % _TIDY_EVERY:
            return
        with contextlib.suppress(psycopg.errors.LockNotAvailable):  # somebody reads just now; next time then
            self.connection.execute("TRUNCATE harness.journal")
            for table in self._touched.values():
                self.connection.execute(sql.SQL("VACUUM {}").format(table.identifier))
        self._touched.clear()

    def put_in_order(self, tables: list[Table]) -> None:
        """Let these tables give their rows in the order in which they once did: empty the files, fill them again."""
        for table in tables:
            with contextlib.suppress(psycopg.errors.LockNotAvailable):  # somebody reads just now; the rows are there
                self.connection.execute(sql.SQL("DELETE FROM ONLY {}").format(table.identifier))
                self.connection.execute(sql.SQL("VACUUM {}").format(table.identifier))
            self.connection.execute("SELECT harness.refill(%s)", (table.oid,), prepare=True)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def _attempt(self, since: str) -> dict[str, Any]:
        if self._asked is None:
            self.begin_reset(since)
        asked, self._asked = self._asked, None
        assert asked is not None
        try:
            ((answer,),) = asked.rows()
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            return {"busy": None}
        return cast(dict[str, Any], json.loads(answer or "{}"))

    def _end_prepared(self) -> tuple[str, ...]:
        """Roll back transactions that were prepared in this database and wait for their second phase."""
        rows = self.connection.execute("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()")
        names = [str(name) for (name,) in rows.fetchall()]
        for name in names:
            self.connection.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(name)))
        return tuple(f"the prepared transaction {name}" for name in names)
