"""What changes between two looks at a booking: prices, payment pages, sessions, groups, tokens (R15, W13, W07, B06, B16)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from harness.booking.calendly_uris import OLD_BASE, InviteeUri
from harness.booking.cancellation import Cancellation
from harness.booking.checkout_terms import CheckoutTerms
from harness.booking.claims import Claim, Claims
from harness.booking.confirmation import Confirmation
from harness.booking.deliveries import IGNORED, Outcome
from harness.booking.identity import Caller
from harness.booking.machine import Who
from harness.booking.machine_table import State
from harness.booking.models import BOOKING
from harness.booking.progress import Progress
from harness.booking.records import Booking, SessionType
from harness.booking.refusals import invalid
from harness.booking.settings import Settings
from harness.booking.store import Store
from harness.booking.stripe_effects import StripeEffects
from harness.booking.stripe_news import StripeNews
from harness.booking.tokens import TokenInvalid, Tokens

from .defect import Book

__all__ = ["BOOK"]

BOOK = Book()


@BOOK.part(
    "R15-price-of-today",
    "The checkout asks for what the session costs now",
    seen="After the price has risen the visitor is charged more than was booked, and the payment confirms nothing.",
    rules="R15 W13",
)
class PriceOfToday(CheckoutTerms):
    """The session type is read once more, and the booking's own amount is not."""

    def params(self, booking: Booking, session: SessionType | None, settings: Settings) -> dict[str, Any]:
        return super().params(replace(booking, amount=session.price) if session else booking, session, settings)


@BOOK.part(
    "F08-from-stripe",
    "The way back from Stripe does not say to which booking",
    seen="Who has paid comes back to the list of sessions.",
    rules="F08",
)
class BackToTheList(CheckoutTerms):
    """The address of the application is all that Stripe is told."""

    def params(self, booking: Booking, session: SessionType | None, settings: Settings) -> dict[str, Any]:
        home = settings.public_url.rstrip("/") + "/"
        return super().params(booking, session, settings) | {"success_url": home, "cancel_url": home}


@BOOK.part(
    "W13-another-page",
    "What becomes of a payment page that was left fails the booking",
    seen="While the visitor pays on the second page, the first one's end makes the payment a failed one.",
    rules="W13 B20",
)
class AnyPage(StripeEffects):
    """Which page the news is of is not compared."""

    def failed(self, progress: Progress, news: StripeNews) -> Outcome:
        return super().failed(progress, replace(news, session_id=progress.booking.stripe_session_id))


@BOOK.part(
    "W13-slow-after-declined",
    "A slow payment after a declined card is not taken for one",
    seen="The money is on its way, and the visitor reads that the payment did not work.",
    rules="W13 B20 F09",
)
class OnlyFirstMethod(StripeEffects):
    """A slow payment is expected from a page on which nothing went wrong before."""

    def promised(self, progress: Progress, news: StripeNews) -> Outcome:
        if progress.state == State.PAYMENT_FAILED:
            return Outcome(IGNORED, "not_awaited", progress.booking.id)
        return super().promised(progress, news)


@BOOK.part(
    "W07-last-of-a-group",
    "The last one who leaves a group leaves its event at Calendly",
    seen="Nobody is booked any more, and the builder's calendar keeps the session.",
    rules="W07 B09",
)
class CancelledCount(Store):
    """Who has cancelled still counts as somebody on the event."""

    def shares_event(self, connection: Connection, booking: Booking) -> bool:
        columns = BOOKING.c
        others = select(columns.id).where(
            columns.calendlyEventUri == booking.calendly_event_uri, columns.id != booking.id
        )
        return connection.execute(others).first() is not None


@BOOK.part(
    "W07-who",
    "Whoever cancels is recorded as the client",
    seen="After the builder or an admin has cancelled, the booking says that the client did.",
    rules="W07",
)
class AlwaysTheClient(Cancellation):
    """Who asks is not looked at."""

    def begin(self, progress: Progress, *, by: str, reason: str | None, at: datetime, who: Who = Who.SYSTEM) -> None:
        super().begin(progress, by="client" if who is Who.VISITOR else by, reason=reason, at=at, who=who)


@BOOK.part(
    "B06-again-as-another",
    "The same event again, for another session, is taken for the same call",
    seen="Create for an invitee that is booked, with another session type, answers 200 instead of 409.",
    rules="B06 B07",
)
class AnySession(Claims):
    """The session of the repeated call is not compared."""

    def same_invitee(self, booking: Booking, wanted: str | None, session: SessionType, caller: Caller) -> Claim:
        return super().same_invitee(replace(booking, session_type_id=session.id), wanted, session, caller)


@BOOK.part(
    "B17-opens",
    "A recovery token opens its booking",
    seen="Who was given the token for an error reads and cancels an anonymous booking with it.",
    rules="B16 B17",
)
class RecoveryOpens(Tokens):
    """What kind of token it is, is not looked at."""

    def opens(self, token: str, booking_id: str, settings: Settings, now: datetime) -> bool:
        try:
            return super().opens(token, booking_id, settings, now) or (
                self.recovery(token, settings, now).booking_id == booking_id
            )
        except TokenInvalid:
            return False


@BOOK.part(
    "F01-order",
    "Sessions are listed by their names",
    seen="The session that the builder puts first does not come first.",
    rules="F01",
)
class ByName(Store):
    """`displayOrder` is not looked at."""

    def offered(self, connection: Connection, builder_id: str | None) -> list[SessionType]:
        return sorted(super().offered(connection, builder_id), key=lambda session: session.title)


@BOOK.part(
    "F04-older-uris",
    "The URIs of older pages of Calendly's are refused",
    seen="Create with https://calendly.com/api/v2/scheduled_events/… answers 400.",
    rules="F04",
)
class NewerUris(Confirmation):
    """Only the address of today's API is known."""

    def named(self, event: str, invitee: str, base: str) -> InviteeUri:
        if event.startswith(OLD_BASE) or invitee.startswith(OLD_BASE):
            raise invalid("invalid_calendly_uri", "These are not URIs of Calendly's.")
        return super().named(event, invitee, base)
