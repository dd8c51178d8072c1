"""One piece of Calendly's news, applied to a booking that is locked, or left to a person."""

from __future__ import annotations

from sqlalchemy import Connection

from .calendly_news import News
from .context import Context
from .deliveries import APPLIED, FLAGGED, Outcome
from .machine import IllegalTransition
from .progress import Progress
from .records import SessionType
from .refusals import Refusal

__all__ = ["hear"]


def hear(
    context: Context, connection: Connection, progress: Progress, news: News, session: SessionType | None
) -> Outcome:
    """What became of it. What is not possible any more, or at a time that is taken (B09), is flagged and changes nothing."""
    parts, held = context.parts, _holds_slot(progress)
    try:
        outcome = parts.calendly_effects.apply(progress, news, session, parts)
        if outcome.outcome == APPLIED and session and not held and _holds_slot(progress):
            _check_free(context, connection, progress, session)
    except IllegalTransition:
        return Outcome(FLAGGED, "not_possible", progress.booking.id)
    except Refusal as taken:
        return Outcome(FLAGGED, taken.code, progress.booking.id)
    context.save(connection, progress)
    return outcome


def _holds_slot(progress: Progress) -> bool:
    return progress.machine.states[progress.state].holds_slot


def _check_free(context: Context, connection: Connection, progress: Progress, session: SessionType) -> None:
    """The same care as `create`: what that refuses with 409, its webhook does not bring in behind it."""
    store, states = context.parts.store, progress.machine.slot_states()
    store.hold(connection, f"calendar {session.builder_id}")
    rivals = store.rivals(connection, progress.booking, states)
    context.parts.time_rules.check_free(progress.booking, session, rivals, states)
