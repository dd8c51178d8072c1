"""Proofs of who somebody is, taken for more or less than they prove (B01, B16)."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from harness.booking.access import Access
from harness.booking.identity import ANONYMOUS, Caller, Identity
from harness.booking.records import Booking
from harness.booking.settings import Settings
from harness.booking.store import Store
from harness.booking.tokens import Tokens

from .defect import Book

__all__ = ["BOOK"]

BOOK = Book()


@BOOK.part(
    "B01-expired",
    "A sign-in counts after its time",
    seen="A request with yesterday's bearer token is answered 200.",
    rules="B01",
)
class SignedInForEver(Tokens):
    """The signature is checked, the time is not."""

    def sign_in(self, token: str, settings: Settings, now: datetime) -> str:
        return super().sign_in(token, settings, now - timedelta(days=3650))


@BOOK.part(
    "B01-unknown-anonymous",
    "Somebody whose account is not known here is taken for an anonymous visitor",
    seen="With a valid token of an unknown user a booking is made, as anonymous.",
    rules="B01",
)
class UnknownIsAnonymous(Identity):
    """No row, no user."""

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
        if header is not None and store.user(connection, self._clerk_id(header, tokens, settings, now)) is None:
            return ANONYMOUS
        return super().caller(connection, header, store=store, tokens=tokens, settings=settings, now=now)


@BOOK.part(
    "B16-builder-reads-all",
    "Any builder reads every booking",
    seen="A builder sees a client's session with somebody else.",
    rules="B15 B16",
)
class AnyBuilderReads(Access):
    """That the caller has a builder's profile is enough to look."""

    def may_read(self, caller: Caller, booking: Booking, *, tokens: Tokens, settings: Settings, now: datetime) -> bool:
        return caller.builder_id is not None or super().may_read(
            caller, booking, tokens=tokens, settings=settings, now=now
        )


@BOOK.part(
    "B16-signed-in-reads",
    "Anybody who is signed in reads anonymous bookings",
    seen="A client who knows the id reads name and e-mail of an anonymous visitor.",
    rules="B16",
)
class SignedInReads(Access):
    """Signing in is taken for proof."""

    def may_read(self, caller: Caller, booking: Booking, *, tokens: Tokens, settings: Settings, now: datetime) -> bool:
        return (caller.is_authenticated and booking.client_id is None) or super().may_read(
            caller, booking, tokens=tokens, settings=settings, now=now
        )
