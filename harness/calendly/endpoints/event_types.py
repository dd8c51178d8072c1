"""Event types and their available times (CALENDLY.md 2.2, 2.3, 3)."""

from __future__ import annotations

from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from harness.calendly.core import Context
from harness.calendly.endpoints.reply import Reply, collection, resource
from harness.calendly.entities import EventType
from harness.calendly.parameters import Fields
from harness.calendly.refusals import denied, invalid
from harness.provider import Route
from harness.provider.times import seconds

__all__ = ["ROUTES"]

_SORTS = ("name", "position", "created_at", "updated_at")


def list_event_types(context: Context) -> Reply:
    fields = Fields.of_query(context.request)
    user, organization = fields.uri("user"), fields.uri("organization")
    _demand_owner(context, user, organization)
    active, managed = fields.boolean("active"), fields.boolean("admin_managed")

    def keep(kind: EventType) -> bool:
        if kind.deleted_at is not None or (user is not None and user not in kind.hosts):
            return False
        if organization is not None and context.store.users[kind.owner].organization != organization:
            return False
        return active in (None, kind.active) and managed in (None, kind.admin_managed)

    rows = list(context.store.event_types.values())
    for name, descending in reversed(fields.sort("name:asc", _SORTS)):
        rows.sort(key=attrgetter(name), reverse=descending)
    show = context.show.event_type
    return collection(context.core.pages.page(context.request, fields, rows, key=_id, show=show, keep=keep))


def read_event_type(context: Context) -> Reply:
    """Deleted ones stay readable."""
    kind = context.event_type(context.values["uuid"])
    context.core.access.demand_organization(context.caller, context.store.users[kind.owner].organization)
    return resource(context.show.event_type(kind))


def list_available_times(context: Context) -> Reply:
    fields = Fields.of_query(context.request)
    identifier = fields.needed_uri("event_type")
    start, end = fields.needed_instant("start_time"), fields.needed_instant("end_time")
    _check_window(context, start, end)
    kind = context.event_type(identifier)
    context.core.access.demand_organization(context.caller, context.store.users[kind.owner].organization)
    if not kind.active or kind.deleted_at is not None:
        return Reply(200, {"collection": []})
    free = context.core.availability.free_starts(kind, start, end, context.now)
    return Reply(200, {"collection": [_available(context, kind, moment, left) for moment, left in free]})


def _demand_owner(context: Context, user: str | None, organization: str | None) -> None:
    if user is None and organization is None:
        raise invalid("user", "is missing: either user or organization must be given")
    if organization is not None:
        context.core.access.demand_organization(context.caller, organization)
        if user is None and not context.caller.administers:
            raise denied("You do not have permission")
    if user is not None:
        known = context.store.users.get(user)
        if known is None or known.organization != context.caller.organization.id:
            raise denied("This user is not in your organization")


def _check_window(context: Context, start: datetime, end: datetime) -> None:
    days = context.core.options.window_days
    if start < context.now:
        raise invalid("start_time", "must be in the future")
    if end <= start:
        raise invalid("end_time", "must be after start_time")
    if end - start > timedelta(days=days):
        raise invalid("end_time", f"date range can be no greater than {days} days")


def _available(context: Context, kind: EventType, moment: datetime, remaining: int) -> dict[str, Any]:
    page = context.show.booking_page(kind)
    return {
        "invitees_remaining": remaining,
        "scheduling_url": f"{page}/{seconds(moment)}?month={moment:%Y-%m}&date={moment:%Y-%m-%d}",
        "start_time": seconds(moment),
        "status": "available",
    }


def _id(kind: EventType) -> str:
    return kind.id


ROUTES = (
    Route("GET", "/event_types", list_event_types, ("event_types:read",)),
    Route("GET", "/event_types/{uuid}", read_event_type, ("event_types:read",)),
    Route("GET", "/event_type_available_times", list_available_times, ("availability:read", "event_types:read")),
)
