"""What Stripe's news do to a booking (M3, W13): a verified payment confirms it, a failed one can be tried again."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from .calendly_effects import recover
from .deliveries import APPLIED, FLAGGED, IGNORED, Outcome
from .instants import iso
from .machine_table import Event, State
from .progress import Progress
from .records import Booking
from .refunding import Due, refund_row, write_refund
from .stripe_client import minor_units
from .stripe_news import PAID, StripeNews

if TYPE_CHECKING:
    from .parts import Parts

__all__ = ["PaymentMatcher", "StripeEffects"]

AWAITING = frozenset({State.PAYMENT_PENDING, State.PAYMENT_PROCESSING})


RETURNED = "returnedPayments"  # the payment pages whose money goes back: each once, however many events tell of it


class PaymentMatcher:
    """Whether a payment page pays this booking (W13): paid, the whole amount, in its currency."""

    def mismatch(self, news: StripeNews, booking: Booking, currency: str) -> str | None:
        """Why it does not; None when it does."""
        if (news.currency or "").lower() != currency.lower():
            return "currency_mismatch"
        if news.amount != minor_units(booking.amount or Decimal(0), currency):
            return "amount_mismatch"
        return None

    def is_paid(self, news: StripeNews) -> bool:
        """Whether the money has come."""
        return news.payment_status == "paid"


class StripeEffects:
    """Applies one piece of news. Returns what became of it; the caller saves."""

    def apply(self, progress: Progress, news: StripeNews, currency: str, parts: Parts) -> Outcome:
        """The booking after the news. Nothing is changed unless the outcome is `applied`."""
        if news.event not in PAID:
            return self.failed(progress, news)
        if not parts.payment_matcher.is_paid(news):
            return self.promised(progress, news)
        wrong = parts.payment_matcher.mismatch(news, progress.booking, currency)
        if wrong:
            return Outcome(FLAGGED, wrong, progress.booking.id)
        return self.paid(progress, news, currency, parts.new_id)

    def paid(self, progress: Progress, news: StripeNews, currency: str, new_id: Callable[[], str]) -> Outcome:
        """Confirms the booking. Money for one that is cancelled, or paid already, goes back."""
        booking = progress.booking
        if booking.payment_status in ("PAID", "REFUNDED") and booking.stripe_session_id == news.session_id:
            return self._applied(progress, "already_paid")
        if news.session_id in booking.data.get(RETURNED, ()):
            return self._applied(progress, "already_returned")
        if booking.status == "CANCELLED" or booking.payment_status != "UNPAID":
            return self._back(progress, news, currency, new_id)
        recover(progress)
        progress.set(stripe_session_id=news.session_id)
        payment = {**booking.data.get("payment", {}), "intent": news.payment_intent, "currency": currency}
        progress.note(payment=payment)
        progress.fire(Event.PAYMENT_SUCCEEDED)
        progress.fire(Event.STRIPE_WEBHOOK_RECEIVED)
        return self._applied(progress)

    def promised(self, progress: Progress, news: StripeNews) -> Outcome:
        """A slow method: the page is complete, the money is to come, also after a card that was declined there."""
        is_awaited = progress.state in (State.PAYMENT_PENDING, State.PAYMENT_FAILED)
        if not is_awaited or progress.booking.stripe_session_id != news.session_id:
            return Outcome(IGNORED, "not_awaited", progress.booking.id)
        if progress.state == State.PAYMENT_FAILED:
            progress.fire(Event.INITIATE_PAYMENT)
        progress.fire(Event.STRIPE_WEBHOOK_RECEIVED)
        return self._applied(progress, "processing")

    def failed(self, progress: Progress, news: StripeNews) -> Outcome:
        """The payment failed; the reason is kept, FAILED is not a value of the database (P9)."""
        booking = progress.booking
        if progress.state not in AWAITING:
            return Outcome(IGNORED, "not_awaited", booking.id)
        if (
            progress.state == State.PAYMENT_PROCESSING and news.session_id is None
        ):  # a card before; its page fails a slow method
            return Outcome(IGNORED, "not_awaited", booking.id)
        if news.session_id and news.session_id != booking.stripe_session_id:
            return Outcome(IGNORED, "another_checkout", booking.id)
        progress.fire(Event.PAYMENT_FAILED)
        progress.note(paymentFailure={"at": iso(news.occurred_at), "reason": news.failure})
        return self._applied(progress)

    def _back(self, progress: Progress, news: StripeNews, currency: str, new_id: Callable[[], str]) -> Outcome:
        booking = progress.booking
        row = refund_row(booking, new_id(), Due(100, booking.amount or Decimal(0)), "not_owed", progress.now)
        row |= {"paymentIntent": news.payment_intent, "currency": currency}
        progress.after_save.append(lambda connection: write_refund(connection, row))
        progress.note(**{RETURNED: [*booking.data.get(RETURNED, ()), news.session_id]})
        return self._applied(progress, "paid_back")

    def _applied(self, progress: Progress, reason: str | None = None) -> Outcome:
        return Outcome(APPLIED, reason, progress.booking.id)
