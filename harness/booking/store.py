"""Statements over the booking tables: the only place that speaks SQL about bookings and session types.

Every statement is built once; methods take the connection, so that the caller owns the transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, Table, and_, any_, bindparam, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from . import models
from .records import Booking, SessionType

__all__ = ["Store", "UserFound", "column_names"]


def column_names(table: Table) -> dict[str, str]:
    """Attribute of a record (`builder_id`) → column of its table (`builderId`), in order."""
    return {re.sub("(?=[A-Z])", "_", column.name).lower(): column.name for column in table.columns}


B, S, U, P = models.BOOKING, models.SESSION_TYPE, models.USER, models.BUILDER_PROFILE
BOOKING_COLUMNS = column_names(B)
SESSION_COLUMNS = column_names(S)
BOOKING_FIELDS = tuple(BOOKING_COLUMNS[item.name] for item in fields(Booking))
SESSION_FIELDS = tuple(SESSION_COLUMNS[item.name] for item in fields(SessionType) if item.name in SESSION_COLUMNS)


@dataclass(frozen=True, slots=True)
class UserFound:
    """A user as the identity needs it."""

    id: str
    roles: frozenset[str]
    builder_id: str | None


def _key(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


def _session(row: Any) -> SessionType:
    return SessionType(*row)


def _booking(row: Any) -> Booking:
    return Booking(*row)


def _text_array(name: str) -> Any:
    return any_(bindparam(name, type_=ARRAY(Text)))


SELECT_BOOKING = select(*(B.c[name] for name in BOOKING_FIELDS))
ONE_BOOKING = SELECT_BOOKING.where(B.c.id == bindparam("id"))
LOCKED_BOOKING = ONE_BOOKING.with_for_update()
BY_INVITEE = SELECT_BOOKING.where(or_(B.c.id == bindparam("id"), B.c.calendlyInviteeUri == _text_array("invitees")))
BY_CHECKOUT = SELECT_BOOKING.where(B.c.stripeSessionId == bindparam("session"))
SAME_EVENT = select(B.c.id).where(
    B.c.calendlyEventUri == bindparam("event"), B.c.id != bindparam("id"), B.c.status != "CANCELLED"
)
RIVALS = SELECT_BOOKING.where(
    or_(
        B.c.id == bindparam("id"),
        B.c.calendlyInviteeUri == bindparam("invitee"),
        and_(
            B.c.builderId == bindparam("builder"),
            B.c.startTime < bindparam("end"),
            B.c.endTime > bindparam("start"),
            B.c.currentState == _text_array("states"),
        ),
    )
)
SELECT_SESSION = select(*(S.c[name] for name in SESSION_FIELDS), P.c.schedulingSettings, P.c.displayName).join(
    P, P.c.id == S.c.builderId
)
ONE_SESSION = SELECT_SESSION.where(S.c.id == bindparam("id"))
OFFERED = SELECT_SESSION.where(S.c.isActive).order_by(S.c.displayOrder, S.c.title, S.c.id)
OFFERED_BY = OFFERED.where(S.c.builderId == bindparam("builder"))
OFFERED_AS = OFFERED.where(S.c.calendlyEventTypeUri == bindparam("uri"))
ONE_USER = (
    select(U.c.id, U.c.roles, P.c.id)
    .join_from(U, P, P.c.userId == U.c.id, isouter=True)
    .where(U.c.clerkId == bindparam("clerk"))
)
HOLD = text("SELECT count(pg_advisory_xact_lock(key)) FROM unnest(CAST(:keys AS bigint[])) AS key")
INSERT_BOOKING = insert(B)
USE_TOKEN = insert(models.USED_TOKEN)
INSERT_TRANSITIONS = insert(models.BOOKING_TRANSITION)


class Store:
    """Reads and writes bookings."""

    def user(self, connection: Connection, clerk_id: str) -> UserFound | None:
        """The user whom the sign-in provider calls `clerk_id`."""
        row = connection.execute(ONE_USER, {"clerk": clerk_id}).first()
        return UserFound(row[0], frozenset(row[1] or ()), row[2]) if row else None

    def session_type(self, connection: Connection, session_type_id: str) -> SessionType | None:
        """One session type with its builder's settings, active or not."""
        row = connection.execute(ONE_SESSION, {"id": session_type_id}).first()
        return _session(row) if row else None

    def sessions_of_event_type(self, connection: Connection, uri: str) -> list[SessionType]:
        """The active session types that a Calendly event type stands for, in display order: several may share one."""
        return [_session(row) for row in connection.execute(OFFERED_AS, {"uri": uri})]

    def offered(self, connection: Connection, builder_id: str | None) -> list[SessionType]:
        """The active session types, of one builder or of all, in display order."""
        statement, values = (OFFERED_BY, {"builder": builder_id}) if builder_id else (OFFERED, {})
        return [_session(row) for row in connection.execute(statement, values)]

    def booking(self, connection: Connection, booking_id: str) -> Booking | None:
        """One booking as it stands."""
        row = connection.execute(ONE_BOOKING, {"id": booking_id}).first()
        return _booking(row) if row else None

    def lock(self, connection: Connection, booking_id: str) -> Booking | None:
        """One booking, held against every other writer until the transaction ends (B14)."""
        row = connection.execute(LOCKED_BOOKING, {"id": booking_id}).first()
        return _booking(row) if row else None

    def hold(self, connection: Connection, *names: str) -> None:
        """Holds `names` against everybody else who holds one of them, until the transaction ends.

        A calendar, a booking id, an invitee: what is free (B07, B09) or not there yet (W05) stays so meanwhile. Everybody
        takes them in one order, calendars last: a webhook learns only from the booking whose calendar it needs.
        """
        ordered = sorted(names, key=lambda name: (name.startswith("calendar "), _key(name)))
        connection.execute(HOLD, {"keys": [_key(name) for name in ordered]})

    def named(self, connection: Connection, booking_id: str | None, invitee_uris: Sequence[str]) -> list[Booking]:
        """The bookings with this id or one of these Calendly invitees."""
        values = {"id": booking_id, "invitees": list(invitee_uris)}
        return [_booking(row) for row in connection.execute(BY_INVITEE, values)]

    def rivals(self, connection: Connection, booking: Booking, slot_states: Iterable[str]) -> list[Booking]:
        """Every booking with the id or the invitee of `booking`, or in its builder's calendar at its time."""
        values = {
            "id": booking.id,
            "invitee": booking.calendly_invitee_uri,
            "builder": booking.builder_id,
            "start": booking.start_time,
            "end": booking.end_time,
            "states": list(slot_states),
        }
        return [_booking(row) for row in connection.execute(RIVALS, values)]

    def shares_event(self, connection: Connection, booking: Booking) -> bool:
        """Whether another live booking is on the same Calendly event (a group)."""
        values = {"id": booking.id, "event": booking.calendly_event_uri}
        return connection.execute(SAME_EVENT, values).first() is not None

    def by_checkout(self, connection: Connection, session_id: str) -> Booking | None:
        """The booking that is paid on this payment page."""
        row = connection.execute(BY_CHECKOUT, {"session": session_id}).first()
        return _booking(row) if row else None

    def insert(self, connection: Connection, booking: Booking) -> None:
        """A new row. Raises IntegrityError when the id or the invitee is taken."""
        values = {column: getattr(booking, name) for name, column in BOOKING_COLUMNS.items()}
        connection.execute(INSERT_BOOKING, values)

    def update(self, connection: Connection, booking_id: str, values: Mapping[str, Any]) -> None:
        """Sets `values` (attribute names) of one row."""
        columns = {BOOKING_COLUMNS[name]: value for name, value in values.items()}
        connection.execute(update(B).where(B.c.id == booking_id), columns)

    def log_transitions(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Appends to the log of transitions (B18)."""
        connection.execute(INSERT_TRANSITIONS, list(rows))

    def use_token(self, connection: Connection, token_id: str, booking_id: str, now: datetime) -> None:
        """Marks a recovery token as used (B17). Raises IntegrityError when it was."""
        connection.execute(USE_TOKEN, {"id": token_id, "bookingId": booking_id, "usedAt": now})

    def overdue(self, connection: Connection, created_before: datetime, states: Iterable[str]) -> list[str]:
        """Ids of anonymous bookings older than `created_before` that are still in one of `states` (B21)."""
        statement = select(B.c.id).where(
            B.c.clientId.is_(None), B.c.createdAt <= created_before, B.c.currentState.in_(list(states))
        )
        return list(connection.scalars(statement.order_by(B.c.createdAt, B.c.id)))

    def ended(self, connection: Connection, before: datetime, state: str) -> list[str]:
        """Ids of the bookings in `state` whose end has passed."""
        statement = select(B.c.id).where(B.c.endTime <= before, B.c.currentState == state)
        return list(connection.scalars(statement.order_by(B.c.endTime, B.c.id)))
