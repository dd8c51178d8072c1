"""Believing that an event was scheduled: Calendly's API says so, not the visitor's browser (F04, A4)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .calendly_client import CalendlyClient, CalendlyRefused
from .calendly_uris import InviteeUri, event_uri, invitee_uri
from .instants import parse_instant
from .json_body import scrubbed
from .records import SessionType
from .refusals import conflict, invalid, not_found, provider_failed
from .rows import Scheduled

__all__ = ["Confirmation"]


class Confirmation:
    """Asks Calendly about the event and the invitee that a page names."""

    def named(self, event: str, invitee: str, base: str) -> InviteeUri:
        """The two URIs of the page, checked against each other. Raises 400."""
        found = invitee_uri(invitee, base)
        if found is None or event_uri(event, base) is None:
            raise invalid(
                "invalid_calendly_uri", "These are not URIs of a scheduled event and its invitee at Calendly."
            )
        if event_uri(event, base) != found.event_uri:
            raise invalid("calendly_uri_mismatch", "The invitee belongs to another event.")
        return found

    def confirm(
        self,
        calendly: CalendlyClient,
        named: InviteeUri,
        session: SessionType,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Scheduled:
        """What Calendly knows of it. Raises 404 unknown there, 409 cancelled, of another session or time, 502 to 504."""
        try:
            event = calendly.event(named.event_id)
            invitee = calendly.invitee(named.event_id, named.invitee_id)
        except CalendlyRefused as refused:
            if refused.status == 404:
                raise not_found("unknown_calendly_event", "Calendly does not know this event.") from None
            raise provider_failed(502, "calendly", "refused") from None
        scheduled = read_scheduled(named, event, invitee)
        if event.get("status") != "active" or invitee.get("status") != "active":
            raise conflict("calendly_event_canceled", "This event has been cancelled in Calendly.")
        self.check_session(scheduled, session)
        self.check_times(scheduled, start, end)
        return scheduled

    def check_session(self, scheduled: Scheduled, session: SessionType) -> None:
        """The event must be of the session's own event type: nobody books the dear one as the free one."""
        if session.calendly_event_type_uri and scheduled.event_type_uri != session.calendly_event_type_uri:
            raise conflict("event_type_mismatch", "This event was scheduled for another session.")

    def check_times(self, scheduled: Scheduled, start: datetime | None, end: datetime | None) -> None:
        """Times that the page names must be Calendly's. Raises 409."""
        if (start or scheduled.start, end or scheduled.end) != (scheduled.start, scheduled.end):
            raise conflict("times_mismatch", "Calendly has other times for this event.")


def read_scheduled(named: InviteeUri, event: dict[str, Any], invitee: dict[str, Any]) -> Scheduled:
    """Calendly's two resources as one record. Raises a 502 Refusal when they cannot be read."""
    tracking = invitee.get("tracking")
    try:
        return Scheduled(
            event_uri=named.event_uri,
            event_id=named.event_id,
            invitee_uri=named.uri,
            start=parse_instant(event["start_time"]),
            end=parse_instant(event["end_time"]),
            event_type_uri=text_or_none(event.get("event_type")),
            name=text_or_none(invitee.get("name")),
            email=text_or_none(invitee.get("email")),
            timezone=text_or_none(invitee.get("timezone")),
            answers=scrubbed(invitee.get("questions_and_answers")),
            utm_content=text_or_none(tracking.get("utm_content")) if isinstance(tracking, dict) else None,
        )
    except (KeyError, TypeError, ValueError):
        raise provider_failed(502, "calendly", "answer_unreadable") from None


def text_or_none(value: object) -> str | None:
    """`value` when it is a text that says something."""
    return scrubbed(value).strip() or None if isinstance(value, str) else None
