"""Cancelling from our side: at Calendly first, then here, then the money (M5, W12)."""

from __future__ import annotations

from typing import Any

from .bookings import with_token
from .calendly_client import CalendlyRefused
from .calendly_uris import invitee_uri
from .confirmation import read_scheduled
from .context import Context, unknown_booking
from .identity import Caller
from .machine import IllegalTransition, Who
from .machine_table import Event, State
from .paying_back import PayingBack
from .records import Booking
from .refusals import Refusal, invalid, provider_failed
from .requests_read import Cancel
from .rows import Scheduled
from .stripe_client import StripeRefused

__all__ = ["Cancelling"]

MOVES = 10  # of one invitee that we have not heard of yet, at most


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
        found = self._checked(caller, booking_id)
        if self._is_done(found, again):
            return found, found
        at_calendly, moved = self._cancel_at_calendly(found, reason)
        with context.locked(booking_id, caller) as (connection, before):
            if self._is_done(before, again):  # somebody else was faster, or Calendly's webhook
                return before, before
            progress = context.progress(before, caller.name)
            if moved:
                progress.set(**self._parts.rows.scheduling(moved))  # the refund follows the time that counted
            self._parts.cancellation.begin(
                progress, by=self._by(caller, before), reason=reason, at=progress.now, who=Who.VISITOR
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

    def _is_done(self, booking: Booking, again: bool) -> bool:
        """Whether it is cancelled already. Raises IllegalTransition where that is no answer."""
        if booking.status != "CANCELLED":
            return False
        if not again:
            raise IllegalTransition(booking.current_state or "", Event.REQUEST_CANCELLATION)
        return True

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

    def _cancel_at_calendly(self, booking: Booking, reason: str | None) -> tuple[bool, Scheduled | None]:
        """Whether the event is cancelled at Calendly now, and where it had moved to. One place in a group is left to it."""
        if booking.calendly_event_id is None or self._is_shared(booking):
            return False, None
        if self._cancel_event(booking.calendly_event_id, reason):
            return True, None
        moved = self._moved_to(booking)
        if moved:
            self._cancel_event(moved.event_id, reason)
        return True, moved

    def _cancel_event(self, event_id: str, reason: str | None) -> bool:
        """Whether it was there to be cancelled. Raises a 502 Refusal when Calendly refuses for another reason."""
        try:
            self._context.calendly.cancel(event_id, reason)
        except CalendlyRefused as refused:
            if not self._is_over(refused):
                raise provider_failed(502, "calendly", "refused") from None
            return False
        return True

    def _moved_to(self, booking: Booking) -> Scheduled | None:
        """Where the invitee has moved to while Calendly's news of it are still to come (W08); None: nowhere."""
        calendly, base = self._context.calendly, self._context.settings.calendly_base
        here, is_moved = invitee_uri(booking.calendly_invitee_uri or "", base), False
        try:
            for _ in range(MOVES):
                if here is None:
                    return None
                invitee = calendly.invitee(here.event_id, here.invitee_id)
                following = invitee_uri(str(invitee.get("new_invitee")), base)
                if following is None:
                    return read_scheduled(here, calendly.event(here.event_id), invitee) if is_moved else None
                here, is_moved = following, True
        except CalendlyRefused:
            pass  # unknown there: nothing is left to cancel
        return None

    def _is_over(self, refused: CalendlyRefused) -> bool:
        """Calendly has nothing left to cancel: the event is unknown, past, or cancelled already (CALENDLY.md 3)."""
        return refused.status == 404 or refused.message in ("Event is already canceled", "Event in the past")

    def _is_shared(self, booking: Booking) -> bool:
        """Whether others are booked on the same event, here or, in a group, at Calendly only: their news may be to come."""
        store = self._parts.store
        with self._context.reader.connect() as connection:
            if store.shares_event(connection, booking):
                return True
            session = store.session_type(connection, booking.session_type_id or "")
            if session is None or not session.is_group:
                return False
        there = self._at_calendly(booking.calendly_event_id or "") - {booking.calendly_invitee_uri}
        with self._context.reader.connect() as connection:
            ours = {known.calendly_invitee_uri for known in store.named(connection, None, sorted(there))}
        return bool(there - ours)  # ours have cancelled here, and keep their place at Calendly

    def _at_calendly(self, event_id: str) -> set[str]:
        """The invitees who have a place in the event."""
        try:
            found = self._context.calendly.active_invitees(event_id)
        except CalendlyRefused:
            return set()
        named = (invitee_uri(str(item.get("uri")), self._context.settings.calendly_base) for item in found)
        return {invitee.uri for invitee in named if invitee}

    def _by(self, caller: Caller, booking: Booking) -> str:
        if self._parts.access.is_builder(caller, booking):
            return "builder"
        return "client" if not caller.is_admin or self._parts.access.is_client(caller, booking) else "admin"

    def _close_checkout(self, booking: Booking) -> None:
        try:
            self._context.stripe.close_checkout(booking.stripe_session_id or "")
        except (StripeRefused, Refusal):
            self._context.journal.info("checkout.left_open", bookingId=booking.id)
