"""POST /invitees: the scheduling API (CALENDLY.md 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.calendly.core import Context
from harness.calendly.endpoints.reply import Reply, resource
from harness.calendly.entities import EventType, Tracking
from harness.calendly.locations import chosen_location
from harness.calendly.parameters import Fields, is_email, is_timezone
from harness.calendly.refusals import Detail, Refusal, denied, invalid, not_found
from harness.calendly.rendering import TRACKING_KEYS
from harness.calendly.scheduling import Booking, Person, SlotTaken
from harness.provider import Route

__all__ = ["ROUTES", "slot_taken"]

_UPGRADE = "The Scheduling API is only available on paid Calendly plans. Upgrade your plan to access this feature."
_MOST_GUESTS = 10


def create_invitee(context: Context) -> Reply:
    if context.caller.organization.stage == "free":
        raise denied(_UPGRADE)
    fields = Fields.of_body(context.request)
    kind = _event_type(context, fields)
    start = fields.needed_instant("start_time")
    person = _person(fields)
    booking = Booking(
        kind,
        start,
        person,
        answers=_answers(fields, kind),
        tracking=_tracking(fields),
        place=_place(fields, kind),
        guests=_guests(fields),
        method="api",
        scheduled_by=context.caller.user.id,
    )
    if start <= context.now:
        raise invalid("event.start_time", "must be in the future")
    if not context.core.availability.is_offered(kind, start, context.now):
        raise slot_taken(context.core.options.slot_taken_status)
    _within_limits(context)
    try:
        invitee = context.core.scheduling.book(booking, context.now)
    except SlotTaken as taken:
        raise slot_taken(context.core.options.slot_taken_status) from taken
    return resource(context.show.invitee(invitee), 201)


def slot_taken(status: int) -> Refusal:
    """Sources conflict about the status (CALENDLY.md 3), so it is a switch."""
    if status == 404:
        return not_found()
    detail = Detail("event.start_time", "That start time has been filled", "already_filled")
    text = "The supplied parameters are invalid." if status == 400 else "That start time has been filled"
    return Refusal(status, text, details=[detail])


def _within_limits(context: Context) -> None:
    if context.core.options.rate_limits and not context.core.limits.spend_booking(context.caller, context.now):
        raise Refusal(429)


def _event_type(context: Context, fields: Fields) -> EventType:
    kind = context.event_type(fields.needed_uri("event_type"))
    if not kind.active or kind.deleted_at is not None:
        raise not_found()
    context.core.access.demand_organization(context.caller, context.store.users[kind.owner].organization)
    return kind


def _person(fields: Fields) -> Person:
    invitee = fields.object("invitee")
    if invitee is None:
        raise invalid("invitee", "is missing")
    email, timezone = invitee.needed("email"), invitee.needed("timezone")
    if not is_email(email):
        raise invalid("invitee.email", "is not a valid email")
    if not is_timezone(timezone):
        raise invalid("invitee.timezone", "is not a valid timezone")
    first, last, name = invitee.text("first_name"), invitee.text("last_name"), invitee.text("name")
    if not name and not first:
        raise invalid("invitee.name", "is missing: either name or first_name must be given")
    full = name or " ".join(part for part in (first, last) if part)
    return Person(email, full, timezone, first, last, invitee.text("text_reminder_number"))


def _answers(fields: Fields, kind: EventType) -> tuple[tuple[str, str, int], ...]:
    """Question texts must match exactly, case included; required questions must be answered."""
    questions = {question.name: question for question in kind.questions if question.enabled}
    answers = []
    for entry in fields.objects("questions_and_answers"):
        text, answer = entry.needed("question"), entry.text("answer")
        position = entry.values.get("position")
        if answer is None:
            raise invalid(entry.name("answer"), "is missing")
        if not isinstance(position, int) or isinstance(position, bool):
            raise invalid(entry.name("position"), "is missing" if position is None else "must be an integer")
        if text not in questions:
            raise invalid(entry.name("question"), "is not a question of this event type")
        answers.append((text, answer, position))
    given = {text for text, answer, _ in answers if answer.strip()}
    for name, question in questions.items():
        if question.required and name not in given:
            raise invalid("questions_and_answers", f"{name} is required")
    return tuple(answers)


def _tracking(fields: Fields) -> Tracking:
    tracking = fields.object("tracking")
    if tracking is None:
        return {}
    for key in TRACKING_KEYS:
        if key not in tracking.values:
            raise invalid(f"tracking.{key}", "is missing")
    return {key: tracking.text(key) for key in TRACKING_KEYS}


def _place(fields: Fields, kind: EventType) -> Mapping[str, Any] | None:
    asked = fields.object("location")
    if asked is None:
        return chosen_location(kind, None, strict=True)
    return chosen_location(kind, {"kind": asked.needed("kind"), "location": asked.text("location")}, strict=True)


def _guests(fields: Fields) -> list[str]:
    guests = fields.texts("event_guests")
    if len(guests) > _MOST_GUESTS:
        raise invalid("event_guests", f"size cannot be greater than {_MOST_GUESTS}")
    for number, email in enumerate(guests):
        if not is_email(email):
            raise invalid(f"event_guests[{number}]", "is not a valid email")
    return guests


ROUTES = (Route("POST", "/invitees", create_invitee, ("scheduled_events:write",)),)
