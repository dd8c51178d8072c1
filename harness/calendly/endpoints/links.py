"""Single-use scheduling links and shares (CALENDLY.md 2.7)."""

from __future__ import annotations

from harness.calendly.core import Context
from harness.calendly.endpoints.reply import Reply, resource
from harness.calendly.entities import EventType, Link
from harness.calendly.parameters import Fields
from harness.calendly.refusals import invalid
from harness.provider import Route

__all__ = ["ROUTES"]

_LOWER = "abcdefghijklmnopqrstuvwxyz0123456789"


def create_link(context: Context) -> Reply:
    fields = Fields.of_body(context.request)
    if fields.values.get("max_event_count") != 1:
        raise invalid("max_event_count", "must be equal to 1")
    fields.needed("owner_type")
    fields.choice("owner_type", ("EventType",))
    kind = _own(context, fields.needed_uri("owner"))
    return resource(context.show.link(_new_link(context, kind)), 201)


def create_share(context: Context) -> Reply:
    """A customised single-use link; only the link is simulated, the customisation is not kept."""
    fields = Fields.of_body(context.request)
    kind = _own(context, fields.needed_uri("event_type"))
    link = context.show.link(_new_link(context, kind))
    return resource({"scheduling_links": [link]}, 201)


def _own(context: Context, identifier: str) -> EventType:
    kind = context.event_type(identifier)
    context.core.access.demand_organization(context.caller, context.store.users[kind.owner].organization)
    return kind


def _new_link(context: Context, kind: EventType) -> Link:
    ids = context.core.ids
    parts = (ids.text(4, _LOWER), ids.text(3, _LOWER))
    link = Link("-".join(parts), kind.id)
    context.store.links[link.id] = link
    return link


ROUTES = (
    Route("POST", "/scheduling_links", create_link, ("scheduling_links:write",)),
    Route("POST", "/shares", create_share, ("scheduling_links:write", "shares:write")),
)
