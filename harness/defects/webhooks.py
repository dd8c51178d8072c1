"""Calendly's webhooks, misread or mishandled (DOMAIN.md 8: W4, W5; W02 to W11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from harness.booking.answers import BookingIds
from harness.booking.calendly_effects import CalendlyEffects
from harness.booking.calendly_news import CalendlyReader, News
from harness.booking.calendly_uris import CANONICAL
from harness.booking.deliveries import APPLIED, FLAGGED, Deliveries, Outcome, Parked
from harness.booking.finder import Finder, Found
from harness.booking.progress import Progress
from harness.booking.records import SessionType
from harness.booking.rows import RowBuilder, Scheduled
from harness.booking.store import Store

if TYPE_CHECKING:
    from harness.booking.parts import Parts

from .defect import Book

__all__ = ["BOOK"]

BOOK = Book()


@BOOK.part(
    "W4",
    "Deliveries are read by the schema of another API version",
    seen="Every genuine delivery is answered 400.",
    rules="W02",
    hidden_by="W2 W3",
)
class Version1(CalendlyReader):
    """Event and invitee are looked for where version 1 had them."""

    def read(self, envelope: Mapping[str, Any], ids: BookingIds, base: str = CANONICAL) -> News:
        payload = envelope.get("payload")
        v1 = payload.get("invitee") if isinstance(payload, Mapping) else None
        return super().read({**envelope, "payload": v1}, ids, base)


@BOOK.part(
    "W5",
    "Deliveries are read with one level of nesting too many",
    seen="Every genuine delivery is answered 400.",
    rules="W02",
    hidden_by="W2 W3 W4",
)
class Nested(CalendlyReader):
    """`payload.payload`."""

    def read(self, envelope: Mapping[str, Any], ids: BookingIds, base: str = CANONICAL) -> News:
        payload = envelope.get("payload")
        inner = payload.get("payload") if isinstance(payload, Mapping) else None
        return super().read({**envelope, "payload": inner}, ids, base)


@BOOK.part(
    "W03-utm-first",
    "`utm_content` goes before the answer",
    seen="A delivery whose answer and utm_content disagree is applied instead of flagged.",
    rules="W03",
)
class UtmOnly(CalendlyReader):
    """Where answer and utm_content disagree, the latter is believed."""

    def named(self, scheduled: Scheduled, ids: BookingIds) -> tuple[str, ...]:
        return super().named(scheduled, ids)[-1:]


@BOOK.part(
    "W03-no-utm",
    "`utm_content` is not read",
    seen="A delivery whose only id stands in utm_content finds no booking.",
    rules="W03",
)
class NoUtm(CalendlyReader):
    """Only the answer is looked at."""

    def named(self, scheduled: Scheduled, ids: BookingIds) -> tuple[str, ...]:
        return super().named(replace(scheduled, utm_content=None), ids)


@BOOK.part(
    "W03-no-invitee",
    "The invitee URI finds no booking",
    seen="A delivery without an id, for an invitee that is booked, is not applied.",
    rules="W03",
)
class NoInvitee(Finder):
    """Without an id nothing is looked for."""

    def find(self, connection: Connection, store: Store, news: News) -> Found:
        if not news.named:
            return Found()
        return super().find(connection, store, news)


@BOOK.part(
    "W03-guessed",
    "When two bookings are named, one is guessed",
    seen="A delivery whose id and invitee belong to two bookings is applied to one of them.",
    rules="W03",
)
class Guessed(Finder):
    """The first one found is taken."""

    def find(self, connection: Connection, store: Store, news: News) -> Found:
        found = store.named(connection, news.named[0] if news.named else None, news.invitee_uris)
        return Found(found[0] if found else None)


@BOOK.part(
    "W04-twice",
    "A duplicate is applied again",
    seen="The same delivery twice writes twice.",
    rules="W04",
)
class Twice(CalendlyReader):
    """What makes two deliveries the same is not found again."""

    _count = 0

    def key(self, event: str, uri: str, occurred_at: datetime) -> str:
        type(self)._count += 1
        return f"{super().key(event, uri, occurred_at)} {type(self)._count}"


@BOOK.part(
    "W04-first-only",
    "One event of an invitee makes all others duplicates",
    seen="The cancellation after the booking is taken for a duplicate.",
    rules="W04 W07",
)
class FirstOnly(CalendlyReader):
    """The key is the invitee alone."""

    def key(self, event: str, uri: str, occurred_at: datetime) -> str:
        del event, occurred_at
        return uri


@BOOK.part(
    "W04-no-show-once",
    "A no-show that came back is taken for a duplicate",
    seen="Marking, unmarking and marking again leaves the booking unmarked.",
    rules="W04 W09",
)
class OnceOnly(CalendlyReader):
    """When it happened is not part of the key."""

    def key(self, event: str, uri: str, occurred_at: datetime) -> str:
        del occurred_at
        return f"{event} {uri}"


@BOOK.part(
    "W05-lost",
    "A delivery that comes before its booking is lost",
    seen="The cancellation that overtook create is never applied.",
    rules="W05",
)
class Lost(Deliveries):
    """What waits is never looked for."""

    def waiting(self, connection: Connection, booking_id: str, invitee_uri: str | None) -> Sequence[Parked]:
        del connection, booking_id, invitee_uri
        return []


@BOOK.part(
    "W05-by-id-only",
    "What waits is found by the booking id alone",
    seen="A delivery without an id is not applied when its booking comes.",
    rules="W05",
    hidden_by="W05-lost",
)
class ByIdOnly(Deliveries):
    """The invitee is not compared."""

    def waiting(self, connection: Connection, booking_id: str, invitee_uri: str | None) -> Sequence[Parked]:
        del invitee_uri
        return super().waiting(connection, booking_id, "")


@BOOK.part(
    "W05-forgotten",
    "What a waiting delivery said is not kept",
    seen="A delivery that comes before its booking cannot be applied when the booking comes.",
    rules="W05",
)
class Forgotten(Deliveries):
    """The payload is dropped like that of any other delivery."""

    def conclude(
        self,
        connection: Connection,
        delivery_id: str,
        outcome: Outcome,
        now: datetime,
        *,
        named: str | None = None,
        invitee: str | None = None,
        envelope: Mapping[str, Any] | None = None,
    ) -> None:
        kept = envelope if outcome.outcome == FLAGGED else None
        super().conclude(connection, delivery_id, outcome, now, named=named, invitee=invitee, envelope=kept)


@BOOK.part(
    "W06-times",
    "The webhook does not store the times",
    seen="A booking that Calendly scheduled keeps its placeholder times.",
    rules="W06",
)
class NoTimes(CalendlyEffects):
    """Only the URIs are taken from the delivery."""

    def created(self, progress: Progress, news: News, parts: Parts) -> Outcome:
        before = progress.booking.start_time, progress.booking.end_time
        outcome = super().created(progress, news, parts)
        if outcome.outcome == APPLIED and outcome.reason != "rescheduled":
            progress.set(start_time=before[0], end_time=before[1])
        return outcome


@BOOK.part(
    "W06-any-event-type",
    "The webhook of another session type is applied",
    seen="An event of another session, with the booking's id, schedules the booking.",
    rules="W06 F04",
)
class AnyEventType(CalendlyEffects):
    """The event type is not compared."""

    def is_of(self, news: News, session: SessionType | None) -> bool:
        del news, session
        return True


@BOOK.part(
    "W07-ignored",
    "A cancellation at Calendly is ignored",
    seen="The booking stays confirmed though the event is gone.",
    rules="W07",
)
class CancellationIgnored(CalendlyEffects):
    """Only our own cancellations count."""

    def canceled(self, progress: Progress, news: News, parts: Parts) -> Outcome:
        del news, parts
        return Outcome(APPLIED, None, progress.booking.id)


@BOOK.part(
    "W07-reason",
    "Who cancelled, and why, is not kept",
    seen="The cancelled booking says neither reason nor who.",
    rules="W07",
)
class NoReason(CalendlyEffects):
    """The delivery's details are dropped."""

    def canceled(self, progress: Progress, news: News, parts: Parts) -> Outcome:
        return super().canceled(progress, replace(news, canceled_by=None, reason=None), parts)


@BOOK.part(
    "W07-when",
    "A cancellation counts from when we heard of it",
    seen="A late delivery of an early cancellation pays back less.",
    rules="W07 W12",
)
class WhenHeard(CalendlyEffects):
    """The delivery's own time is not read."""

    def canceled(self, progress: Progress, news: News, parts: Parts) -> Outcome:
        return super().canceled(progress, replace(news, occurred_at=progress.now), parts)


@BOOK.part(
    "W08-cancels",
    "A reschedule cancels",
    seen="Moving the event at Calendly cancels the booking.",
    rules="W08",
)
class RescheduleCancels(CalendlyReader):
    """`rescheduled` is not read."""

    def read(self, envelope: Mapping[str, Any], ids: BookingIds, base: str = CANONICAL) -> News:
        return replace(super().read(envelope, ids, base), is_rescheduled=False)


@BOOK.part(
    "W08-new-half",
    "The new half of a reschedule finds no booking",
    seen="After a reschedule the booking keeps the old event.",
    rules="W08",
)
class OldInviteeIgnored(CalendlyReader):
    """`old_invitee` is not read."""

    def read(self, envelope: Mapping[str, Any], ids: BookingIds, base: str = CANONICAL) -> News:
        return replace(super().read(envelope, ids, base), old_invitee_uri=None)


@BOOK.part(
    "W08-times",
    "A reschedule keeps the old times",
    seen="The booking names the new event at the old time.",
    rules="W08",
)
class OldTimes(CalendlyEffects):
    """Only the URIs are moved."""

    def moved(self, progress: Progress, news: News, rows: RowBuilder) -> Outcome:
        before = progress.booking.start_time, progress.booking.end_time
        outcome = super().moved(progress, news, rows)
        progress.set(start_time=before[0], end_time=before[1])
        return outcome


@BOOK.part(
    "W08-order",
    "A reschedule whose halves come in the other order cancels",
    seen="With `created` before `canceled`, the moved booking is lost.",
    rules="W08",
)
class OneOrder(CalendlyEffects):
    """The old invitee's cancellation is taken for the booking's own once it has moved."""

    def canceled(self, progress: Progress, news: News, parts: Parts) -> Outcome:
        if news.is_rescheduled and news.invitee.uri in progress.booking.data.get("rescheduledFrom", ()):
            own = replace(news.invitee, uri=progress.booking.calendly_invitee_uri or news.invitee.uri)
            return super().canceled(progress, replace(news, is_rescheduled=False, invitee=own), parts)
        return super().canceled(progress, news, parts)


@BOOK.part(
    "W09-not-marked",
    "A no-show is not marked",
    seen="The booking of an invitee who did not come says nothing.",
    rules="W09",
)
class NotMarked(CalendlyEffects):
    """The event is taken and nothing is done."""

    def no_show(self, progress: Progress, news: News) -> Outcome:
        del news
        return Outcome(APPLIED, None, progress.booking.id)


@BOOK.part(
    "W09-not-unmarked",
    "A no-show is never unmarked",
    seen="The mark stays after Calendly took it back.",
    rules="W09",
)
class NotUnmarked(CalendlyEffects):
    """Only the marking is known."""

    def no_show(self, progress: Progress, news: News) -> Outcome:
        return super().no_show(progress, replace(news, event="invitee_no_show.created"))


@BOOK.part(
    "W10-refused",
    "An unknown event type is refused",
    seen="An event that is not ours is answered 400, and Calendly sends it for days.",
    rules="W10",
)
class UnknownRefused(CalendlyReader):
    """Only four events are expected."""

    def event(self, envelope: Mapping[str, Any]) -> tuple[str, datetime]:
        from harness.booking.calendly_news import KNOWN
        from harness.booking.refusals import invalid

        name, occurred_at = super().event(envelope)
        if name not in KNOWN:
            raise invalid("unknown_event", "This event is not known.")
        return name, occurred_at
