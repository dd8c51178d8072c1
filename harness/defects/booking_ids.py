"""Which booking is meant: ids taken from the wrong place, or taken over (DOMAIN.md 8: I1, I2, I4, I5, I6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from harness.booking.answers import BookingIds
from harness.booking.claims import Claim, Claims
from harness.booking.identity import Caller
from harness.booking.records import Booking, SessionType

from .defect import Book

__all__ = ["BOOK"]

BOOK = Book()


@BOOK.part(
    "I1",
    "The first answer, whatever its question, is taken as the booking id",
    seen="With another question before it, the booking gets another id than the page shows.",
    rules="R07 B08",
)
class FirstAnswer(BookingIds):
    """The answer is read by position: the first one counts, whatever was asked."""

    def from_answers(self, answers: Any) -> str | None:
        return super().from_answers(answers[:1] if isinstance(answers, list) else answers)

    def is_the_question(self, question: object) -> bool:
        del question
        return True


@BOOK.part(
    "I2",
    "Any text is accepted as a booking id",
    seen="A malformed answer becomes the id of the row.",
    rules="B05 B08",
)
class AnyText(BookingIds):
    """The answer is not checked: an e-mail address would do."""

    def from_answers(self, answers: Any) -> str | None:
        if isinstance(answers, list):
            for item in answers:
                if isinstance(item, dict) and self.is_the_question(item.get("question")) and item.get("answer"):
                    return str(item["answer"])
        return super().from_answers(answers)


@BOOK.part(
    "I4",
    "A known id in a custom answer takes over somebody's booking",
    seen="Create with another visitor's id answers 200 and moves that booking to the new event.",
    rules="B06 B15",
)
class TakenOver(Claims):
    """Whoever names an id that exists carries that booking on; whose it is, is not asked."""

    def same_id(self, booking: Booking, session: SessionType, is_own: Callable[[Booking], bool]) -> Claim:
        del session, is_own
        return Claim(begun=replace(booking))


@BOOK.part(
    "I6",
    "The same Calendly event is booked twice",
    seen="A second create with another id makes a second row for the same invitee, or ends in a server error.",
    rules="B07 F05",
)
class BookedTwice(Claims):
    """Whether the invitee has a booking already is not asked."""

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
        others = [booking for booking in existing if booking.calendly_invitee_uri != invitee_uri]
        return super().judge(
            others, wanted=wanted, invitee_uri=invitee_uri, session=session, caller=caller, is_own=is_own
        )
