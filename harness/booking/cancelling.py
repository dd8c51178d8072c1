"""Cancelling from our side: at Calendly first, then here, then the money (M5, W12)."""

from __future__ import annotations

from typing import Any

from .bookings import with_token
from .calendly_client import CalendlyRefused
from .context import Context, unknown_booking
from .identity import Caller
from .machine import IllegalTransition, Who
from .machine_table import Event, State
from .paying_back import PayingBack
from .records import Booking
from .refusals import Refusal, invalid, provider_failed
from .requests_read import Cancel
from .stripe_client import StripeRefused

__all__ = ["Cancelling"]


class Cancelling:
    """Cancels one booking. When Calendly does not answer, nothing is changed and it can be tried again."""

    def __init__(self, context: Context, paying_back: PayingBack) -> None:
        self._context = context
        self._parts = context.parts
        self._paying_back = paying_back

    def patch(self, caller: Caller, booking_id: str, asked: Cancel) -> dict[str, Any]:
        """PATCH: the booking after it. Cancelling again is answered with the booking as it is."""
        if asked.action is None and asked.status is None:
            raise invalid("nothing_to_do", 'Send {"action": "cancel"}: a booking can only be cancelled.')
        caller = with_token(caller, asked.booking_token)
        _, after = self.cancel(caller, booking_id, asked.reason)
        return self._parts.presenter.outcome(after)

    def cancel(
        self, caller: Caller, booking_id: str, reason: str | None, *, again: bool = True
    ) -> tuple[Booking, Booking]:
        """The booking before and after. Raises 409 where it cannot be cancelled, or (not `again`) is so already."""
        context = self._context
        before = self._checked(caller, booking_id)
        if before.status == "CANCELLED":
            if not again:
                raise IllegalTransition(before.current_state or "", Event.REQUEST_CANCELLATION)
            return before, before
        at_calendly = self._cancel_at_calendly(before, reason)
        with context.locked(booking_id, caller) as (connection, booking):
            progress = context.progress(booking, caller.name)
            self._parts.cancellation.begin(
                progress, by=self._by(caller, booking), reason=reason, at=progress.now, who=Who.VISITOR
            )
            progress.actor = "calendly" if at_calendly else "system"
            if at_calendly and progress.state == State.CANCELLATION_REQUESTED:
                progress.fire(Event.CALENDLY_WEBHOOK_RECEIVED)
            progress.actor = "system"
            self._parts.cancellation.settle(progress, self._parts.refunds, self._parts.new_id)
            context.save(connection, progress)
        context.journal.of_caller("booking.cancelled", caller, bookingId=booking_id)
        context.journal.transitions(progress)
        return before, self.finish(progress.booking)

    def finish(self, booking: Booking) -> Booking:
        """What follows a cancellation, outside of its transaction: the money back, the payment page closed."""
        if booking.payment_status == "UNPAID" and booking.stripe_session_id:
            self._close_checkout(booking)
        if booking.payment_status != "PAID" or booking.is_free:
            return booking
        self._paying_back.push(booking.id)
        with self._context.reader.connect() as connection:
            return self._parts.store.booking(connection, booking.id) or booking

    def _checked(self, caller: Caller, booking_id: str) -> Booking:
        """The booking, if this caller may cancel it in its state: looked at before Calendly is bothered."""
        context = self._context
        if not (caller.is_authenticated or caller.token):
            raise self._parts.access.refusal(caller)
        with context.reader.connect() as connection:
            booking = self._parts.store.booking(connection, booking_id)
        if booking is None:
            raise unknown_booking()
        if not context.may_move(caller, booking):
            raise self._parts.access.refusal(caller)
        if booking.status != "CANCELLED":
            context.progress(booking, caller.name).fire(Event.REQUEST_CANCELLATION, who=Who.VISITOR)
        return booking

    def _cancel_at_calendly(self, booking: Booking, reason: str | None) -> bool:
        """Whether the event is cancelled at Calendly now. One place in a group is left to the group."""
        if booking.calendly_event_id is None or self._is_shared(booking):
            return False
        try:
            self._context.calendly.cancel(booking.calendly_event_id, reason)
        except CalendlyRefused as refused:
            if not self._is_over(refused):
                raise provider_failed(502, "calendly", "refused") from None
        return True

    def _is_over(self, refused: CalendlyRefused) -> bool:
        """Calendly has nothing left to cancel: the event is unknown, past, or cancelled already (CALENDLY.md 3)."""
        return refused.status == 404 or refused.message in ("Event is already canceled", "Event in the past")

    def _is_shared(self, booking: Booking) -> bool:
        """Whether others are booked on the same event."""
        with self._context.reader.connect() as connection:
            return self._parts.store.shares_event(connection, booking)

    def _by(self, caller: Caller, booking: Booking) -> str:
        if self._parts.access.is_builder(caller, booking):
            return "builder"
        return "client" if not caller.is_admin or self._parts.access.is_client(caller, booking) else "admin"

    def _close_checkout(self, booking: Booking) -> None:
        try:
            self._context.stripe.close_checkout(booking.stripe_session_id or "")
        except (StripeRefused, Refusal):
            self._context.journal.info("checkout.left_open", bookingId=booking.id)
