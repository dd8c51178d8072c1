"""Reading Stripe's events: which booking, which payment page, how much, how it went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .answers import as_booking_id
from .confirmation import text_or_none
from .instants import naive
from .refusals import Refusal, invalid

__all__ = ["CHECKOUTS", "FAILED", "PAID", "REFUNDS", "StripeNews", "StripeReader"]

PAID = frozenset({"checkout.session.completed", "checkout.session.async_payment_succeeded"})
FAILED = frozenset(
    {"checkout.session.async_payment_failed", "checkout.session.expired", "payment_intent.payment_failed"}
)
REFUNDS = frozenset({"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"})
CHECKOUTS = PAID | FAILED


@dataclass(frozen=True, slots=True)
class StripeNews:
    """One event. Amounts are in minor units; `session_id` is None for events that are not of a payment page."""

    event_id: str
    event: str
    occurred_at: datetime
    booking_id: str | None
    object_id: str
    session_id: str | None = None
    payment_intent: str | None = None
    payment_status: str | None = None
    amount: int | None = None
    currency: str | None = None
    refund_id: str | None = None
    refund_status: str | None = None
    failure: str | None = None

    @property
    def is_known(self) -> bool:
        """Whether the event means anything to a booking."""
        return self.event in CHECKOUTS or self.event in REFUNDS


class StripeReader:
    """Reads Stripe's envelope. The booking is named by our own metadata (W13)."""

    def read(self, envelope: Mapping[str, Any]) -> StripeNews:
        """The news. Raises 400 when it is not an event."""
        try:
            found = envelope["data"]["object"]
            metadata = found.get("metadata") or {}
            event, is_session = str(envelope["type"])[:100], found.get("object") == "checkout.session"
            return StripeNews(
                event_id=str(envelope["id"])[:255],
                event=event,
                occurred_at=naive(datetime.fromtimestamp(int(envelope["created"]), UTC)),
                booking_id=as_booking_id(metadata.get("bookingId")),
                object_id=str(found.get("id", "")),
                session_id=text_or_none(found.get("id")) if is_session else None,
                payment_intent=text_or_none(found.get("payment_intent")),
                payment_status=text_or_none(found.get("payment_status")),
                amount=found.get("amount_total" if is_session else "amount"),
                currency=text_or_none(found.get("currency")),
                refund_id=as_booking_id(metadata.get("refundId")),
                refund_status=text_or_none(found.get("status")) if event in REFUNDS else None,
                failure=self.failure(event, found),
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError):
            raise unreadable() from None

    def failure(self, event: str, found: Mapping[str, Any]) -> str | None:
        """Why a payment failed, in a word that is safe to show: never the card's."""
        if event not in FAILED:
            return None
        if event == "checkout.session.expired":
            return "expired"
        error = found.get("last_payment_error")
        return (text_or_none(error.get("code")) if isinstance(error, Mapping) else None) or "payment_failed"


def unreadable() -> Refusal:
    """400: signed by Stripe, and not an event."""
    return invalid("unreadable_delivery", "This delivery is not of the form that is read here.")
