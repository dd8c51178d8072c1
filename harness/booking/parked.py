"""Deliveries that came before their booking, applied when it comes (W05)."""

from __future__ import annotations

from sqlalchemy import Connection

from .calendly_news import News
from .context import Context
from .deliveries import APPLIED, PARKED, Outcome
from .hearing import hear
from .progress import Progress
from .records import SessionType

__all__ = ["apply_waiting"]


def apply_waiting(context: Context, connection: Connection, progress: Progress, session: SessionType | None) -> None:
    """Applies what waits for this booking, in the booking's own transaction; one may make way for the next."""
    while _apply_round(context, connection, progress, session):
        pass


def _apply_round(context: Context, connection: Connection, progress: Progress, session: SessionType | None) -> bool:
    parts, booking = context.parts, progress.booking
    applied = False
    for parked in parts.deliveries.waiting(connection, booking.id, booking.calendly_invitee_uri):
        news = parts.calendly_reader.read(parked.envelope, parts.booking_ids, context.settings.calendly_base)
        outcome = _apply(context, connection, progress, news, session)
        if outcome.outcome == PARKED:
            continue
        applied = True
        parts.deliveries.conclude(connection, parked.id, outcome, progress.now, envelope=parked.envelope)
        context.journal.info("webhook.applied", bookingId=booking.id, event=news.event, outcome=outcome.outcome)
    return applied


def _apply(
    context: Context, connection: Connection, progress: Progress, news: News, session: SessionType | None
) -> Outcome:
    """What became of one delivery. One that is not possible any more is left to a person, and changes nothing."""
    attempt = context.progress(progress.booking, "calendly")
    outcome = hear(context, connection, attempt, news, session)
    if outcome.outcome == APPLIED:
        progress.adopt(attempt)
    return outcome
