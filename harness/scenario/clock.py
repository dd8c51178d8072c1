"""The scenario's clock: time stands still until the scenario moves it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from harness.errors import InputError
from harness.scenario.instants import show_instant

__all__ = ["EARLIER", "EPOCH", "Clock", "WallClock", "moved"]

EPOCH = datetime(2030, 3, 4, 9, 0, tzinfo=UTC)
"""Where a scenario's clock stands when it does not say: a Monday morning, years from any real expiry."""


EARLIER = "Let the scenario begin earlier, with clock under given."


def moved(now: datetime, *, by: timedelta | None, to: datetime | None) -> datetime:
    """Where the clock stands after a step that moves it `by` or `to`, when it stood at `now`.

    Raises:
        InputError: that is earlier.
    """
    target = to if to is not None else now + (by or timedelta())
    if target < now:
        raise InputError(
            f"Time does not go back: it is {show_instant(now)}, and this is {show_instant(target)}.", EARLIER
        )
    return target


class Clock:
    """One moment, read by the application, the simulators and the tokens alike.

    Time never flows by itself, so that the same scenario meets the same instants on every run.
    """

    def __init__(self, now: datetime = EPOCH) -> None:
        self._lock = threading.Lock()
        self._now = now

    def __call__(self) -> datetime:
        """The current instant, timezone-aware, in UTC."""
        return self._now

    def set(self, instant: datetime) -> None:
        """Move to `instant`, which must carry a zone."""
        with self._lock:
            self._now = instant.astimezone(UTC)

    def advance(self, by: timedelta) -> datetime:
        """Move on by `by` and return the new instant."""
        with self._lock:
            self._now += by
            return self._now


class WallClock(Clock):
    """The machine's own time, for a deployment that looks at no other. Nobody can move it."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)

    def set(self, instant: datetime) -> None:
        """Where a scenario wants to begin does not matter here."""

    def advance(self, by: timedelta) -> datetime:
        """Cannot be done.

        Raises:
            InputError: always.
        """
        raise InputError(f"A deployment's clock cannot be moved by {by}.")
