"""A clock that only the test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["START", "Clock"]

START = datetime(2030, 3, 4, 9, 0, tzinfo=UTC)


class Clock:
    """Stands at a Monday morning until the test moves it."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> datetime:
        """Later by so many `hours`, `minutes`, … as `timedelta` has them; the new time."""
        self.now += timedelta(**by)
        return self.now
