"""Beginning, creating and reading bookings (R03 to R09, B01 to B10)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from .calendly_uris import InviteeUri
from .claims import Claim
from .context import Context, unknown_booking
from .identity import Caller
from .machine import Who
from .machine_table import BEFORE_SCHEDULING, Event, State
from .parked import apply_waiting
from .progress import Progress
from .records import Booking, SessionType
from .refusals import conflict
from .requests_read import Create, Initialize
from .rows import Scheduled
from .scheduling import SchedulingService

__all__ = ["Bookings"]


class Bookings:
    """What a visitor does before and right after Calendly."""

    def __init__(self, context: Context, scheduling: SchedulingService) -> None:
        self._context = context
        self._scheduling = scheduling
        self._parts = context.parts

    def initialize(self, caller: Caller, asked: Initialize) -> dict[str, Any]:
        """Begins a booking, signed in or not (R03). The same call again is answered with the same booking."""
        parts, context = self._parts, self._context
        owner = self._owner(caller, asked.client_id)
        caller = with_token(caller, asked.booking_token)
        with context.reader.connect() as connection:
            session = self._session(connection, caller, asked.session_type_id, asked.builder_id)
        parts.rate_limiter.check(caller, context.windows, context.settings, context.now())
        booking_id = asked.booking_id or parts.new_id()
        with context.engine.begin() as connection:
            parts.store.hold(connection, f"booking {booking_id}")
            existing = parts.store.lock(connection, booking_id)
            if existing:
                return self._begun_already(connection, existing, session, caller, asked)
            progress = self._new(booking_id, owner, session, caller)
            progress.set(client_timezone=asked.client_timezone, pathway=asked.pathway)
            progress.fire(Event.SELECT_SESSION_TYPE, who=Who.VISITOR)
            context.save(connection, progress)
            apply_waiting(context, connection, progress, session)
        return self._announce("booking.initialized", caller, progress)

    def create(self, caller: Caller, asked: Create) -> dict[str, Any]:
        """Creates the booking of a scheduled Calendly event, or carries on the one that was begun (R06, R12)."""
        parts, context = self._parts, self._context
        self._owner(caller, asked.client_id)
        caller = with_token(caller, asked.booking_token)
        named = self._scheduling.named(asked.calendly_event_uri, asked.calendly_invitee_uri)
        wanted = parts.booking_ids.from_answers(asked.custom_question_response) or asked.booking_id
        with context.reader.connect() as connection:
            session = parts.store.session_type(connection, asked.session_type_id)
            existing = parts.store.named(connection, wanted, [named.uri])
        if session is None or not parts.claims.is_made(existing, named.uri, session, asked.builder_id, caller):
            session = parts.session_rules.check(caller, session, asked.builder_id)
        claim = self._claim(existing, wanted, named.uri, session, caller)
        pathway = asked.pathway or (claim.begun or claim.repeated or NO_BOOKING).pathway
        parts.session_rules.check_pathway(session, pathway)
        if claim.repeated:
            return self._again(claim.repeated, caller, asked, wanted)
        scheduled = self._scheduled(caller, asked, named, session)
        return self._store(caller, asked, session, scheduled, wanted)

    def read(self, caller: Caller, booking_id: str) -> dict[str, Any]:
        """One booking, for those who may see it (B16)."""
        context, parts = self._context, self._parts
        if not (caller.is_authenticated or caller.token or caller.invitee_uri):
            raise parts.access.refusal(caller)
        with context.reader.connect() as connection:
            booking = parts.store.booking(connection, booking_id)
        if booking is None:
            raise unknown_booking()
        if not context.may_read(caller, booking):
            raise parts.access.refusal(caller)
        return parts.presenter.booking(booking, recovery_token=self._recovery_token(caller, booking))

    def _owner(self, caller: Caller, asked: str | None) -> str | None:
        owner = self._parts.requests.owner(caller.user_id, asked)
        refusal = self._parts.access.may_create(caller, owner)
        if refusal:
            raise refusal
        return owner

    def _session(self, connection: Connection, caller: Caller, session_type_id: str, builder_id: str) -> SessionType:
        session = self._parts.store.session_type(connection, session_type_id)
        return self._parts.session_rules.check(caller, session, builder_id)

    def _claim(
        self, existing: list[Booking], wanted: str | None, invitee: str, session: SessionType, caller: Caller
    ) -> Claim:
        return self._parts.claims.judge(
            existing,
            wanted=wanted,
            invitee_uri=invitee,
            session=session,
            caller=caller,
            is_own=lambda booking: self._context.may_move(caller, booking) and booking.client_id == caller.user_id,
        )

    def _scheduled(self, caller: Caller, asked: Create, named: InviteeUri, session: SessionType) -> Scheduled:
        parts, context = self._parts, self._context
        now = context.now()
        if asked.start_time and asked.end_time:
            parts.time_rules.check(asked.start_time, asked.end_time, session, now)
        parts.rate_limiter.check(caller, context.windows, context.settings, now)
        return self._scheduling.confirm(named, session, asked.start_time, asked.end_time)

    def _store(
        self,
        caller: Caller,
        asked: Create,
        session: SessionType,
        scheduled: Scheduled,
        wanted: str | None,
    ) -> dict[str, Any]:
        parts, context, store = self._parts, self._context, self._parts.store
        named, wanted = wanted, wanted or self._id_at_calendly(scheduled)
        booking_id = wanted or parts.new_id()
        draft = self._new(booking_id, self._owner(caller, asked.client_id), session, caller)
        draft.set(**parts.rows.scheduling(scheduled))
        with context.engine.begin() as connection:
            store.hold(connection, *self._scheduling.holding(session, booking_id, scheduled.invitee_uri))
            rivals = store.rivals(connection, draft.booking, parts.machine.slot_states())
            claim = self._claim(rivals, wanted, scheduled.invitee_uri, session, caller)
            if claim.begun:
                locked = store.lock(connection, claim.begun.id)
                claim = self._claim([locked] if locked else [], wanted, scheduled.invitee_uri, session, caller)
            if claim.repeated:
                return self._repeated(claim.repeated, caller, named)
            parts.time_rules.check_free(draft.booking, session, rivals, parts.machine.slot_states())
            progress = context.progress(claim.begun, caller.name) if claim.begun else draft
            self._scheduling.enter(
                progress,
                scheduled,
                pathway=asked.pathway,
                timezone=asked.client_timezone,
                answers=asked.custom_question_response,
                name=asked.client_name,
                email=asked.client_email,
            )
            context.save(connection, progress)
            apply_waiting(context, connection, progress, session)
        return self._announce("booking.created", caller, progress)

    def _again(self, booking: Booking, caller: Caller, asked: Create, named: str | None) -> dict[str, Any]:
        """The same call again. What the first lacked because Calendly was faster is filled in, nothing else."""
        details = self._parts.rows.details(
            booking,
            pathway=asked.pathway,
            client_timezone=asked.client_timezone,
            custom_question_response=asked.custom_question_response,
        )
        if details and self._context.may_move(caller, booking):
            with self._context.locked(booking.id, caller) as (connection, locked):
                progress = self._context.progress(locked, caller.name)
                progress.set(**self._parts.rows.details(locked, **details))
                self._context.save(connection, progress)
            booking = progress.booking
        return self._repeated(booking, caller, named)

    def _repeated(self, booking: Booking, caller: Caller, named: str | None) -> dict[str, Any]:
        """The booking's token again, for who names its id as well: the invitee's URI alone is enough to look (B16)."""
        return self._answer(booking, caller) if named == booking.id else self._parts.presenter.outcome(booking)

    def _begun_already(
        self, connection: Connection, booking: Booking, session: SessionType, caller: Caller, asked: Initialize
    ) -> dict[str, Any]:
        """The booking that the caller has begun. Until it is scheduled, another pathway or zone may be chosen for it."""
        context = self._context
        own = context.may_move(caller, booking) and booking.client_id == caller.user_id
        if not own or booking.session_type_id != session.id or booking.status == "CANCELLED":
            raise conflict("booking_id_in_use", "This booking id is in use. Start again with a new one.")
        progress = context.progress(booking, caller.name)
        if progress.state in BEFORE_SCHEDULING:
            told = {"pathway": asked.pathway, "client_timezone": asked.client_timezone}
            progress.set(**self._parts.rows.chosen(booking, **told))
            context.save(connection, progress)
        return self._answer(progress.booking, caller)

    def _new(self, booking_id: str, owner: str | None, session: SessionType, caller: Caller) -> Progress:
        context = self._context
        row = self._parts.rows.new(booking_id, owner, session, context.now(), self._parts.machine.initial)
        return context.progress(row, caller.name, is_new=True)

    def _id_at_calendly(self, scheduled: Scheduled) -> str | None:
        return self._parts.booking_ids.from_answers(scheduled.answers) or self._parts.booking_ids.as_id(
            scheduled.utm_content
        )

    def _recovery_token(self, caller: Caller, booking: Booking) -> str | None:
        context, parts = self._context, self._parts
        if booking.current_state != State.ERROR or not context.may_move(caller, booking):
            return None
        return parts.tokens.for_recovery(booking, parts.new_id(), context.settings, context.now())

    def _announce(self, message: str, caller: Caller, progress: Progress) -> dict[str, Any]:
        booking = progress.booking
        self._context.journal.of_caller(
            message, caller, bookingId=booking.id, sessionTypeId=booking.session_type_id, builderId=booking.builder_id
        )
        self._context.journal.transitions(progress)
        return self._answer(booking, caller)

    def _answer(self, booking: Booking, caller: Caller) -> dict[str, Any]:
        token = None
        if booking.client_id is None and not caller.is_authenticated:
            token = self._parts.tokens.for_booking(booking.id, self._context.settings, self._context.now())
        return self._parts.presenter.outcome(booking, token=token)


def with_token(caller: Caller, token: str | None) -> Caller:
    """The caller with the booking token of the body, if it sent one there."""
    return replace(caller, token=token) if token else caller


class _NoBooking:
    pathway: str | None = None


NO_BOOKING = _NoBooking()
