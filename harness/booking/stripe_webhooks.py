"""POST webhooks/stripe: verify, take once, apply, in one transaction; what has to be paid back, afterwards."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from .context import Context
from .deliveries import APPLIED, FLAGGED, IGNORED, Outcome
from .machine import IllegalTransition
from .paying_back import PayingBack, advance_refund, find_refund, refund_status
from .progress import Progress
from .stripe_news import REFUNDS, StripeNews

__all__ = ["StripeWebhooks"]

PROVIDER = "stripe"


class StripeWebhooks:
    """Takes Stripe's events. Our own failure is an exception, so that Stripe sends it again (W11)."""

    def __init__(self, context: Context, paying_back: PayingBack) -> None:
        self._context = context
        self._parts = context.parts
        self._paying_back = paying_back

    def receive(self, signature: str | None, raw: bytes) -> dict[str, Any]:
        """The answer to an event. Raises 401 when it is not Stripe's, 400 when it cannot be read."""
        context, parts, settings = self._context, self._parts, self._context.settings
        parts.stripe_signature.verify(
            signature,
            raw,
            settings.stripe_webhook_keys,
            now=int(parts.clock().timestamp()),
            tolerance=settings.stripe_tolerance,
        )
        news = parts.stripe_reader.read(parts.json.read_delivery(raw))
        outcome, progress = self._take(news)
        if outcome is None:
            context.journal.info("webhook.duplicate", provider=PROVIDER, event=news.event)
            return {"success": True, "outcome": "duplicate"}
        say = context.journal.warning if outcome.outcome == FLAGGED else context.journal.info
        say(
            f"webhook.{outcome.outcome}",
            provider=PROVIDER,
            event=news.event,
            bookingId=outcome.booking_id,
            reason=outcome.reason,
        )
        if progress:
            context.journal.transitions(progress)
        if outcome.reason == "paid_back" and outcome.booking_id:
            self._paying_back.push(outcome.booking_id)
        return {"success": True, "outcome": outcome.outcome}

    def _take(self, news: StripeNews) -> tuple[Outcome | None, Progress | None]:
        parts, context, now = self._parts, self._context, self._context.now()
        delivery_id = parts.new_id()
        with context.engine.begin() as connection:
            fresh = parts.deliveries.take(
                connection,
                delivery_id=delivery_id,
                provider=PROVIDER,
                key=news.event_id,
                event=news.event,
                occurred_at=news.occurred_at,
                now=now,
            )
            if not fresh:
                return None, None
            outcome, progress = self._apply(connection, news)
            parts.deliveries.conclude(
                connection, delivery_id, outcome, now, named=news.booking_id, envelope={"object": news.object_id}
            )
        return outcome, progress

    def _apply(self, connection: Connection, news: StripeNews) -> tuple[Outcome, Progress | None]:
        if not news.is_known:
            return Outcome(IGNORED, "unknown_event"), None
        if news.event in REFUNDS:
            return self._refunded(connection, news)
        context, parts = self._context, self._parts
        booking = parts.store.lock(connection, news.booking_id) if news.booking_id else None
        if booking is None:
            return Outcome(IGNORED, "unknown_booking"), None
        progress = context.progress(booking, PROVIDER)
        session = parts.store.session_type(connection, booking.session_type_id) if booking.session_type_id else None
        currency = parts.checkout_terms.currency(booking, session)
        try:
            outcome = parts.stripe_effects.apply(progress, news, currency, parts)
        except IllegalTransition:
            return Outcome(FLAGGED, "not_payable", booking.id), None
        context.save(connection, progress)
        return outcome, progress

    def _refunded(self, connection: Connection, news: StripeNews) -> tuple[Outcome, Progress | None]:
        """Stripe's word on a refund of ours; the row of the booking is locked before the refund's."""
        context = self._context
        booking = context.parts.store.lock(connection, news.booking_id) if news.booking_id else None
        owed = find_refund(connection, news.refund_id, news.object_id) if booking else None
        if booking is None or owed is None or owed.booking_id != booking.id:
            return Outcome(IGNORED, "unknown_refund"), None
        if not owed.is_meant(news.object_id):
            return Outcome(IGNORED, "another_attempt"), None
        progress = context.progress(booking, PROVIDER)
        advance_refund(connection, progress, owed, refund_status(news.refund_status), news.object_id)
        context.save(connection, progress)
        return Outcome(APPLIED, None, booking.id), progress
