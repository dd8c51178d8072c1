"""What the outside sees of a booking and of a session type, as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from .instants import iso
from .machine_table import State
from .records import Booking, SessionType

__all__ = ["GROUPS", "Presenter"]

GROUPS = ("free", "pathway", "specialized", "other")


class Presenter:
    """Makes the bodies of answers."""

    def outcome(self, booking: Booking, *, token: str | None = None) -> dict[str, Any]:
        """The answer to initialize, create, cancel and recover; the token goes to an anonymous visitor only."""
        body: dict[str, Any] = {"success": True, "bookingId": booking.id, "state": booking.current_state or State.IDLE}
        if token is not None:
            body["bookingToken"] = token
        return body

    def booking(self, booking: Booking, *, recovery_token: str | None = None) -> dict[str, Any]:
        """The answer to reading a booking."""
        body = self.outcome(booking)
        if recovery_token is not None:
            body["recoveryToken"] = recovery_token
        body["booking"] = {
            "id": booking.id,
            "builderId": booking.builder_id,
            "clientId": booking.client_id,
            "sessionTypeId": booking.session_type_id,
            "title": booking.title,
            "description": booking.description,
            "startTime": iso(booking.start_time),
            "endTime": iso(booking.end_time),
            "status": booking.status,
            "paymentStatus": booking.payment_status,
            "amount": money(booking.amount),
            "clientTimezone": booking.client_timezone,
            "builderTimezone": booking.builder_timezone,
            "pathway": booking.pathway,
            "customQuestionResponse": booking.custom_question_response,
            "calendlyEventUri": booking.calendly_event_uri,
            "calendlyInviteeUri": booking.calendly_invitee_uri,
            "currentState": booking.current_state,
            "lastTransition": iso(booking.last_transition) if booking.last_transition else None,
            "createdAt": iso(booking.created_at),
            "updatedAt": iso(booking.updated_at),
            **{key: booking.data.get(key) for key in ("contact", "cancellation", "noShow", "paymentFailure")},
        }
        return body

    def sessions(self, offered: Iterable[SessionType]) -> dict[str, Any]:
        """The session types in their groups; a category that is none of ours is `other`."""
        groups: dict[str, list[dict[str, Any]]] = {name: [] for name in GROUPS}
        for session in offered:
            group = session.event_type_category or "other"
            groups[group if group in groups else "other"].append(self.session(session))
        return {"success": True, "sessionTypes": groups}

    def session(self, session: SessionType) -> dict[str, Any]:
        """One session type."""
        return {
            "id": session.id,
            "builderId": session.builder_id,
            "builderName": session.builder_name,
            "title": session.title,
            "description": session.description,
            "durationMinutes": session.duration_minutes,
            "price": money(session.price),
            "currency": session.currency,
            "isFree": session.is_free,
            "requiresAuth": session.requires_auth,
            "color": session.color,
            "maxParticipants": session.max_participants,
            "eventTypeCategory": session.event_type_category,
            "calendlyEventTypeUri": session.calendly_event_type_uri,
        }


def money(amount: Decimal | None) -> str | None:
    """Money as text with two decimals; a number would lose them."""
    return None if amount is None else f"{amount:.2f}"
