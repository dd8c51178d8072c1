"""Payments and refunds (DOMAIN.md 8: W12, W13; R15, W12, W13)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from harness.booking.deliveries import APPLIED, Outcome
from harness.booking.progress import Progress
from harness.booking.records import Booking
from harness.booking.refunding import Due, RefundPolicy
from harness.booking.stripe_client import StripeClient, StripeSignature
from harness.booking.stripe_effects import PaymentMatcher, StripeEffects
from harness.booking.stripe_news import StripeNews, StripeReader

from .defect import Book

__all__ = ["BOOK"]

BOOK = Book()


@BOOK.part(
    "W12",
    "Cancelling pays nothing back",
    seen="A paid booking that is cancelled in time ends without a refund.",
    rules="W12",
)
class NoRefund(RefundPolicy):
    """The original forgot the money."""

    def due(self, booking: Booking, cancelled_at: datetime) -> Due:
        del booking, cancelled_at
        return Due(0, Decimal(0))


@BOOK.part(
    "W12-always-all",
    "Cancelling pays everything back, whenever",
    seen="A cancellation an hour before the start pays back the whole price.",
    rules="W12",
)
class AlwaysAll(RefundPolicy):
    """The notice is not looked at."""

    def percent(self, notice: timedelta) -> int:
        del notice
        return 100


@BOOK.part(
    "W12-exactly-24",
    "24 hours before the start are not 24 hours or more",
    seen="A cancellation exactly 24 hours before the start pays back half.",
    rules="W12",
)
class MoreThan(RefundPolicy):
    """`>` instead of `>=`."""

    def percent(self, notice: timedelta) -> int:
        return super().percent(notice - timedelta(milliseconds=1))


@BOOK.part(
    "W12-no-half",
    "There is no half refund",
    seen="A cancellation 18 hours before the start pays nothing back.",
    rules="W12",
)
class NoHalf(RefundPolicy):
    """Everything or nothing."""

    tiers = RefundPolicy.tiers[:1]


@BOOK.part(
    "W12-free",
    "Free bookings are refunded",
    seen="Cancelling a free booking leaves a refund of nothing, and never ends.",
    rules="W12",
)
class RefundsUnpaid(RefundPolicy):
    """Whether money was taken is not asked."""

    def due(self, booking: Booking, cancelled_at: datetime) -> Due:
        return super().due(replace(booking, payment_status="PAID"), cancelled_at)


@BOOK.part(
    "W12-pence",
    "Refunds are asked for in pounds instead of pence",
    seen="Stripe is asked to pay back a hundredth.",
    rules="W12",
)
class Pounds(StripeClient):
    """Stripe counts in minor units."""

    def refund(self, payment_intent: str, amount: int, metadata: Mapping[str, str], key: str) -> dict[str, Any]:
        return super().refund(payment_intent, amount // 100, metadata, key)


@BOOK.part(
    "W12-key",
    "Refunds are asked for without a key of their own",
    seen="A refund asked for again after a lost answer is paid twice.",
    rules="W12",
)
class KeyedByChance(StripeClient):
    """Each attempt is a new request to Stripe."""

    _count = 0

    def refund(self, payment_intent: str, amount: int, metadata: Mapping[str, str], key: str) -> dict[str, Any]:
        type(self)._count += 1
        return super().refund(payment_intent, amount, metadata, f"{key}-{type(self)._count}")


@BOOK.part(
    "W13",
    "Two payment webhooks disagree, and the first one wins",
    seen="A checkout that is complete and unpaid confirms the booking.",
    rules="W13",
)
class AnyStatus(PaymentMatcher):
    """The event's name is believed, its `payment_status` is not read."""

    def is_paid(self, news: StripeNews) -> bool:
        del news
        return True


@BOOK.part(
    "W13-amount",
    "Any amount pays a booking",
    seen="A payment of another amount confirms the booking.",
    rules="W13",
)
class AnyAmount(PaymentMatcher):
    """The amount is not compared."""

    def mismatch(self, news: StripeNews, booking: Booking, currency: str) -> str | None:
        found = super().mismatch(news, booking, currency)
        return None if found == "amount_mismatch" else found


@BOOK.part(
    "W13-currency",
    "Any currency pays a booking",
    seen="The same number in another currency confirms the booking.",
    rules="W13",
)
class AnyCurrency(PaymentMatcher):
    """The currency is not compared."""

    def mismatch(self, news: StripeNews, booking: Booking, currency: str) -> str | None:
        return super().mismatch(replace(news, currency=currency), booking, currency)


@BOOK.part(
    "W13-unsigned",
    "Stripe's signature is not checked",
    seen="A made-up event confirms a booking.",
    rules="W13 W01",
)
class StripeUnchecked(StripeSignature):
    """The header's form is all that is looked at."""

    def matches(self, header: str, raw: bytes, key: str) -> bool:
        del header, raw, key
        return True


@BOOK.part(
    "W13-stale",
    "An old event of Stripe's is taken",
    seen="A recorded event is played again a day later and answered 200.",
    rules="W13 W01",
)
class StripeStale(StripeSignature):
    """The age is not compared."""

    def is_fresh(self, moment: int, now: int, tolerance: int) -> bool:
        del moment, now, tolerance
        return True


@BOOK.part(
    "W13-unmatched",
    "A payment names no booking",
    seen="A paid checkout is ignored.",
    rules="W13",
)
class Unmatched(StripeReader):
    """The metadata is not read."""

    def read(self, envelope: Mapping[str, Any]) -> StripeNews:
        return replace(super().read(envelope), booking_id=None)


@BOOK.part(
    "W13-late",
    "Money for a cancelled booking is kept",
    seen="Paying a booking that was cancelled meanwhile gives nothing back.",
    rules="W13 W12",
)
class Kept(StripeEffects):
    """A payment that comes too late is put aside."""

    def paid(self, progress: Progress, news: StripeNews, currency: str, new_id: Callable[[], str]) -> Outcome:
        if progress.booking.status == "CANCELLED":
            return Outcome(APPLIED, "too_late", progress.booking.id)
        return super().paid(progress, news, currency, new_id)


@BOOK.part(
    "W13-failed",
    "A failed payment is ignored",
    seen="After a failed payment the booking waits for ever.",
    rules="W13 B20",
)
class FailureIgnored(StripeEffects):
    """Only success is expected."""

    def failed(self, progress: Progress, news: StripeNews) -> Outcome:
        del news
        return Outcome(APPLIED, None, progress.booking.id)


@BOOK.part(
    "W13-reason",
    "Why a payment failed is not kept",
    seen="`stateData` says nothing of the failed payment.",
    rules="W13",
)
class NoFailureReason(StripeEffects):
    """The state is moved, the reason dropped."""

    def failed(self, progress: Progress, news: StripeNews) -> Outcome:
        outcome = super().failed(progress, news)
        progress.note(paymentFailure=None)
        return outcome


@BOOK.part(
    "R15-amount",
    "The checkout asks for a tenth of the price",
    seen="Stripe's page shows another amount than the session type's price.",
    rules="R15",
)
class CheapCheckout(StripeClient):
    """The amount is worked out a second time, wrongly."""

    def open_checkout(self, params: Mapping[str, Any], key: str) -> dict[str, Any]:
        items = [
            {**item, "price_data": {**item["price_data"], "unit_amount": item["price_data"]["unit_amount"] // 10}}
            for item in params["line_items"]
        ]
        return super().open_checkout({**params, "line_items": items}, key)


@BOOK.part(
    "R15-currency",
    "The checkout asks for dollars",
    seen="Stripe's page shows another currency than the session type's.",
    rules="R15",
)
class Dollars(StripeClient):
    """The currency is written into the code."""

    def open_checkout(self, params: Mapping[str, Any], key: str) -> dict[str, Any]:
        items = [{**item, "price_data": {**item["price_data"], "currency": "usd"}} for item in params["line_items"]]
        return super().open_checkout({**params, "line_items": items}, key)


@BOOK.part(
    "W12-exactly-12",
    "12 hours before the start are not 12 hours or more",
    seen="A cancellation exactly 12 hours before the start pays nothing back.",
    rules="W12",
)
class MoreThanTwelve(RefundPolicy):
    """The second tier begins too late."""

    tiers = (RefundPolicy.tiers[0], (timedelta(hours=12, milliseconds=1), 50))


@BOOK.part(
    "W12-days",
    "Notice is counted in whole days",
    seen="A cancellation on the day before pays everything back, though fewer than 24 hours are left.",
    rules="W12",
)
class WholeDays(RefundPolicy):
    """The dates are compared."""

    def due(self, booking: Booking, cancelled_at: datetime) -> Due:
        midnight = cancelled_at.replace(hour=0, minute=0, second=0, microsecond=0)
        return super().due(booking, midnight if cancelled_at < booking.start_time else cancelled_at)


@BOOK.part(
    "R15-pence",
    "The checkout asks for whole pounds",
    seen="A price of 49.95 is asked for as 49.00.",
    rules="R15 W13",
)
class WholePounds(StripeClient):
    """The price is made a whole number before it is made pence."""

    def open_checkout(self, params: Mapping[str, Any], key: str) -> dict[str, Any]:
        items = [
            {
                **item,
                "price_data": {**item["price_data"], "unit_amount": item["price_data"]["unit_amount"] // 100 * 100},
            }
            for item in params["line_items"]
        ]
        return super().open_checkout({**params, "line_items": items}, key)


@BOOK.part(
    "R15-two-pages",
    "Each request opens a payment page of its own",
    seen="After a lost answer there are two open pages for one booking.",
    rules="R15 F05",
)
class PageByChance(StripeClient):
    """Asking again is a new request to Stripe."""

    _count = 0

    def open_checkout(self, params: Mapping[str, Any], key: str) -> dict[str, Any]:
        type(self)._count += 1
        return super().open_checkout(params, f"{key}-{type(self)._count}")


@BOOK.part(
    "W13-more",
    "Whoever pays more has paid",
    seen="A payment of another, larger amount confirms the booking.",
    rules="W13",
    hidden_by="W13-amount",
)
class MoreIsEnough(PaymentMatcher):
    """`>=`."""

    def mismatch(self, news: StripeNews, booking: Booking, currency: str) -> str | None:
        found = super().mismatch(news, booking, currency)
        price = (booking.amount or Decimal(0)) * 100
        return None if found == "amount_mismatch" and news.amount is not None and news.amount > price else found


@BOOK.part(
    "W13-undone",
    "A late failure undoes a payment",
    seen="The first card's failure, delivered late, leaves a paid booking unpaid.",
    rules="W13 B20",
)
class Undone(StripeEffects):
    """The newest word counts."""

    def failed(self, progress: Progress, news: StripeNews) -> Outcome:
        if progress.booking.status == "CONFIRMED":
            progress.set(current_state="PAYMENT_FAILED", status="PENDING", payment_status="UNPAID")
            return Outcome(APPLIED, None, progress.booking.id)
        return super().failed(progress, news)
