"""Scheduled events, their invitees, and canceling (CALENDLY.md 2.4, 2.5, 3)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from harness.calendly.core import Context
from harness.calendly.endpoints.reply import Reply, collection, resource
from harness.calendly.entities import Invitee
from harness.calendly.parameters import Fields
from harness.calendly.refusals import denied, invalid
from harness.calendly.store import Index
from harness.provider import Route

__all__ = ["ROUTES"]

_STATES = ("active", "canceled")
_ASK_ORGANIZATION = "Please also specify organization when requesting events for a user within your organization."
Row = tuple[datetime, int, str]


def list_events(context: Context) -> Reply:
    fields = Fields.of_query(context.request)
    status = fields.choice("status", _STATES)
    keep, rows = _selected(context, fields, status)
    rows = _within(rows, fields.instant("min_start_time"), fields.instant("max_start_time"))
    (_, descending), *_ = fields.sort("start_time:asc", ("start_time",))

    def show(row: Row) -> dict[str, Any]:
        return context.show.event(context.store.events[row[2]])

    ordered, find = _direction(rows, descending)
    page = context.core.pages.page(context.request, fields, ordered, key=_same, show=show, keep=keep, find=find)
    return collection(page)


def read_event(context: Context) -> Reply:
    event = context.event(context.values["uuid"])
    context.core.access.demand_view(context.caller, event, "You are not allowed to view this event")
    return resource(context.show.event(event))


def list_invitees(context: Context) -> Reply:
    event = context.event(context.values["uuid"])
    context.core.access.demand_view(context.caller, event, "You do not have permission to view this event")
    fields = Fields.of_query(context.request)
    status, email = fields.choice("status", _STATES), fields.text("email")
    (_, descending), *_ = fields.sort("created_at:asc", ("created_at",))
    rows = [context.store.invitees[identifier] for identifier in event.invitees]

    def keep(invitee: Invitee) -> bool:
        return status in (None, invitee.status) and (email is None or invitee.email.lower() == email.lower())

    ordered = rows[::-1] if descending else rows
    show = context.show.invitee
    return collection(context.core.pages.page(context.request, fields, ordered, key=_id, show=show, keep=keep))


def read_invitee(context: Context) -> Reply:
    event = context.event(context.values["uuid"])
    context.core.access.demand_view(context.caller, event, "You do not have permission to view this event")
    return resource(context.show.invitee(context.invitee(context.values["invitee"], event.id)))


def cancel_event(context: Context) -> Reply:
    """The whole event, from the host's side: 201 with the cancellation."""
    event = context.event(context.values["uuid"])
    context.core.access.demand_view(context.caller, event, "You are not allowed to cancel this event")
    reason = Fields.of_body(context.request).text("reason", longest=10_000)
    if event.status == "canceled":
        raise denied("Event is already canceled")
    if event.start <= context.now:
        raise denied("Event in the past")
    cancellation = context.core.scheduling.cancel_event(event, reason, context.now)
    return resource(context.show.cancellation(cancellation), 201)


def _selected(context: Context, fields: Fields, status: str | None) -> tuple[Callable[[Row], bool] | None, Index]:
    """The narrowest index that holds the answer, and what is left to filter."""
    user, organization, group = fields.uri("user"), fields.uri("organization"), fields.uri("group")
    _demand_listing(context, user, organization, group)
    email = fields.text("invitee_email")
    members = context.store.groups.get(group, frozenset()) if group is not None else None
    owner = ("user", user) if user is not None else ("organization", organization or context.caller.organization.id)
    if email is None and members is None:
        return None, context.store.ordered(owner[0], owner[1], status)

    def keep(row: Row) -> bool:
        event = context.store.events[row[2]]
        owned = user in event.hosts if user is not None else event.organization == owner[1]
        in_group = members is None or any(host in members for host in event.hosts)
        return owned and in_group and status in (None, event.status)

    return keep, context.store.of_email(email) if email else context.store.ordered(owner[0], owner[1], status)


def _demand_listing(context: Context, user: str | None, organization: str | None, group: str | None) -> None:
    caller = context.caller
    if user is None and organization is None and group is None:
        raise invalid("user", "is missing: either user, organization or group must be given")
    if organization is not None:
        context.core.access.demand_organization(caller, organization)
        if user != caller.user.id and not caller.administers:
            raise denied()
    if user is not None and user != caller.user.id:
        context.core.access.demand_user(caller, user)
        if organization is None:
            raise denied(_ASK_ORGANIZATION)
    if group is not None and not caller.administers:
        raise denied()


def _within(rows: Index, earliest: datetime | None, latest: datetime | None) -> Index:
    low = bisect_left(rows, earliest, key=_start) if earliest else 0
    high = bisect_right(rows, latest, key=_start) if latest else len(rows)
    return rows[low:high] if earliest or latest else rows


def _direction(rows: Index, descending: bool) -> tuple[Sequence[Row], Callable[[Row], int]]:
    if not descending:
        return rows, lambda row: bisect_left(rows, row)
    return rows[::-1], lambda row: len(rows) - bisect_right(rows, row)


def _start(row: Row) -> datetime:
    return row[0]


def _same(row: Row) -> Row:
    return row


def _id(invitee: Invitee) -> str:
    return invitee.id


_READ, _WRITE = ("scheduled_events:read",), ("scheduled_events:write",)
ROUTES = (
    Route("GET", "/scheduled_events", list_events, _READ),
    Route("GET", "/scheduled_events/{uuid}", read_event, _READ),
    Route("GET", "/scheduled_events/{uuid}/invitees", list_invitees, _READ),
    Route("GET", "/scheduled_events/{uuid}/invitees/{invitee}", read_invitee, _READ),
    Route("POST", "/scheduled_events/{uuid}/cancellation", cancel_event, _WRITE),
)
