"""The booking id among the answers to Calendly's custom questions (R07, B05, B08)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["QUESTION", "BookingIds", "as_booking_id"]

QUESTION = "Booking ID"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def as_booking_id(value: object) -> str | None:
    """`value` as a booking id in its one spelling (lower case, dashed), or None when it is not a UUID."""
    if not isinstance(value, str):
        return None
    text = value.strip().lower()
    return text if UUID.fullmatch(text) else None


class BookingIds:
    """Finds the booking id in answers, given as Calendly's list or as a map from question to answer."""

    def as_id(self, value: object) -> str | None:
        """`value` as a booking id, None when it is not one (B05)."""
        return as_booking_id(value)

    def from_answers(self, answers: Any) -> str | None:
        """The id answered to `Booking ID`, wherever it stands. Two different ids are no id."""
        found = {self.as_id(answer) for question, answer in _pairs(answers) if self.is_the_question(question)}
        found.discard(None)
        return found.pop() if len(found) == 1 else None

    def is_the_question(self, question: object) -> bool:
        """Whether this is the question that carries the booking id."""
        return isinstance(question, str) and question.strip() == QUESTION


def _pairs(answers: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(answers, list):
        for item in answers:
            if isinstance(item, Mapping):
                yield item.get("question"), item.get("answer")
    elif isinstance(answers, Mapping):
        yield from answers.items()
