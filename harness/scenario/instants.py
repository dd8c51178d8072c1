"""Instants, dates and durations as scenarios write them.

An instant is ISO 8601 with a date and a time; without an offset it is UTC (`2030-03-06T10:00Z`). A duration is a
number and a unit, or several (`90s`, `15m`, `1h30m`, `2d`), with an optional sign.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

__all__ = ["parse_date", "parse_duration", "parse_instant", "show_duration", "show_instant"]

_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?) ?(Z|[+-]\d\d(?::?\d\d)?)?\Z", re.IGNORECASE | re.ASCII
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_DURATION = re.compile(r"([+-]?)((?:\d{1,9}(?:\.\d{1,6})?(?:ms|s|m|h|d|w))+)\Z", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)", re.ASCII)
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_instant(text: str) -> datetime | None:
    """The instant in UTC, or None when `text` is not one (a date alone is not)."""
    found = _INSTANT.match(text)
    if not found:
        return None
    day, time, offset = found.groups()
    head, _, fraction = time.partition(".")
    try:
        moment = datetime.fromisoformat(f"{day}T{head}{'.' + fraction[:6].ljust(6, '0') if fraction else ''}")
        zone = datetime.fromisoformat(f"2000-01-01T00:00{_offset(offset)}").tzinfo
        return moment.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _offset(offset: str | None) -> str:
    if not offset or offset in "Zz":
        return "+00:00"
    return f"{offset}:00" if len(offset) == 3 else f"{offset[:3]}:{offset[-2:]}"


def parse_date(text: str) -> date | None:
    """The date, or None when `text` is not `YYYY-MM-DD`."""
    if not _DATE.match(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def parse_duration(text: str) -> timedelta | None:
    """The duration, or None when `text` is not one; `+` and `-` in front are kept as sign."""
    found = _DURATION.match(text)
    if not found:
        return None
    try:
        total = sum(
            (timedelta(**{_UNITS[unit]: float(number)}) for number, unit in _PART.findall(found.group(2))), timedelta()
        )
    except OverflowError:
        return None
    return -total if found.group(1) == "-" else total


def show_instant(moment: datetime) -> str:
    """ISO text in UTC with `Z`; fractions only when there are any. A naive moment is UTC."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    spec = "milliseconds" if aware.microsecond and aware.microsecond % 1000 == 0 else "auto"
    return aware.isoformat(timespec=spec).replace("+00:00", "Z")


def show_duration(duration: timedelta) -> str:
    """The duration as a scenario would write it: `1h30m`, `5s`, `250ms`."""
    left = abs(duration) // timedelta(milliseconds=1)
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        if left >= size:
            parts.append(f"{left // size}{unit}")
            left %= size
    return ("-" if duration < timedelta() else "") + ("".join(parts) or "0s")
