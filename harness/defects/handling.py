"""Calendly's news, taken for more or less than they say (W04 to W11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text

from harness.booking.calendly_effects import CalendlyEffects
from harness.booking.calendly_news import NO_SHOW, CalendlyReader, News
from harness.booking.confirming import FreeConfirmation
from harness.booking.deliveries import Deliveries, Outcome, Parked
from harness.booking.progress import Progress
from harness.booking.records import Booking
from harness.booking.rows import RowBuilder, Scheduled

if TYPE_CHECKING:
    from harness.booking.parts import Parts

from .defect import Book

__all__ = ["BOOK"]

BOOK = Book()


@BOOK.part(
    "W04-seen-first",
    "A delivery counts as seen before it is applied",
    seen="A delivery that met our failure is a duplicate when it comes again, and is never applied.",
    rules="W04 W11",
)
class SeenFirst(Deliveries):
    """What was seen is written in a transaction of its own."""

    def take(self, connection: Connection, **delivery: Any) -> bool:
        with connection.engine.begin() as own:
            return super().take(own, **delivery)


@BOOK.part(
    "W05-anybodys",
    "What waits is applied to whichever booking comes",
    seen="A booking gets the event of somebody else.",
    rules="W05 W03",
)
class Anybodys(Deliveries):
    """All that waits is taken."""

    def waiting(self, connection: Connection, booking_id: str, invitee_uri: str | None) -> Sequence[Parked]:
        del booking_id, invitee_uri
        rows = connection.execute(
            text("""SELECT id, payload FROM "WebhookDelivery" WHERE outcome = 'parked' ORDER BY "occurredAt", id""")
        )
        return [Parked(row.id, row.payload or {}) for row in rows]


@BOOK.part(
    "W05-last-first",
    "What waits is applied the last first",
    seen="A booking that is cancelled before it is known here has no event and no time.",
    rules="W05",
)
class LastFirst(Deliveries):
    """As it came."""

    def waiting(self, connection: Connection, booking_id: str, invitee_uri: str | None) -> Sequence[Parked]:
        return super().waiting(connection, booking_id, invitee_uri)[::-1]


@BOOK.part(
    "W06-overwrites",
    "The webhook overwrites what the visitor gave",
    seen="After the webhook the time zone is Calendly's, not the visitor's.",
    rules="W06 B10",
)
class Overwrites(RowBuilder):
    """The newest word counts."""

    def details(self, booking: Booking, **given: Any) -> dict[str, Any]:
        del booking
        return {name: value for name, value in given.items() if value is not None}


@BOOK.part(
    "W06-unconfirmed",
    "The webhook schedules a free booking and does not confirm it",
    seen="A free session that only the webhook scheduled waits for a payment of nothing.",
    rules="W06",
    hidden_by="P11",
)
class Unconfirmed(CalendlyEffects):
    """Only `create` confirms."""

    def created(self, progress: Progress, news: News, parts: Parts) -> Outcome:
        return super().created(progress, news, replace(parts, confirming=_NoConfirmation()))


class _NoConfirmation(FreeConfirmation):
    def after_scheduling(self, progress: Progress) -> None:
        del progress


@BOOK.part(
    "W06-no-contact",
    "The webhook drops the contact of an anonymous invitee",
    seen="A booking that only the webhook scheduled says nobody's name.",
    rules="W06 B10",
    hidden_by="A9",
)
class NoContact(CalendlyReader):
    """Name and address stay with Calendly."""

    def _scheduled(self, invitee: Any, payload: Mapping[str, Any]) -> Scheduled:
        return super()._scheduled(invitee, {**payload, "name": None, "email": None})


@BOOK.part(
    "W07-host-keeps",
    "When the host cancels, nothing is given back",
    seen="A paid session that its builder cancels in time is not refunded.",
    rules="W07 W12",
)
class HostKeeps(CalendlyEffects):
    """Refunds are for those who cancel themselves."""

    def canceled(self, progress: Progress, news: News, parts: Parts) -> Outcome:
        if news.canceled_by == "host":
            news = replace(news, occurred_at=progress.booking.start_time)
        return super().canceled(progress, news, parts)


@BOOK.part(
    "W07-any-invitee",
    "A cancellation of the event that was left cancels the booking",
    seen="A booking that was moved is cancelled by late news of its old time.",
    rules="W07 W08 W03",
)
class AnyInviteeCancels(CalendlyEffects):
    """That the booking was found is enough."""

    def canceled(self, progress: Progress, news: News, parts: Parts) -> Outcome:
        uri = progress.booking.calendly_invitee_uri
        if uri is not None:
            news = replace(news, invitee=replace(news.invitee, uri=uri))
        return super().canceled(progress, news, parts)


@BOOK.part(
    "W08-end",
    "A reschedule moves the start alone",
    seen="After a move the session ends before it begins, or days later.",
    rules="W08",
)
class StartAlone(CalendlyEffects):
    """The end is thought to follow."""

    def moved(self, progress: Progress, news: News, rows: RowBuilder) -> Outcome:
        end = progress.booking.end_time
        outcome = super().moved(progress, news, rows)
        progress.set(end_time=max(end, progress.booking.start_time))
        return outcome


@BOOK.part(
    "W08-invitee",
    "A reschedule keeps the old invitee",
    seen="After a move the booking is not found by its new invitee.",
    rules="W08 W03",
)
class OldInvitee(CalendlyEffects):
    """Only the times are moved."""

    def moved(self, progress: Progress, news: News, rows: RowBuilder) -> Outcome:
        before = progress.booking
        outcome = super().moved(progress, news, rows)
        progress.set(calendly_invitee_uri=before.calendly_invitee_uri, calendly_event_uri=before.calendly_event_uri)
        return outcome


@BOOK.part(
    "W09-cancels",
    "A no-show cancels the booking",
    seen="Who did not come has a cancelled booking.",
    rules="W09",
)
class NoShowCancels(CalendlyEffects):
    """Who is absent has left."""

    def apply(self, progress: Progress, news: News, session: Any, parts: Parts) -> Outcome:
        if news.event == NO_SHOW:
            return self.canceled(progress, news, parts)
        return super().apply(progress, news, session, parts)
