"""All state of the Stripe simulator: objects by id, in order of creation; events and who hears of them."""

from __future__ import annotations

import heapq
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from harness.provider import Delivery, Ids, Outbox
from harness.stripe.objects import Shown
from harness.stripe.options import Options

__all__ = ["EVENTS", "Ledger"]

EVENTS = (
    "charge.failed",
    "charge.refund.updated",
    "charge.refunded",
    "charge.succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "checkout.session.expired",
    "payment_intent.created",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.succeeded",
    "refund.created",
    "refund.failed",
    "refund.updated",
)
"""What this simulator tells its endpoints of."""


class Ledger:
    """Objects are what the API shows; `events` are written when something happens and queued for each endpoint."""

    def __init__(self, ids: Ids, outbox: Outbox, options: Options) -> None:
        self.objects: dict[str, Shown] = {}
        self._kinds: dict[str, dict[str, Shown]] = defaultdict(dict)
        self._expiries: list[tuple[int, str]] = []
        self.line_items: dict[str, list[Shown]] = {}
        self.secrets: dict[str, str] = {}
        self.intent_metadata: dict[str, dict[str, str]] = {}
        self.slow_to_refund: set[str] = set()
        self.options = options
        self._ids = ids
        self._outbox = outbox

    def new_id(self, prefix: str, length: int = 24) -> str:
        return f"{prefix}_{self._ids.text(length)}"

    def add(self, shown: Shown) -> Shown:
        self.objects[shown["id"]] = shown
        self._kinds[shown["object"]][shown["id"]] = shown
        return shown

    def add_session(self, session: Shown) -> Shown:
        heapq.heappush(self._expiries, (session["expires_at"], session["id"]))
        return self.add(session)

    def remove(self, shown: Shown) -> None:
        del self.objects[shown["id"]], self._kinds[shown["object"]][shown["id"]]

    def overdue(self, now: datetime) -> Iterator[Shown]:
        """Open checkout sessions whose time is over, each once."""
        while self._expiries and self._expiries[0][0] <= now.timestamp():
            session = self.objects[heapq.heappop(self._expiries)[1]]
            if session["status"] == "open":
                yield session

    def of_kind(self, kind: str) -> list[Shown]:
        """Newest first, as Stripe lists."""
        return list(reversed(self._kinds[kind].values()))

    def find(self, kind: str, identifier: str) -> Shown | None:
        return self._kinds[kind].get(identifier)

    def happen(self, name: str, about: Shown, now: datetime, request: dict[str, Any] | None = None) -> None:
        """Records the event `name`, one of EVENTS, with a copy of `about` and queues it for every endpoint that listens."""
        assert name in EVENTS, name
        listeners = [e for e in self.of_kind("webhook_endpoint") if _listens(e, name)]
        event = {
            "id": self.new_id("evt"),
            "object": "event",
            "api_version": self.options.api_version,
            "created": int(now.timestamp()),
            "data": {"object": json.loads(json.dumps(about))},
            "livemode": False,
            "pending_webhooks": len(listeners),
            "request": request or {"id": None, "idempotency_key": None},
            "type": name,
        }
        self.add(event)
        for endpoint in reversed(listeners):
            self._queue(event, endpoint, now)

    def _queue(self, event: Shown, endpoint: Shown, now: datetime) -> None:
        self._outbox.put(
            Delivery(
                id=self._ids.uuid(),
                event=event["type"],
                url=endpoint["url"],
                body=json.dumps(event, indent=2, ensure_ascii=False).encode(),
                headers={
                    "Content-Type": "application/json; charset=utf-8",
                    "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
                },
                due=now + self.options.webhook_latency,
                subscription=endpoint["id"],
                created_at=now,
                key=self.secrets.get(endpoint["id"]),
            )
        )


def _listens(endpoint: Shown, name: str) -> bool:
    return endpoint["status"] == "enabled" and ("*" in endpoint["enabled_events"] or name in endpoint["enabled_events"])
