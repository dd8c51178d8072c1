"""The table of the state machine: proven over the whole of it, not by example."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.booking.drawing import draw
from harness.booking.machine import PREVIOUS, SAME, Edge, Guard, IllegalTransition, Machine, Who
from harness.booking.machine_table import BEFORE_SCHEDULING, MACHINE, Event, State

DRAWING = Path(__file__).resolve().parents[2] / "docs" / "state-machine.md"
VISITORS = {
    "SELECT_SESSION_TYPE",
    "INITIATE_CALENDLY_SCHEDULING",
    "SCHEDULE_EVENT",
    "INITIATE_PAYMENT",
    "REQUEST_CANCELLATION",
}
CANCELLATION = {
    "CANCELLATION_REQUESTED", "CANCELLATION_PROCESSING", "CANCELLATION_COMPLETED",
    "REFUND_REQUIRED", "REFUND_PROCESSING", "REFUND_COMPLETED",
}  # fmt: skip


def dead_ends(machine: Machine) -> set[str]:
    """States from which no terminal state can be reached."""
    alive = {name for name, facts in machine.states.items() if facts.terminal}
    grown = True
    while grown:
        before = len(alive)
        alive |= {edge.source for edge in machine.edges if alive & set(machine.targets(edge))}
        grown = len(alive) > before
    return set(machine.states) - alive


def disagreements(machine: Machine) -> list[Edge]:
    """Edges that can lead to a row whose status does not fit its state (B20)."""
    found = []
    for edge in machine.edges:
        for target in machine.targets(edge):
            facts = machine.states[target]
            for status, payment in machine.states[edge.source].agrees:
                after = (facts.status or status, facts.payment or payment)
                if after not in facts.agrees and fits(edge, payment):
                    found.append(edge)
    return found


def fits(edge: Edge, payment: str) -> bool:
    """Whether a row with this payment status can take the edge: a refund is due on what was paid, recovery leads back."""
    return edge.target != PREVIOUS and (edge.guard is not Guard.REFUND_DUE or payment == "PAID")


def test_there_are_18_states_and_14_events() -> None:
    assert (len(MACHINE.states), len(MACHINE.events)) == (18, 14)
    assert set(MACHINE.states) == set(State)
    assert set(MACHINE.events) == set(Event)


def test_every_state_is_reachable() -> None:
    assert set(MACHINE.states) - MACHINE.reachable() == set()


def test_a_state_that_nothing_reaches_is_noticed() -> None:
    cut = tuple(edge for edge in MACHINE.edges if edge.target != State.CANCELLATION_COMPLETED)

    assert set(MACHINE.states) - replace(MACHINE, edges=cut).reachable() == {State.CANCELLATION_COMPLETED}


def test_every_state_can_come_to_an_end() -> None:
    assert dead_ends(MACHINE) == set()


def test_a_dead_end_is_noticed() -> None:
    cut = tuple(edge for edge in MACHINE.edges if edge.source != State.REFUND_PROCESSING)

    assert dead_ends(replace(MACHINE, edges=cut)) >= {State.REFUND_PROCESSING}


def test_terminal_states_have_no_way_out() -> None:
    terminal = {name for name, facts in MACHINE.states.items() if facts.terminal}

    assert terminal == {State.BOOKING_COMPLETED, State.CANCELLATION_COMPLETED, State.REFUND_COMPLETED}
    assert [edge for edge in MACHINE.edges if edge.source in terminal] == []


def test_status_and_payment_agree_with_the_state_on_every_edge() -> None:
    assert disagreements(MACHINE) == []


def test_a_status_that_disagrees_is_noticed() -> None:
    states = dict(MACHINE.states)
    states[State.BOOKING_CONFIRMED] = replace(states[State.BOOKING_CONFIRMED], payment="UNPAID")

    assert disagreements(replace(MACHINE, states=states))


def test_only_visitors_events_can_be_fired_from_outside() -> None:
    assert {name for name, facts in MACHINE.events.items() if Who.VISITOR in facts.by} == VISITORS


def test_no_event_owns_status_payment_owner_or_ids() -> None:
    owned = {key for facts in MACHINE.events.values() for key in facts.owns}

    assert not owned & {
        "status",
        "paymentStatus",
        "amount",
        "clientId",
        "builderId",
        "id",
        "bookingId",
        "currentState",
        "state",
    }


@pytest.mark.parametrize(
    "state", sorted(set(State) - CANCELLATION - set(BEFORE_SCHEDULING) - {"BOOKING_COMPLETED", "ERROR"})
)
def test_a_visitor_can_cancel_from_every_live_state_after_scheduling(state: str) -> None:
    edge = MACHINE.step(state, Event.REQUEST_CANCELLATION, who=Who.VISITOR, holds=frozenset())

    assert edge.target == State.CANCELLATION_REQUESTED


@pytest.mark.parametrize("state", sorted(State))
def test_every_live_state_can_stop_in_error_and_no_other(state: str) -> None:
    stops = [edge.source for edge in MACHINE.edges if edge.event == Event.ERROR_OCCURRED]

    assert (state in stops) == (not MACHINE.states[state].terminal and state != State.ERROR)


def test_recovery_leads_back() -> None:
    assert MACHINE.step(State.ERROR, Event.RECOVER, who=Who.SYSTEM, holds=frozenset()).target == PREVIOUS


def test_a_reschedule_changes_no_state() -> None:
    moves = [edge for edge in MACHINE.edges if edge.guard is Guard.MOVED]

    assert {edge.target for edge in moves} == {SAME}
    assert {edge.source for edge in moves} == set(MACHINE.slot_states())


def test_a_free_booking_is_never_asked_to_pay() -> None:
    with pytest.raises(IllegalTransition):
        MACHINE.step(
            State.CALENDLY_EVENT_SCHEDULED, Event.INITIATE_PAYMENT, who=Who.VISITOR, holds=frozenset({Guard.FREE})
        )


def test_the_edges_of_a_state_and_event_never_compete() -> None:
    seen: dict[tuple[str, str], set[Guard]] = {}
    for edge in MACHINE.edges:
        guards = seen.setdefault((edge.source, edge.event), set())
        assert edge.guard not in guards
        guards.add(edge.guard)


def test_the_drawing_is_up_to_date() -> None:
    assert DRAWING.read_text() == draw(), "python -m harness.booking.drawing > docs/state-machine.md"
