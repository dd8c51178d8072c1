"""The parts of one simulator, wired; endpoints and acts share them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from harness.calendly.access import Access, Caller
from harness.calendly.availability import Availability
from harness.calendly.entities import Event, EventType, Invitee
from harness.calendly.limits import Limits
from harness.calendly.options import Options
from harness.calendly.paging import Pages
from harness.calendly.refusals import not_found
from harness.calendly.rendering import Rendering
from harness.calendly.scheduling import NewId, Scheduling
from harness.calendly.store import Store
from harness.calendly.webhooks import Webhooks
from harness.provider import Ids, Request

__all__ = ["Context", "Core"]


class Core(Struct, frozen=True):
    options: Options
    store: Store
    ids: Ids
    new_id: NewId
    rendering: Rendering
    availability: Availability
    webhooks: Webhooks
    scheduling: Scheduling
    access: Access
    limits: Limits
    pages: Pages


class Context(Struct, frozen=True):
    """What an endpoint gets: the parts, who asks, what, with which path values, when."""

    core: Core
    caller: Caller
    request: Request
    values: Mapping[str, str]
    now: datetime

    @property
    def store(self) -> Store:
        return self.core.store

    @property
    def show(self) -> Rendering:
        return self.core.rendering

    def event(self, identifier: str) -> Event:
        event = self.store.events.get(identifier)
        if event is None:
            raise not_found()
        return event

    def event_type(self, identifier: str) -> EventType:
        kind = self.store.event_types.get(identifier)
        if kind is None:
            raise not_found()
        return kind

    def invitee(self, identifier: str, event: str | None = None) -> Invitee:
        invitee = self.store.invitees.get(identifier)
        if invitee is None or (event is not None and invitee.event != event):
            raise not_found()
        return invitee
