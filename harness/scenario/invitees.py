"""Who books at Calendly, and when: what its page would not take is told at load, or with the way around the page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeAlias

from harness.errors import InputError
from harness.scenario.checkshapes import TEXT
from harness.scenario.shapes import Kind
from harness.scenario.structures import Field, Keys
from harness.scenario.suggest import nearest

__all__ = ["Invitee", "saying_anyway"]


def _timezone(value: Any) -> str:
    from harness.calendly.parameters import is_timezone, timezones

    if isinstance(value, str) and (not value or is_timezone(value)):
        return value
    close = nearest(str(value), timezones())
    raise ValueError(f"Did you mean {close[0]}?" if close else "Use an IANA name such as Europe/London.")


Invitee: TypeAlias = Annotated[
    dict[str, str],
    Keys(
        {
            "name": Field(TEXT),
            "email": Field(TEXT),
            "timezone": Field(Kind("a time zone", _timezone, {"type": "string"})),
            "first_name": Field(TEXT),
            "last_name": Field(TEXT),
            "text_reminder_number": Field(TEXT),
        },
        "invitee",
    ),
    "who books",
]
"""Who the visitor says to be. A zone that there is not, and a key that Calendly has not, are mistakes of the file."""


@contextmanager
def saying_anyway() -> Iterator[None]:
    """What Calendly's page would not offer can be booked all the same: its refusal says how."""
    from harness.calendly.scheduling import NotOffered

    try:
        yield
    except NotOffered as error:
        how = "Book it all the same with calendly: {schedule: …, at: …, anyway: true}."
        raise InputError(error.what, f"{error.remedy} {how}") from None
