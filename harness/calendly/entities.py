"""What the simulator remembers. Entities refer to each other by id; URIs are made when they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

from msgspec import Struct

__all__ = [
    "Busy",
    "Cancellation",
    "Event",
    "EventType",
    "Guest",
    "Hours",
    "Invitee",
    "Link",
    "Membership",
    "NoShow",
    "Organization",
    "Question",
    "Scope",
    "Subscription",
    "Token",
    "Tracking",
    "User",
]

Tracking = dict[str, str | None]
Interval = tuple[time, time]
Scope = Literal["user", "organization", "group"]


class Hours(Struct, frozen=True):
    """A weekly schedule in a time zone (0 is Monday), and single days that differ from it."""

    id: str
    name: str
    timezone: str
    week: Mapping[int, tuple[Interval, ...]]
    days: Mapping[date, tuple[Interval, ...]] = {}


class Organization(Struct):
    id: str
    name: str
    plan: str
    stage: str
    created_at: datetime


class User(Struct):
    id: str
    name: str
    slug: str
    email: str
    timezone: str
    organization: str
    hours: Hours
    created_at: datetime
    updated_at: datetime
    time_notation: str = "12h"
    locale: str = "en"
    avatar_url: str | None = None


class Membership(Struct, frozen=True):
    id: str
    user: str
    organization: str
    role: Literal["user", "admin", "owner"]
    created_at: datetime


class Token(Struct, frozen=True):
    """A personal access token or an OAuth token. `scopes` None: an older token with full access."""

    text: str
    user: str
    kind: Literal["pat", "oauth"] = "pat"
    scopes: frozenset[str] | None = None
    state: Literal["valid", "expired", "revoked"] = "valid"


class Question(Struct, frozen=True):
    name: str
    type: str = "string"
    position: int = 0
    enabled: bool = True
    required: bool = False
    answer_choices: tuple[str, ...] = ()
    include_other: bool = False


class EventType(Struct):
    """`hosts`: more than one with a pooling type. `capacity`: invitees of one group event. Buffers in minutes."""

    id: str
    name: str
    slug: str
    owner: str
    hosts: tuple[str, ...]
    duration: int
    created_at: datetime
    updated_at: datetime
    kind: Literal["solo", "group"] = "solo"
    capacity: int = 1
    type: str = "StandardEventType"
    pooling_type: str | None = None
    active: bool = True
    color: str = "#8247f5"
    duration_options: tuple[int, ...] | None = None
    internal_note: str | None = None
    is_paid: bool = False
    description_plain: str | None = None
    description_html: str | None = None
    secret: bool = False
    booking_method: str = "instant"
    questions: tuple[Question, ...] = ()
    deleted_at: datetime | None = None
    admin_managed: bool = False
    locations: tuple[dict[str, Any], ...] | None = None
    position: int = 0
    locale: str = "en"
    start_time_increment: int | None = 30
    before_buffer: int = 0
    after_buffer: int = 0
    minimum_notice: timedelta = timedelta(0)
    hours: Hours | None = None
    names: Literal["single", "split"] = "single"


class Cancellation(Struct, frozen=True):
    canceled_by: str
    reason: str | None
    canceler_type: Literal["host", "invitee"]
    created_at: datetime


class Guest(Struct, frozen=True):
    email: str
    created_at: datetime


class Event(Struct):
    """`number` is the order of creation; with `start` it is the event's place in every index."""

    id: str
    number: int
    name: str
    event_type: str
    organization: str
    hosts: tuple[str, ...]
    start: datetime
    end: datetime
    blocked_from: datetime
    blocked_until: datetime
    capacity: int
    created_at: datetime
    updated_at: datetime
    location: dict[str, Any] | None = None
    status: Literal["active", "canceled"] = "active"
    invitees: list[str] = []
    active_invitees: int = 0
    guests: list[Guest] = []
    cancellation: Cancellation | None = None
    external_id: str = ""

    @property
    def place(self) -> tuple[datetime, int]:
        return (self.start, self.number)


class NoShow(Struct, frozen=True):
    id: str
    invitee: str
    created_at: datetime


class Invitee(Struct):
    id: str
    event: str
    email: str
    name: str
    created_at: datetime
    updated_at: datetime
    first_name: str | None = None
    last_name: str | None = None
    status: Literal["active", "canceled"] = "active"
    answers: tuple[tuple[str, str, int], ...] = ()
    timezone: str | None = None
    tracking: Tracking = {}
    text_reminder_number: str | None = None
    rescheduled: bool = False
    old_invitee: str | None = None
    new_invitee: str | None = None
    cancellation: Cancellation | None = None
    payment: dict[str, Any] | None = None
    no_show: NoShow | None = None
    scheduling_method: Literal["instant_book", "api"] | None = None
    scheduled_by: str | None = None


@dataclass(slots=True)
class Subscription:
    id: str
    callback_url: str
    events: tuple[str, ...]
    scope: Scope
    organization: str
    user: str | None
    group: str | None
    creator: str
    created_at: datetime
    updated_at: datetime
    signing_key: str | None = field(default=None, repr=False)
    state: Literal["active", "disabled"] = "active"
    retry_started_at: datetime | None = None


class Link(Struct, frozen=True):
    """A single-use scheduling link."""

    id: str
    event_type: str
    used: bool = False


class Busy(Struct, frozen=True):
    """Time in a connected calendar that is not Calendly's."""

    user: str
    start: datetime
    end: datetime
