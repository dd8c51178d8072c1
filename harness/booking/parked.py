"""Deliveries that came before their booking, applied when it comes (W05)."""

from __future__ import annotations

from sqlalchemy import Connection

from .context import Context
from .progress import Progress
from .records import SessionType

__all__ = ["apply_waiting"]


def apply_waiting(context: Context, connection: Connection, progress: Progress, session: SessionType | None) -> None:
    """Applies what waits for this booking, in the booking's own transaction, and saves."""
    parts = context.parts
    booking = progress.booking
    waiting = parts.deliveries.waiting(connection, booking.id, booking.calendly_invitee_uri)
    actor, progress.actor = progress.actor, "calendly"
    for parked in waiting:
        news = parts.calendly_reader.read(parked.envelope, parts.booking_ids, context.settings.calendly_base)
        outcome = parts.calendly_effects.apply(progress, news, session, parts)
        context.save(connection, progress)
        parts.deliveries.conclude(connection, parked.id, outcome, progress.now, envelope=parked.envelope)
        context.journal.info("webhook.applied", bookingId=booking.id, event=news.event, outcome=outcome.outcome)
    progress.actor = actor
