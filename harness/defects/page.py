"""The visitor's page gone wrong (DOMAIN.md 8: A1, A2, A4, A12; R10 to R17, F01 to F09)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.booking.flow import Answer, Flow, NotAllowed

from .defect import Book

__all__ = ["BOOK"]

BOOK = Book()
BOOKINGS = "/api/scheduling/bookings"


@BOOK.page(
    "A1",
    "`create` is guarded by 'no booking id yet', and the flow always has one",
    seen="After Calendly, the page asks nothing of the server: there is no booking.",
    rules="R06 R12",
)
class NeverCreated(Flow):
    """The guard was meant against creating twice."""

    def create(self, **fields: Any) -> Answer:
        if self.booking_id is not None:
            raise NotAllowed("created_already", "There is a booking id already.")
        return super().create(**fields)


@BOOK.page(
    "A2",
    "After `create` the anonymous flow calls an endpoint that needs sign-in",
    seen="The booking is made, and the visitor sees that it failed: 401.",
    rules="R06 R14 F09",
)
class NeedsSignIn(Flow):
    """The state is confirmed through `transition`, without a token."""

    def create(self, **fields: Any) -> Answer:
        answer = super().create(**fields)
        if not answer.ok or self.signed_in:
            return answer
        return self._send("POST", f"{BOOKINGS}/{self._id()}/transition", {"event": "SCHEDULE_EVENT", "data": {}})


@BOOK.page(
    "A4",
    "Times are expected in the embed's message, which never has them",
    seen="The message is refused: the page never learns that the event was scheduled.",
    rules="R12 F04",
)
class TimesInMessage(Flow):
    """`payload.event.start_time`."""

    def on_message(self, origin: str, data: Mapping[str, Any]) -> bool:
        event = data.get("payload", {}).get("event", {})
        if data.get("event") == "calendly.event_scheduled" and "start_time" not in event:
            raise NotAllowed("unreadable_message", "This message has no times.")
        return super().on_message(origin, data)


@BOOK.page(
    "A12",
    "The confirmation asks for an id that was never stored",
    seen="After a booking the page says that there is none: 404.",
    rules="R11 F03 F09",
)
class AnotherIdConfirmed(Flow):
    """The id is made anew for the confirmation."""

    def confirm(self) -> Answer:
        self.booking_id = self._new_id()
        return super().confirm()


@BOOK.page(
    "R10-initialize",
    "An anonymous visitor's page initializes",
    seen="Choosing a session type calls the server.",
    rules="R10 R14",
)
class AlwaysInitializes(Flow):
    """The flow before the update."""

    def select_session(
        self, session: Mapping[str, Any] | str, *, pathway: str | None = None, by_url: bool = False
    ) -> Answer | None:
        answer = super().select_session(session, pathway=pathway, by_url=by_url)
        return answer or (None if self.signed_in else self.initialize())


@BOOK.page(
    "R11-two-ids",
    "Each use of the booking id makes a new one",
    seen="The embed's answer, utm_content and create carry different ids.",
    rules="R11 F03",
)
class TwoIds(Flow):
    """The id is made where it is needed."""

    def embed(self) -> dict[str, Any]:
        opened = super().embed()
        return opened | {"utm": {"utm_content": self._new_id()}}


@BOOK.page(
    "R11-no-id",
    "The embed carries no booking id",
    seen="Calendly's invitee has no answer to `Booking ID`.",
    rules="R11 R17",
)
class NoId(Flow):
    """The question is left to the visitor."""

    def embed(self) -> dict[str, Any]:
        opened = super().embed()
        return opened | {"answers": {}, "utm": {}}


@BOOK.page(
    "R17-question",
    "The question that carries the id is left empty",
    seen="The answer to `Booking ID` is empty at Calendly; the id stands in utm_content only.",
    rules="R17 F03",
)
class EmptyAnswer(Flow):
    """The answer is thought to be filled in by the widget."""

    def embed(self) -> dict[str, Any]:
        opened = super().embed()
        return opened | {"answers": {}}


@BOOK.page(
    "R12-before",
    "The booking is created before the event",
    seen="`create` is called though nothing is scheduled at Calendly.",
    rules="R12",
)
class CreatedBefore(Flow):
    """Whether something is scheduled is not asked."""

    def create(self, **fields: Any) -> Answer:
        if self.event_uri is None:
            invented = f"https://api.calendly.com/scheduled_events/{self.booking_id}"
            fields = {"calendlyEventUri": invented, "calendlyInviteeUri": f"{invented}/invitees/1"} | fields
        return super().create(**fields)


@BOOK.page(
    "R15-free-pays",
    "Free sessions ask for payment",
    seen="The page opens a checkout for a free session.",
    rules="R15",
)
class FreePays(Flow):
    """Everything costs."""

    def costs(self, session: Mapping[str, Any]) -> bool:
        del session
        return True


@BOOK.page(
    "R15-nothing-costs",
    "Paid sessions ask for no payment",
    seen="The page refuses to open the checkout of a paid session.",
    rules="R15 R13",
)
class NothingCosts(Flow):
    """The price, a text, is compared with a number."""

    def costs(self, session: Mapping[str, Any]) -> bool:
        del session
        return False


@BOOK.page(
    "F01-shows-all",
    "An anonymous visitor sees every session",
    seen="The page lets an anonymous visitor choose a paid session.",
    rules="F01 R16",
)
class ShowsAll(Flow):
    """The page leaves it to the server."""

    def shows(self, session: Mapping[str, Any]) -> bool:
        del session
        return True


@BOOK.page(
    "F01-auth-only",
    "The page hides what needs sign-in, and shows what costs",
    seen="The paid group builds are offered to an anonymous visitor.",
    rules="F01 R16",
    hidden_by="F01-shows-all",
)
class AuthOnly(Flow):
    """`requiresAuth` alone decides."""

    def shows(self, session: Mapping[str, Any]) -> bool:
        return self.signed_in or not session.get("requiresAuth")


@BOOK.page(
    "F01-client-sees-free",
    "A signed-in visitor sees only what an anonymous one does",
    seen="A client cannot choose a paid session.",
    rules="F01 R13",
)
class ClientSeesFree(Flow):
    """Whether somebody is signed in is not asked."""

    def shows(self, session: Mapping[str, Any]) -> bool:
        return not session.get("requiresAuth") and not self.costs(session)


@BOOK.page(
    "F02-by-url",
    "Selection by URL goes round the rule",
    seen="`?sessionTypeId=` opens a paid session for an anonymous visitor.",
    rules="F02 R16",
)
class ByUrl(Flow):
    """What the URL names is taken as it is."""

    def select_session(
        self, session: Mapping[str, Any] | str, *, pathway: str | None = None, by_url: bool = False
    ) -> Answer | None:
        if by_url and isinstance(session, str):
            self._begin({"id": session, "builderId": "", "calendlyEventTypeUri": ""}, pathway)
            return None
        return super().select_session(session, pathway=pathway, by_url=by_url)


@BOOK.page(
    "F03-new-id-again",
    "Trying again makes a new booking id",
    seen="The second create carries another id than the embed did.",
    rules="F03 F05 R11",
)
class NewIdAgain(Flow):
    """Each create is an attempt of its own."""

    def create(self, **fields: Any) -> Answer:
        if self.event_uri is not None:
            self.booking_id = self._new_id()
        return super().create(**fields)


@BOOK.page(
    "F04-any-origin",
    "A message is believed from wherever it comes",
    seen="Another site's message makes the page create a booking.",
    rules="F04",
)
class AnyOrigin(Flow):
    """The origin is not compared."""

    def on_message(self, origin: str, data: Mapping[str, Any]) -> bool:
        del origin
        return super().on_message(self._origin, data)


@BOOK.page(
    "F05-gives-up",
    "After a failed create the id is thrown away",
    seen="Trying again after a failure books a second time, or is refused.",
    rules="F05 F03",
)
class GivesUp(Flow):
    """A failure ends the attempt."""

    def create(self, **fields: Any) -> Answer:
        answer = super().create(**fields)
        if not answer.ok:
            self.booking_id = self._new_id()
        return answer


@BOOK.page(
    "F06-no-pathway",
    "A pathway session does not ask for the pathway",
    seen="The page lets a client schedule a pathway session without one.",
    rules="F06",
)
class NoPathway(Flow):
    """The server will ask."""

    def select_session(
        self, session: Mapping[str, Any] | str, *, pathway: str | None = None, by_url: bool = False
    ) -> Answer | None:
        if isinstance(session, str) or pathway or not self.shows(session):
            return super().select_session(session, pathway=pathway, by_url=by_url)
        self._begin(session, None)
        return None


@BOOK.page(
    "F07-pays-first",
    "Payment starts before the server says that the booking is scheduled",
    seen="The page asks for a checkout of a booking that is not there yet.",
    rules="F07 R13 R14",
)
class PaysFirst(Flow):
    """The state is not looked at."""

    def pay(self) -> Answer:
        known, self.state = self.state, "PAYMENT_PENDING"
        answer = super().pay()
        self.state = self.state if answer.ok else known
        return answer


@BOOK.page(
    "F08-starts-again",
    "Coming back starts again",
    seen="After a reload the page asks for a booking with a new id.",
    rules="F08",
)
class StartsAgain(Flow):
    """Nothing is kept across a reload."""

    def resume(self) -> Answer:
        self.booking_id, self.booking_token = self._new_id(), None
        return super().resume()


@BOOK.page(
    "F08-forgets-event",
    "Coming back forgets Calendly's event",
    seen="After a reload the page does not know event and invitee.",
    rules="F08",
)
class ForgetsEvent(Flow):
    """Only the state is read."""

    def resume(self) -> Answer:
        answer = super().resume()
        self.event_uri = self.invitee_uri = None
        return answer


@BOOK.page(
    "F09-optimistic",
    "The page shows success whatever the server says",
    seen="After a refused create the page says that the booking is confirmed.",
    rules="F09",
)
class Optimistic(Flow):
    """What the visitor hopes for is shown."""

    def create(self, **fields: Any) -> Answer:
        answer = super().create(**fields)
        self.state = "BOOKING_CONFIRMED"
        return answer


@BOOK.page(
    "R13-no-initialize",
    "A signed-in visitor's page does not initialize",
    seen="No booking is begun before Calendly.",
    rules="R13",
)
class NotInitialized(Flow):
    """Since the update nobody initializes."""

    def initialize(self, **fields: Any) -> Answer:
        del fields
        raise NotAllowed("not_needed", "There is nothing to begin.")


@BOOK.page(
    "R13-other-id",
    "The id that `initialize` answered is not kept",
    seen="Create carries another id than the booking that was begun.",
    rules="R13 F03",
)
class ServersIdIgnored(Flow):
    """The id that the server chose is not taken over."""

    def initialize(self, **fields: Any) -> Answer:
        answer = super().initialize(**fields)
        self.booking_id = self._new_id()
        return answer
