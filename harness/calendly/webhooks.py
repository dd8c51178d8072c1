"""Which subscriptions hear of what, and what is sent to them (CALENDLY.md 4)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from harness.calendly.entities import Event, EventType, Invitee, Subscription
from harness.calendly.options import Options
from harness.calendly.rendering import Rendering
from harness.calendly.store import Store
from harness.provider import Delivery, Ids, Outbox
from harness.provider.times import micros

__all__ = ["EVENT_SCOPES", "SIGNATURE_HEADER", "Webhooks"]

SIGNATURE_HEADER = "Calendly-Webhook-Signature"
_ALL = ("organization", "user", "group")
EVENT_SCOPES: dict[str, tuple[str, ...]] = {
    "invitee.created": _ALL,
    "invitee.canceled": _ALL,
    "invitee_no_show.created": _ALL,
    "invitee_no_show.deleted": _ALL,
    "event_type.created": _ALL,
    "event_type.updated": _ALL,
    "event_type.deleted": _ALL,
    "contact.created": _ALL,
    "contact.updated": _ALL,
    "contact.deleted": _ALL,
    "routing_form_submission.created": ("organization",),
    "meeting_recap.created": ("user",),
    "meeting_recap.updated": ("user",),
}


class Webhooks:
    """Builds deliveries and puts them into the outbox."""

    def __init__(self, store: Store, rendering: Rendering, outbox: Outbox, ids: Ids, options: Options) -> None:
        self._store = store
        self._rendering = rendering
        self._outbox = outbox
        self._ids = ids
        self._options = options

    def invitee(self, name: str, invitee: Invitee, now: datetime) -> list[Delivery]:
        """Queues `invitee.*` or `invitee_no_show.*` as things stand now."""
        event = self._store.events[invitee.event]
        listeners = [s for s in self._listeners(name, event.organization) if self._concerns(s, event.hosts)]
        payload = self._rendering.webhook_payload(invitee) if listeners else {}
        started = self._retry_from(event, invitee)
        return [self._queue(name, payload, listener, now, started) for listener in listeners]

    def event_type(self, name: str, kind: EventType, now: datetime) -> list[Delivery]:
        """Queues `event_type.*`; the payload is the event type."""
        organization = self._store.users[kind.owner].organization
        listeners = [s for s in self._listeners(name, organization) if self._concerns(s, kind.hosts)]
        payload = self._rendering.event_type(kind) if listeners else {}
        return [self._queue(name, payload, listener, now, None) for listener in listeners]

    def forget(self, subscription: str) -> None:
        """A deleted subscription gets nothing more."""
        self._outbox.abandon_subscription(subscription)

    def envelope(self, name: str, payload: dict[str, Any], creator: str, now: datetime) -> dict[str, Any]:
        """Exactly event, created_at (whole seconds), created_by (who made the subscription), payload."""
        return {
            "event": name,
            "created_at": micros(now.replace(microsecond=0)),
            "created_by": self._rendering.uri("users", creator),
            "payload": payload,
        }

    def _listeners(self, name: str, organization: str) -> Iterable[Subscription]:
        for subscription in self._store.active_subscriptions():
            if name in subscription.events and subscription.organization == organization:
                yield subscription

    def _concerns(self, subscription: Subscription, hosts: tuple[str, ...]) -> bool:
        if subscription.scope == "user":
            return subscription.user in hosts
        if subscription.scope == "group":
            members = self._store.groups.get(subscription.group or "", frozenset())
            return any(host in members for host in hosts)
        return True

    def _retry_from(self, event: Event, invitee: Invitee) -> datetime | None:
        if self._options.retry_until == "booked":
            return invitee.created_at
        return event.start if self._options.retry_until == "event_start" else None

    def _queue(
        self, name: str, payload: dict[str, Any], listener: Subscription, now: datetime, retry_from: datetime | None
    ) -> Delivery:
        envelope = self.envelope(name, payload, listener.creator, now)
        body = msgspec.json.encode(envelope)
        return self._outbox.put(
            Delivery(
                id=self._ids.uuid(),
                event=name,
                url=listener.callback_url,
                body=body,
                headers={"Content-Type": "application/json"},
                due=now + self._options.webhook_latency,
                subscription=listener.id,
                created_at=now,
                retry_from=retry_from,
                key=listener.signing_key,
            )
        )
