"""POST webhooks/calendly: verify, take once, find the booking, apply; all in one transaction (W01 to W11)."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from .calendly_news import CANCELED, KNOWN, News
from .cancelling import Cancelling
from .context import Context
from .deliveries import APPLIED, FLAGGED, IGNORED, PARKED, Outcome
from .hearing import hear
from .machine_table import State
from .parked import apply_waiting
from .progress import Progress
from .records import Booking

__all__ = ["CalendlyWebhooks"]

PROVIDER = "calendly"


class CalendlyWebhooks:
    """Takes deliveries. Our own failure is an exception, so that the provider sends it again (W11)."""

    def __init__(self, context: Context, cancelling: Cancelling) -> None:
        self._context = context
        self._cancelling = cancelling
        self._parts = context.parts

    def receive(self, signature: str | None, raw: bytes) -> dict[str, Any]:
        """The answer to a delivery. Raises 401 when it is not Calendly's, 400 when it cannot be read."""
        context, settings = self._context, self._context.settings
        self._parts.calendly_signature.verify(
            signature,
            raw,
            settings.calendly_webhook_keys,
            now=int(self._parts.clock().timestamp()),
            tolerance=settings.calendly_tolerance,
        )
        envelope = self._parts.json.read_delivery(raw)
        event, occurred_at = self._parts.calendly_reader.event(envelope)
        if event not in KNOWN:
            return self._unknown(event, f"{event} {occurred_at.isoformat()} {sha256(raw).hexdigest()}", envelope)
        news = self._parts.calendly_reader.read(envelope, self._parts.booking_ids, settings.calendly_base)
        outcome, progress = self._take(news, envelope)
        if outcome is None:
            context.journal.info("webhook.duplicate", provider=PROVIDER, event=event)
            return {"success": True, "outcome": "duplicate"}
        if progress:
            context.journal.transitions(progress)
            self._finish(progress)
        say = context.journal.warning if outcome.outcome == FLAGGED else context.journal.info
        say(
            f"webhook.{outcome.outcome}",
            provider=PROVIDER,
            event=event,
            bookingId=outcome.booking_id,
            reason=outcome.reason,
        )
        return {"success": True, "outcome": outcome.outcome}

    def _take(self, news: News, envelope: Mapping[str, Any]) -> tuple[Outcome | None, Progress | None]:
        parts, context, now = self._parts, self._context, self._context.now()
        delivery_id = parts.new_id()
        with context.engine.begin() as connection:
            names = [f"booking {name}" for name in news.named] + [f"invitee {uri}" for uri in news.invitee_uris]
            parts.store.hold(connection, *names)
            fresh = parts.deliveries.take(
                connection,
                delivery_id=delivery_id,
                provider=PROVIDER,
                key=news.key,
                event=news.event,
                occurred_at=news.occurred_at,
                now=now,
            )
            if not fresh:
                return None, None
            outcome, progress = self._apply(connection, news)
            parts.deliveries.conclude(
                connection,
                delivery_id,
                outcome,
                now,
                named=news.named[0] if len(news.named) == 1 else None,
                invitee=news.invitee.uri,
                envelope=envelope,
            )
        return outcome, progress

    def _apply(self, connection: Connection, news: News) -> tuple[Outcome, Progress | None]:
        parts, context = self._parts, self._context
        found = parts.finder.find(connection, parts.store, news)
        if found.conflict:
            return Outcome(FLAGGED, found.conflict), None
        booking = self._locked(connection, found.booking)
        if booking is None:
            return self._without_booking(news), None
        session = parts.store.session_type(connection, booking.session_type_id) if booking.session_type_id else None
        progress = context.progress(booking, PROVIDER)
        outcome = hear(context, connection, progress, news, session)
        if outcome.outcome != APPLIED:
            return outcome, None
        apply_waiting(context, connection, progress, session)
        return outcome, progress

    def _finish(self, progress: Progress) -> None:
        """The money back and the payment page closed, once the cancellation is committed."""
        if any(step.target == State.CANCELLATION_REQUESTED for step in progress.steps):
            self._cancelling.finish(progress.booking)

    def _locked(self, connection: Connection, booking: Booking | None) -> Booking | None:
        return self._parts.store.lock(connection, booking.id) if booking else None

    def _without_booking(self, news: News) -> Outcome:
        """It waits for its booking (W05); the cancelling half of a reschedule has nothing to wait for."""
        if news.event == CANCELED and news.is_rescheduled:
            return Outcome(IGNORED, "rescheduled")
        return Outcome(PARKED, "no_booking_yet")

    def _unknown(self, event: str, key: str, envelope: Mapping[str, Any]) -> dict[str, Any]:
        """An event that is none of ours is recorded, without what it says, and answered with 200 (W10)."""
        parts, context, now = self._parts, self._context, self._context.now()
        _, occurred_at = parts.calendly_reader.event(envelope)
        with context.engine.begin() as connection:
            delivery_id = parts.new_id()
            parts.deliveries.take(
                connection,
                delivery_id=delivery_id,
                provider=PROVIDER,
                key=key,
                event=event,
                occurred_at=occurred_at,
                now=now,
            )
        context.journal.info("webhook.ignored", provider=PROVIDER, reason="unknown_event")
        return {"success": True, "outcome": IGNORED}
