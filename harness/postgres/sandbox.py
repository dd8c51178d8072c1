"""One scenario after another on one database: each starts from the template's state and really commits.

Triggers write every changed row into a journal, which is the evidence and says what to put back. Rows and sequences
are put back in place; after a change of the schema the database is replaced by a new clone; roles and settings of a
server that the harness started are put back by statements (see `harness.postgres.shared`).

State here is what SQL can ask for. Row positions (ctid), transaction numbers and statistics are not part of it, nor
is the state of the application's own connections. A table of up to a hundred rows gives them in their old order even
without an ORDER BY, until the scenario changes it; after that their order is the server's choice.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any, LiteralString, Self, TypeVar

import psycopg
from msgspec.structs import replace
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.rows import dict_row

from harness.errors import InputError
from harness.postgres.database import Database, check_mark
from harness.postgres.evidence import Journal
from harness.postgres.installing import install_journal, is_superuser
from harness.postgres.keeper import Keeper
from harness.postgres.questions import Question, Row
from harness.postgres.records import ResetReport, RowOperation
from harness.postgres.shared import SharedGuard
from harness.postgres.tables import read_tables
from harness.postgres.template import Template
from harness.postgres.values import as_written, sent

__all__ = ["Sandbox"]

Answer = TypeVar("Answer")

# The sandbox's own connection after a scenario ran SQL on it. (DISCARD ALL would also drop psycopg's statements.)
_FRESH: LiteralString = """
    RESET SESSION AUTHORIZATION; RESET ALL; CLOSE ALL; UNLISTEN *; SELECT pg_advisory_unlock_all();
    DISCARD SEQUENCES; DISCARD TEMP
"""


# In a subtransaction nobody can go back to writing.
_LOOK: LiteralString = "SAVEPOINT look; SET TRANSACTION READ ONLY"
_LOOKED: LiteralString = "ROLLBACK TO SAVEPOINT look"
_NO_WRITING = "A check looks and changes nothing; to change something is the work of a step."


class Sandbox:
    """A clone of `template` with the journal in it. Use it from one thread; the application may use many.

        sandbox.begin(); …the scenario…; sandbox.changes(); sandbox.reset()

    `generation` grows by one whenever `database` becomes a new object, because the scenario changed the schema;
    connections of the application to the old one are ended then.
    """

    database: Database
    _clean: bool

    def __init__(self, template: Template) -> None:
        self._server = template.server
        self._template = self.watched(template)
        self.generation = 0
        self._closed = False
        self._open()
        self._shared = SharedGuard(self._server, self._keeper.connection) if self._exact else None
        self._server.sandboxes += 1

    @staticmethod
    def watched(template: Template) -> Template:
        """What a sandbox over `template` clones, with the journal in it; made once."""
        return template.derive("journal", install_journal)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def begin(self) -> None:
        """Start a scenario: the state is exactly the template's and the journal is empty."""
        if not self._clean:
            self.reset()
        self._clean = False

    def mark(self) -> int:
        """A number for this moment, for `changes(since=…)`: how many operations are committed."""
        return self._asking(self._journal.mark)

    def changes(self, since: int = 0) -> list[RowOperation]:
        """The row operations committed after the mark `since`, in order; by default all since begin()."""
        return self._asking(lambda: self._journal.changes(since))

    def take(self) -> list[RowOperation]:
        """The row operations committed since the last take(), or since begin()."""
        return self._asking(self._journal.take)

    def start_taking(self) -> None:
        """Ask for what take() gives, and do not wait: what is committed by now is what it will give."""
        self._asking(self._journal.ask)

    def query(self, text: str, parameters: Any = ()) -> list[dict[str, Any]]:
        """The rows of a query, on the sandbox's own connection: numeric as Decimal, times as Python's."""
        return self._asking(lambda: self._run(text, parameters))

    def look(self, text: str, parameters: Any = ()) -> list[dict[str, Any]]:
        """The same of a query that may not write, for it is asked to look only.

        Raises:
            InputError: it writes, or ends the transaction that keeps it from writing.
        """
        return self._asking(lambda: self._looking(text, parameters))

    def ask(self, asked: Question) -> list[Row]:
        """The rows of a question as text, on the sandbox's own connection."""

        def ask() -> list[Row]:
            self._journal.settle()
            return asked.ask(self._own)

        return self._asking(ask)

    def execute(self, text: str, parameters: Any = ()) -> list[dict[str, Any]]:
        """Run SQL on the sandbox's own connection, committed and in the journal; its rows, if it gives any."""
        self._clean, self._used = False, True
        return self._run(text, parameters)

    def start_reset(self) -> None:
        """Ask for what reset() does, and do not wait. Nothing else may be done before reset() was."""
        self._asking(self._freshen)
        with contextlib.suppress(
            psycopg.ProgrammingError
        ):  # the scenario dropped what watches it: reset() sees to that
            self._asking(lambda: self._keeper.begin_reset(self._start))

    def reset(self) -> ResetReport:
        """Put everything back to the template's state, and say what that took."""
        try:
            return self._reset()
        except psycopg.ProgrammingError:  # the scenario dropped what watches it
            self._replace()
            return replace(self._reset(), replaced=True, schema_changes=("what the harness keeps there was changed",))

    def _reset(self) -> ResetReport:
        self._asking(self._freshen)
        answer, ended = self._asking(lambda: self._keeper.reset(self._start))
        touched = [self._tables[int(oid)] for oid in answer["tables"] or () if int(oid) in self._tables]
        schema = tuple(f"{change['command']} {change['object'] or ''}".strip() for change in answer["schema"] or ())
        replacing = (
            not self._exact or bool(schema) or answer["unseen"] != self._unseen or not all(t.in_place for t in touched)
        )
        if replacing:
            self._replace()
        else:
            disordered = {int(oid) for oid in answer["disordered"] or ()}
            self._keeper.put_in_order([table for table in touched if table.oid in disordered])
            self._keeper.tidy(touched)
            self._restart(answer["at"])
        put_back, left_alone = self._check_shared(answer)
        return ResetReport(
            tables=tuple(sorted({table.shown for table in touched})),
            sequences=tuple(answer["sequences"] or ()),
            schema_changes=schema,
            shared_changes=put_back,
            left_alone=left_alone,
            terminated=ended,
            replaced=replacing,
        )

    def close(self) -> None:
        """Drop the database. Does nothing the second time."""
        if not self._closed:
            self._closed = True
            self._server.sandboxes -= 1
            self._leave()

    def _open(self) -> None:
        self.database = self._template.clone()
        self._connect()
        check_mark(self._keeper.connection, self.database.name)
        self._tables = {table.oid: table for table in read_tables(self._keeper.connection)}
        start, self._unseen = self._keeper.state()
        self._journal = Journal(self._own, self._tables, start)
        self._restart(start)

    def _connect(self) -> None:
        self._own = as_written(self.database.connect())
        self._exact = is_superuser(self._own)
        self._keeper = Keeper(self.database, exact=self._exact)
        self._keeper.spare(self._own)
        self._used = False

    def _restart(self, start: str) -> None:
        self._start = start
        self._journal.restart(start)
        self._clean = True

    def _replace(self) -> None:
        self._leave()
        self._open()
        self.generation += 1

    def _leave(self) -> None:
        self._own.close()
        self._keeper.close()
        self.database.drop()

    def _check_shared(self, answer: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return self._shared.check(self._keeper.connection, answer["shared"]) if self._shared else ((), ())

    def _run(self, text: str, parameters: Any) -> list[dict[str, Any]]:
        self._journal.settle()
        with self._own.cursor(row_factory=dict_row) as cursor:
            try:
                cursor.execute(text, sent(self._own, text, parameters) if parameters else None)
            finally:
                _end_copy(self._own)
                if self._own.info.transaction_status == TransactionStatus.INERROR:
                    self._own.rollback()  # its BEGIN came to nothing; whoever looks next must be answered
            return _rows_of_the_last(cursor)

    def _looking(self, text: str, parameters: Any) -> list[dict[str, Any]]:
        self._journal.settle()
        begun = self._own.info.transaction_status == TransactionStatus.INTRANS  # by the scenario
        self._used = True  # a lock that is asked for stays, whatever becomes of the transaction
        self._own.execute(_LOOK if begun else f"BEGIN; {_LOOK}")
        try:
            rows = self._run(text, parameters)
        except psycopg.errors.ReadOnlySqlTransaction as error:
            raise InputError(f"This writes: {error.diag.message_primary}.", _NO_WRITING) from None
        finally:
            whole = self._looked(begun)
        if not whole:
            raise InputError("This ends the transaction in which it looks.", _NO_WRITING)
        return rows

    def _looked(self, begun: bool) -> bool:
        """Whether the transaction of a look is still the one that it was; what it left is gone in any case."""
        if self._own.closed or self._own.info.transaction_status == TransactionStatus.IDLE:
            return False
        try:
            self._own.execute(f"{_LOOKED}; RELEASE SAVEPOINT look" if begun else f"{_LOOKED}; ROLLBACK")
        except psycopg.errors.InvalidSavepointSpecification:
            self._own.rollback()
            return False
        return True

    def _freshen(self) -> None:
        if self._own.closed:
            raise psycopg.OperationalError("the connection is closed")
        self._journal.settle()
        if self._own.info.transaction_status != TransactionStatus.IDLE:
            self._own.rollback()
        if self._used:
            self._own.execute(_FRESH)
            self._used = False

    def _asking(self, ask: Callable[[], Answer]) -> Answer:
        """Ask again over new connections when the scenario has ended the sandbox's own ones."""
        try:
            return ask()
        except psycopg.OperationalError:
            if not (self._own.closed or self._keeper.connection.closed):
                raise
        self._own.close()
        self._keeper.close()
        self._connect()
        self._journal.connection = self._own
        return ask()


def _rows_of_the_last(cursor: psycopg.Cursor[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of the last statement that gives any.

    Raises:
        InputError: two of its columns have one name, so that one of them would be lost.
    """
    rows: list[dict[str, Any]] = []
    while True:
        if cursor.description:
            names = Counter(column.name for column in cursor.description)
            twice = [name for name, count in names.items() if count > 1]
            if twice:
                raise InputError(f"Two columns are called {twice[0]}.", "Give each a name of its own, with AS.")
            rows = cursor.fetchall()
        if not cursor.nextset():
            return rows


def _end_copy(connection: psycopg.Connection[Any]) -> None:
    """End a COPY from or to the client, which psycopg refuses after the server has begun it: nothing else could be asked."""
    libpq = connection.pgconn
    if connection.closed or libpq.transaction_status != TransactionStatus.ACTIVE:
        return
    while (result := libpq.get_result()) is not None:
        if result.status == ExecStatus.COPY_IN:
            libpq.put_copy_end(b"rows of a client are not taken here")
        elif result.status == ExecStatus.COPY_OUT:
            while libpq.get_copy_data(0)[0] > 0:
                pass
