"""POST scheduling/bookings/{id}/transition and recover: events fired from outside (B11 to B14, B17)."""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import IntegrityError

from .bookings import with_token
from .cancelling import Cancelling
from .context import Context, unknown_booking
from .identity import ANONYMOUS, Caller
from .instants import iso
from .machine import Who
from .machine_table import Event
from .paying_back import reopen_refunds
from .records import Booking
from .refusals import Refusal, conflict, sign_in_needed
from .requests_read import Scheduling, Transition
from .scheduling import SchedulingService
from .tokens import TokenInvalid

__all__ = ["Transitions"]


class Transitions:
    """Fires events on one booking; each in one transaction with the row locked (B14)."""

    def __init__(self, context: Context, scheduling: SchedulingService, cancelling: Cancelling) -> None:
        self._context = context
        self._parts = context.parts
        self._scheduling = scheduling
        self._cancelling = cancelling

    def fire(self, caller: Caller, booking_id: str, asked: Transition) -> dict[str, Any]:
        """The state before and after. Raises 400, 401, 403, 404, or 409 for an illegal transition."""
        caller = with_token(caller, asked.booking_token)
        self._parts.event_rights.check(self._parts.machine, asked.event, asked.data)
        data = self._parts.requests.read(Scheduling, asked.data)
        if asked.event == Event.REQUEST_CANCELLATION:
            before, after = self._cancelling.cancel(caller, booking_id, data.reason, again=False)
        elif asked.event == Event.SCHEDULE_EVENT:
            before, after = self._scheduling.transition(caller, booking_id, data)
        else:
            before, after = self._simple(caller, booking_id, asked.event, data)
        return {
            "success": True,
            "previousState": before.current_state or self._parts.machine.initial,
            "currentState": after.current_state,
            "timestamp": iso(after.last_transition or self._context.now()),
            "event": asked.event,
        }

    def recover(self, token: str) -> dict[str, Any]:
        """Back to the state before the error, by a token that fits the booking as it stands and was not used (B17)."""
        parts, context = self._parts, self._context
        try:
            bound = parts.tokens.recovery(token, context.settings, context.now())
        except TokenInvalid:
            raise sign_in_needed("invalid_recovery_token", "This recovery link has expired or is not valid.") from None
        try:
            with context.engine.begin() as connection:
                booking = parts.store.lock(connection, bound.booking_id)
                if booking is None:
                    raise unknown_booking()
                if not parts.tokens.fits(bound, booking):
                    raise used_up()
                parts.store.use_token(connection, bound.token_id, booking.id, context.now())
                progress = context.progress(booking, "recovery")
                progress.fire(Event.RECOVER)
                reopen_refunds(connection, booking.id, progress.now)
                context.save(connection, progress)
        except IntegrityError:
            raise used_up() from None
        context.journal.transitions(progress)
        return parts.presenter.outcome(progress.booking)

    def _simple(self, caller: Caller, booking_id: str, event: str, data: Scheduling) -> tuple[Booking, Booking]:
        context, parts = self._context, self._parts
        with context.locked(booking_id, caller) as (connection, booking):
            progress = context.progress(booking, caller.name)
            progress.fire(event, who=Who.VISITOR)
            if data.session_type_id and data.session_type_id != booking.session_type_id:
                owner = caller if booking.client_id else ANONYMOUS  # R16 is about whose the booking is
                session = parts.session_rules.check(
                    owner, parts.store.session_type(connection, data.session_type_id), booking.builder_id
                )
                progress.set(**parts.rows.choice(session))
            given = {"pathway": data.pathway, "client_timezone": data.client_timezone}
            progress.set(**{name: value for name, value in given.items() if value is not None})
            context.save(connection, progress)
        context.journal.transitions(progress)
        return booking, progress.booking


def used_up() -> Refusal:
    """409: the token was used, or the booking has moved on since it was issued."""
    return conflict("recovery_token_used", "This recovery link was used, or the booking has moved on.")
