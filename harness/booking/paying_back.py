"""Paying back what is owed (W12): written down with the cancellation, asked of Stripe afterwards, again if need be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, or_, select, update

from .confirmation import text_or_none
from .context import Context
from .machine_table import Event, State
from .models import REFUND as R
from .progress import Progress
from .refusals import Refusal
from .stripe_client import StripeRefused, minor_units

__all__ = ["Owed", "PayingBack", "advance_refund", "find_refund", "reopen_refunds"]

COLUMNS = (
    R.c.id,
    R.c.bookingId,
    R.c.amount,
    R.c.currency,
    R.c.status,
    R.c.paymentIntent,
    R.c.reason,
    R.c.stripeRefundId,
    R.c.updatedAt,
)
CANCELLED = "cancelled"
DONE = "charge_already_refunded"


@dataclass(frozen=True, slots=True)
class Owed:
    """One row of `"Refund"`."""

    id: str
    booking_id: str
    amount: Decimal
    currency: str
    status: str
    payment_intent: str | None
    reason: str
    stripe_id: str | None
    updated_at: datetime

    @property
    def key(self) -> str:
        """The same attempt asked for twice is one refund; one that is owed again after it failed is another."""
        return f"refund-{self.id}-{self.updated_at.isoformat()}"

    def is_meant(self, stripe_id: str) -> bool:
        """Whether Stripe's word on its refund `stripe_id` is about the attempt at hand, not about one before it."""
        if self.status == "required":
            return self.stripe_id != stripe_id
        return self.stripe_id in (None, stripe_id)


class PayingBack:
    """Asks Stripe for refunds, outside of every transaction; its answer is written in one of its own."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def push(self, booking_id: str) -> None:
        """Asks for what is owed on one booking. When Stripe does not answer, it stays owed and is asked for again."""
        for owed in self._owed(booking_id):
            self._push(owed)

    def waiting(self) -> Sequence[str]:
        """The bookings on which something is owed that Stripe has not been asked for."""
        statement = select(R.c.bookingId).where(R.c.status == "required").order_by(R.c.createdAt, R.c.id)
        with self._context.reader.connect() as connection:
            return list(dict.fromkeys(connection.scalars(statement)))

    def _owed(self, booking_id: str) -> list[Owed]:
        statement = select(*COLUMNS).where(R.c.bookingId == booking_id, R.c.status == "required").order_by(R.c.id)
        with self._context.reader.connect() as connection:
            return [Owed(*row) for row in connection.execute(statement)]

    def _push(self, owed: Owed) -> None:
        journal = self._context.journal
        try:
            status, refund_id = self._ask(owed)
        except Refusal as delayed:
            journal.warning("refund.delayed", bookingId=owed.booking_id, refundId=owed.id, code=delayed.code)
            return
        with self._context.engine.begin() as connection:
            booking = self._context.parts.store.lock(connection, owed.booking_id)
            if booking is None:
                return
            progress = self._context.progress(booking, "system")
            advance_refund(connection, progress, owed, status, refund_id)
            self._context.save(connection, progress)
        journal.info("refund.asked", bookingId=owed.booking_id, refundId=owed.id, status=status)
        journal.transitions(progress)

    def _ask(self, owed: Owed) -> tuple[str, str | None]:
        """Stripe's word on it: succeeded, processing or failed. Raises a Refusal when Stripe does not answer."""
        intent = owed.payment_intent or self._intent(owed.booking_id)
        if intent is None:
            return "failed", None
        metadata = {"bookingId": owed.booking_id, "refundId": owed.id}
        amount = minor_units(owed.amount, owed.currency)
        try:
            made = self._context.stripe.refund(intent, amount, metadata, owed.key)
        except StripeRefused as refused:
            return ("succeeded" if refused.code == DONE else "failed"), None
        return refund_status(made.get("status")), made.get("id")

    def _intent(self, booking_id: str) -> str | None:
        """The payment of a booking that was paid before payments were kept: its payment page knows it."""
        with self._context.reader.connect() as connection:
            booking = self._context.parts.store.booking(connection, booking_id)
        if booking is None or booking.stripe_session_id is None:
            return None
        try:
            return text_or_none(self._context.stripe.checkout(booking.stripe_session_id).get("payment_intent"))
        except StripeRefused:
            return None


def refund_status(word: object) -> str:
    """Stripe's status of a refund in ours."""
    return {"succeeded": "succeeded", "failed": "failed", "canceled": "failed"}.get(str(word), "processing")


def find_refund(connection: Connection, refund_id: str | None, stripe_id: str | None) -> Owed | None:
    """A refund by our id or by Stripe's."""
    statement = select(*COLUMNS).where(or_(R.c.id == refund_id, R.c.stripeRefundId == stripe_id)).with_for_update()
    row = connection.execute(statement).first()
    return Owed(*row) if row else None


def advance_refund(connection: Connection, progress: Progress, owed: Owed, status: str, stripe_id: str | None) -> None:
    """Writes how far a refund has got and moves its booking along; a second word of the same, or a late one, does not."""
    if owed.status in (status, "succeeded") or (status == "processing" and owed.status != "required"):
        return
    values = {"status": status, "updatedAt": progress.now} | ({"stripeRefundId": stripe_id} if stripe_id else {})
    connection.execute(update(R).where(R.c.id == owed.id), values)
    if owed.reason != CANCELLED:
        return
    if progress.state == State.REFUND_REQUIRED and status != "failed":
        progress.fire(Event.PROCESS_REFUND)
    if progress.state == State.REFUND_PROCESSING and status == "succeeded":
        progress.fire(Event.REFUND_PROCESSED)
    if status == "failed" and progress.state in (State.REFUND_REQUIRED, State.REFUND_PROCESSING):
        progress.fire(Event.ERROR_OCCURRED)
        progress.note(error={"code": "refund_failed"})


def reopen_refunds(connection: Connection, booking_id: str, now: datetime) -> None:
    """A refund that failed is owed again, once somebody has recovered its booking."""
    failed = update(R).where(R.c.bookingId == booking_id, R.c.status == "failed")
    connection.execute(failed, {"status": "required", "updatedAt": now})
