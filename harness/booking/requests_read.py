"""What the endpoints take, as typed requests. Unknown keys are ignored; a wrong type is a 400 that names the field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import tzdata
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from .answers import as_booking_id
from .instants import parse_instant
from .refusals import Refusal, invalid

__all__ = [
    "AvailableTimes",
    "Cancel",
    "Checkout",
    "Create",
    "Initialize",
    "Recover",
    "RequestReader",
    "Transition",
]

PATHWAYS = ("accelerate", "pivot", "play")
LABEL = r"[^\W_](?:[\w-]*[^\W_])?"
EMAIL = re.compile(rf"[^\s@<>,;:()\[\]\"\\]+@{LABEL}(?:\.{LABEL})+")  # one mailbox, not a header or a list of them
NO_ZONE = "Factory"  # in the list, and no zone of anybody's


def _booking_id(text: str) -> str:
    found = as_booking_id(text)
    if found is None:
        raise ValueError("a booking id is a UUID")
    return found


@cache
def _timezones() -> frozenset[str]:
    names = Path(tzdata.__file__).with_name("zones").read_text(encoding="utf-8").split()
    return frozenset(names) - {NO_ZONE}


def _timezone(text: str) -> str:
    if text not in _timezones():
        raise ValueError("not an IANA time zone, for example Europe/London")
    return text


def _instant(value: object) -> object:
    return parse_instant(value) if isinstance(value, str) else value


def _email(text: str) -> str:
    if not EMAIL.fullmatch(text):
        raise ValueError("not an e-mail address")
    return text


Id = Annotated[str, StringConstraints(min_length=1, max_length=64)]
BookingId = Annotated[str, StringConstraints(max_length=64), AfterValidator(_booking_id)]
Uri = Annotated[str, StringConstraints(min_length=1, max_length=512)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Email = Annotated[str, StringConstraints(max_length=254), AfterValidator(_email)]
Reason = Annotated[str, StringConstraints(max_length=2000)]
Token = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Timezone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_timezone)]
Instant = Annotated[datetime, BeforeValidator(_instant, json_schema_input_type=str)]
Pathway = Literal["accelerate", "pivot", "play"]


class _Request(BaseModel):
    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        defer_build=True,  # each with the first request of its kind: the process starts sooner
    )


class Initialize(_Request):
    """POST scheduling/bookings/initialize. `clientId` is read and never believed (B01)."""

    booking_id: BookingId | None = None
    builder_id: Id
    session_type_id: Id
    client_id: str | None = None
    client_timezone: Timezone | None = None
    pathway: Pathway | None = None
    booking_token: Token | None = None


class Create(_Request):
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


class Cancel(_Request):
    """PATCH scheduling/bookings/{id}: the one thing that can be changed is that it is cancelled."""

    action: Literal["cancel"] | None = None
    status: Literal["CANCELLED"] | None = None
    reason: Reason | None = None
    booking_token: Token | None = None


class Transition(_Request):
    """POST scheduling/bookings/{id}/transition."""

    event: Annotated[str, StringConstraints(max_length=64)]
    data: dict[str, Any] = Field(default_factory=dict)
    booking_token: Token | None = None


class Scheduling(_Request):
    """The `data` of a transition, whichever event owns it."""

    session_type_id: Id | None = None
    pathway: Pathway | None = None
    client_timezone: Timezone | None = None
    calendly_event_uri: Uri | None = None
    calendly_invitee_uri: Uri | None = None
    reason: Reason | None = None


class Recover(_Request):
    """POST scheduling/bookings/recover."""

    token: Token


class AvailableTimes(_Request):
    """POST scheduling/calendly/available-times."""

    event_type_uri: Uri
    start_date: Instant
    end_date: Instant


class Checkout(_Request):
    """POST stripe/checkout/create. Whatever price the page names is ignored (R15)."""

    booking_id: BookingId


R = TypeVar("R", bound=_Request)


class RequestReader:
    """Turns JSON into a typed request. Whose the booking is, is decided here too."""

    def read(self, kind: type[R], body: Mapping[str, Any]) -> R:
        """The request in `body`. Raises a 400 Refusal naming the first field that is wrong."""
        try:
            return kind.model_validate(dict(body))
        except ValidationError as error:
            raise _refusal(error) from None

    def owner(self, caller_id: str | None, asked: str | None) -> str | None:
        """The client of a new booking: whoever calls, None for an anonymous visitor (R04).

        `asked` is the body's `clientId`: `anonymous`, empty or somebody's id, it decides nothing (B01).
        """
        del asked
        return caller_id


def _refusal(error: ValidationError) -> Refusal:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"][:1]) or "body"
    code = "missing_field" if first["type"] == "missing" else "invalid_field"
    if field == "bookingId" and first["type"] == "value_error":
        code = "invalid_booking_id"
    return invalid(code, f"{field}: {first['msg'].removeprefix('Value error, ')}")
