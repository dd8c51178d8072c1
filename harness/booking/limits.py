"""How many bookings one anonymous caller may begin (B21)."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
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
    """Sliding windows in this process's memory; what is over is forgotten."""

    def __init__(self) -> None:
        self._taken: dict[str, deque[datetime]] = {}
        self._lock = Lock()

    def take(self, key: str, now: datetime, *, limit: int, window: timedelta) -> int:
        """See `Windows.take`."""
        with self._lock:
            self._forget(now - window)
            taken = self._taken.setdefault(key, deque())
            if len(taken) >= limit:
                return max(1, int((taken[0] + window - now).total_seconds()))
            taken.append(now)
            return 0

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._taken.clear()

    def _forget(self, before: datetime) -> None:
        for key, taken in list(self._taken.items()):
            while taken and taken[0] <= before:
                taken.popleft()
            if not taken:
                del self._taken[key]


class RateLimiter:
    """The policy: so many inserts in a window for each anonymous address; who is signed in is not limited."""

    def check(self, caller: Caller, windows: Windows, settings: Settings, now: datetime) -> None:
        """Counts one insert. Raises 429 with the seconds to wait."""
        if caller.is_authenticated:
            return
        wait = windows.take(caller.address, now, limit=settings.anonymous_inserts, window=settings.anonymous_window)
        if wait:
            raise Refusal(429, "too_many_bookings", "Too many bookings from here. Wait a little.", retry_after=wait)
