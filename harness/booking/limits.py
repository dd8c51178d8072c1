"""How many bookings one anonymous caller may begin (B21)."""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import datetime, timedelta
from ipaddress import IPv6Network, ip_address
from math import ceil
from threading import Lock
from typing import Protocol

from .identity import Caller
from .refusals import Refusal
from .settings import Settings

__all__ = ["MemoryWindows", "RateLimiter", "Windows"]


class Windows(Protocol):
    """Counts what each key did lately."""

    def take(self, key: str, now: datetime, *, limit: int, window: timedelta) -> int:
        """0 when there was room and it was counted, else the seconds until there is."""

    def clear(self) -> None:
        """Forgets everything."""


class MemoryWindows:
    """Sliding windows in this process's memory; what is over is forgotten, at the same cost however many there are."""

    def __init__(self) -> None:
        self._taken: OrderedDict[str, deque[datetime]] = OrderedDict()  # whoever took last stands last
        self._lock = Lock()

    def take(self, key: str, now: datetime, *, limit: int, window: timedelta) -> int:
        """See `Windows.take`."""
        with self._lock:
            self._forget(now - window)
            taken = self._taken.get(key, deque[datetime]())
            while taken and taken[0] <= now - window:
                taken.popleft()
            if len(taken) >= limit:
                first = taken[0] if taken else now
                return max(1, ceil((first + window - now).total_seconds()))
            taken.append(now)
            self._taken[key] = taken
            self._taken.move_to_end(key)
            return 0

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._taken.clear()

    def _forget(self, before: datetime) -> None:
        while self._taken:
            key, taken = next(iter(self._taken.items()))
            if taken and taken[-1] > before:
                return
            del self._taken[key]


class RateLimiter:
    """The policy: so many inserts in a window for each anonymous address; who is signed in is not limited."""

    def check(self, caller: Caller, windows: Windows, settings: Settings, now: datetime) -> None:
        """Counts one insert. Raises 429 with the seconds to wait."""
        if caller.is_authenticated:
            return
        wait = windows.take(
            neighbourhood(caller.address), now, limit=settings.anonymous_inserts, window=settings.anonymous_window
        )
        if wait:
            raise Refusal(429, "too_many_bookings", "Too many bookings from here. Wait a little.", retry_after=wait)


def neighbourhood(address: str) -> str:
    """What counts as one caller: an IPv4 address, or the /64 that one IPv6 subscriber has for itself."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    return str(found.ipv4_mapped or IPv6Network((found, 64), strict=False))
