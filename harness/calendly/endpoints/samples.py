"""Sample webhook payloads: a made-up booking, shown exactly as a real one would be."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from harness.calendly.core import Context
from harness.calendly.entities import Cancellation, Event, EventType, Invitee, NoShow
from harness.calendly.refusals import invalid
from harness.calendly.rendering import Rendering
from harness.calendly.store import Store

__all__ = ["sample_payload"]

_INVITEE, _EVENT, _KIND = "AAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBB", "CCCCCCCCCCCCCCCC"


def sample_payload(context: Context, event: str) -> dict[str, Any]:
    """The payload of `event` for a made-up booking; nothing is stored."""
    kind = _sample_kind(context)
    if event.startswith("event_type."):
        return context.show.event_type(kind)
    if not event.startswith(("invitee.", "invitee_no_show.")):
        raise invalid("event", f"there is no sample data for {event}")
    scratch = Store()
    scratch.users = context.store.users
    booked = _sample_event(context, kind)
    scratch.add_event(booked)
    invitee = Invitee(_INVITEE, _EVENT, "test@example.com", "Test Invitee", context.now, context.now, timezone="UTC")
    scratch.add_invitee(invitee)
    _let_happen(event, booked, invitee, scratch)
    return Rendering(scratch, context.core.options, context.show.base).webhook_payload(invitee)


def _sample_kind(context: Context) -> EventType:
    known = next((k for k in context.store.event_types.values() if k.deleted_at is None), None)
    user = context.caller.user.id
    return known or EventType(_KIND, "Sample", "sample", user, (user,), 30, context.now, context.now)


def _sample_event(context: Context, kind: EventType) -> Event:
    start = (context.now + timedelta(days=1)).replace(minute=0, second=0, microsecond=0)
    end = start + timedelta(minutes=kind.duration)
    organization = context.caller.organization.id
    return Event(
        _EVENT, 1, kind.name, kind.id, organization, kind.hosts, start, end, start, end, kind.capacity,
        context.now, context.now,
    )  # fmt: skip


def _let_happen(event: str, booked: Event, invitee: Invitee, scratch: Store) -> None:
    if event == "invitee.canceled":
        cancellation = Cancellation(invitee.name, None, "invitee", invitee.created_at)
        invitee.status, invitee.cancellation = "canceled", cancellation
        booked.active_invitees, booked.cancellation = 0, cancellation
        scratch.cancel_event(booked)
    if event == "invitee_no_show.created":
        invitee.no_show = NoShow("DDDDDDDDDDDDDDDD", invitee.id, invitee.created_at)
