"""Who may read and who may move a booking (B15, B16; Z6, Z7): the row's columns decide, never `stateData`."""

from __future__ import annotations

from datetime import datetime

from .calendly_uris import invitee_uri
from .identity import Caller
from .records import Booking
from .refusals import Refusal, forbidden, sign_in_needed
from .settings import Settings
from .tokens import Tokens

__all__ = ["Access"]


class Access:
    """Ownership: the client of the row, its builder, an admin; for an anonymous booking the holder of its token."""

    def may_read(self, caller: Caller, booking: Booking, *, tokens: Tokens, settings: Settings, now: datetime) -> bool:
        """Whether the caller may see the booking."""
        return self.may_move(caller, booking, tokens=tokens, settings=settings, now=now) or self.knows_invitee(
            caller, booking, settings
        )

    def may_move(self, caller: Caller, booking: Booking, *, tokens: Tokens, settings: Settings, now: datetime) -> bool:
        """Whether the caller may fire events on the booking."""
        return (
            caller.is_admin
            or self.is_client(caller, booking)
            or self.is_builder(caller, booking)
            or self.holds_token(caller, booking, tokens, settings, now)
        )

    def is_client(self, caller: Caller, booking: Booking) -> bool:
        """Whether the booking is the caller's own."""
        return caller.user_id is not None and booking.client_id == caller.user_id

    def is_builder(self, caller: Caller, booking: Booking) -> bool:
        """Whether the caller offers the session."""
        return caller.builder_id is not None and booking.builder_id == caller.builder_id

    def holds_token(self, caller: Caller, booking: Booking, tokens: Tokens, settings: Settings, now: datetime) -> bool:
        """Whether the caller made this anonymous booking: it has the token from its creation."""
        if booking.client_id is not None or caller.token is None:
            return False
        return tokens.opens(caller.token, booking.id, settings, now)

    def knows_invitee(self, caller: Caller, booking: Booking, settings: Settings) -> bool:
        """Whether the caller names the Calendly invitee of this anonymous booking."""
        if booking.client_id is not None or caller.invitee_uri is None or booking.calendly_invitee_uri is None:
            return False
        named = invitee_uri(caller.invitee_uri, settings.calendly_base)
        return named is not None and named.uri == booking.calendly_invitee_uri

    def may_create(self, caller: Caller, owner: str | None) -> Refusal | None:
        """Why the caller may not begin a booking; None when it may. Anybody may (R03, R06)."""
        del caller, owner
        return None

    def refusal(self, caller: Caller) -> Refusal:
        """How somebody who may not is answered."""
        if caller.is_authenticated or caller.token or caller.invitee_uri:
            return forbidden("not_allowed", "This booking is somebody else's.")
        return sign_in_needed()
