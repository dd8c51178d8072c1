"""How a booking moves (DOMAIN.md 8: Z4, Z5, P11, M1, M2, M3, M5, M6, W7; B11 to B14, B17, B18, B20, B21)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from harness.booking.event_rights import EventRights
from harness.booking.failures import FailureMap
from harness.booking.machine import PREVIOUS, SAME, Edge, EventFacts, IllegalTransition, Machine, Who
from harness.booking.machine_table import Event, State
from harness.booking.progress import Transitioned, TransitionLog
from harness.booking.records import Booking
from harness.booking.refusals import Refusal
from harness.booking.store import Store

from .defect import Book

__all__ = ["BOOK"]

BOOK = Book()

_asked: ContextVar[Mapping[str, Any] | None] = ContextVar("asked", default=None)


def _without(machine: Machine, drop: Callable[[Edge], bool]) -> Machine:
    return replace(machine, edges=tuple(edge for edge in machine.edges if not drop(edge)), _index={})


def _to(machine: Machine, chosen: Callable[[Edge], bool], target: str) -> Machine:
    edges = tuple(replace(edge, target=target) if chosen(edge) else edge for edge in machine.edges)
    return replace(machine, edges=edges, _index={})


@BOOK.part(
    "Z4",
    "Status and payment are set through `data`",
    seen="A transition whose data says `paymentStatus: PAID` is answered 200, and the row is paid.",
    rules="B12 B20",
)
class AnyData(EventRights):
    """What the visitor sends is spread over the row."""

    def check_data(self, facts: EventFacts, data: Mapping[str, Any]) -> None:
        del facts
        _asked.set({key: data[key] for key in ("status", "paymentStatus", "clientId") if key in data})


@BOOK.part("Z4")
class Obedient(Store):
    """The row takes what came with the event."""

    def update(self, connection: Connection, booking_id: str, values: Mapping[str, Any]) -> None:
        names = {"status": "status", "paymentStatus": "payment_status", "clientId": "client_id"}
        wanted = {names[key]: value for key, value in (_asked.get() or {}).items()}
        _asked.set(None)
        super().update(connection, booking_id, {**values, **wanted})


@BOOK.part(
    "B12-silent",
    "Data that the event does not own is ignored without a word",
    seen="A transition whose data names the owner is answered 200 instead of 400.",
    rules="B12",
    hidden_by="Z4",
)
class SilentData(EventRights):
    """What is not known is not looked at."""

    def check_data(self, facts: EventFacts, data: Mapping[str, Any]) -> None:
        super().check_data(facts, {key: value for key, value in data.items() if key in facts.owns})


@BOOK.part(
    "Z5",
    "System events are accepted from a visitor",
    seen="A visitor fires PAYMENT_SUCCEEDED and is answered 200: a session for nothing.",
    rules="B11",
)
class AnyEvent(EventRights):
    """Who may fire what is not asked."""

    def check_who(self, facts: EventFacts) -> None:
        del facts


@BOOK.part(
    "B11-recover",
    "A visitor may recover a booking without a token",
    seen="RECOVER from the owner is answered 200.",
    rules="B11 B17",
    hidden_by="Z5",
)
class RecoverByHand(EventRights):
    """Recovery is thought to be harmless."""

    def check_who(self, facts: EventFacts) -> None:
        if facts.name != Event.RECOVER:
            super().check_who(facts)


@BOOK.table(
    "P11",
    "Free bookings are never confirmed",
    seen="A scheduled free session stays in CALENDLY_EVENT_SCHEDULED, PENDING and UNPAID.",
    rules="W06 R14",
)
def never_confirmed(machine: Machine) -> Machine:
    """Only a payment confirms, and nobody pays for what is free."""
    return _to(
        machine,
        lambda edge: edge.source == State.CALENDLY_EVENT_SCHEDULED and edge.event == Event.PAYMENT_SUCCEEDED,
        SAME,
    )


@BOOK.table(
    "M1",
    "The first event is never sent",
    seen="A begun booking stays IDLE.",
    rules="R13 B18",
)
def never_begun(machine: Machine) -> Machine:
    """Choosing a session type leaves the booking where it was."""
    return _to(machine, lambda edge: edge.source == State.IDLE and edge.event == Event.SELECT_SESSION_TYPE, SAME)


@BOOK.part(
    "M2",
    "A refused transition is answered with 200",
    seen="An event that is not possible is answered 200, and nothing happens.",
    rules="B13",
)
class RefusedWith200(FailureMap):
    """The refusal is in the body, the status says that all is well."""

    def refusal(self, error: BaseException) -> Refusal:
        found = super().refusal(error)
        return Refusal(200, found.code, found.message) if isinstance(error, IllegalTransition) else found


@BOOK.part(
    "B13-400",
    "A refused transition is called an invalid request",
    seen="An event that is not possible now is answered 400 instead of 409.",
    rules="B13",
    hidden_by="M2",
)
class RefusedWith400(FailureMap):
    """Every mistake of the visitor's is the same mistake."""

    def refusal(self, error: BaseException) -> Refusal:
        found = super().refusal(error)
        return Refusal(400, found.code, found.message) if isinstance(error, IllegalTransition) else found


@BOOK.table(
    "M3",
    "Two payment events are needed, and one does its work",
    seen="A paid booking stays in PAYMENT_SUCCEEDED and is never confirmed.",
    rules="R13 W13",
)
def half_paid(machine: Machine) -> Machine:
    """The second event leads nowhere."""
    return _to(machine, lambda edge: edge.source == State.PAYMENT_SUCCEEDED and edge.event.startswith("STRIPE"), SAME)


@BOOK.table(
    "M5",
    "There is no cancelling before confirmation",
    seen="Cancelling a booking whose payment is open is answered 409.",
    rules="W07",
)
def only_confirmed(machine: Machine) -> Machine:
    """Production's table: only BOOKING_CONFIRMED knows REQUEST_CANCELLATION."""
    return _without(
        machine, lambda edge: edge.event == Event.REQUEST_CANCELLATION and edge.source != State.BOOKING_CONFIRMED
    )


@BOOK.table(
    "M6",
    "An end state is reached by nothing",
    seen="An unpaid cancellation never ends: it stays in CANCELLATION_PROCESSING.",
    rules="W07 B20",
)
def never_over(machine: Machine) -> Machine:
    """Nothing leads to CANCELLATION_COMPLETED."""
    return _to(machine, lambda edge: edge.target == State.CANCELLATION_COMPLETED, SAME)


@BOOK.table(
    "W7",
    "No edge leads from the first states on Calendly's word",
    seen="The webhook of a begun booking is refused, and the booking is never scheduled.",
    rules="W06 W11",
)
def webhook_first(machine: Machine) -> Machine:
    """Calendly's news count only after the page has said that scheduling began."""
    first = {State.IDLE, State.SESSION_TYPE_SELECTED}
    return _without(machine, lambda edge: edge.source in first and edge.event == Event.CALENDLY_WEBHOOK_RECEIVED)


@BOOK.table(
    "B17-idle",
    "Recovery leads back to the beginning",
    seen="A recovered booking is IDLE, whatever it was before the error.",
    rules="B17",
)
def back_to_idle(machine: Machine) -> Machine:
    """Production's table: RECOVER leads to IDLE."""
    return _to(machine, lambda edge: edge.target == PREVIOUS, State.IDLE)


@BOOK.table(
    "B20-early",
    "A scheduled session counts as confirmed before it is paid",
    seen="CALENDLY_EVENT_SCHEDULED with status CONFIRMED.",
    rules="B20 R13",
)
def paid_for_nothing(machine: Machine) -> Machine:
    """The state before payment takes the status of the one after it."""
    scheduled = machine.states[State.CALENDLY_EVENT_SCHEDULED]
    states = {**machine.states, State.CALENDLY_EVENT_SCHEDULED: replace(scheduled, status="CONFIRMED")}
    return replace(machine, states=states, _index={})


@BOOK.table(
    "B20-cancelled",
    "A cancelled booking stays CONFIRMED in its status",
    seen="State says cancelled, status says CONFIRMED.",
    rules="B20 W07",
)
def still_confirmed(machine: Machine) -> Machine:
    """Only the state is moved by a cancellation."""
    states = {
        name: replace(facts, status=None) if facts.status == "CANCELLED" else facts
        for name, facts in machine.states.items()
    }
    return replace(machine, states=states, _index={})


@BOOK.table(
    "B20-refunded",
    "A refunded booking stays PAID",
    seen="REFUND_COMPLETED with payment status PAID.",
    rules="B20 W12",
)
def still_paid(machine: Machine) -> Machine:
    """The payment status is not moved by the refund."""
    done = machine.states[State.REFUND_COMPLETED]
    return replace(machine, states={**machine.states, State.REFUND_COMPLETED: replace(done, payment=None)}, _index={})


@BOOK.table(
    "W07-once-paid",
    "A paid booking cannot be cancelled",
    seen="Cancelling a confirmed booking is answered 409.",
    rules="W07 W12",
)
def paid_stays(machine: Machine) -> Machine:
    """BOOKING_CONFIRMED is treated as an end."""
    return _without(
        machine, lambda edge: edge.source == State.BOOKING_CONFIRMED and edge.event == Event.REQUEST_CANCELLATION
    )


@BOOK.table(
    "B13-terminal",
    "A booking that is over can be paid again",
    seen="A cancelled booking is brought back by a late payment.",
    rules="B13 W13",
)
def back_from_the_end(machine: Machine) -> Machine:
    """The end states lead on to payment and to cancellation."""
    edges = tuple(
        Edge(name, event, target)
        for name, facts in machine.states.items()
        if facts.terminal
        for event, target in (
            (Event.INITIATE_PAYMENT, State.PAYMENT_PENDING),
            (Event.REQUEST_CANCELLATION, State.CANCELLATION_REQUESTED),
        )
    )
    return replace(machine, edges=machine.edges + edges, _index={})


@BOOK.table(
    "B09-free-slot",
    "A booking that waits for payment does not hold its time",
    seen="The builder's time is booked twice while the first visitor pays.",
    rules="B09",
)
def waits_without_slot(machine: Machine) -> Machine:
    """Only confirmed bookings hold their time."""
    states = {
        name: replace(facts, holds_slot=facts.holds_slot and name == State.BOOKING_CONFIRMED)
        for name, facts in machine.states.items()
    }
    return replace(machine, states=states, _index={})


@BOOK.part(
    "B14-no-lock",
    "A transition reads the row without a lock",
    seen="Two transitions at once both win.",
    rules="B14",
)
class NoLock(Store):
    """SELECT without FOR UPDATE."""

    def lock(self, connection: Connection, booking_id: str) -> Booking | None:
        return self.booking(connection, booking_id)


@BOOK.part(
    "B14-no-hold",
    "Nothing keeps two inserts apart",
    seen="Two visitors who book the same time at once are both answered 200.",
    rules="B09 B14",
)
class NoHold(Store):
    """Looking whether the time is free and taking it are two things."""

    def hold(self, connection: Connection, *names: str) -> None:
        del connection, names


@BOOK.part(
    "B18-not-recorded",
    "Transitions are not recorded",
    seen="The log of transitions stays empty.",
    rules="B18",
)
class NotRecorded(TransitionLog):
    """The table was made and is not written."""

    def record(
        self, connection: Connection, store: Store, booking_id: str, steps: list[Transitioned], now: datetime
    ) -> None:
        del connection, store, booking_id, steps, now


@BOOK.part(
    "B18-last-only",
    "Only the last transition of a step is recorded",
    seen="The recorded transitions do not make a chain.",
    rules="B18",
)
class LastOnly(TransitionLog):
    """Where two happen at once, one is lost."""

    def record(
        self, connection: Connection, store: Store, booking_id: str, steps: list[Transitioned], now: datetime
    ) -> None:
        super().record(connection, store, booking_id, steps[-1:], now)


@BOOK.part(
    "B18-actor",
    "Every transition is recorded as the system's",
    seen="The record does not say who cancelled.",
    rules="B18",
)
class NobodysWork(TransitionLog):
    """The actor is not handed on."""

    def record(
        self, connection: Connection, store: Store, booking_id: str, steps: list[Transitioned], now: datetime
    ) -> None:
        anonymous = [replace(step, actor="system") for step in steps]
        super().record(connection, store, booking_id, anonymous, now)


@BOOK.table(
    "B13-skip-calendly",
    "A visitor may skip Calendly",
    seen="SCHEDULE_EVENT is taken from a booking whose page never opened Calendly.",
    rules="B13",
)
def skipped(machine: Machine) -> Machine:
    """The edges that only the system may take are open to visitors."""
    edges = tuple(
        replace(edge, by=frozenset(Who)) if edge.event == Event.SCHEDULE_EVENT else edge for edge in machine.edges
    )
    return replace(machine, edges=edges, _index={})
