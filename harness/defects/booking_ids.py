"""Which booking is meant: ids taken from the wrong place, or taken over (DOMAIN.md 8: I1, I2, I4, I5, I6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from harness.booking.answers import BookingIds, as_booking_id
from harness.booking.claims import Claim, Claims
from harness.booking.identity import Caller
from harness.booking.records import Booking, SessionType

from .defect import Book

__all__ = ["BOOK"]

BOOK = Book()


def _items(answers: Any) -> list[Mapping[str, Any]]:
    return [item for item in answers if isinstance(item, Mapping)] if isinstance(answers, list) else []


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
        for item in _items(answers):
            if self.is_the_question(item.get("question")) and item.get("answer"):
                return str(item["answer"])
        return super().from_answers(answers)


@BOOK.part(
    "I4",
    "A known id in a custom answer takes over somebody's booking",
    seen="Create with another visitor's id answers 200 and moves that booking to the new event.",
    rules="B06 B15",
)
class TakenOver(Claims):
    """Whoever names an id that exists carries that booking on; whose it is and where it stands is not asked."""

    def same_id(self, booking: Booking, session: SessionType, is_own: Callable[[Booking], bool]) -> Claim:
        del session, is_own
        return Claim(begun=replace(booking))


@BOOK.part(
    "I5",
    "A known id in the body carries on a booking that somebody else began",
    seen="Create with the id of another visitor's begun booking answers 200 and schedules it.",
    rules="B06 B15",
    hidden_by="I4",
)
class CarriedOn(Claims):
    """What was begun and not scheduled is anybody's."""

    def same_id(self, booking: Booking, session: SessionType, is_own: Callable[[Booking], bool]) -> Claim:
        del is_own
        return super().same_id(booking, session, lambda _: True)


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


@BOOK.part(
    "B06-again",
    "The same call again is refused",
    seen="Trying create again after a lost answer is a 409, and the visitor believes that the booking failed.",
    rules="B06 F05",
)
class RefusedAgain(Claims):
    """Idempotence is forgotten: whoever comes second is somebody else."""

    def same_invitee(self, booking: Booking, wanted: str | None, session: SessionType, caller: Caller) -> Claim:
        del wanted
        return super().same_invitee(booking, "another", session, caller)


@BOOK.part(
    "B06-anybody",
    "The same call by somebody else is answered with the booking",
    seen="A signed-in visitor who names another client's invitee is answered 200 with that client's booking.",
    rules="B06 B16",
)
class AnsweredToAnybody(Claims):
    """The repeated call is recognised by the invitee alone; who repeats it is not compared."""

    def same_invitee(self, booking: Booking, wanted: str | None, session: SessionType, caller: Caller) -> Claim:
        return super().same_invitee(booking, wanted, session, replace(caller, user_id=booking.client_id))


@BOOK.part(
    "B07-other-id",
    "The invitee's booking is handed out under another id",
    seen="Create with a fresh id for an invitee that is booked answers 200 instead of 409.",
    rules="B06 B07",
)
class AnotherId(Claims):
    """Whether the call names the same booking id is not compared."""

    def same_invitee(self, booking: Booking, wanted: str | None, session: SessionType, caller: Caller) -> Claim:
        del wanted
        return super().same_invitee(booking, None, session, caller)


@BOOK.part(
    "B06-other-session",
    "A begun booking is carried on with another session type",
    seen="Create names another session than the begun booking has, and is answered 200.",
    rules="B06 B12",
)
class AnotherSession(Claims):
    """The session of the begun booking is not compared with the one that is scheduled."""

    def same_id(self, booking: Booking, session: SessionType, is_own: Callable[[Booking], bool]) -> Claim:
        return super().same_id(booking, replace(session, id=booking.session_type_id or ""), is_own)


@BOOK.part(
    "B08-first-only",
    "The answer counts only where it stands first",
    seen="With another question before it, the booking gets an id of the server's.",
    rules="B08",
)
class FirstOnly(BookingIds):
    """The id is looked for at the position where it stood when the form was made."""

    def from_answers(self, answers: Any) -> str | None:
        return super().from_answers(_items(answers)[:1] if isinstance(answers, list) else answers)


@BOOK.part(
    "B08-any-question",
    "Any answer that looks like an id counts",
    seen="An id in the answer to another question takes the booking's place.",
    rules="B08",
)
class AnyQuestion(BookingIds):
    """The questions are not read; the first answer that is a UUID is the id."""

    def from_answers(self, answers: Any) -> str | None:
        found = [as_booking_id(item.get("answer")) for item in _items(answers)]
        return next((each for each in found if each), None) or super().from_answers(answers)


@BOOK.part(
    "R07-ignored",
    "The answer to the question is not read at all",
    seen="The booking gets another id than the one that the page put into the question.",
    rules="R07 R17 F03",
)
class AnswersIgnored(BookingIds):
    """The id comes from elsewhere; the question is asked for nothing."""

    def from_answers(self, answers: Any) -> str | None:
        del answers
        return None


@BOOK.part(
    "B08-list-only",
    "Answers given as a map are not understood",
    seen="A create whose answers are `{question: answer}` gets an id of the server's.",
    rules="R07 B08",
)
class ListOnly(BookingIds):
    """Only Calendly's own list is read."""

    def from_answers(self, answers: Any) -> str | None:
        return super().from_answers(answers) if isinstance(answers, list) else None


@BOOK.part(
    "B08-first-of-two",
    "Of two different answers the first is taken",
    seen="An event that names two bookings is entered into one of them.",
    rules="B08 W03",
)
class FirstOfTwo(BookingIds):
    """Nobody expects the question twice."""

    def from_answers(self, answers: Any) -> str | None:
        found = [
            self.as_id(each.get("answer")) for each in _items(answers) if self.is_the_question(each.get("question"))
        ]
        return next((each for each in found if each), None) or super().from_answers(answers)


@BOOK.part(
    "B05-upper-case",
    "An id in capitals is another id",
    seen="The same UUID in capitals is refused, or finds no booking.",
    rules="B05 B08",
)
class CaseCounts(BookingIds):
    """Ids are compared as text."""

    def as_id(self, value: object) -> str | None:
        return super().as_id(value) if isinstance(value, str) and value == value.lower() else None
