"""Paying: opening Stripe's payment page and asking how it stands (R15; F07)."""

from __future__ import annotations

from typing import Any

from .context import Context, unknown_booking
from .identity import Caller
from .machine import IllegalTransition
from .machine_table import Event, State
from .progress import Progress
from .records import Booking, SessionType
from .refusals import Refusal, conflict, provider_failed
from .requests_read import Checkout
from .stripe_client import StripeRefused

__all__ = ["Payments"]

PAYABLE = frozenset(
    {State.CALENDLY_EVENT_SCHEDULED, State.PAYMENT_REQUIRED, State.PAYMENT_PENDING, State.PAYMENT_FAILED}
)


class Payments:
    """Opens and reads payment pages."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._parts = context.parts

    def open(self, caller: Caller, asked: Checkout) -> dict[str, Any]:
        """A payment page for the owner's booking, at the session's price. The same page while it is open."""
        booking, session = self._payable(caller, asked.booking_id)
        page = self._open_already(booking) or self._new_page(booking, session)
        try:
            booking = self._remember(caller, booking, page, session)
        except IllegalTransition:
            self._close(page["id"])
            raise
        return {
            "success": True,
            "bookingId": booking.id,
            "state": booking.current_state,
            "sessionId": page["id"],
            "url": page.get("url"),
        }

    def status(self, caller: Caller, booking_id: str | None, session_id: str | None) -> dict[str, Any]:
        """How the payment stands, here and at Stripe."""
        context, parts = self._context, self._parts
        if not (caller.is_authenticated or caller.token):
            raise parts.access.refusal(caller)
        with context.reader.connect() as connection:
            booking = (
                parts.store.booking(connection, booking_id)
                if booking_id
                else parts.store.by_checkout(connection, session_id or "")
            )
        if booking is None:
            raise unknown_booking()
        if not context.may_move(caller, booking):
            raise parts.access.refusal(caller)
        page = self._page(booking) if booking.payment_status == "UNPAID" and booking.stripe_session_id else {}
        return {
            "success": True,
            "bookingId": booking.id,
            "state": booking.current_state,
            "paymentStatus": booking.payment_status,
            "sessionId": booking.stripe_session_id,
            "sessionStatus": page.get("status"),
        }

    def _payable(self, caller: Caller, booking_id: str) -> tuple[Booking, SessionType | None]:
        context, parts = self._context, self._parts
        if not (caller.is_authenticated or caller.token):
            raise parts.access.refusal(caller)
        with context.reader.connect() as connection:
            booking = parts.store.booking(connection, booking_id)
            session = (
                parts.store.session_type(connection, booking.session_type_id)
                if booking and booking.session_type_id
                else None
            )
        if booking is None:
            raise unknown_booking()
        if not self._is_payer(caller, booking):
            raise parts.access.refusal(caller)
        if booking.is_free:
            raise conflict("nothing_to_pay", "This session is free.")
        if booking.current_state not in PAYABLE:
            raise IllegalTransition(booking.current_state or parts.machine.initial, Event.INITIATE_PAYMENT)
        return booking, session

    def _is_payer(self, caller: Caller, booking: Booking) -> bool:
        """The owner pays, nobody for him."""
        context, access = self._context, self._parts.access
        return access.is_client(caller, booking) or access.holds_token(
            caller, booking, self._parts.tokens, context.settings, context.now()
        )

    def _open_already(self, booking: Booking) -> dict[str, Any] | None:
        """The page that is open for this booking, if there is one."""
        if booking.current_state != State.PAYMENT_PENDING or not booking.stripe_session_id:
            return None
        page = self._page(booking)
        if page.get("status") == "complete":
            raise conflict("payment_in_progress", "This booking has been paid; the confirmation is on its way.")
        return page if page.get("status") == "open" else None

    def _page(self, booking: Booking) -> dict[str, Any]:
        try:
            return self._context.stripe.checkout(booking.stripe_session_id or "")
        except StripeRefused:
            return {}

    def _new_page(self, booking: Booking, session: SessionType | None) -> dict[str, Any]:
        """The same attempt asked for twice is one page: the key names the booking and the page before."""
        key = f"checkout-{booking.id}-{booking.stripe_session_id or 'first'}"
        try:
            return self._context.stripe.open_checkout(
                self._parts.checkout_terms.params(booking, session, self._context.settings), key
            )
        except StripeRefused:
            raise provider_failed(502, "stripe", "refused") from None

    def _remember(self, caller: Caller, booking: Booking, page: dict[str, Any], session: SessionType | None) -> Booking:
        context = self._context
        with context.locked(booking.id, caller) as (connection, locked):
            progress = context.progress(locked, caller.name)
            self._await_payment(progress)
            payment = {
                **locked.data.get("payment", {}),
                "currency": self._parts.checkout_terms.currency(locked, session),
            }
            progress.set(stripe_session_id=page["id"])
            progress.note(payment=payment)
            context.save(connection, progress)
        context.journal.of_caller("payment.opened", caller, bookingId=booking.id)
        context.journal.transitions(progress)
        return progress.booking

    def _await_payment(self, progress: Progress) -> None:
        """Two events lead to the open page from a scheduled booking (M3)."""
        if progress.state == State.CALENDLY_EVENT_SCHEDULED:
            progress.fire(Event.INITIATE_PAYMENT)
        if progress.state != State.PAYMENT_PENDING:
            progress.fire(Event.INITIATE_PAYMENT)

    def _close(self, session_id: str) -> None:
        try:
            self._context.stripe.close_checkout(session_id)
        except (StripeRefused, Refusal):
            self._context.journal.info("checkout.left_open")
