"""What happens to a booking: made, canceled, moved, missed. The one place that changes events and invitees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from msgspec import Struct, field

from harness.calendly.availability import Availability
from harness.calendly.entities import Cancellation, Event, EventType, Guest, Invitee, NoShow, Tracking
from harness.calendly.locations import booked_location
from harness.calendly.options import Options
from harness.calendly.store import Store
from harness.calendly.webhooks import Webhooks
from harness.errors import InputError
from harness.provider import Ids

__all__ = ["Booking", "NewId", "NotOffered", "Person", "Scheduling", "SlotTaken"]

_EVENT_LEAD = timedelta(milliseconds=21)  # an event is created about 20 ms before its invitee
_LONGEST_UTM = 255  # longer values are dropped silently


class SlotTaken(Exception):
    """The start is filled; the scenario or the API says so in its own way."""


class NotOffered(InputError):
    """Calendly's page would not let a person choose this time: it is taken, or past."""


class Person(Struct, frozen=True):
    email: str
    name: str
    timezone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    text_reminder_number: str | None = None


class Booking(Struct, frozen=True):
    """What an invitee asks for. `answers` are (question, answer, position)."""

    kind: EventType
    start: datetime
    person: Person
    answers: tuple[tuple[str, str, int], ...] = ()
    tracking: Tracking = field(default_factory=dict)
    place: Mapping[str, Any] | None = None
    guests: Sequence[str] = ()
    duration: int | None = None
    method: Literal["instant_book", "api"] | None = None
    scheduled_by: str | None = None
    payment: dict[str, Any] | None = None


class NewId:
    """Identifiers in the form that `Options.id_form` asks for; `mixed` takes both by turns."""

    def __init__(self, ids: Ids, form: str) -> None:
        self._ids = ids
        self._form = form
        self._count = 0

    def __call__(self) -> str:
        self._count += 1
        old = self._form == "legacy" or (self._form == "mixed" and self._count % 2 == 0)
        return self._ids.text(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") if old else self._ids.uuid()


class Scheduling:
    """Acts on the store and queues the webhooks that follow."""

    def __init__(
        self, store: Store, availability: Availability, webhooks: Webhooks, *, ids: Ids, new_id: NewId, options: Options
    ) -> None:
        self._store = store
        self._availability = availability
        self._webhooks = webhooks
        self._ids = ids
        self._new_id = new_id
        self._options = options

    def book(self, booking: Booking, now: datetime, *, check: bool = True) -> Invitee:
        """Books and queues `invitee.created`. Raises SlotTaken (unless `check` is off)."""
        invitee = self._make(booking, now, check=check, moving=None)
        self._webhooks.invitee("invitee.created", invitee, now)
        return invitee

    def cancel(self, invitee: Invitee, by: Literal["host", "invitee"], reason: str | None, now: datetime) -> None:
        """One invitee withdraws or is removed; an event without invitees is canceled, a group event goes on."""
        self._end(invitee, by, reason, now)
        self._webhooks.invitee("invitee.canceled", invitee, now)

    def cancel_event(self, event: Event, reason: str | None, now: datetime) -> Cancellation:
        """The host cancels the whole event: every active invitee is canceled and announced."""
        active = [self._store.invitees[i] for i in event.invitees if self._store.invitees[i].status == "active"]
        for invitee in active:
            self._end(invitee, "host", reason, now)
        if event.cancellation is None:
            self._close(event, self._cancellation(event, None, "host", reason, now), now)
        for invitee in active:
            self._webhooks.invitee("invitee.canceled", invitee, now)
        cancellation = event.cancellation
        assert cancellation is not None
        return cancellation

    def reschedule(
        self, old: Invitee, start: datetime, by: Literal["host", "invitee"], reason: str | None, now: datetime
    ) -> Invitee:
        """The pair: the old invitee is canceled with `rescheduled`, a new one in a new event points back."""
        event = self._store.events[old.event]
        new = self._make(self._moved(old, event, start), now, check=True, moving=old)
        new.old_invitee, old.new_invitee, old.rescheduled = old.id, new.id, True
        self._end(old, by, reason, now)
        pair = [("invitee.canceled", old), ("invitee.created", new)]
        if self._options.reschedule_order == "created_first":
            pair.reverse()
        for name, invitee in pair:
            self._webhooks.invitee(name, invitee, now)
        return new

    def mark_no_show(self, invitee: Invitee, now: datetime) -> NoShow:
        """Marks; `updated_at` of the invitee stays as it was (CALENDLY.md 4)."""
        no_show = NoShow(self._new_id(), invitee.id, now)
        self._store.no_shows[no_show.id] = no_show
        invitee.no_show = no_show
        self._webhooks.invitee("invitee_no_show.created", invitee, now)
        return no_show

    def unmark_no_show(self, no_show: NoShow, now: datetime) -> None:
        invitee = self._store.invitees[no_show.invitee]
        del self._store.no_shows[no_show.id]
        invitee.no_show = None
        self._webhooks.invitee("invitee_no_show.deleted", invitee, now)

    # ---- making ---------------------------------------------------------------------------------------------------

    def _make(self, booking: Booking, now: datetime, *, check: bool, moving: Invitee | None) -> Invitee:
        event = self._event_for(booking, now, check=check, moving=moving)
        person = booking.person
        invitee = Invitee(
            id=self._new_id(),
            event=event.id,
            email=person.email,
            name=person.name,
            first_name=person.first_name,
            last_name=person.last_name,
            created_at=now,
            updated_at=now,
            answers=booking.answers,
            timezone=person.timezone,
            tracking={k: v for k, v in booking.tracking.items() if v is None or len(v) <= _LONGEST_UTM},
            text_reminder_number=person.text_reminder_number,
            scheduling_method=booking.method,
            scheduled_by=booking.scheduled_by,
            payment=booking.payment,
        )
        self._store.add_invitee(invitee)
        event.guests += [Guest(email, now) for email in booking.guests]
        event.updated_at = now
        return invitee

    def _event_for(self, booking: Booking, now: datetime, *, check: bool, moving: Invitee | None) -> Event:
        kind = booking.kind
        group = self._store.open_group_event(kind.id, booking.start)
        if group is not None and (moving is None or moving.event != group.id):
            if check and group.active_invitees >= group.capacity:
                raise SlotTaken
            return group
        ignoring = moving.event if moving and self._store.events[moving.event].active_invitees == 1 else None
        hosts = self._availability.free_hosts(kind, booking.start, booking.duration, ignoring=ignoring)
        if not hosts and check:
            raise SlotTaken
        return self._new_event(booking, hosts or kind.hosts[:1], now)

    def _new_event(self, booking: Booking, hosts: tuple[str, ...], now: datetime) -> Event:
        kind = booking.kind
        end = booking.start + timedelta(minutes=booking.duration or kind.duration)
        identifier = self._new_id()
        event = Event(
            id=identifier,
            number=len(self._store.events) + 1,
            name=kind.name,
            event_type=kind.id,
            organization=self._store.users[kind.owner].organization,
            hosts=hosts,
            start=booking.start,
            end=end,
            blocked_from=booking.start - timedelta(minutes=kind.before_buffer),
            blocked_until=end + timedelta(minutes=kind.after_buffer),
            capacity=kind.capacity,
            created_at=now - _EVENT_LEAD,
            updated_at=now,
            location=booked_location(
                booking.place, event_id=identifier, ids=self._ids, public_url=self._options.public_url,
                meet_ready=self._options.google_meet_ready,
            ),
            external_id=self._ids.text(26, "abcdefghijklmnopqrstuv0123456789"),
        )  # fmt: skip
        self._store.add_event(event)
        return event

    def _moved(self, old: Invitee, event: Event, start: datetime) -> Booking:
        person = Person(old.email, old.name, old.timezone, old.first_name, old.last_name, old.text_reminder_number)
        kind = self._store.event_types[event.event_type]
        place = next(iter(kind.locations or ()), None)
        keep = self._options.carry_answers
        minutes = int((event.end - event.start).total_seconds() // 60)
        return Booking(
            kind,
            start,
            person,
            answers=old.answers if keep else (),
            tracking=dict(old.tracking) if keep else {},
            place=place,
            duration=minutes,
            payment=old.payment,
        )

    # ---- ending ---------------------------------------------------------------------------------------------------

    def _end(self, invitee: Invitee, by: Literal["host", "invitee"], reason: str | None, now: datetime) -> None:
        event = self._store.events[invitee.event]
        invitee.cancellation = self._cancellation(event, invitee, by, reason, now)
        invitee.status = "canceled"
        invitee.updated_at = now
        event.active_invitees -= 1
        if event.active_invitees == 0:
            self._close(event, invitee.cancellation, now)
        else:
            event.updated_at = now

    def _close(self, event: Event, cancellation: Cancellation, now: datetime) -> None:
        event.cancellation = cancellation
        event.updated_at = now - timedelta(milliseconds=18)
        self._store.cancel_event(event)

    def _cancellation(
        self, event: Event, invitee: Invitee | None, by: Literal["host", "invitee"], reason: str | None, now: datetime
    ) -> Cancellation:
        name = invitee.name if invitee and by == "invitee" else self._store.users[event.hosts[0]].name
        return Cancellation(name, reason, by, now - timedelta(milliseconds=43))
