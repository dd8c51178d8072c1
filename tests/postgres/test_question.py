"""Questions asked straight through libpq keep what psycopg promises: its errors, its encodings, its ear for Ctrl-C."""

from __future__ import annotations

import signal
import time
from types import FrameType
from typing import Any

import psycopg
import pytest

from harness.postgres import Question, Sandbox

TWO = Question("SELECT $1::text, $2::int + 1")


def test_parameters_and_answers_are_text_and_nothing_is_null(app: psycopg.Connection[Any]) -> None:
    for _ in range(3):
        assert TWO.ask(app, "é 日", "1") == [("é 日", "2")]
        assert TWO.ask(app, None, None) == [(None, None)]
    assert Question("SELECT FROM generate_series(1, 2)").ask(app) == [(), ()]


def test_more_than_a_socket_takes_at_once_is_sent_and_read(app: psycopg.Connection[Any]) -> None:
    much = "x" * 20_000_000
    assert TWO.ask(app, much, "1") == [(much, "2")]


def test_answers_come_in_the_encoding_of_the_connection(app: psycopg.Connection[Any]) -> None:
    app.execute("SET client_encoding TO latin1")
    assert TWO.ask(app, "é", "1") == [("é", "2")]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("SELECT * FROM nowhere", psycopg.errors.UndefinedTable),
        ("SELECT 1 / ($1::int - 1)", psycopg.errors.DivisionByZero),
    ],
)
def test_what_the_server_refuses_is_psycopgs_error_and_the_connection_stays(
    app: psycopg.Connection[Any], text: str, error: type[Exception]
) -> None:
    wrong = Question(text)
    for _ in range(2):
        with pytest.raises(error):
            wrong.ask(app, *(["1"] if "$1" in text else []))
        assert TWO.ask(app, "a", "1") == [("a", "2")]


@pytest.mark.parametrize("forgetting", ["DISCARD ALL", "DEALLOCATE ALL"])
def test_a_statement_that_was_forgotten_is_prepared_again(app: psycopg.Connection[Any], forgetting: str) -> None:
    TWO.ask(app, "a", "1")
    app.execute(forgetting)
    assert TWO.ask(app, "b", "2") == [("b", "3")]
    assert TWO.ask(app, "c", "3") == [("c", "4")]


@pytest.mark.parametrize("forgetting", ["DISCARD ALL", "DEALLOCATE ALL"])
def test_a_question_never_ends_a_transaction_that_the_connection_is_in(
    app: psycopg.Connection[Any], forgetting: str
) -> None:
    TWO.ask(app, "a", "1")
    app.execute(forgetting)
    app.execute("BEGIN; CREATE TEMP TABLE mine (n int)")
    assert TWO.ask(app, "b", "2") == [("b", "3")]
    app.execute("INSERT INTO mine VALUES (1); COMMIT")
    assert TWO.ask(app, "c", "3") == [("c", "4")]


def test_questions_of_one_text_do_not_get_in_each_others_way(app: psycopg.Connection[Any]) -> None:
    for _ in range(300):
        assert Question("SELECT 1").ask(app) == [("1",)]


def test_a_connection_that_was_ended_is_psycopgs_loss(app: psycopg.Connection[Any], sandbox: Sandbox) -> None:
    TWO.ask(app, "a", "1")
    sandbox.query("SELECT pg_terminate_backend(%s)", (app.info.backend_pid,))
    with pytest.raises(psycopg.OperationalError):
        TWO.ask(app, "a", "1")
    assert app.closed
    with pytest.raises(psycopg.OperationalError):
        TWO.ask(app, "a", "1")


def test_ctrl_c_is_heard_while_the_server_thinks(app: psycopg.Connection[Any]) -> None:
    def interrupt(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    began = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            Question("SELECT pg_sleep(30)::text").ask(app)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - began < 10
    assert app.closed


def test_what_was_asked_for_early_is_what_was_committed_then(sandbox: Sandbox, app: psycopg.Connection[Any]) -> None:
    app.execute("INSERT INTO counter (label) VALUES ('first')")
    sandbox.start_taking()
    sandbox.start_taking()
    assert sandbox.query("SELECT 1 AS one") == [{"one": 1}]
    assert [operation.operation for operation in sandbox.take()] == ["insert"]
    assert sandbox.take() == []


def test_a_reset_that_was_asked_for_early_is_done_by_reset(sandbox: Sandbox, app: psycopg.Connection[Any]) -> None:
    app.execute("INSERT INTO counter (label) VALUES ('first')")
    sandbox.start_taking()
    sandbox.start_reset()
    assert sandbox.reset().tables == ("counter",)
    sandbox.begin()
    assert sandbox.query("SELECT count(*) AS n FROM counter WHERE label = 'first'") == [{"n": 0}]
    assert sandbox.changes() == []


def test_a_reset_that_was_asked_for_while_somebody_is_busy_waits_for_them(
    sandbox: Sandbox, app: psycopg.Connection[Any]
) -> None:
    app.execute("BEGIN")
    app.execute("INSERT INTO counter (label) VALUES ('first')")
    sandbox.start_reset()
    assert len(sandbox.reset().terminated) == 1
