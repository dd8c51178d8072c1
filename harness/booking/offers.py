"""What may be booked, by this visitor: session types and Calendly's free times (F01, R16)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from .calendly_client import CalendlyRefused
from .calendly_uris import CANONICAL, last_segment
from .context import Context
from .identity import Caller
from .instants import iso, parse_instant
from .refusals import invalid, not_found, provider_failed
from .requests_read import AvailableTimes

__all__ = ["Offers"]

LONGEST = timedelta(days=31)


class Offers:
    """Reads only."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._parts = context.parts

    def session_types(self, caller: Caller, builder_id: str | None) -> dict[str, Any]:
        """The session types that this visitor may book, in groups."""
        parts = self._parts
        with self._context.reader.connect() as connection:
            offered = parts.store.offered(connection, builder_id)
        allowed = [session for session in offered if parts.session_rules.barrier(caller, session) is None]
        return parts.presenter.sessions(allowed)

    def available_times(self, caller: Caller, asked: AvailableTimes) -> dict[str, Any]:
        """The free times of an event type that stands for a session that this visitor may book, at most 31 days of them."""
        parts, context = self._parts, self._context
        start, end = self._span(asked.start_date, asked.end_date)
        uri = f"{CANONICAL}/event_types/{last_segment(asked.event_type_uri)}"
        with context.reader.connect() as connection:
            sessions = parts.store.sessions_of_event_type(connection, uri)
        if not sessions:
            raise not_found("unknown_event_type", "No session is offered with this event type.")
        refusals = [parts.session_rules.barrier(caller, session) for session in sessions]
        if refusals[0] and None not in refusals:
            raise refusals[0]
        try:
            found = context.calendly.available_times(uri, iso(start), iso(end))
        except CalendlyRefused:
            raise provider_failed(502, "calendly", "refused") from None
        return {"success": True, "times": [_time(item) for item in found]}

    def _span(self, start: datetime, end: datetime) -> tuple[datetime, datetime]:
        """Calendly refuses a start in the past, so today begins now."""
        start = max(start, self._context.now() + timedelta(seconds=60))
        if end <= start:
            raise invalid("invalid_span", "endDate must come after startDate and lie in the future.")
        if end - start > LONGEST:
            raise invalid("span_too_long", "Ask for 31 days at most.")
        return start, end


def _time(item: dict[str, Any]) -> dict[str, Any]:
    try:
        start = iso(parse_instant(item["start_time"]))
    except (KeyError, TypeError, ValueError):
        raise provider_failed(502, "calendly", "answer_unreadable") from None
    return {
        "startTime": start,
        "status": item.get("status"),
        "inviteesRemaining": item.get("invitees_remaining"),
        "schedulingUrl": item.get("scheduling_url"),
    }
