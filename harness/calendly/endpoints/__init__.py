"""Every endpoint, one module a resource. An endpoint takes a `Context` and gives a `Reply`."""

from __future__ import annotations

from harness.calendly.endpoints import booking, event_types, events, links, no_shows, people, webhooks
from harness.provider import Router

__all__ = ["ROUTER"]

ROUTER = Router(
    (
        *people.ROUTES,
        *event_types.ROUTES,
        *events.ROUTES,
        *booking.ROUTES,
        *links.ROUTES,
        *no_shows.ROUTES,
        *webhooks.ROUTES,
    )
)
