"""No-shows: marked, read, unmarked (CALENDLY.md 2.7, 3)."""

from __future__ import annotations

from harness.calendly.core import Context
from harness.calendly.endpoints.reply import Reply, resource
from harness.calendly.entities import NoShow
from harness.calendly.parameters import Fields
from harness.calendly.refusals import invalid, not_found
from harness.provider import Route

__all__ = ["ROUTES"]


def create_no_show(context: Context) -> Reply:
    """Marking twice is an error whose code nobody documents: 400 here."""
    invitee = context.invitee(Fields.of_body(context.request).needed_uri("invitee"))
    event = context.event(invitee.event)
    context.core.access.demand_view(context.caller, event, "You do not have permission to access this resource.")
    if invitee.no_show is not None:
        raise invalid("invitee", "is already marked as a no show")
    return resource(context.show.no_show(context.core.scheduling.mark_no_show(invitee, context.now)), 201)


def read_no_show(context: Context) -> Reply:
    return resource(context.show.no_show(_found(context)))


def delete_no_show(context: Context) -> Reply:
    context.core.scheduling.unmark_no_show(_found(context), context.now)
    return Reply(204)


def _found(context: Context) -> NoShow:
    no_show = context.store.no_shows.get(context.values["uuid"])
    if no_show is None:
        raise not_found()
    event = context.event(context.invitee(no_show.invitee).event)
    context.core.access.demand_view(context.caller, event, "You do not have permission to access this resource.")
    return no_show


_READ, _WRITE = ("scheduled_events:read",), ("scheduled_events:write",)
ROUTES = (
    Route("POST", "/invitee_no_shows", create_no_show, _WRITE),
    Route("GET", "/invitee_no_shows/{uuid}", read_no_show, _READ),
    Route("DELETE", "/invitee_no_shows/{uuid}", delete_no_show, _WRITE),
)
