"""What the tests of webhooks share: a receiver, and a look at signatures."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from harness.calendly import Answer

URL = "https://app.example.test/hooks"


def ok(delivery: Any) -> Answer:
    """The smallest receiver."""
    return Answer(200)


def bodies(world: Any) -> list[dict[str, Any]]:
    return [json.loads(delivery.body) for delivery in world.simulator.deliveries]


def verify(key: str, delivery: Any) -> bool:
    parts = dict(part.split("=", 1) for part in delivery.headers["Calendly-Webhook-Signature"].split(","))
    digest = hmac.new(key.encode(), f"{parts['t']}.".encode() + delivery.body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(digest, parts["v1"])
