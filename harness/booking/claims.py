"""What a request to create means for the bookings that are there already (B06, B07; I4, I5, I6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .identity import Caller
from .records import Booking, SessionType
from .refusals import conflict

__all__ = ["Claim", "Claims"]


@dataclass(frozen=True, slots=True)
class Claim:
    """`repeated`: the answer is this booking as it stands. `begun`: this one is carried on. Neither: a new one."""

    repeated: Booking | None = None
    begun: Booking | None = None


class Claims:
    """Decides between new, carried on, repeated and refused."""

    def judge(
        self,
        existing: Iterable[Booking],
        *,
        wanted: str | None,
        invitee_uri: str,
        session: SessionType,
        caller: Caller,
        is_own: Callable[[Booking], bool],
    ) -> Claim:
        """`existing` holds every booking with the wanted id or the invitee. Raises 409 when one is in the way."""
        rows = list(existing)
        for booking in rows:
            if booking.calendly_invitee_uri == invitee_uri:
                return self.same_invitee(booking, wanted, session, caller)
        for booking in rows:
            if booking.id == wanted:
                return self.same_id(booking, session, is_own)
        return Claim()

    def is_made(
        self, existing: Iterable[Booking], invitee_uri: str, session: SessionType, builder_id: str, caller: Caller
    ) -> bool:
        """Whether the caller has this booking already: whether the session is still offered does not matter any more."""
        made = (invitee_uri, session.id, builder_id, caller.user_id)
        return any(
            (booking.calendly_invitee_uri, booking.session_type_id, booking.builder_id, booking.client_id) == made
            for booking in existing
        )

    def same_invitee(self, booking: Booking, wanted: str | None, session: SessionType, caller: Caller) -> Claim:
        """The invitee has a booking: the same call again is answered with it, any other is refused."""
        same_call = wanted in (None, booking.id) and booking.session_type_id == session.id
        if same_call and booking.client_id == caller.user_id:
            return Claim(repeated=booking)
        raise conflict("invitee_in_use", "There is a booking for this Calendly event already.")

    def same_id(self, booking: Booking, session: SessionType, is_own: Callable[[Booking], bool]) -> Claim:
        """The id has a booking: its owner carries it on while nothing is scheduled, anybody else is refused."""
        fits = booking.session_type_id == session.id and booking.calendly_invitee_uri is None
        if fits and booking.status == "PENDING" and is_own(booking):
            return Claim(begun=booking)
        raise conflict("booking_id_in_use", "This booking id is in use. Start again with a new one.")
