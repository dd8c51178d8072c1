"""Cancelling a booking in memory: what is kept of it, and where it leads (W07, M5, M6, M7)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from .instants import iso
from .machine import Guard, Who
from .machine_table import Event, State
from .progress import Progress
from .records import Booking
from .refunding import RefundPolicy, refund_row, write_refund

__all__ = ["Cancellation"]


class Cancellation:
    """The two halves of a cancellation: it is asked for, and it is settled."""

    def begin(self, progress: Progress, *, by: str, reason: str | None, at: datetime, who: Who = Who.SYSTEM) -> None:
        """Asks for the cancellation, once, and keeps when, who and why."""
        if progress.booking.status == "CANCELLED":
            return
        progress.fire(Event.REQUEST_CANCELLATION, who=who)
        note = {"at": iso(at), "by": by, "reason": reason}
        progress.note(cancellation={key: value for key, value in note.items() if value is not None})

    def settle(self, progress: Progress, refunds: RefundPolicy, new_id: Callable[[], str]) -> None:
        """A refund is due and is written down, or none is and the booking ends."""
        if progress.state not in (State.CANCELLATION_REQUESTED, State.CANCELLATION_PROCESSING):
            return
        due = refunds.due(progress.booking, self.asked_at(progress.booking, progress.now))
        progress.fire(Event.PROCESS_REFUND, holds=frozenset({Guard.REFUND_DUE if due.amount else Guard.NO_REFUND}))
        if due.amount:
            row = refund_row(progress.booking, new_id(), due, "cancelled", progress.now)
            progress.after_save.append(lambda connection: write_refund(connection, row))

    def asked_at(self, booking: Booking, now: datetime) -> datetime:
        """When the cancellation was asked for."""
        at = booking.data.get("cancellation", {}).get("at")
        return datetime.fromisoformat(at).replace(tzinfo=None) if isinstance(at, str) else now
