"""Rate limits by plan, on the simulator's clock, and the headers that tell of them (CALENDLY.md 3).

The eight a minute for OAuth tokens is about asking for tokens; there is no OAuth server here to ask.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from math import ceil

from msgspec import Struct

from harness.calendly.access import Caller

__all__ = ["Limits", "Meter"]

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


class Meter(Struct):
    """How many requests a fixed window has seen."""

    started: float = 0.0
    count: int = 0

    def add(self, now: float, length: int) -> None:
        if now - self.started >= length or now < self.started:
            self.started, self.count = now, 0
        self.count += 1


class Limits:
    """Counts per user. `spend` says whether the request is still within every limit."""

    def __init__(self) -> None:
        self._meters: dict[tuple[str, str, int], Meter] = defaultdict(Meter)

    def headers(self, caller: Caller, now: datetime) -> dict[str, str]:
        allowance = _per_minute(caller)
        meter = self._meters[caller.user.id, "all", _MINUTE]
        left = max(0, ceil(meter.started + _MINUTE - now.timestamp()))
        return {
            "X-RateLimit-Limit": str(allowance),
            "X-RateLimit-Remaining": str(max(0, allowance - meter.count)),
            "X-RateLimit-Reset": str(min(left, _MINUTE)),
        }

    def spend(self, caller: Caller, now: datetime) -> bool:
        return self._spend(caller, "all", ((_MINUTE, _per_minute(caller)),), now)

    def spend_booking(self, caller: Caller, now: datetime) -> bool:
        """The narrower limits of POST /invitees."""
        return self._spend(caller, "bookings", _booking_limits(caller), now)

    def _spend(self, caller: Caller, what: str, limits: tuple[tuple[int, int], ...], now: datetime) -> bool:
        moment = now.timestamp()
        within = True
        for length, allowance in limits:
            meter = self._meters[caller.user.id, what, length]
            meter.add(moment, length)
            within = within and meter.count <= allowance
        return within


def _per_minute(caller: Caller) -> int:
    return 50 if caller.organization.stage == "free" else 500


def _booking_limits(caller: Caller) -> tuple[tuple[int, int], ...]:
    if caller.organization.stage == "trial":
        return ((_DAY, 5),)
    if caller.organization.plan == "enterprise":
        return ((_MINUTE, 500),)
    return ((_MINUTE, 10), (_HOUR, 50), (_DAY, 100))
