"""All state of one simulator, with the indexes that keep 10,000 events fast to list and to book around."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from harness.calendly.entities import (
    Busy,
    Event,
    EventType,
    Invitee,
    Link,
    Membership,
    NoShow,
    Organization,
    Subscription,
    Token,
    User,
)

__all__ = ["Index", "Store"]

Key = tuple[datetime, int]
Index = list[tuple[datetime, int, str]]
_EMPTY: Index = []


class Store:
    """Entities by id; events also in order of start by organization, host, status and invitee's e-mail."""

    def __init__(self) -> None:
        self.organizations: dict[str, Organization] = {}
        self.users: dict[str, User] = {}
        self.memberships: dict[str, Membership] = {}
        self.tokens: dict[str, Token] = {}
        self.event_types: dict[str, EventType] = {}
        self.events: dict[str, Event] = {}
        self.invitees: dict[str, Invitee] = {}
        self.no_shows: dict[str, NoShow] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.links: dict[str, Link] = {}
        self.groups: dict[str, frozenset[str]] = {}
        self.busy: dict[str, list[Busy]] = defaultdict(list)
        self._ordered: dict[tuple[str, ...], Index] = defaultdict(list)
        self._by_email: dict[str, set[str]] = defaultdict(set)
        self._calendar: dict[str, Index] = defaultdict(list)
        self._longest: dict[str, timedelta] = defaultdict(timedelta)
        self._open: dict[tuple[str, datetime], str] = {}

    # ---- events ---------------------------------------------------------------------------------------------------

    def add_event(self, event: Event) -> None:
        self.events[event.id] = event
        row = (event.start, event.number, event.id)
        for owner in (("organization", event.organization), *(("user", host) for host in event.hosts)):
            insort(self._ordered[(*owner, "any")], row)
            insort(self._ordered[(*owner, "active")], row)
        self._block(event)

    def add_invitee(self, invitee: Invitee) -> None:
        self.invitees[invitee.id] = invitee
        event = self.events[invitee.event]
        event.invitees.append(invitee.id)
        event.active_invitees += 1
        self._by_email[invitee.email.lower()].add(event.id)

    def cancel_event(self, event: Event) -> None:
        """Takes the event out of the calendars; it stays listed among the canceled ones."""
        event.status = "canceled"
        row = (event.start, event.number, event.id)
        for owner in (("organization", event.organization), *(("user", host) for host in event.hosts)):
            _remove(self._ordered[(*owner, "active")], row)
            insort(self._ordered[(*owner, "canceled")], row)
        for host in event.hosts:
            _remove(self._calendar[host], (event.blocked_from, event.number, event.id))
        self._open.pop((event.event_type, event.start), None)

    def ordered(self, kind: str, owner: str, status: str | None) -> Index:
        """`(start, number, id)` of the events of an `organization` or `user`, by start. Do not change it."""
        return self._ordered.get((kind, owner, status or "any"), _EMPTY)

    def of_email(self, email: str) -> Index:
        """The events that someone with this address was ever invited to, by start."""
        ids = self._by_email.get(email.lower(), ())
        return sorted((self.events[i].start, self.events[i].number, i) for i in ids)

    def open_group_event(self, event_type: str, start: datetime) -> Event | None:
        """The active event of a group event type at that start."""
        found = self._open.get((event_type, start))
        return self.events[found] if found else None

    def clashes(self, host: str, start: datetime, end: datetime, ignoring: str | None = None) -> Iterator[Event]:
        """The active events of `host` (but `ignoring`) that block some time between `start` and `end`."""
        calendar = self._calendar.get(host, _EMPTY)
        position = bisect_left(calendar, (start - self._longest[host], -1, ""))
        for row in range(position, len(calendar)):
            blocked_from, _, event_id = calendar[row]
            if blocked_from >= end:
                return
            event = self.events[event_id]
            if event.blocked_until > start and event_id != ignoring:
                yield event

    def externally_busy(self, host: str, start: datetime, end: datetime) -> bool:
        return any(busy.start < end and busy.end > start for busy in self.busy.get(host, ()))

    def _block(self, event: Event) -> None:
        for host in event.hosts:
            insort(self._calendar[host], (event.blocked_from, event.number, event.id))
            self._longest[host] = max(self._longest[host], event.blocked_until - event.blocked_from)
        if event.capacity > 1:
            self._open[event.event_type, event.start] = event.id

    # ---- people ---------------------------------------------------------------------------------------------------

    def membership(self, user: str) -> Membership:
        return next(m for m in self.memberships.values() if m.user == user)

    def role(self, user: str) -> str:
        return self.membership(user).role

    def active_subscriptions(self) -> list[Subscription]:
        return [s for s in self.subscriptions.values() if s.state == "active"]


def _remove(index: Index, row: tuple[datetime, int, str]) -> None:
    position = bisect_left(index, row)
    if position < len(index) and index[position] == row:
        del index[position]
