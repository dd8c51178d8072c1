"""Building the row of a new booking (R08, R09; B10): what is required is filled, what is known is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .records import Booking, SessionType, changed

__all__ = ["RowBuilder", "Scheduled"]


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A Calendly event that took place in Calendly's books: where, when, and who is invited. Times naive UTC."""

    event_uri: str
    event_id: str
    invitee_uri: str
    start: datetime
    end: datetime
    event_type_uri: str | None = None
    name: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    timezone: str | None = None
    answers: Any = field(default=None, repr=False)
    utm_content: str | None = None


class RowBuilder:
    """Makes rows and the parts of rows."""

    def new(self, booking_id: str, owner: str | None, session: SessionType, now: datetime, initial: str) -> Booking:
        """A booking that has only begun. Its times are placeholders until Calendly says (R09)."""
        return Booking(
            id=booking_id,
            builder_id=session.builder_id,
            client_id=owner,
            session_type_id=session.id,
            title=session.title,
            description=session.description,
            start_time=now,
            end_time=now + timedelta(minutes=session.duration_minutes),
            status="PENDING",
            payment_status="UNPAID",
            amount=session.amount,
            stripe_session_id=None,
            client_timezone=None,
            builder_timezone=self.builder_timezone(session),
            pathway=None,
            custom_question_response=None,
            calendly_event_id=None,
            calendly_event_uri=None,
            calendly_invitee_uri=None,
            current_state=initial,
            state_data=None,
            last_transition=None,
            created_at=now,
            updated_at=now,
        )

    def builder_timezone(self, session: SessionType) -> str | None:
        """The zone that the builder works in, from its scheduling settings."""
        zone = (session.builder_settings or {}).get("timezone")
        return zone if isinstance(zone, str) else None

    def choice(self, session: SessionType) -> dict[str, Any]:
        """The columns that come from the session type, when another is chosen."""
        return {
            "session_type_id": session.id,
            "title": session.title,
            "description": session.description,
            "amount": session.amount,
        }

    def scheduling(self, event: Scheduled) -> dict[str, Any]:
        """The columns that say where and when (P1)."""
        return {
            "calendly_event_id": event.event_id,
            "calendly_event_uri": event.event_uri,
            "calendly_invitee_uri": event.invitee_uri,
            "start_time": event.start,
            "end_time": event.end,
        }

    def details(self, booking: Booking, **given: Any) -> dict[str, Any]:
        """The columns that describe the booking (B10, P2): `given` fills what the row lacks and overwrites nothing."""
        return {name: value for name, value in given.items() if value is not None and getattr(booking, name) is None}

    def chosen(self, booking: Booking, **given: Any) -> dict[str, Any]:
        """The same for what a visitor says before scheduling: the last word counts, also over an earlier one."""
        told = [name for name, value in given.items() if value is not None]
        return self.details(changed(booking, dict.fromkeys(told)), **given)

    def contact(self, booking: Booking, name: str | None, email: str | None) -> dict[str, Any]:
        """`stateData` with the contact of an anonymous invitee; a client's is the user's own (A9)."""
        if booking.client_id is not None or booking.data.get("contact") or not (name or email):
            return {}
        return {"contact": {key: value for key, value in (("name", name), ("email", email)) if value}}
