"""What is stored, and what is not (DOMAIN.md 8: S2, A9, P1, P2, P7, P9, P10; R04, R08, R09, B10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from harness.booking.deliveries import Outcome
from harness.booking.progress import Progress
from harness.booking.records import Booking, SessionType
from harness.booking.requests_read import RequestReader
from harness.booking.rows import RowBuilder, Scheduled
from harness.booking.store import Store
from harness.booking.stripe_effects import StripeEffects
from harness.booking.stripe_news import StripeNews

from .defect import Book

__all__ = ["BOOK"]

BOOK = Book()


@BOOK.part(
    "S2",
    "The literal `anonymous` is written into the foreign key",
    seen="An anonymous booking ends in a server error: there is no such user.",
    rules="R04 R08",
)
class LiteralAnonymous(RequestReader):
    """The word that the page uses is stored as it is."""

    def owner(self, caller_id: str | None, asked: str | None) -> str | None:
        return super().owner(caller_id, asked) or "anonymous"


@BOOK.part(
    "R08-empty",
    "Storage falls back to an empty string for the client",
    seen="An anonymous booking ends in a server error, or has an empty client.",
    rules="R04 R08",
    hidden_by="S2",
)
class EmptyClient(RowBuilder):
    """`clientId ?? ""`."""

    def new(self, booking_id: str, owner: str | None, session: SessionType, now: datetime, initial: str) -> Booking:
        return super().new(booking_id, owner or "", session, now, initial)


@BOOK.part(
    "A9",
    "The contact of an anonymous invitee is dropped",
    seen="The row of an anonymous booking does not say whom to write to.",
    rules="B10",
)
class NoContact(RowBuilder):
    """Name and e-mail are thought to be the client's own."""

    def contact(self, booking: Booking, name: str | None, email: str | None) -> dict[str, Any]:
        del booking, name, email
        return {}


@BOOK.part(
    "B10-contact-of-clients",
    "The contact of clients is kept a second time",
    seen="A client's booking holds name and e-mail in `stateData`.",
    rules="B10",
)
class ContactOfAll(RowBuilder):
    """Whose booking it is makes no difference to the contact."""

    def contact(self, booking: Booking, name: str | None, email: str | None) -> dict[str, Any]:
        return super().contact(replace(booking, client_id=None), name, email)


@BOOK.part(
    "P1",
    "Calendly's URIs are not stored in their columns",
    seen="The row does not name its event and invitee.",
    rules="B10 W06",
)
class NoUris(RowBuilder):
    """Only the times are written."""

    def scheduling(self, event: Scheduled) -> dict[str, Any]:
        return {name: value for name, value in super().scheduling(event).items() if not name.endswith("_uri")}


@BOOK.part(
    "B10-event-id",
    "Calendly's event id is not stored",
    seen="`calendlyEventId` stays empty.",
    rules="B10",
)
class NoEventId(RowBuilder):
    """The id is thought to follow from the URI."""

    def scheduling(self, event: Scheduled) -> dict[str, Any]:
        return super().scheduling(event) | {"calendly_event_id": None}


@BOOK.part(
    "P2",
    "Pathway, answers, amount, time zone and title are not stored",
    seen="The row lacks what the visitor chose and answered.",
    rules="B10 R09",
)
class NoDetails(RowBuilder):
    """Only the columns that the database demands are filled."""

    def new(self, booking_id: str, owner: str | None, session: SessionType, now: datetime, initial: str) -> Booking:
        row = super().new(booking_id, owner, session, now, initial)
        return replace(row, title="Session", amount=None, builder_timezone=None)

    def details(self, booking: Booking, **given: Any) -> dict[str, Any]:
        del booking, given
        return {}


@BOOK.part(
    "B10-pathway",
    "The pathway is not stored",
    seen="`pathway` of a pathway booking is empty.",
    rules="B10 F06",
    hidden_by="P2",
)
class NoPathway(RowBuilder):
    """The pathway is checked and forgotten."""

    def details(self, booking: Booking, **given: Any) -> dict[str, Any]:
        return super().details(booking, **{**given, "pathway": None})


@BOOK.part(
    "B10-answers",
    "The answers are not stored",
    seen="`customQuestionResponse` is empty.",
    rules="B10",
    hidden_by="P2",
)
class NoAnswers(RowBuilder):
    """Once the id is read, the answers are let go."""

    def details(self, booking: Booking, **given: Any) -> dict[str, Any]:
        return super().details(booking, **{**given, "custom_question_response": None})


@BOOK.part(
    "B10-client-timezone",
    "The visitor's time zone is not stored",
    seen="`clientTimezone` is empty.",
    rules="B10",
    hidden_by="P2",
)
class NoTimezone(RowBuilder):
    """The zone is used for showing and not kept."""

    def details(self, booking: Booking, **given: Any) -> dict[str, Any]:
        return super().details(booking, **{**given, "client_timezone": None})


@BOOK.part(
    "B10-builder-timezone",
    "The builder's time zone is not stored",
    seen="`builderTimezone` is empty.",
    rules="B10",
)
class NoBuilderTimezone(RowBuilder):
    """The scheduling settings are not read."""

    def builder_timezone(self, session: SessionType) -> str | None:
        del session
        return None


@BOOK.part(
    "B10-amount",
    "The amount is not the session type's price",
    seen="A paid booking has no amount, and so nothing to pay.",
    rules="B10 R15",
)
class NoAmount(RowBuilder):
    """The price is left to the payment page."""

    def new(self, booking_id: str, owner: str | None, session: SessionType, now: datetime, initial: str) -> Booking:
        return replace(super().new(booking_id, owner, session, now, initial), amount=None)


@BOOK.part(
    "B10-contact-email",
    "Only the name of the anonymous invitee is kept",
    seen="`stateData.contact` has no e-mail.",
    rules="B10",
    hidden_by="A9",
)
class NoEmail(RowBuilder):
    """The e-mail is thought too private to be kept."""

    def contact(self, booking: Booking, name: str | None, email: str | None) -> dict[str, Any]:
        del email
        return super().contact(booking, name, None)


@BOOK.part(
    "R09-title",
    "The title is left empty",
    seen="The row's title says nothing.",
    rules="R09 B10",
)
class NoTitle(RowBuilder):
    """What the column demands is satisfied with an empty text."""

    def new(self, booking_id: str, owner: str | None, session: SessionType, now: datetime, initial: str) -> Booking:
        return replace(super().new(booking_id, owner, session, now, initial), title="")


@BOOK.part(
    "R09-end",
    "A booking ends when it starts",
    seen="A begun booking has the same start and end.",
    rules="R09 B09",
)
class NoLength(RowBuilder):
    """The placeholder of the end is the placeholder of the start."""

    def new(self, booking_id: str, owner: str | None, session: SessionType, now: datetime, initial: str) -> Booking:
        return super().new(booking_id, owner, replace(session, duration_minutes=0), now, initial)


@BOOK.part(
    "B10-local-time",
    "Times are stored in the builder's zone",
    seen="The stored start is an hour off.",
    rules="B10 F09",
)
class LocalTime(RowBuilder):
    """Instants are shifted as if the column had a zone."""

    def scheduling(self, event: Scheduled) -> dict[str, Any]:
        hour = timedelta(hours=1)
        return super().scheduling(replace(event, start=event.start + hour, end=event.end + hour))


@BOOK.part(
    "P7",
    "Bookings are inserted confirmed, unpaid and without a state",
    seen="A row is CONFIRMED and UNPAID, with no state.",
    rules="B20",
)
class ConfirmedAtOnce(Store):
    """The insert of the time before the state machine is still there."""

    def insert(self, connection: Connection, booking: Booking) -> None:
        super().insert(connection, replace(booking, status="CONFIRMED", payment_status="UNPAID", current_state=None))


@BOOK.part(
    "P9",
    "FAILED is written into the enum of payment statuses",
    seen="The webhook of a failed payment ends in a server error, again and again.",
    rules="B20 W11",
)
class FailedStatus(StripeEffects):
    """The code knows a status that the database does not."""

    def failed(self, progress: Progress, news: StripeNews) -> Outcome:
        outcome = super().failed(progress, news)
        if outcome.outcome == "applied":
            progress.set(payment_status="FAILED")
        return outcome


@BOOK.part(
    "P10",
    "Columns that do not exist are written",
    seen="Every new booking ends in a server error.",
    rules="B10",
)
class UnknownColumns(Store):
    """The statement names a column that no migration made."""

    def insert(self, connection: Connection, booking: Booking) -> None:
        super().insert(connection, booking)
        connection.execute(text('UPDATE "Booking" SET "calendlyData" = NULL WHERE id = :id'), {"id": booking.id})


@BOOK.part(
    "M7",
    "The time of a cancellation cannot be stored",
    seen="A cancelled booking does not say when, why and by whom.",
    rules="W07",
)
class NoCancellation(Store):
    """There is no column for it, so it is left out of the statement."""

    def update(self, connection: Connection, booking_id: str, values: Mapping[str, Any]) -> None:
        data = values.get("state_data")
        if isinstance(data, Mapping) and "cancellation" in data:
            kept = {key: value for key, value in data.items() if key != "cancellation"}
            values = {**values, "state_data": kept or None}
        super().update(connection, booking_id, values)


@BOOK.part(
    "B10-updated",
    "`updatedAt` is never moved on",
    seen="A changed row says that it was not changed.",
    rules="B10",
)
class NeverUpdated(Store):
    """The column is filled when the row is made and forgotten."""

    def update(self, connection: Connection, booking_id: str, values: Mapping[str, Any]) -> None:
        super().update(connection, booking_id, {name: value for name, value in values.items() if name != "updated_at"})
