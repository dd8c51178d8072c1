"""What is done at Calendly, and what is believed of it (M5, W07, B09, F04, F05)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from harness.booking.calendly_client import CalendlyClient
from harness.booking.calendly_uris import InviteeUri
from harness.booking.confirmation import Confirmation
from harness.booking.records import Booking, SessionType
from harness.booking.refusals import Refusal
from harness.booking.rows import Scheduled
from harness.booking.store import Store

from .defect import Book

__all__ = ["BOOK"]

BOOK = Book()


@BOOK.part(
    "W07-here-only",
    "Cancelling here leaves the event at Calendly",
    seen="A booking is cancelled, and the builder's calendar keeps the session.",
    rules="W07",
)
class HereOnly(CalendlyClient):
    """Calendly is never told."""

    def cancel(self, event_id: str, reason: str | None) -> None:
        del event_id, reason


@BOOK.part(
    "F05-writes-again",
    "A write to Calendly that got no answer is silently tried again",
    seen="One request of a visitor's becomes two cancellations at Calendly.",
    rules="F05 W07",
)
class WritesAgain(CalendlyClient):
    """Reads are tried again, so writes are too."""

    def cancel(self, event_id: str, reason: str | None) -> None:
        try:
            super().cancel(event_id, reason)
        except Refusal:
            super().cancel(event_id, reason)


@BOOK.part(
    "B09-group-cancelled",
    "Who leaves a group cancels it for all",
    seen="After one visitor's cancellation Calendly has cancelled the event of the others.",
    rules="B09 W07",
)
class GroupCancelled(Store):
    """An event is thought to have one invitee."""

    def shares_event(self, connection: Connection, booking: Booking) -> bool:
        del connection, booking
        return False


@BOOK.part(
    "F04-cancelled",
    "An event that was cancelled at Calendly can be booked",
    seen="Create for a cancelled event is answered 200.",
    rules="F04",
    hidden_by="F04-unconfirmed",
)
class CancelledBooked(Confirmation):
    """Whether Calendly knows the event is asked, how it stands is not."""

    def confirm(
        self,
        calendly: CalendlyClient,
        named: InviteeUri,
        session: SessionType,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Scheduled:
        blind: Any = _Blind(calendly)
        return super().confirm(blind, named, session, start, end)


class _Blind:
    """Calendly's answers, all of them active."""

    def __init__(self, calendly: CalendlyClient) -> None:
        self._calendly = calendly

    def event(self, event_id: str) -> dict[str, Any]:
        return {**self._calendly.event(event_id), "status": "active"}

    def invitee(self, event_id: str, invitee_id: str) -> dict[str, Any]:
        return {**self._calendly.invitee(event_id, invitee_id), "status": "active"}
