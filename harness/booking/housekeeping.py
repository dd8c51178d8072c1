"""What falls due with time: unconfirmed anonymous bookings expire (B21), sessions end, refunds are asked for again."""

from __future__ import annotations

from datetime import timedelta

from .context import Context
from .machine_table import BEFORE_SCHEDULING, Event, State
from .paying_back import PayingBack

__all__ = ["Housekeeping"]

PARKED_FOR = timedelta(days=30)


class Housekeeping:
    """Run every few minutes by the deployment's timer; each booking in its own transaction."""

    def __init__(self, context: Context, paying_back: PayingBack) -> None:
        self._context = context
        self._parts = context.parts
        self._paying_back = paying_back

    def run(self) -> int:
        """Does all that is due. The number of bookings and deliveries that it changed."""
        done = self.expire() + self.complete() + self.forget()
        for booking_id in self._paying_back.waiting():
            self._paying_back.push(booking_id)
            done += 1
        return done

    def expire(self) -> int:
        """Cancels what anonymous visitors began and never scheduled."""
        context, now = self._context, self._context.now()
        with context.reader.connect() as connection:
            overdue = self._parts.store.overdue(
                connection, now - context.settings.unconfirmed_lifetime, BEFORE_SCHEDULING
            )
        return sum(self._expire(booking_id) for booking_id in overdue)

    def complete(self) -> int:
        """Marks the confirmed sessions that have ended."""
        context = self._context
        with context.reader.connect() as connection:
            ended = self._parts.store.ended(connection, context.now(), State.BOOKING_CONFIRMED)
        return sum(self._complete(booking_id) for booking_id in ended)

    def forget(self) -> int:
        """Lets go of deliveries whose booking never came, and of what they said about a person."""
        now = self._context.now()
        with self._context.engine.begin() as connection:
            return self._parts.deliveries.forget(connection, now - PARKED_FOR)

    def _expire(self, booking_id: str) -> bool:
        with self._context.engine.begin() as connection:
            booking = self._parts.store.lock(connection, booking_id)
            if booking is None or booking.current_state not in BEFORE_SCHEDULING:
                return False
            progress = self._context.progress(booking, "system")
            self._parts.cancellation.begin(progress, by="system", reason="expired", at=progress.now)
            self._parts.cancellation.settle(progress, self._parts.refunds, self._parts.new_id)
            self._context.save(connection, progress)
        self._context.journal.info("booking.expired", bookingId=booking_id, actor="system")
        self._context.journal.transitions(progress)
        return True

    def _complete(self, booking_id: str) -> bool:
        with self._context.engine.begin() as connection:
            booking = self._parts.store.lock(connection, booking_id)
            if booking is None or booking.current_state != State.BOOKING_CONFIRMED:
                return False
            progress = self._context.progress(booking, "system")
            progress.fire(Event.MARK_COMPLETED)
            self._context.save(connection, progress)
        self._context.journal.transitions(progress)
        return True
