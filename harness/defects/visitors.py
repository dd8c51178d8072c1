"""Who is calling, and what that allows (DOMAIN.md 8: Z1, Z2, Z6, Z7, Z8; R03 to R06, B01, B15 to B17)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import jwt
from sqlalchemy import Connection

from harness.booking.access import Access
from harness.booking.identity import ANONYMOUS, Caller, Identity
from harness.booking.journal import Redaction
from harness.booking.records import Booking
from harness.booking.refusals import Refusal, sign_in_needed
from harness.booking.requests_read import RequestReader
from harness.booking.settings import Settings
from harness.booking.store import Store
from harness.booking.tokens import Recovery, Tokens

from .defect import Book

__all__ = ["BOOK"]

BOOK = Book()


@BOOK.part(
    "Z1",
    "The `clientId` of the body is believed",
    seen="A request that names another client makes a booking of that client's.",
    rules="B01",
)
class Believed(RequestReader):
    """Whoever the body names is the owner."""

    def owner(self, caller_id: str | None, asked: str | None) -> str | None:
        return asked if asked not in {None, "", "anonymous"} else super().owner(caller_id, asked)


@BOOK.part(
    "Z2",
    "The sign-in provider's user id is used as foreign key",
    seen="A signed-in visitor's booking ends in a server error: no such user.",
    rules="B01",
)
class ProvidersId(Identity):
    """`clerkId` is taken for `User.id`."""

    def caller(
        self,
        connection: Connection,
        header: str | None,
        *,
        store: Store,
        tokens: Tokens,
        settings: Settings,
        now: datetime,
    ) -> Caller:
        found = super().caller(connection, header, store=store, tokens=tokens, settings=settings, now=now)
        if header is None:
            return found
        return replace(found, user_id=self._clerk_id(header, tokens, settings, now))


@BOOK.part(
    "Z6",
    "Any signed-in user moves any booking",
    seen="Another client cancels somebody's booking and is answered 200.",
    rules="B15",
)
class AnySignedIn(Access):
    """Being signed in is taken for being allowed."""

    def is_client(self, caller: Caller, booking: Booking) -> bool:
        return caller.is_authenticated or super().is_client(caller, booking)


@BOOK.part(
    "Z7",
    "The builder is locked out of own bookings",
    seen="The builder reads or cancels a booking of a client and is answered 403.",
    rules="B15",
)
class BuilderOut(Access):
    """Only the client's column is compared."""

    def is_builder(self, caller: Caller, booking: Booking) -> bool:
        del caller, booking
        return False


@BOOK.part(
    "Z8",
    "One booking's token confirms somebody else's",
    seen="The token from one anonymous booking reads and cancels another anonymous booking.",
    rules="B16",
)
class AnyBooking(Tokens):
    """That the token is ours is checked; for which booking it was issued is not."""

    def opens(self, token: str, booking_id: str, settings: Settings, now: datetime) -> bool:
        del booking_id
        try:
            issued_for = str(jwt.decode(token, options={"verify_signature": False})["sub"])
        except (jwt.PyJWTError, KeyError):
            return False
        return super().opens(token, issued_for, settings, now)


@BOOK.part(
    "R03-sign-in",
    "`initialize` and `create` demand sign-in",
    seen="An anonymous visitor is answered 401.",
    rules="R03 R06 R20",
)
class SignInDemanded(Access):
    """The guard of the time before the update is still there."""

    def may_create(self, caller: Caller, owner: str | None) -> Refusal | None:
        return super().may_create(caller, owner) if caller.is_authenticated else sign_in_needed()


@BOOK.part(
    "R04-all-anonymous",
    "Every booking is stored as anonymous",
    seen="A signed-in client's booking has no client.",
    rules="R04 B01",
)
class NobodysOwn(RequestReader):
    """Since the update the owner is left out for everybody."""

    def owner(self, caller_id: str | None, asked: str | None) -> str | None:
        del caller_id, asked
        return None


@BOOK.part(
    "B01-bad-token",
    "A sign-in that does not count is taken for none",
    seen="A request with an expired or forged token is served as an anonymous one instead of 401.",
    rules="B01",
)
class BadTokenIgnored(Identity):
    """Every failure of the sign-in is swallowed."""

    def caller(self, connection: Connection, header: str | None, **means: Any) -> Caller:
        try:
            return super().caller(connection, header, **means)
        except Refusal:
            return ANONYMOUS


@BOOK.part(
    "B01-unsigned",
    "The signature of the sign-in is not checked",
    seen="A token signed with another key is served as that user's.",
    rules="B01",
)
class Unsigned(Tokens):
    """The token is decoded, not verified."""

    def sign_in(self, token: str, settings: Settings, now: datetime) -> str:
        try:
            forged = jwt.decode(token, options={"verify_signature": False})
        except jwt.PyJWTError:
            return super().sign_in(token, settings, now)
        return str(forged.get("sub", "")) or super().sign_in(token, settings, now)


@BOOK.part(
    "B15-admin",
    "An admin is treated like any client",
    seen="An admin reads somebody's booking and is answered 403.",
    rules="B15",
)
class AdminOut(Access):
    """Roles are not looked at."""

    def may_move(self, caller: Caller, booking: Booking, *, tokens: Tokens, settings: Settings, now: datetime) -> bool:
        return super().may_move(replace(caller, roles=frozenset()), booking, tokens=tokens, settings=settings, now=now)


@BOOK.part(
    "B15-state-data",
    "Ownership is read from `stateData`",
    seen="A client whose id somebody wrote into `stateData` moves a booking that is not theirs.",
    rules="B15",
)
class OwnerInStateData(Access):
    """What the state machine remembers of the client is believed before the column."""

    def is_client(self, caller: Caller, booking: Booking) -> bool:
        noted = booking.data.get("clientId", booking.client_id)
        return caller.user_id is not None and noted == caller.user_id


@BOOK.part(
    "B15-any-builder",
    "Any builder moves any booking",
    seen="Another builder cancels a booking that is not theirs and is answered 200.",
    rules="B15",
)
class AnyBuilder(Access):
    """That the caller has a builder's profile is enough."""

    def is_builder(self, caller: Caller, booking: Booking) -> bool:
        del booking
        return caller.builder_id is not None


@BOOK.part(
    "B16-everybody",
    "Anonymous bookings can be read by everybody who knows the id",
    seen="A signed-in stranger reads an anonymous booking and is answered 200.",
    rules="B16",
)
class OpenToAll(Access):
    """A booking without owner is taken for a public one."""

    def may_read(self, caller: Caller, booking: Booking, *, tokens: Tokens, settings: Settings, now: datetime) -> bool:
        if booking.client_id is None:
            return True
        return super().may_read(caller, booking, tokens=tokens, settings=settings, now=now)


@BOOK.part(
    "B16-any-token",
    "Any text sent as token moves an anonymous booking",
    seen="A made-up token cancels somebody's anonymous booking.",
    rules="B15 B16",
)
class AnyToken(Access):
    """That a token is sent is taken for proof."""

    def holds_token(self, caller: Caller, booking: Booking, tokens: Tokens, settings: Settings, now: datetime) -> bool:
        return super().holds_token(caller, booking, tokens, settings, now) or (
            booking.client_id is None and caller.token is not None
        )


@BOOK.part(
    "B16-no-invitee",
    "The invitee URI opens nothing",
    seen="Coming back with the invitee URI is answered 403 or 401.",
    rules="B16 F08",
)
class InviteeForgotten(Access):
    """Only the token is asked for."""

    def knows_invitee(self, caller: Caller, booking: Booking, settings: Settings) -> bool:
        del caller, booking, settings
        return False


@BOOK.part(
    "B16-any-invitee",
    "Any invitee URI opens any anonymous booking",
    seen="One anonymous visitor's invitee URI reads another's booking.",
    rules="B16",
)
class AnyInvitee(Access):
    """That an invitee is named is taken for proof."""

    def knows_invitee(self, caller: Caller, booking: Booking, settings: Settings) -> bool:
        del settings
        return booking.client_id is None and caller.invitee_uri is not None


@BOOK.part(
    "B16-client-by-invitee",
    "A client's booking opens with the invitee URI",
    seen="An anonymous visitor who knows the invitee URI reads a client's booking.",
    rules="B16",
)
class ClientByInvitee(Access):
    """That only anonymous bookings open that way is forgotten."""

    def knows_invitee(self, caller: Caller, booking: Booking, settings: Settings) -> bool:
        return super().knows_invitee(caller, replace(booking, client_id=None), settings)


@BOOK.part(
    "B16-no-token",
    "The token from the booking's creation opens nothing",
    seen="The anonymous visitor's page is answered 403 when it asks for its own booking.",
    rules="B16 F09",
)
class TokenRejected(Tokens):
    """Tokens are issued for another audience than they are read for."""

    def opens(self, token: str, booking_id: str, settings: Settings, now: datetime) -> bool:
        del token, booking_id, settings, now
        return False


@BOOK.part(
    "B17-never-expires",
    "A recovery token never expires",
    seen="A token from last year recovers the booking.",
    rules="B17",
)
class NeverExpires(Tokens):
    """The time of issue is not compared with the clock."""

    def recovery(self, token: str, settings: Settings, now: datetime) -> Recovery:
        del now
        return super().recovery(token, settings, datetime(1971, 1, 1))


@BOOK.part(
    "B17-wrong-state",
    "A recovery token is bound to a state that the booking is not in",
    seen="A fresh recovery link is answered 409.",
    rules="B17",
)
class WrongState(Tokens):
    """The token names the state before the error instead of the one that it was issued in."""

    def for_recovery(self, booking: Booking, token_id: str, settings: Settings, now: datetime) -> str:
        return super().for_recovery(replace(booking, current_state="PAYMENT_PENDING"), token_id, settings, now)


@BOOK.part(
    "B17-short",
    "A recovery token has expired when it is issued",
    seen="A fresh recovery link is answered 401.",
    rules="B17",
)
class ExpiredAtOnce(Tokens):
    """The lifetime is taken away instead of added."""

    def for_recovery(self, booking: Booking, token_id: str, settings: Settings, now: datetime) -> str:
        return super().for_recovery(booking, token_id, settings, now - 2 * settings.recovery_token_lifetime)


@BOOK.part(
    "R05-always-authenticated",
    "The log calls every visitor signed in",
    seen="Records of anonymous bookings say `isAuthenticated: true`.",
    rules="R05",
)
class AlwaysAuthenticated(Redaction):
    """The flag was written when everybody had to sign in."""

    def __call__(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        told = super().__call__(fields)
        return told | {"isAuthenticated": True} if "isAuthenticated" in told else told


@BOOK.part(
    "R05-nobody",
    "The log does not say who booked",
    seen="Records of bookings hold no `userId`.",
    rules="R05",
)
class NobodyNamed(Redaction):
    """The user is redacted like a secret."""

    def __call__(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in super().__call__(fields).items() if name != "userId"}
