"""What a person types into the booking page, checked as the page would check it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from harness.calendly.entities import EventType, Tracking
from harness.calendly.parameters import is_email, is_timezone
from harness.calendly.rendering import TRACKING_KEYS
from harness.calendly.scheduling import Person
from harness.errors import InputError

__all__ = ["answered", "person_of", "tracked"]

_PERSON_KEYS = ("name", "first_name", "last_name", "email", "timezone", "text_reminder_number")


def person_of(invitee: Mapping[str, str | None]) -> Person:
    """Raises InputError for an unknown key, a missing name or an e-mail address that is none."""
    _known(invitee, _PERSON_KEYS, "an invitee")
    first, last = invitee.get("first_name"), invitee.get("last_name")
    name = invitee.get("name") or " ".join(part for part in (first, last) if part)
    email = invitee.get("email") or ""
    if not name:
        raise InputError("an invitee needs a name (or first_name and last_name).")
    if not is_email(email):
        raise InputError(f"{email!r} is not an e-mail address.", "Calendly's page asks for one.")
    timezone = invitee.get("timezone") or "Europe/London"
    if not is_timezone(timezone):
        raise InputError(f"unknown time zone {timezone!r}.", "Use an IANA name such as Europe/London.")
    return Person(email, name, timezone, first, last, invitee.get("text_reminder_number"))


def answered(kind: EventType, answers: Mapping[str, str]) -> tuple[tuple[str, str, int], ...]:
    """(question, answer, position) in the order of the questions. Raises InputError for a question not asked."""
    questions = {question.name: question for question in kind.questions if question.enabled}
    _known(answers, tuple(questions), f"the page of {kind.name}")
    for name, question in questions.items():
        if question.required and not answers.get(name, "").strip():
            raise InputError(f"the page of {kind.name} requires an answer to {name!r}.")
    return tuple((name, answers[name], question.position) for name, question in questions.items() if name in answers)


def tracked(utm: Mapping[str, str | None]) -> Tracking:
    """Tracking parameters; `content` is short for `utm_content`. Raises InputError for a key Calendly drops."""
    full = {key if key in TRACKING_KEYS else f"utm_{key}": value for key, value in utm.items()}
    _known(full, TRACKING_KEYS, "tracking")
    return full


def _known(given: Mapping[str, object], known: tuple[str, ...], where: str) -> None:
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(map(repr, known)) or 'nothing'}."
            raise InputError(f"{where} has no {key!r}.", hint)
