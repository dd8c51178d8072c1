"""Setting up an account: people, event types, hours; what an owner does once in Calendly's settings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from harness.calendly.availability import OFFICE_HOURS
from harness.calendly.core import Core
from harness.calendly.entities import EventType, Hours, Membership, Organization, Question, User
from harness.calendly.locations import LOCATION_KINDS
from harness.calendly.parameters import is_timezone, last_segment
from harness.errors import InputError

__all__ = ["make_event_type", "make_organization", "make_questions", "make_user"]

QuestionLike = str | Mapping[str, Any] | Question
_QUESTION_TYPES = ("string", "text", "phone_number", "single_select", "multi_select")
_BUFFERS = (0, 5, 10, 15, 30, 45, 60, 90, 120, 150, 180)


def make_organization(core: Core, now: datetime, *, name: str, plan: str, stage: str, uri: str | None) -> Organization:
    organization = Organization(_given_id(core, uri), name, plan, stage, now)
    core.store.organizations[organization.id] = organization
    return organization


def make_user(
    core: Core,
    now: datetime,
    *,
    name: str,
    email: str,
    timezone: str,
    organization: str,
    role: Literal["user", "admin", "owner"],
    slug: str | None,
    hours: Hours | None,
    uri: str | None,
) -> User:
    if not is_timezone(timezone):
        raise InputError(f"unknown time zone {timezone!r}.", "Use an IANA name such as Europe/London.")
    open_hours = hours or Hours(core.new_id(), "Working hours", timezone, OFFICE_HOURS)
    slug = _unused(slug or _slug(name), {user.slug for user in core.store.users.values()})
    user = User(_given_id(core, uri), name, slug, email, timezone, organization, open_hours, now, now)
    core.store.users[user.id] = user
    membership = Membership(core.new_id(), user.id, organization, role, now)
    core.store.memberships[membership.id] = membership
    return user


def make_event_type(
    core: Core,
    now: datetime,
    *,
    name: str,
    duration: int,
    hosts: Sequence[str],
    capacity: int,
    pooling_type: str | None,
    locations: Sequence[Mapping[str, Any]] | None,
    questions: Sequence[QuestionLike],
    slug: str | None,
    before_buffer: int,
    after_buffer: int,
    start_time_increment: int,
    minimum_notice: timedelta,
    hours: Hours | None,
    uri: str | None,
    fields: Mapping[str, Any],
) -> EventType:
    buffers = (before_buffer, after_buffer)
    _check_event_type(duration, capacity, buffers=buffers, increment=start_time_increment, locations=locations)
    store = core.store
    taken = {kind.slug for kind in store.event_types.values() if kind.owner == hosts[0]}
    kind = EventType(
        id=_given_id(core, uri),
        name=name,
        slug=_unused(slug or _slug(name), taken),
        owner=hosts[0],
        hosts=tuple(hosts),
        duration=duration,
        created_at=now,
        updated_at=now,
        kind="group" if capacity > 1 else "solo",
        capacity=capacity,
        pooling_type=pooling_type,
        questions=make_questions(questions),
        locations=tuple(dict(place) for place in locations) if locations is not None else None,
        position=len(taken),
        before_buffer=before_buffer,
        after_buffer=after_buffer,
        start_time_increment=start_time_increment,
        minimum_notice=minimum_notice,
        hours=hours,
        **fields,
    )
    store.event_types[kind.id] = kind
    return kind


def make_questions(questions: Sequence[QuestionLike]) -> tuple[Question, ...]:
    """A text is an optional one-line question; a mapping holds the fields of `Question`; positions follow the order."""
    made = []
    for position, entry in enumerate(questions):
        if isinstance(entry, Question):
            question = entry
        elif isinstance(entry, str):
            question = Question(entry, position=position)
        else:
            question = _question(entry, position)
        if question.type not in _QUESTION_TYPES:
            raise InputError(f"unknown question type {question.type!r}.", f"Use one of {', '.join(_QUESTION_TYPES)}.")
        made.append(question)
    return tuple(made)


def _question(entry: Mapping[str, Any], position: int) -> Question:
    values = {"position": position, **entry}
    values["answer_choices"] = tuple(values.get("answer_choices") or ())
    unknown = set(values) - set(Question.__struct_fields__)
    if unknown or "name" not in values:
        raise InputError(f"a question has {', '.join(Question.__struct_fields__)}; got {', '.join(sorted(entry))}.")
    return Question(**values)


def _check_event_type(
    duration: int,
    capacity: int,
    *,
    buffers: Sequence[int],
    increment: int,
    locations: Sequence[Mapping[str, Any]] | None,
) -> None:
    if duration < 1 or capacity < 1:
        raise InputError(f"duration {duration} min and capacity {capacity} must be at least 1.")
    for buffer in buffers:
        if buffer not in _BUFFERS:
            raise InputError(f"a buffer of {buffer} minutes does not exist.", f"Use one of {_BUFFERS}.")
    if not 5 <= increment <= 720:
        raise InputError(f"a start time increment of {increment} minutes does not exist.", "Use 5 to 720.")
    for place in locations or ():
        if place.get("kind") not in LOCATION_KINDS:
            raise InputError(
                f"unknown location kind {place.get('kind')!r}.", f"Use one of {', '.join(LOCATION_KINDS)}."
            )


def _given_id(core: Core, uri: str | None) -> str:
    return last_segment(uri) if uri else core.new_id()


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "x"


def _unused(slug: str, taken: set[str]) -> str:
    if slug not in taken:
        return slug
    return next(f"{slug}-{number}" for number in range(1, len(taken) + 2) if f"{slug}-{number}" not in taken)
