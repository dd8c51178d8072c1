"""Which starts are free: schedules, buffers, existing events, other calendars, notice and group capacity."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from harness.calendly.entities import EventType, Hours
from harness.calendly.store import Store

__all__ = ["OFFICE_HOURS", "Availability", "round_the_clock"]

_NINE_TO_FIVE = ((time(9), time(17)),)
OFFICE_HOURS = dict.fromkeys(range(5), _NINE_TO_FIVE)


def round_the_clock(identifier: str = "always", timezone: str = "UTC") -> Hours:
    """Hours that are never closed."""
    return Hours(identifier, "Always", timezone, dict.fromkeys(range(7), ((time(0), time(0)),)))


class Availability:
    """Reads the store and answers which times of an event type can be booked."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def free_starts(
        self, kind: EventType, start: datetime, end: datetime, now: datetime
    ) -> Iterator[tuple[datetime, int]]:
        """`(start in UTC, invitees remaining)` of every bookable start from `start` up to but not including `end`."""
        earliest = max(start, now + kind.minimum_notice)
        for moment in self._offered(kind, earliest, end):
            remaining = self.remaining(kind, moment) if moment > now else 0
            if remaining:
                yield moment, remaining

    def is_offered(self, kind: EventType, moment: datetime, now: datetime) -> bool:
        """Whether a person could pick this start on the booking page."""
        instant = timedelta(microseconds=1)
        return any(free == moment for free, _ in self.free_starts(kind, moment, moment + instant, now))

    def remaining(self, kind: EventType, moment: datetime, duration: int | None = None) -> int:
        """How many invitees still fit into this start; 0 when it is taken."""
        group = self._store.open_group_event(kind.id, moment)
        if group is not None:
            return kind.capacity - group.active_invitees
        return kind.capacity if self.free_hosts(kind, moment, duration) else 0

    def free_hosts(
        self, kind: EventType, moment: datetime, duration: int | None = None, *, ignoring: str | None = None
    ) -> tuple[str, ...]:
        """The hosts who would hold an event at this start; empty when it is taken. `ignoring`: an event that moves.

        A round robin takes one free host, a collective event type needs all of them.
        """
        opens = moment - timedelta(minutes=kind.before_buffer)
        closes = moment + timedelta(minutes=(duration or kind.duration) + kind.after_buffer)
        free = tuple(host for host in kind.hosts if self._is_free(host, opens, closes, ignoring))
        if kind.pooling_type == "round_robin":
            return free[:1]
        return free if len(free) == len(kind.hosts) else ()

    def _is_free(self, host: str, opens: datetime, closes: datetime, ignoring: str | None) -> bool:
        clash = next(self._store.clashes(host, opens, closes, ignoring), None)
        return clash is None and not self._store.externally_busy(host, opens, closes)

    def _offered(self, kind: EventType, start: datetime, end: datetime) -> Iterator[datetime]:
        calendars = [kind.hours or self._store.users[host].hours for host in kind.hosts]
        step = timedelta(minutes=kind.start_time_increment or 30)
        length = timedelta(minutes=kind.duration)
        if kind.pooling_type == "round_robin":
            yield from sorted({moment for hours in calendars for moment in _starts(hours, start, end, step, length)})
        else:
            for moment in _starts(calendars[0], start, end, step, length):
                if all(_is_open(hours, moment, length) for hours in calendars[1:]):
                    yield moment


def _starts(hours: Hours, start: datetime, end: datetime, step: timedelta, length: timedelta) -> Iterator[datetime]:
    for opens, closes in _openings(hours, start, end):
        moment = opens
        while moment + length <= closes and moment < end:
            if moment >= start:
                yield moment
            moment += step


def _is_open(hours: Hours, moment: datetime, length: timedelta) -> bool:
    openings = _openings(hours, moment, moment + length)
    return any(opens <= moment and moment + length <= closes for opens, closes in openings)


def _openings(hours: Hours, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Opening intervals in UTC that may touch the span; the same wall-clock times on both sides of a clock change.

    The day before comes first: what opens late may be open past midnight.
    """
    zone = _zone(hours.timezone)
    day = start.astimezone(zone).date() - timedelta(days=1)
    last = end.astimezone(zone).date()
    while day <= last:
        for opens, closes in hours.days.get(day, hours.week.get(day.weekday(), ())):
            closing_day = day if closes > opens else day + timedelta(days=1)
            yield (
                datetime.combine(day, opens, zone).astimezone(UTC),
                datetime.combine(closing_day, closes, zone).astimezone(UTC),
            )
        day += timedelta(days=1)


@lru_cache(maxsize=128)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
