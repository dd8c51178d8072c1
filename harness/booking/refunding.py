"""What is owed back for a cancelled booking (W12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, insert

from .models import REFUND as R
from .records import Booking
from .stripe_client import payable

__all__ = ["Due", "RefundPolicy", "refund_row", "write_refund"]

INSERT_REFUND = insert(R)


@dataclass(frozen=True, slots=True)
class Due:
    """What is owed back: a percentage of what was paid, and the money."""

    percent: int
    amount: Decimal


class RefundPolicy:
    """24 hours or more before the start everything, 12 to 24 half, less nothing; free or unpaid, nothing (W12)."""

    tiers: tuple[tuple[timedelta, int], ...] = ((timedelta(hours=24), 100), (timedelta(hours=12), 50))

    def due(self, booking: Booking, cancelled_at: datetime) -> Due:
        """What is owed for a booking that was cancelled then."""
        paid = booking.amount or Decimal(0)
        percent = self.percent(booking.start_time - cancelled_at) if self.was_paid(booking) else 0
        return Due(percent, payable(paid * percent / 100, booking.data.get("payment", {}).get("currency", "")))

    def was_paid(self, booking: Booking) -> bool:
        """Whether money was taken for it."""
        return booking.payment_status == "PAID" and not booking.is_free

    def percent(self, notice: timedelta) -> int:
        """The share for this much notice."""
        return next((percent for least, percent in self.tiers if notice >= least), 0)


def refund_row(booking: Booking, refund_id: str, due: Due, reason: str, now: datetime) -> dict[str, Any]:
    """A row of `"Refund"` that Stripe has not been asked for yet."""
    payment = booking.data.get("payment", {})
    return {
        "id": refund_id,
        "bookingId": booking.id,
        "amount": due.amount,
        "currency": payment.get("currency", ""),
        "percent": due.percent,
        "reason": reason,
        "status": "required",
        "paymentIntent": payment.get("intent"),
        "createdAt": now,
        "updatedAt": now,
    }


def write_refund(connection: Connection, row: dict[str, Any]) -> None:
    """Inserts one refund."""
    connection.execute(INSERT_REFUND, row)
