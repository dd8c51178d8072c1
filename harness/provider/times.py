"""Times in UTC as providers write and read them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["Clock", "micros", "parse_instant", "real_clock", "seconds"]

Clock = Callable[[], datetime]


def real_clock() -> datetime:
    return datetime.now(UTC)


def micros(moment: datetime) -> str:
    """`2030-03-06T10:00:00.000000Z`: six decimals, as in Calendly's resources."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds(moment: datetime) -> str:
    """`2030-03-06T10:00:00Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_instant(text: str) -> datetime | None:
    """The moment in UTC, or None when `text` is not an ISO 8601 date-time with a zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None
