"""What may be booked, by whom, on whose word (DOMAIN.md 8: A6, P6; R15, R16, B02 to B04, F01, F04)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from harness.booking.calendly_client import CalendlyClient
from harness.booking.calendly_uris import InviteeUri, event_uri
from harness.booking.confirmation import Confirmation
from harness.booking.identity import Caller
from harness.booking.presenter import Presenter
from harness.booking.records import SessionType
from harness.booking.refusals import Refusal
from harness.booking.rows import Scheduled
from harness.booking.rules import SessionRules
from harness.booking.store import Store

from .defect import Book

__all__ = ["BOOK"]

BOOK = Book()


@BOOK.part(
    "A6",
    "`initialize` and `create` ignore `requiresAuth` and price",
    seen="An anonymous visitor books a paid session and is answered 200.",
    rules="R16 B03",
)
class NoBarrier(SessionRules):
    """Only the page hides what an anonymous visitor may not book."""

    def barrier(self, caller: Caller, session: SessionType) -> Refusal | None:
        del caller, session
        return None


@BOOK.part(
    "R16-auth-only",
    "`requiresAuth` alone decides what an anonymous visitor may book",
    seen="The paid group builds, which need no sign-in, are booked anonymously.",
    rules="R16 B03",
    hidden_by="A6",
)
class AuthOnly(SessionRules):
    """The price is not looked at."""

    def barrier(self, caller: Caller, session: SessionType) -> Refusal | None:
        return super().barrier(caller, replace(session, price=session.price * 0))


@BOOK.part(
    "B03-price-only",
    "The price alone decides what an anonymous visitor may book",
    seen="A free session that needs sign-in is booked anonymously.",
    rules="B03",
    hidden_by="A6",
)
class PriceOnly(SessionRules):
    """`requiresAuth` is not looked at."""

    def barrier(self, caller: Caller, session: SessionType) -> Refusal | None:
        return super().barrier(caller, replace(session, requires_auth=False))


@BOOK.part(
    "B03-clients-too",
    "Paid sessions are refused to everybody",
    seen="A signed-in client is answered 403 for a paid session.",
    rules="B03 R13",
)
class ClientsToo(SessionRules):
    """The rule for anonymous visitors is applied to clients."""

    def barrier(self, caller: Caller, session: SessionType) -> Refusal | None:
        return super().barrier(replace(caller, user_id=None), session)


@BOOK.part(
    "P6",
    "Builder and session type need not match",
    seen="Naming another builder with a session type is answered 200.",
    rules="B02",
)
class AnyBuilder(SessionRules):
    """The builder of the request is not compared with the session type's."""

    def check(self, caller: Caller, session: SessionType | None, builder_id: str | None) -> SessionType:
        del builder_id
        return super().check(caller, session, None)


@BOOK.part(
    "B02-inactive",
    "A session type that is no longer offered can be booked",
    seen="Initialize and create of an inactive session type are answered 200.",
    rules="B02",
)
class Inactive(SessionRules):
    """`isActive` is not looked at."""

    def check(self, caller: Caller, session: SessionType | None, builder_id: str | None) -> SessionType:
        found = replace(session, is_active=True) if session else None
        return super().check(caller, found, builder_id)


@BOOK.part(
    "B02-unknown",
    "An unknown session type is a forbidden one",
    seen="A session type id that does not exist is answered with a server error instead of 404.",
    rules="B02",
)
class Unknown(SessionRules):
    """That there may be none was not thought of."""

    def check(self, caller: Caller, session: SessionType | None, builder_id: str | None) -> SessionType:
        assert session is not None, "there is always one"
        return super().check(caller, session, builder_id)


@BOOK.part(
    "B04",
    "A pathway session is booked without a pathway",
    seen="Create of a pathway session without a pathway is answered 200.",
    rules="B04",
)
class NoPathway(SessionRules):
    """Only the page asks for the pathway."""

    def check_pathway(self, session: SessionType, pathway: str | None) -> None:
        del session, pathway


@BOOK.part(
    "B04-all",
    "Every session asks for a pathway",
    seen="A free session without a pathway is answered 400.",
    rules="B04 R14",
)
class PathwayAlways(SessionRules):
    """The category is not looked at."""

    def check_pathway(self, session: SessionType, pathway: str | None) -> None:
        super().check_pathway(replace(session, event_type_category="pathway"), pathway)


@BOOK.part(
    "F01-list",
    "The list of sessions leaves out what costs money, for everybody",
    seen="A signed-in client is not offered the paid sessions.",
    rules="F01",
)
class FreeOnly(Presenter):
    """The list for anonymous visitors is shown to all."""

    def sessions(self, offered: Iterable[SessionType]) -> dict[str, Any]:
        return super().sessions(session for session in offered if session.is_free)


@BOOK.part(
    "F01-groups",
    "Sessions stand in the wrong group",
    seen="Pathway sessions are listed under `other`.",
    rules="F01",
)
class WrongGroup(Presenter):
    """The group is looked up under a name that the category never has."""

    def sessions(self, offered: Iterable[SessionType]) -> dict[str, Any]:
        return super().sessions(
            replace(session, event_type_category=f"{session.event_type_category}s") for session in offered
        )


@BOOK.part(
    "B02-inactive-list",
    "Sessions that are no longer offered are listed",
    seen="The list holds an inactive session type.",
    rules="B02 F01",
)
class InactiveListed(Store):
    """The list is read without `isActive`."""

    def offered(self, connection: Connection, builder_id: str | None) -> list[SessionType]:
        from sqlalchemy import text

        ids = connection.scalars(text('SELECT id FROM "SessionType" ORDER BY "displayOrder", title, id'))
        found = [self.session_type(connection, each) for each in ids.all()]
        return [each for each in found if each and builder_id in (None, each.builder_id)]


@BOOK.part(
    "R15-price",
    "The price shown is not the session type's",
    seen="The list gives prices without their pence.",
    rules="R15 F09",
)
class Rounded(Presenter):
    """Prices are cut to whole numbers on their way out."""

    def session(self, session: SessionType) -> dict[str, Any]:
        return super().session(session) | {"price": str(int(session.price))}


@BOOK.part(
    "F04-unconfirmed",
    "The page's word is taken for Calendly's",
    seen="Create for a cancelled event is answered 200.",
    rules="F04",
)
class Unconfirmed(CalendlyClient):
    """Whether the event is still active is not read."""

    def event(self, event_id: str) -> dict[str, Any]:
        return super().event(event_id) | {"status": "active"}

    def invitee(self, event_id: str, invitee_id: str) -> dict[str, Any]:
        return super().invitee(event_id, invitee_id) | {"status": "active"}


@BOOK.part(
    "F04-any-event-type",
    "An event of another session is accepted",
    seen="The short call's event books the long one.",
    rules="F04 B02",
)
class AnyEventType(Confirmation):
    """The event type is not compared with the session's."""

    def check_session(self, scheduled: Scheduled, session: SessionType) -> None:
        del scheduled, session


@BOOK.part(
    "F04-times",
    "The page's times go before Calendly's",
    seen="Create with times that differ from the event's is answered 200.",
    rules="F04 B09",
)
class PagesTimes(Confirmation):
    """Times of the body are not compared."""

    def check_times(self, scheduled: Scheduled, start: datetime | None, end: datetime | None) -> None:
        del scheduled, start, end


@BOOK.part(
    "F04-foreign-uri",
    "Event and invitee need not belong together",
    seen="Naming one event and another's invitee is answered 200.",
    rules="F04",
)
class ForeignUri(Confirmation):
    """The two URIs are not compared."""

    def named(self, event: str, invitee: str, base: str) -> InviteeUri:
        own = invitee.partition("/invitees/")[0]
        return super().named(own if event_uri(event, base) else event, invitee, base)
