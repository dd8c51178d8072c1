"""The schema's history gone wrong (DOMAIN.md 8: S1, S7, G1 to G9; R01): files of it that say something else."""

from __future__ import annotations

from .defect import Book

__all__ = ["BOOK"]

BOOK = Book()
UPDATE = "make_client_id_nullable.sql"
STATE_FIELDS = "add_booking_state_fields/migration.sql"
MEND = "06_mend_states.sql"


@BOOK.history(
    "S1",
    "The model writes columns which no migration created",
    seen="Every booking ends in a server error.",
    rules="R01 B10",
)
def without_state_data(file: str, sql: str) -> str:
    """`stateData` and `lastTransition` were added to the model only."""
    if not file.endswith(STATE_FIELDS):
        return sql
    return "".join(line for line in sql.splitlines(keepends=True) if '"currentState"' in line)


@BOOK.history(
    "S7",
    "The rollout says that it went well though the ALTER failed",
    seen="The update counts as applied, and an anonymous booking ends in a server error.",
    rules="R01 R02 R04",
)
def not_altered(file: str, sql: str) -> str:
    """The statement's failure was swallowed."""
    return "SELECT 1" if file.endswith(UPDATE) else sql


@BOOK.history(
    "G1",
    "Model and migrations drift apart",
    seen="A pathway session's pathway is too long for its column: a server error.",
    rules="R01 B10",
)
def narrower(file: str, sql: str) -> str:
    """The column is narrower than the model says."""
    if not file.endswith("add_booking_pathway.sql"):
        return sql
    return sql.replace('"pathway" TEXT', '"pathway" VARCHAR(5)')


@BOOK.history(
    "G9",
    "The update lets a deleted client's bookings stay, as anonymous ones",
    seen="After a user is deleted, their bookings have no client instead of being gone.",
    rules="R01",
)
def set_null(file: str, sql: str) -> str:
    """The foreign key is made ON DELETE SET NULL with the column nullable."""
    if not file.endswith(UPDATE):
        return sql
    return (
        sql
        + """
ALTER TABLE "Booking" DROP CONSTRAINT "Booking_clientId_fkey";
ALTER TABLE "Booking" ADD CONSTRAINT "Booking_clientId_fkey" FOREIGN KEY ("clientId") REFERENCES "User"("id")
    ON DELETE SET NULL ON UPDATE CASCADE;
"""
    )


@BOOK.history(
    "G6",
    "An abandoned enum type is given to a column",
    seen="A booking's state that production's enum lacks ends in a server error.",
    rules="R01 B20",
)
def enum_column(file: str, sql: str) -> str:
    """`currentState` takes only what the abandoned type "BookingState" knows."""
    if not file.endswith(MEND):
        return sql
    check = 'ALTER TABLE "Booking" ADD CONSTRAINT "Booking_state" CHECK ("currentState"::"BookingState" IS NOT NULL);'
    return f"{sql}\n{check}\n"


@BOOK.history(
    "R01-default",
    "The update gives absent clients a default",
    seen="An anonymous booking that names no client gets one.",
    rules="R01 R04",
)
def with_default(file: str, sql: str) -> str:
    """Where the column may be NULL, a trigger fills it."""
    if not file.endswith(UPDATE):
        return sql
    return (
        sql
        + """
CREATE FUNCTION "absentClient"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW."clientId" := COALESCE(NEW."clientId", (SELECT id FROM "User" ORDER BY id LIMIT 1)); RETURN NEW; END $$;
CREATE TRIGGER "absentClient" BEFORE INSERT ON "Booking" FOR EACH ROW EXECUTE FUNCTION "absentClient"();
"""
    )


@BOOK.history(
    "G2",
    "A backfill touches nothing",
    seen="After the states are mended, a booking that took place is still IDLE.",
    rules="R01 B20",
)
def empty_backfill(file: str, sql: str) -> str:
    """It looks for NULL where the column was added with a default."""
    if not file.endswith(MEND):
        return sql
    return sql.partition("WHERE")[0] + 'WHERE "currentState" IS NULL;'


@BOOK.history(
    "G4",
    "The update fails when it is run again",
    seen="Rolling out a second time ends with an error.",
    rules="R01 R02",
)
def only_once(file: str, sql: str) -> str:
    """It makes a type without asking whether it is there."""
    return f"CREATE TYPE \"ClientKind\" AS ENUM ('known', 'anonymous');\n{sql}" if file.endswith(UPDATE) else sql


@BOOK.history(
    "G5",
    "A migration fails over a history that was made by hand",
    seen="Where the column was added in the database console, the migration ends with an error.",
    rules="R01 R02",
)
def no_column_expected(file: str, sql: str) -> str:
    """It does not ask whether the column is there."""
    return sql.replace("IF NOT EXISTS ", "") if file.endswith("add_booking_pathway.sql") else sql


@BOOK.history(
    "G8",
    "The update cannot be undone: it forgets whose bookings there are",
    seen="After the update, bookings from before have no client.",
    rules="R01",
)
def forgets_clients(file: str, sql: str) -> str:
    """It makes existing bookings anonymous along with the column."""
    return f'{sql}\nUPDATE "Booking" SET "clientId" = NULL;\n' if file.endswith(UPDATE) else sql
