"""One scenario after another on one database: each starts from the template's state and really commits.

Triggers write every changed row into a journal, which is the evidence, and which says what to put back. Rows and
sequences are put back in place; after a change of the schema the database is replaced by a new clone.

State here is what SQL can ask for with an ORDER BY. The order of rows without one, row positions (ctid),
transaction numbers and statistics are not part of it, nor is the state of the application's own connections.
"""

from __future__ import annotations

import time
from importlib.resources import files
from types import TracebackType
from typing import Any, LiteralString, Self, cast

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from harness.errors import HarnessFault
from harness.postgres.database import Database, check_mark
from harness.postgres.evidence import Journal
from harness.postgres.records import ResetReport, RowOperation
from harness.postgres.restoring import install_restoring
from harness.postgres.tables import Table, read_tables
from harness.postgres.template import Template

__all__ = ["Sandbox"]

_GRACE = 0.25  # seconds that a transaction of the application gets to end by itself
_KEEPER: LiteralString = """
    SET session_replication_role = replica; SET harness.quiet = 'on'; SET lock_timeout = '250ms';
    SET client_min_messages = warning; SET timezone = 'UTC'; SET datestyle = 'ISO, MDY'
"""


class Sandbox:
    """A clone of `template` with the journal in it. Use it from one thread; the application may use many.

    sandbox.begin(); …the scenario…; sandbox.changes(); sandbox.reset()
    """

    def __init__(self, template: Template) -> None:
        self._template = template.derive("journal", _install)
        self.generation = 0
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> None:
        self.database: Database = self._template.clone()
        self._own = self.database.connect()
        self._keeper = self.database.connect()
        check_mark(self._keeper, self.database.name)
        self._keeper.execute(_KEEPER)
        self._mine = [self._own.info.backend_pid, self._keeper.info.backend_pid]
        self._tables: dict[int, Table] = {table.oid: table for table in read_tables(self._keeper)}
        row = self._keeper.execute("SELECT nextval('harness.position'), harness.unseen()").fetchone()
        self._start, self._unseen = row or (0, "")
        self._journal = Journal(self._own, self._tables, self._start)
        self._clean = True

    def begin(self) -> None:
        """Start a scenario: the state is exactly the template's and nothing is in the journal."""
        if not self._clean:
            self.reset()
        self._clean = False

    def mark(self) -> int:
        """A number for this moment, for `changes(since=…)`."""
        return self._journal.mark()

    def changes(self, since: int = 0) -> list[RowOperation]:
        """The row operations committed after the mark `since`, in order; by default all since begin()."""
        return self._journal.changes(since)

    def take(self) -> list[RowOperation]:
        """The row operations committed since the last take(): one question, where mark() and changes() are two."""
        return self._journal.take()

    def query(self, text: str, parameters: Any = ()) -> list[dict[str, Any]]:
        """The rows of a query, on the sandbox's own connection: numeric as Decimal, times as Python's."""
        return self.execute(text, parameters)

    def execute(self, text: str, parameters: Any = ()) -> list[dict[str, Any]]:
        """Run SQL on the sandbox's own connection, committed and in the journal; its rows, if it gives any."""
        self._clean = False
        with self._own.cursor(row_factory=dict_row) as cursor:
            cursor.execute(cast(LiteralString, text), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def reset(self) -> ResetReport:
        """Put everything back to the template's state, and say what that took."""
        answer = self._try_reset()
        deadline = time.monotonic() + _GRACE
        while "busy" in answer and time.monotonic() < deadline:
            time.sleep(0.005)
            answer = self._try_reset()
        terminated = self._terminate() if "busy" in answer else ()
        if terminated:
            answer = self._try_reset()
        if "busy" in answer:
            raise HarnessFault("Connections that were ended are still busy, so the database cannot be reset.")
        return self._finish(answer, terminated)

    def close(self) -> None:
        """Drop the database."""
        self._own.close()
        self._keeper.close()
        self.database.drop()

    def _try_reset(self) -> dict[str, Any]:
        if self._own.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            self._own.rollback()
        try:
            row = self._keeper.execute(
                "SELECT harness.reset(%s, %s)", (self._start, self._mine), prepare=True
            ).fetchone()
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            return {"busy": []}
        return cast(dict[str, Any], (row or ({},))[0])

    def _terminate(self) -> tuple[str, ...]:
        """End the application's connections; what each was doing."""
        rows = self._keeper.execute(
            "SELECT pid, coalesce(nullif(application_name, ''), 'a connection') || ', ' || coalesce(state, '?')"
            " || ': ' || left(query, 200), pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> ALL (%s)",
            (self._mine,),
        ).fetchall()
        pids = [pid for pid, *_ in rows]
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            left = self._keeper.execute("SELECT 1 FROM pg_stat_get_activity(NULL) WHERE pid = ANY (%s)", (pids,))
            if not left.fetchall():
                break
            time.sleep(0.002)
        return tuple(what for _, what, _ in rows)

    def _finish(self, answer: dict[str, Any], terminated: tuple[str, ...]) -> ResetReport:
        schema = tuple(f"{change['command']} {change['object'] or ''}".strip() for change in answer["schema"] or ())
        replace = bool(schema) or answer["unseen"] != self._unseen
        if replace:
            self._replace()
        else:
            self._start = answer["position"]
            self._journal.restart(self._start)
            self._clean = True
        return ResetReport(
            tables=tuple(sorted({self._tables[int(oid)].shown for oid in answer["tables"] or ()})),
            sequences=tuple(str(oid) for oid in answer["sequences"] or ()),
            schema_changes=schema,
            terminated=terminated,
            replaced=replace,
        )

    def _replace(self) -> None:
        self.close()
        self._open()
        self.generation += 1


def _install(connection: psycopg.Connection[Any]) -> None:
    for name in ("journal.sql", "guards.sql"):
        text = files("harness.postgres").joinpath(name).read_text()
        connection.execute(sql.SQL(cast(LiteralString, text)))
        if name == "journal.sql":
            install_restoring(connection)
