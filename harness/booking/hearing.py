"""One piece of Calendly's news, applied to a booking that is locked, or left to a person."""

from __future__ import annotations

from sqlalchemy import Connection

from .calendly_news import News
from .context import Context
from .deliveries import APPLIED, FLAGGED, Outcome
from .machine import IllegalTransition
from .progress import Progress
from .records import SessionType
from .refusals import Refusal, conflict

__all__ = ["hear"]


def hear(
    context: Context, connection: Connection, progress: Progress, news: News, session: SessionType | None
) -> Outcome:
    """What became of it. What is not possible any more, or at a time that it cannot have (B09), is flagged and changes nothing."""
    parts, held = context.parts, _holds_slot(progress)
    try:
        outcome = parts.calendly_effects.apply(progress, news, session, parts)
        if outcome.outcome == APPLIED and not held and _holds_slot(progress):
            _check_time(context, connection, progress, session)
    except IllegalTransition:
        return Outcome(FLAGGED, "not_possible", progress.booking.id)
    except Refusal as refused:
        return Outcome(FLAGGED, refused.code, progress.booking.id)
    context.save(connection, progress)
    return outcome


def _holds_slot(progress: Progress) -> bool:
    return progress.machine.states[progress.state].holds_slot


def _check_time(context: Context, connection: Connection, progress: Progress, session: SessionType | None) -> None:
    """The same care as `create`: what that refuses, its webhook does not bring in behind it. It may come late, so a past start is none of it."""
    if session is None:
        raise conflict("session_type_gone", "The session of this booking is no longer offered.")
    booking, store, states = progress.booking, context.parts.store, progress.machine.slot_states()
    context.parts.time_rules.check_length(booking.start_time, booking.end_time, session)
    store.hold(connection, f"calendar {session.builder_id}")
    rivals = store.rivals(connection, booking, states)
    context.parts.time_rules.check_free(booking, session, rivals, states)
