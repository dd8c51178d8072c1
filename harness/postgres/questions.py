"""A statement that is asked again and again: prepared once a connection, parameters and answer as text.

The harness asks about ten of them in every scenario. Psycopg's cursors cost more there than the server does; libpq
itself costs a third (`make bench ARGS=runner`). What psycopg promises stays: Ctrl-C is heard while waiting, errors are
psycopg's, and statements that the scenario's own SQL forgot (DISCARD ALL) are prepared again.
"""

from __future__ import annotations

import itertools
import select
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import psycopg
from psycopg import pq
from psycopg.pq.abc import PGconn, PGresult

__all__ = ["Pending", "Question", "Row", "question"]

Row: TypeAlias = tuple[str | None, ...]
_Connection: TypeAlias = "psycopg.Connection[Any]"

_GOOD = frozenset({pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK})
_NUMBERS = itertools.count(1)
_FORGOTTEN = b"26000"  # invalid_sql_statement_name


class Question:
    """One statement with parameters $1, $2, …"""

    def __init__(self, text: str) -> None:
        self._text = text
        self._name = f"question {next(_NUMBERS)}".encode()
        self._prepared: WeakKeyDictionary[_Connection, bool] = WeakKeyDictionary()

    def ask(self, connection: _Connection, *parameters: str | None) -> list[Row]:
        """The rows of the answer.

        Raises:
            psycopg.Error: what the server refuses, or its loss (OperationalError).
        """
        return self.begin(connection, *parameters).rows()

    def begin(self, connection: _Connection, *parameters: str | None) -> Pending:
        """Ask and do not wait. Nothing else may be asked over `connection` before the answer was fetched."""
        if connection not in self._prepared and not _in_transaction(connection):
            self._prepare(connection)
        encoding = _encoding(connection)
        values = [None if value is None else value.encode(encoding) for value in parameters]
        self._send(connection, values)
        return Pending(self, connection, values)

    def again(self, connection: _Connection, values: Sequence[bytes | None]) -> PGresult:
        """Ask once more after the connection forgot the statement."""
        self._prepare(connection)
        self._send(connection, values)
        return _answer(connection)

    def _prepare(self, connection: _Connection) -> None:
        _open(connection).pgconn.send_prepare(self._name, self._text.encode(_encoding(connection)))
        _checked(_answer(connection))
        self._prepared[connection] = True

    def _send(self, connection: _Connection, values: Sequence[bytes | None]) -> None:
        pgconn = _open(connection).pgconn
        if _in_transaction(connection):  # a statement that was forgotten would end it
            pgconn.send_query_params(self._text.encode(_encoding(connection)), values)
        else:
            pgconn.send_query_prepared(self._name, values)
        pgconn.flush()


@lru_cache(256)
def question(text: str) -> Question:
    """The question of this text, the same each time."""
    return Question(text)


class Pending:
    """A question that was asked; its answer is fetched once."""

    def __init__(self, question: Question, connection: _Connection, values: Sequence[bytes | None]) -> None:
        self._question = question
        self._connection = connection
        self._values = values

    def rows(self) -> list[Row]:
        """Wait for the answer's rows."""
        result = _answer(self._connection)
        if result.status not in _GOOD and result.error_field(pq.DiagnosticField.SQLSTATE) == _FORGOTTEN:
            result = self._question.again(self._connection, self._values)
        _checked(result)
        encoding, columns, value = _encoding(self._connection), range(result.nfields), result.get_value
        return [
            tuple(None if (text := value(row, column)) is None else text.decode(encoding) for column in columns)
            for row in range(result.ntuples)
        ]


def _encoding(connection: _Connection) -> str:
    """Python's name of what the client and the server speak, which the scenario's own SQL can change."""
    return "utf-8" if connection.pgconn.parameter_status(b"client_encoding") == b"UTF8" else connection.info.encoding


def _in_transaction(connection: _Connection) -> bool:
    return connection.pgconn.transaction_status == pq.TransactionStatus.INTRANS


def _open(connection: _Connection) -> _Connection:
    if connection.closed:
        raise psycopg.OperationalError("the connection is closed")
    return connection


def _answer(connection: _Connection) -> PGresult:
    """The last result of what was asked.

    Whoever interrupts the wait (Ctrl-C) leaves a closed connection, not one that still owes an answer.
    """
    pgconn = connection.pgconn
    last = None
    poll = select.poll()
    poll.register(pgconn.socket, select.POLLIN)
    try:
        while pgconn.flush():  # more than the socket takes at once
            _until_it_takes_more(pgconn)
        while True:
            while pgconn.is_busy():
                poll.poll()
                pgconn.consume_input()
            result = pgconn.get_result()
            if result is None:
                break
            last = result
    except BaseException:
        connection.close()
        raise
    if last is None:
        raise psycopg.OperationalError("the connection gave no answer")
    return last


def _until_it_takes_more(pgconn: PGconn) -> None:
    poll = select.poll()
    poll.register(pgconn.socket, select.POLLIN | select.POLLOUT)
    if any(event & select.POLLIN for _, event in poll.poll()):
        pgconn.consume_input()


def _checked(result: PGresult) -> None:
    if result.status not in _GOOD:
        raise psycopg.errors.error_from_result(result)
