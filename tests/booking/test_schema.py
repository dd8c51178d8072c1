"""The models and the migrated schema are the same thing (G1), and the history is as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from harness.booking.models import METADATA
from harness.postgres import Database, Server

from .conftest import migrations, populate


@pytest.fixture
def empty(server: Server) -> Iterator[Database]:
    database = server.create_database()
    yield database
    database.drop()


def differences(url: str) -> list[Any]:
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"compare_type": True, "compare_server_default": True}
            )
            return list(compare_metadata(context, METADATA))
    finally:
        engine.dispose()


def test_models_and_migrated_schema_agree(empty: Database) -> None:
    with empty.connect() as connection:
        populate(connection, "before", "update", "reference")

    assert differences(empty.sqlalchemy_url) == []


def test_a_column_that_no_migration_created_is_noticed(empty: Database) -> None:
    with empty.connect() as connection:
        populate(connection, "before", "update", "reference")
        connection.execute('ALTER TABLE "Booking" DROP COLUMN "lastTransition"')

    found = differences(empty.sqlalchemy_url)

    assert [(change[0], change[3].name) for change in found] == [("add_column", "lastTransition")]


def test_before_the_update_a_booking_needs_a_client(empty: Database) -> None:
    with empty.connect() as connection:
        populate(connection, "before", "reference")
        nullable = connection.execute(
            "SELECT is_nullable FROM information_schema.columns WHERE table_name = 'Booking' AND column_name = 'clientId'"
        ).fetchone()

    assert nullable == ("NO",)


def test_the_update_changes_no_row_and_may_run_again(empty: Database) -> None:
    with empty.connect() as connection:
        populate(connection, "before")
        connection.execute(
            'INSERT INTO "Booking" ("id", "builderId", "clientId", "title", "startTime", "endTime", "updatedAt")'
            ' SELECT \'b\', p."id", u."id", \'t\', now(), now(), now() FROM "BuilderProfile" p, "User" u LIMIT 1'
        )
        before = connection.execute('SELECT xmin::text, b::text FROM "Booking" b').fetchall()
        for _ in range(2):
            connection.execute(migrations("update")[0].read_bytes())
        after = connection.execute('SELECT xmin::text, b::text FROM "Booking" b').fetchall()

    assert after == before


def test_the_update_cannot_be_undone_once_an_anonymous_booking_exists(empty: Database) -> None:
    with empty.connect() as connection:
        populate(connection, "before", "update")
        connection.execute(
            'INSERT INTO "Booking" ("id", "builderId", "title", "startTime", "endTime", "updatedAt")'
            " SELECT 'b', \"id\", 't', now(), now(), now() FROM \"BuilderProfile\" LIMIT 1"
        )
        with pytest.raises(psycopg.errors.NotNullViolation):
            connection.execute('ALTER TABLE "Booking" ALTER COLUMN "clientId" SET NOT NULL')


def test_deleting_a_user_erases_own_bookings_and_leaves_anonymous_ones(empty: Database) -> None:
    with empty.connect() as connection:
        populate(connection, "before", "update")
        for booking, client in (("anonymous", None), ("own", "10000000-0000-4000-8000-000000000003")):
            connection.execute(
                'INSERT INTO "Booking" ("id", "builderId", "clientId", "title", "startTime", "endTime", "updatedAt")'
                ' SELECT %s, "id", %s, \'t\', now(), now(), now() FROM "BuilderProfile" WHERE "slug" = \'bea-builder\'',
                (booking, client),
            )
        connection.execute('DELETE FROM "User" WHERE "clerkId" = \'user_client\'')
        left = connection.execute('SELECT "id" FROM "Booking"').fetchall()

    assert left == [("anonymous",)]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("20250506093000_add_session_type_order", "G5: over what was already done by hand"),
        ("20250425120000_add_booking_state_enum", "G4: run again"),
    ],
)
def test_history_holds_migrations_that_fail_when_run_again(empty: Database, sql: str, reason: str) -> None:
    with empty.connect() as connection:
        populate(connection, "before")
        file = next(path for path in migrations("before") if path.parent.name == sql)
        with pytest.raises((psycopg.errors.DuplicateColumn, psycopg.errors.DuplicateObject)):
            connection.execute(file.read_bytes())


def test_the_state_column_marked_finished_bookings_idle_and_the_reference_mends_them(empty: Database) -> None:
    with empty.connect() as connection:
        files = migrations("before")
        for path in files[:-1]:
            connection.execute(path.read_bytes())
        connection.execute(
            'INSERT INTO "User" ("id", "email", "updatedAt") VALUES (\'u\', \'u@example.test\', now());'
            'INSERT INTO "BuilderProfile" ("id", "userId", "updatedAt") VALUES (\'p\', \'u\', now());'
            'INSERT INTO "Booking" ("id", "builderId", "clientId", "title", "startTime", "endTime", "status",'
            " \"paymentStatus\", \"updatedAt\") VALUES ('b', 'p', 'u', 't', now(), now(), 'COMPLETED', 'PAID', now())"
        )
        connection.execute(files[-1].read_bytes())
        marked = connection.execute('SELECT "currentState" FROM "Booking"').fetchone()
        for path in migrations("reference"):
            connection.execute(path.read_bytes())
        mended = connection.execute('SELECT "currentState" FROM "Booking"').fetchone()

    assert (marked, mended) == (("IDLE",), ("BOOKING_COMPLETED",))
