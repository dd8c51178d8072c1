"""From Calendly's event to a scheduled booking: shared by `create` and by the transition SCHEDULE_EVENT."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .calendly_uris import InviteeUri
from .context import Context, unknown_booking
from .identity import Caller
from .machine import Who
from .machine_table import Event
from .parked import apply_waiting
from .progress import Progress
from .records import Booking, SessionType
from .refusals import conflict, invalid
from .requests_read import Scheduling
from .rows import Scheduled

__all__ = ["SchedulingService"]


class SchedulingService:
    """Confirms an event at Calendly and enters it into a booking."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._parts = context.parts

    def named(self, event: str, invitee: str) -> InviteeUri:
        """The event and invitee that a page names. Raises 400."""
        return self._parts.confirmation.named(event, invitee, self._context.settings.calendly_base)

    def confirm(
        self, named: InviteeUri, session: SessionType, start: datetime | None = None, end: datetime | None = None
    ) -> Scheduled:
        """What Calendly says of it, if the session may take place then. Raises 400, 404, 409, 502 to 504."""
        parts, now = self._parts, self._context.now()
        scheduled = parts.confirmation.confirm(self._context.calendly, named, session, start, end)
        parts.time_rules.check(scheduled.start, scheduled.end, session, now)
        return scheduled

    def enter(self, progress: Progress, scheduled: Scheduled, *, who: Who = Who.SYSTEM, **given: Any) -> None:
        """Schedules the booking; what `given` names goes before what Calendly knows (B10). A free one is confirmed."""
        rows, booking = self._parts.rows, progress.booking
        progress.fire(Event.SCHEDULE_EVENT, who=who)
        progress.set(**rows.scheduling(scheduled))
        told = {
            "pathway": given.get("pathway"),
            "client_timezone": given.get("timezone"),
            "custom_question_response": given.get("answers") or None,
        }
        known = {"client_timezone": scheduled.timezone, "custom_question_response": scheduled.answers or None}
        progress.set(**rows.chosen(booking, **told))
        progress.set(**rows.details(progress.booking, **known))
        contact = rows.contact(booking, given.get("name") or scheduled.name, given.get("email") or scheduled.email)
        progress.note(**contact)
        self._parts.confirming.after_scheduling(progress)

    def transition(self, caller: Caller, booking_id: str, data: Scheduling) -> tuple[Booking, Booking]:
        """SCHEDULE_EVENT fired by a visitor, on a booking that was begun: the same care as `create`."""
        if not data.calendly_event_uri or not data.calendly_invitee_uri:
            raise invalid("missing_field", "data needs calendlyEventUri and calendlyInviteeUri.")
        named = self.named(data.calendly_event_uri, data.calendly_invitee_uri)
        session = self._begun(caller, booking_id, data)
        scheduled = self.confirm(named, session)
        context, parts = self._context, self._parts
        with context.locked(booking_id, caller, self.holding(session, booking_id, named.uri)) as (connection, booking):
            progress = context.progress(booking, caller.name)
            self.enter(progress, scheduled, who=Who.VISITOR, pathway=data.pathway, timezone=data.client_timezone)
            rivals = parts.store.rivals(connection, progress.booking, parts.machine.slot_states())
            if any(other.id != booking.id and other.calendly_invitee_uri == named.uri for other in rivals):
                raise conflict("invitee_in_use", "There is a booking for this Calendly event already.")
            parts.time_rules.check_free(progress.booking, session, rivals, parts.machine.slot_states())
            context.save(connection, progress)
            apply_waiting(context, connection, progress, session)
        context.journal.of_caller("booking.scheduled", caller, bookingId=booking_id)
        context.journal.transitions(progress)
        return booking, progress.booking

    def holding(self, session: SessionType, booking_id: str, invitee_uri: str) -> tuple[str, ...]:
        """The names to hold while a booking takes its place (B07, B09, W05)."""
        return f"calendar {session.builder_id}", f"booking {booking_id}", f"invitee {invitee_uri}"

    def _begun(self, caller: Caller, booking_id: str, data: Scheduling) -> SessionType:
        """The session of a booking that this caller may schedule now: looked at before Calendly is bothered."""
        context, parts = self._context, self._parts
        with context.reader.connect() as connection:
            booking = parts.store.booking(connection, booking_id)
            if booking is None:
                raise unknown_booking()
            if not context.may_move(caller, booking):
                raise parts.access.refusal(caller)
            session = parts.store.session_type(connection, booking.session_type_id or "")
        context.progress(booking, caller.name).fire(Event.SCHEDULE_EVENT, who=Who.VISITOR)
        if session is None:
            raise conflict("session_type_gone", "The session of this booking is no longer offered.")
        parts.session_rules.check_pathway(session, data.pathway or booking.pathway)
        return session
