"""What may be booked: by whom, of which builder, at which time (B02, B03, B04, B09; R15, R16)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from .identity import Caller
from .records import Booking, SessionType
from .refusals import Refusal, conflict, forbidden, invalid, not_found

__all__ = ["SessionRules", "TimeRules"]


class SessionRules:
    """Whether this caller may book this session type."""

    def check(self, caller: Caller, session: SessionType | None, builder_id: str | None) -> SessionType:
        """The session type. Raises 404 unknown, 400 of another builder, 409 no longer offered, 403 not for this caller."""
        if session is None:
            raise not_found("unknown_session_type", "There is no such session type.")
        if builder_id is not None and session.builder_id != builder_id:
            raise invalid("builder_mismatch", "This session type belongs to another builder.")
        if not session.is_active:
            raise conflict("session_type_inactive", "This session is no longer offered.")
        refusal = self.barrier(caller, session)
        if refusal:
            raise refusal
        return session

    def barrier(self, caller: Caller, session: SessionType) -> Refusal | None:
        """Why this caller may not book the session; None when it may (R16: anonymous visitors, free sessions only)."""
        if caller.is_authenticated:
            return None
        if session.requires_auth:
            return forbidden("session_requires_sign_in", "Sign in to book this session.")
        if not session.is_free:
            return forbidden("payment_requires_sign_in", "Sign in to book a paid session.")
        return None

    def check_pathway(self, session: SessionType, pathway: str | None) -> None:
        """A pathway session needs a pathway (B04)."""
        if session.event_type_category == "pathway" and not pathway:
            raise invalid("pathway_required", "Choose a pathway for this session: accelerate, pivot or play.")


class TimeRules:
    """Whether a session may take place then (B09)."""

    def check(self, start: datetime, end: datetime, session: SessionType, now: datetime) -> None:
        """End after start, as long as the session type, not in the past. Raises 400."""
        self.check_length(start, end, session)
        if start < now:
            raise invalid("in_the_past", "The start has already passed.")

    def check_length(self, start: datetime, end: datetime, session: SessionType) -> None:
        """End after start, as long as the session type. Raises 400."""
        if end <= start:
            raise invalid("end_before_start", "The end must come after the start.")
        if end - start != timedelta(minutes=session.duration_minutes):
            raise invalid("wrong_length", f"This session takes {session.duration_minutes} minutes.")

    def check_free(
        self, booking: Booking, session: SessionType, rivals: Iterable[Booking], slot_states: Iterable[str]
    ) -> None:
        """Nothing else of the builder's at that time, but others in the same group event. Raises 409."""
        states = frozenset(slot_states)
        sharing = 0
        for rival in rivals:
            if rival.id == booking.id or rival.current_state not in states:
                continue
            if not self._overlaps(booking, rival):
                continue
            if not (session.is_group and rival.calendly_event_uri == booking.calendly_event_uri):
                raise conflict("time_taken", "The builder is already booked at that time. Choose another.")
            sharing += 1
        if session.is_group and sharing >= (session.max_participants or 1):
            raise conflict("session_full", "Every place in this session is taken.")

    def _overlaps(self, one: Booking, other: Booking) -> bool:
        return (
            one.builder_id == other.builder_id and one.start_time < other.end_time and other.start_time < one.end_time
        )
