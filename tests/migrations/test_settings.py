"""The harness asks in a migration's session under settings of its own, and leaves those of the migration as they were."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from harness.migrations.findings import Severity
from harness.migrations.settings import with_settings
from harness.postgres import Server
from tests.migrations.conftest import Rehearse


@pytest.fixture
def connection(server: Server) -> Iterator[psycopg.Connection[Any]]:
    database = server.create_database()
    with database.connect() as opened:
        yield opened
    database.drop()


def shown(connection: psycopg.Connection[Any], *names: str) -> tuple[str, ...]:
    rows = connection.execute("SELECT current_setting(name) FROM unnest(%s::text[]) AS name", [list(names)]).fetchall()
    return tuple(value for (value,) in rows)


@pytest.mark.parametrize("transaction", [False, True])
def test_a_time_limit_of_the_migration_holds_again_afterwards(
    connection: psycopg.Connection[Any], *, transaction: bool
) -> None:
    connection.execute("BEGIN" if transaction else "SELECT 1")
    connection.execute("SET statement_timeout = '20ms'")
    with with_settings(connection, TimeZone="Asia/Tokyo"):
        assert shown(connection, "statement_timeout", "TimeZone") == ("0", "Asia/Tokyo")
        connection.execute("SELECT pg_sleep(0.05)")
    assert shown(connection, "statement_timeout") == ("20ms",)
    assert shown(connection, "TimeZone") != ("Asia/Tokyo",)
    connection.execute("COMMIT" if transaction else "SELECT 1")
    assert shown(connection, "statement_timeout") == ("20ms",)


def test_what_a_transaction_set_for_itself_ends_with_it(connection: psycopg.Connection[Any]) -> None:
    connection.execute("BEGIN; SET LOCAL statement_timeout = '20ms'")
    with with_settings(connection):
        pass
    assert shown(connection, "statement_timeout") == ("20ms",)
    connection.execute("COMMIT")
    assert shown(connection, "statement_timeout") == ("0",)


def test_a_failure_within_a_transaction_is_told_as_it_is(connection: psycopg.Connection[Any]) -> None:
    connection.execute("BEGIN; SET LOCAL statement_timeout = '20ms'")
    with pytest.raises(psycopg.errors.DivisionByZero), with_settings(connection):
        connection.execute("SELECT 1 / 0")
    connection.execute("ROLLBACK")
    assert shown(connection, "statement_timeout") == ("0",)


@pytest.mark.parametrize(
    ("sql", "runner"),
    [
        ("BEGIN ISOLATION LEVEL SERIALIZABLE;\nALTER TABLE orders ADD COLUMN z int;\nCOMMIT;", "psql"),
        (
            "BEGIN;\nSET LOCAL lock_timeout = '1s';\nSET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\n"
            "ALTER TABLE orders ADD COLUMN z int;\nCOMMIT;",
            "psql",
        ),
        ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;\nALTER TABLE orders ADD COLUMN z int;", "one-transaction"),
    ],
)
def test_the_mode_of_a_transaction_is_said_before_anything_is_asked(rehearse: Rehearse, sql: str, runner: str) -> None:
    report = rehearse(sql, rows=50, runner=runner, phases=("observe", "data", "failure", "way back"))
    assert not [f for f in report.findings if f.severity >= Severity.HIGH]
    assert report.way_back == ["ALTER TABLE orders DROP COLUMN z"]
