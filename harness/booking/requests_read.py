"""What the endpoints take, as typed requests. Unknown keys are ignored; a wrong type is a 400 that names the field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import tzdata
from msgspec import Meta, Struct, ValidationError, field
from msgspec.structs import force_setattr

from .answers import as_booking_id
from .instants import parse_instant
from .refusals import Refusal, invalid

__all__ = [
    "FORMATS",
    "AvailableTimes",
    "Cancel",
    "Checkout",
    "Create",
    "Initialize",
    "Recover",
    "Request",
    "RequestReader",
    "Transition",
]

PATHWAYS = ("accelerate", "pivot", "play")
LABEL = r"[^\W_](?:[\w-]*[^\W_])?"
EMAIL = re.compile(rf"[^\s@<>,;:()\[\]\"\\]+@{LABEL}(?:\.{LABEL})+")  # one mailbox, not a header or a list of them
LONGEST_EMAIL = 254  # RFC 5321, section 4.5.3.1.3: a path without its brackets
LONGEST_NAME = 200
NO_ZONE = "Factory"  # in the list, and no zone of anybody's


@cache
def _timezones() -> frozenset[str]:
    names = Path(tzdata.__file__).with_name("zones").read_text(encoding="utf-8").split()
    return frozenset(names) - {NO_ZONE}


class _Text(str):
    """A text of a form of its own."""

    def plain(self) -> str:
        return str(self)


class BookingId(_Text):
    """A UUID in its one spelling (see `answers.as_booking_id`)."""

    @classmethod
    def read(cls, text: str) -> BookingId:
        found = as_booking_id(text)
        if found is None:
            raise ValueError("a booking id is a UUID")
        return cls(found)


class Timezone(_Text):
    """The name of an IANA time zone."""

    @classmethod
    def read(cls, text: str) -> Timezone:
        if text not in _timezones():
            raise ValueError("not an IANA time zone, for example Europe/London")
        return cls(text)


class Email(_Text):
    """One mailbox."""

    @classmethod
    def read(cls, text: str) -> Email:
        if len(text) > LONGEST_EMAIL or not EMAIL.fullmatch(text):
            raise ValueError("not an e-mail address")
        return cls(text)


class Name(_Text):
    """What a person is called, without the space around it."""

    @classmethod
    def read(cls, text: str) -> Name:
        name = text.strip()
        if not 0 < len(name) <= LONGEST_NAME:
            raise ValueError(f"a name has 1 to {LONGEST_NAME} characters")
        return cls(name)


class Instant(datetime):
    """A moment, naive in UTC as the database keeps it."""

    @classmethod
    def read(cls, text: str) -> Instant:
        return cls.fromisoformat(parse_instant(text).isoformat())

    def plain(self) -> datetime:
        return datetime.combine(self.date(), self.time())


Id = Annotated[str, Meta(min_length=1, max_length=64)]
Uri = Annotated[str, Meta(min_length=1, max_length=512)]
Reason = Annotated[str, Meta(max_length=2000)]
Token = Annotated[str, Meta(min_length=1, max_length=4096)]
Pathway = Literal["accelerate", "pivot", "play"]

FORMATS: Mapping[Any, Mapping[str, object]] = {
    BookingId: {"maxLength": 64},
    Timezone: {"maxLength": 64},
    Email: {"maxLength": LONGEST_EMAIL},
    Name: {"minLength": 1, "maxLength": LONGEST_NAME},
    Instant: {},
}
"""The texts with a form of their own, and what a JSON Schema says of each."""


class Request(Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of all; fields are as the page writes them (`bookingId`)."""

    def __post_init__(self) -> None:
        """What was read is plain from here on: a text that is a `BookingId` would be equal to others and not of their type."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if type(value) in FORMATS:
                force_setattr(self, name, value.plain())


class Initialize(Request, frozen=True, kw_only=True, rename="camel"):
    """POST scheduling/bookings/initialize. `clientId` is read and never believed (B01)."""

    booking_id: BookingId | None = None
    builder_id: Id
    session_type_id: Id
    client_id: str | None = None
    client_timezone: Timezone | None = None
    pathway: Pathway | None = None
    booking_token: Token | None = None


class Create(Request, frozen=True, kw_only=True, rename="camel"):
    """POST scheduling/bookings/create. Times may be left out: Calendly knows them."""

    booking_id: BookingId | None = None
    builder_id: Id
    session_type_id: Id
    calendly_event_uri: Uri
    calendly_invitee_uri: Uri
    start_time: Instant | None = None
    end_time: Instant | None = None
    custom_question_response: dict[str, Any] | list[Any] | None = None
    client_id: str | None = None
    client_email: Email | None = None
    client_name: Name | None = None
    client_timezone: Timezone | None = None
    pathway: Pathway | None = None
    booking_token: Token | None = None


class Cancel(Request, frozen=True, kw_only=True, rename="camel"):
    """PATCH scheduling/bookings/{id}: the one thing that can be changed is that it is cancelled."""

    action: Literal["cancel"] | None = None
    status: Literal["CANCELLED"] | None = None
    reason: Reason | None = None
    booking_token: Token | None = None


class Transition(Request, frozen=True, kw_only=True, rename="camel"):
    """POST scheduling/bookings/{id}/transition."""

    event: Annotated[str, Meta(max_length=64)]
    data: dict[str, Any] = field(default_factory=dict)
    booking_token: Token | None = None


class Scheduling(Request, frozen=True, kw_only=True, rename="camel"):
    """The `data` of a transition, whichever event owns it."""

    session_type_id: Id | None = None
    pathway: Pathway | None = None
    client_timezone: Timezone | None = None
    calendly_event_uri: Uri | None = None
    calendly_invitee_uri: Uri | None = None
    reason: Reason | None = None


class Recover(Request, frozen=True, kw_only=True, rename="camel"):
    """POST scheduling/bookings/recover."""

    token: Token


class AvailableTimes(Request, frozen=True, kw_only=True, rename="camel"):
    """POST scheduling/calendly/available-times."""

    event_type_uri: Uri
    start_date: Instant
    end_date: Instant


class Checkout(Request, frozen=True, kw_only=True, rename="camel"):
    """POST stripe/checkout/create. Whatever price the page names is ignored (R15)."""

    booking_id: BookingId


R = TypeVar("R", bound=Request)


class RequestReader:
    """Turns JSON into a typed request. Whose the booking is, is decided here too."""

    def read(self, kind: type[R], body: Mapping[str, Any]) -> R:
        """The request in `body`. Raises a 400 Refusal naming the first field that is wrong."""
        try:
            return msgspec.convert(body, kind, dec_hook=_read)
        except ValidationError as error:
            raise _refusal(error) from None

    def owner(self, caller_id: str | None, asked: str | None) -> str | None:
        """The client of a new booking: whoever calls, None for an anonymous visitor (R04).

        `asked` is the body's `clientId`: `anonymous`, empty or somebody's id, it decides nothing (B01).
        """
        del asked
        return caller_id


def _read(kind: Any, value: object) -> object:
    """What msgspec asks of a type that it does not know."""
    if not isinstance(value, str):
        raise TypeError(f"Expected `str`, got `{_NAMES.get(type(value), type(value).__name__)}`")
    return kind.read(value)


_NAMES = {dict: "object", list: "array", type(None): "null"}
_MISSING = re.compile(r"missing required field `(\w+)`")
_PLACE = re.compile(r" - at `\$\.?(\w*).*`$")


def _refusal(error: ValidationError) -> Refusal:
    text = str(error)
    missing = _MISSING.search(text)
    if missing:
        return invalid("missing_field", f"{missing[1]}: it is required")
    place = _PLACE.search(text)
    name = (place and place[1]) or "body"
    what = _PLACE.sub("", text)
    if what.startswith("Invalid enum value"):  # it goes on with what was sent
        what = "not one of the values that it can have"
    badly_formed = name == "bookingId" and isinstance(error.__cause__, ValueError)
    return invalid("invalid_booking_id" if badly_formed else "invalid_field", f"{name}: {what}")
