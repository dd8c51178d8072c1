"""Instants: aware UTC outside, naive UTC with milliseconds in the database (`TIMESTAMP(3)`)."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["iso", "naive", "parse_instant", "utc_now"]

EARLIEST, LATEST = 1970, 2200


def utc_now() -> datetime:
    """The real clock; the default of `Parts.clock`."""
    return datetime.now(UTC)


def naive(moment: datetime) -> datetime:
    """`moment` (aware) as the database keeps it: UTC, no zone, whole milliseconds."""
    plain = moment.astimezone(UTC).replace(tzinfo=None)
    return plain.replace(microsecond=plain.microsecond // 1000 * 1000)


def iso(moment: datetime) -> str:
    """A naive UTC `moment` as JavaScript writes it: 2030-03-06T10:00:00.000Z."""
    return moment.isoformat(timespec="milliseconds") + "Z"


def parse_instant(text: str) -> datetime:
    """An ISO 8601 instant with its offset, as naive UTC. Raises ValueError, saying what is missing."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("not an instant, for example 2030-03-06T10:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError("an instant needs an offset, for example 2030-03-06T10:00:00Z")
    if not EARLIEST < moment.year < LATEST:
        raise ValueError(f"an instant lies between {EARLIEST} and {LATEST}")
    return naive(moment)
