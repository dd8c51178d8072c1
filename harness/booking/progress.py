"""One booking on its way through the state machine, written once at the end.

Reads as the flow is told: fire an event, set what it brought, save. Everything happens in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from .machine import PREVIOUS, SAME, Edge, Guard, Machine, Who
from .records import Booking, changed
from .store import Store

__all__ = ["Progress", "TransitionLog", "Transitioned"]

BEFORE_ERROR = "stateBeforeError"


@dataclass(frozen=True, slots=True)
class Transitioned:
    """One transition that happened."""

    source: str
    event: str
    target: str
    actor: str


class TransitionLog:
    """Keeps what happened in `"BookingTransition"` (B18)."""

    def record(
        self, connection: Connection, store: Store, booking_id: str, steps: list[Transitioned], now: datetime
    ) -> None:
        """One row a step, in order."""
        rows = [
            {
                "bookingId": booking_id,
                "fromState": step.source,
                "event": step.event,
                "toState": step.target,
                "actor": step.actor,
                "createdAt": now,
            }
            for step in steps
        ]
        if rows:
            store.log_transitions(connection, rows)


class Progress:
    """A booking, what changed of it, and the transitions taken."""

    def __init__(self, machine: Machine, booking: Booking, *, actor: str, now: datetime, is_new: bool = False) -> None:
        self.machine = machine
        self.booking = booking
        self.actor = actor
        self.now = now
        self.is_new = is_new
        self.steps: list[Transitioned] = []
        self.after_save: list[Callable[[Connection], None]] = []
        self._changes: dict[str, Any] = {}

    @property
    def state(self) -> str:
        """Where the booking stands now; a row without a state has not begun."""
        return self.booking.current_state or self.machine.initial

    def holds(self) -> frozenset[Guard]:
        """The guards that hold of the booking itself."""
        return frozenset({Guard.FREE if self.booking.is_free else Guard.PRICED})

    def fire(self, event: str, *, who: Who = Who.SYSTEM, holds: frozenset[Guard] = frozenset()) -> Edge:
        """Takes the edge that `event` opens. Raises IllegalTransition and changes nothing (B13)."""
        source = self.state
        edge = self.machine.step(source, event, who=who, holds=self.holds() | holds)
        target = self._target(edge)
        self.steps.append(Transitioned(source, event, target, self.actor))
        facts = self.machine.states[target]
        said = self.machine.states[source].notes & set(self.booking.data)
        if said and target != source:
            self.note(**dict.fromkeys(said))
        self.set(current_state=target, last_transition=self.now)
        if facts.status:
            self.set(status=facts.status)
        if facts.payment:
            self.set(payment_status=facts.payment)
        self._remember(edge, source)
        return edge

    def set(self, **values: Any) -> None:
        """Sets attributes of the row; what is already so is no change."""
        fresh = {name: value for name, value in values.items() if getattr(self.booking, name) != value}
        self._changes.update(fresh)
        self.booking = changed(self.booking, fresh)

    def note(self, **values: Any) -> None:
        """Sets keys of `stateData`; None removes a key."""
        data = {**self.booking.data, **values}
        kept = {key: value for key, value in data.items() if value is not None}
        self.set(state_data=kept or None)

    def save(self, connection: Connection, store: Store, log: TransitionLog) -> None:
        """Writes the row and the transitions, once. Nothing changed: nothing is written."""
        if self.is_new:
            store.insert(connection, self.booking)
        elif self._changes:
            self.set(updated_at=self.now)
            store.update(connection, self.booking.id, self._changes)
        log.record(connection, store, self.booking.id, self.steps, self.now)
        for write in self.after_save:
            write(connection)

    def adopt(self, other: Progress) -> None:
        """Stands where `other`, which was saved, has brought the booking, and tells its transitions too."""
        self.booking = other.booking
        self.steps += other.steps

    def _target(self, edge: Edge) -> str:
        if edge.target == SAME:
            return edge.source
        if edge.target == PREVIOUS:
            before = self.booking.data.get(BEFORE_ERROR)
            return str(before) if before in self.machine.states else self.machine.initial
        return edge.target

    def _remember(self, edge: Edge, source: str) -> None:
        if edge.target == PREVIOUS:
            self.note(**{BEFORE_ERROR: None})
        elif PREVIOUS in (other.target for other in self.machine.edges if other.source == edge.target):
            self.note(**{BEFORE_ERROR: source})
