"""Times in UTC as providers write and read them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["Clock", "micros", "parse_instant", "real_clock", "seconds"]

Clock = Callable[[], datetime]
_SECONDS, _MICROS = len("2030-03-06T10:00:00"), len("2030-03-06T10:00:00.000000")


def real_clock() -> datetime:
    return datetime.now(UTC)


def micros(moment: datetime) -> str:
    """`2030-03-06T10:00:00.000000Z`: six decimals, as in Calendly's resources."""
    return moment.isoformat(timespec="microseconds")[:_MICROS] + "Z"


def seconds(moment: datetime) -> str:
    """`2030-03-06T10:00:00Z`."""
    return moment.isoformat(timespec="seconds")[:_SECONDS] + "Z"


def parse_instant(text: str) -> datetime | None:
    """The moment in UTC, or None when `text` is not an ISO 8601 date-time with a zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None
