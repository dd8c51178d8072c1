"""When a session may take place (DOMAIN.md 8: P5; B09)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from harness.booking.records import Booking, SessionType
from harness.booking.rules import TimeRules
from harness.booking.store import Store

from .defect import Book

__all__ = ["BOOK"]

BOOK = Book()


@BOOK.part(
    "P5",
    "Times are not validated",
    seen="A session in the past, or of another length, is answered 200.",
    rules="B09",
)
class AnyTime(TimeRules):
    """What Calendly or the page says is taken as it is."""

    def check(self, start: datetime, end: datetime, session: SessionType, now: datetime) -> None:
        del start, end, session, now


@BOOK.part(
    "B09-past",
    "A session in the past can be booked",
    seen="Create for an event that has begun is answered 200.",
    rules="B09",
    hidden_by="P5",
)
class InThePast(TimeRules):
    """The clock is not looked at."""

    def check(self, start: datetime, end: datetime, session: SessionType, now: datetime) -> None:
        super().check(start, end, session, min(start, now))


@BOOK.part(
    "B09-length",
    "A session may take any time",
    seen="An event of another length than the session type's is booked.",
    rules="B09",
    hidden_by="P5",
)
class AnyLength(TimeRules):
    """The length is not compared with the session type's."""

    def check(self, start: datetime, end: datetime, session: SessionType, now: datetime) -> None:
        minutes = int((end - start) / timedelta(minutes=1))
        super().check(start, end, replace(session, duration_minutes=minutes), now)


@BOOK.part(
    "B09-overlap",
    "Two bookings of one builder may overlap",
    seen="A second visitor books the builder's taken time and is answered 200.",
    rules="B09",
)
class Overlap(TimeRules):
    """Whether the builder is free is left to Calendly."""

    def check_free(
        self, booking: Booking, session: SessionType, rivals: Iterable[Booking], slot_states: Iterable[str]
    ) -> None:
        del booking, session, rivals, slot_states


@BOOK.part(
    "B09-touching",
    "Sessions that touch count as overlapping",
    seen="A session that begins when another ends is answered 409.",
    rules="B09",
)
class Touching(Store):
    """The ends are compared with `<=`."""

    def rivals(self, connection: Connection, booking: Booking, slot_states: Iterable[str]) -> list[Booking]:
        wide = replace(
            booking,
            start_time=booking.start_time - timedelta(milliseconds=1),
            end_time=booking.end_time + timedelta(milliseconds=1),
        )
        return super().rivals(connection, wide, slot_states)


@BOOK.part("B09-touching")
class TouchingCounts(TimeRules):
    """The ends are compared with `<=`."""

    def _overlaps(self, one: Booking, other: Booking) -> bool:
        wide = replace(
            one,
            start_time=one.start_time - timedelta(milliseconds=1),
            end_time=one.end_time + timedelta(milliseconds=1),
        )
        return super()._overlaps(wide, other)


@BOOK.part(
    "B09-cancelled",
    "A cancelled booking keeps its time",
    seen="The time of a cancelled booking cannot be booked again.",
    rules="B09 W07",
)
class CancelledKeepsTime(Store):
    """Every booking of the builder is a rival, whatever its state."""

    def rivals(self, connection: Connection, booking: Booking, slot_states: Iterable[str]) -> list[Booking]:
        every = [*slot_states, "CANCELLATION_COMPLETED", "CANCELLATION_PROCESSING", "CANCELLATION_REQUESTED"]
        return super().rivals(connection, booking, every)


@BOOK.part("B09-cancelled")
class CancelledCounts(TimeRules):
    """Every rival counts."""

    def check_free(
        self, booking: Booking, session: SessionType, rivals: Iterable[Booking], slot_states: Iterable[str]
    ) -> None:
        every = [*slot_states, "CANCELLATION_COMPLETED", "CANCELLATION_PROCESSING", "CANCELLATION_REQUESTED"]
        super().check_free(booking, session, rivals, every)


@BOOK.part(
    "B09-any-builder",
    "All builders share one calendar",
    seen="A time that another builder has taken is answered 409.",
    rules="B09",
)
class OneCalendar(Store):
    """Rivals are looked for whatever their builder."""

    def rivals(self, connection: Connection, booking: Booking, slot_states: Iterable[str]) -> list[Booking]:
        from sqlalchemy import text

        others = connection.scalars(
            text('SELECT id FROM "Booking" WHERE "startTime" < :end AND "endTime" > :start AND id <> :id'),
            {"start": booking.start_time, "end": booking.end_time, "id": booking.id},
        ).all()
        taken = [self.booking(connection, each) for each in others]
        return super().rivals(connection, booking, slot_states) + [
            replace(each, builder_id=booking.builder_id) for each in taken if each
        ]


@BOOK.part(
    "B09-group",
    "A group session takes one visitor",
    seen="The second visitor of a group build is answered 409.",
    rules="B09",
)
class NoGroups(TimeRules):
    """`maxParticipants` is not looked at."""

    def check_free(
        self, booking: Booking, session: SessionType, rivals: Iterable[Booking], slot_states: Iterable[str]
    ) -> None:
        super().check_free(booking, replace(session, max_participants=1), rivals, slot_states)


@BOOK.part(
    "B09-group-full",
    "A group session takes any number of visitors",
    seen="One visitor more than there are places is answered 200.",
    rules="B09",
)
class EndlessGroups(TimeRules):
    """The places are not counted."""

    def check_free(
        self, booking: Booking, session: SessionType, rivals: Iterable[Booking], slot_states: Iterable[str]
    ) -> None:
        places = 10_000 if session.is_group else session.max_participants
        super().check_free(booking, replace(session, max_participants=places), rivals, slot_states)


@BOOK.part(
    "B09-same-start",
    "Only sessions that begin at the same time count as overlapping",
    seen="A session that begins in the middle of another is booked.",
    rules="B09",
    hidden_by="B09-overlap",
)
class SameStart(TimeRules):
    """The starts are compared."""

    def _overlaps(self, one: Booking, other: Booking) -> bool:
        return one.start_time == other.start_time and super()._overlaps(one, other)


@BOOK.part(
    "B09-begins-within",
    "A session that encloses another does not count as overlapping",
    seen="A long session is booked over a short one.",
    rules="B09",
    hidden_by="B09-overlap",
)
class BeginsWithin(TimeRules):
    """Whether the new one begins within the old one is all that is asked."""

    def _overlaps(self, one: Booking, other: Booking) -> bool:
        return super()._overlaps(one, other) and other.start_time <= one.start_time


@BOOK.part(
    "B09-group-anytime",
    "Group sessions may overlap with anything",
    seen="A group session is booked while the builder has another one.",
    rules="B09",
    hidden_by="B09-overlap",
)
class GroupAnytime(TimeRules):
    """That the event is the same is not asked."""

    def check_free(
        self, booking: Booking, session: SessionType, rivals: Iterable[Booking], slot_states: Iterable[str]
    ) -> None:
        kept = [
            each for each in rivals if not session.is_group or each.calendly_event_uri == booking.calendly_event_uri
        ]
        super().check_free(booking, session, kept, slot_states)
