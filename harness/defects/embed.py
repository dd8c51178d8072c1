"""The page around Calendly's widget and around a reload, gone wrong (F01 to F09)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.booking.flow import Answer, Flow, NotAllowed

from .defect import Book

__all__ = ["BOOK"]

BOOK = Book()


@BOOK.page(
    "F04-origin-end",
    "An origin that ends like Calendly's is believed",
    seen="A message from https://evilcalendly.com schedules.",
    rules="F04",
    hidden_by="F04-any-origin",
)
class OriginEnd(Flow):
    """`endsWith("calendly.com")`."""

    def on_message(self, origin: str, data: Mapping[str, Any]) -> bool:
        return super().on_message(self._origin if origin.endswith("calendly.com") else origin, data)


@BOOK.page(
    "F04-origin-beginning",
    "An origin that begins like Calendly's is believed",
    seen="A message from https://calendly.com.evil.example.test schedules.",
    rules="F04",
    hidden_by="F04-any-origin",
)
class OriginBeginning(Flow):
    """`startsWith("https://calendly.com")`."""

    def on_message(self, origin: str, data: Mapping[str, Any]) -> bool:
        return super().on_message(self._origin if origin.startswith(self._origin) else origin, data)


@BOOK.page(
    "F03-no-utm",
    "The embed does not carry the id in `utm_content`",
    seen="Calendly knows the id from the answer alone.",
    rules="F03 R17",
)
class NoUtm(Flow):
    """The answer is thought to be enough."""

    def embed(self) -> dict[str, Any]:
        return {**super().embed(), "utm": {}}


@BOOK.page(
    "F05-once",
    "The page sends create once",
    seen="After a failure the visitor cannot try again.",
    rules="F05",
)
class Once(Flow):
    """The button stays grey."""

    _sent = False

    def create(self, **fields: Any) -> Answer:
        if self._sent:
            raise NotAllowed("sent_already", "This has been sent already.")
        self._sent = self.event_uri is not None
        return super().create(**fields)


@BOOK.page(
    "F08-no-token",
    "After a look at the booking the page has lost its token",
    seen="An anonymous visitor looks twice, and is told to sign in.",
    rules="F08 B16",
)
class LosesToken(Flow):
    """The token is taken from the last answer, which has none."""

    def _heard(self, answer: Answer) -> Answer:
        super()._heard(answer)
        if answer.ok and isinstance(answer.body, Mapping):
            self.booking_token = answer.body.get("bookingToken")
        return answer


@BOOK.page(
    "F09-stale",
    "The page shows the state that it first heard",
    seen="After the payment the page still asks for it.",
    rules="F09",
)
class Stale(Flow):
    """What is known is not asked for again."""

    _known_answer: Answer | None = None

    def confirm(self) -> Answer:
        if self._known_answer is None or not self._known_answer.ok:
            self._known_answer = super().confirm()
        return self._known_answer


@BOOK.page(
    "F07-any-state",
    "The page asks for payment whatever the server says",
    seen="For a booking that is cancelled the page opens the payment.",
    rules="F07 F09",
)
class AnyState(Flow):
    """That there is a price is enough."""

    def pay(self) -> Answer:
        state, self.state = self.state, "CALENDLY_EVENT_SCHEDULED"
        answer = super().pay()
        if not answer.ok:
            self.state = state
        return answer


@BOOK.page(
    "F08-schedules-again",
    "The calendar opens for a booking that has its time",
    seen="After a lost message the visitor books a second time at Calendly, for a booking that cannot take it.",
    rules="F03 F08 F09",
)
class SchedulesAgain(Flow):
    """What the page itself has heard from Calendly is taken for all that happened."""

    def embed(self) -> dict[str, Any]:
        state, self.state = self.state, None
        opened = super().embed()
        self.state = state
        return opened
