"""The table of the booking flow: 18 states, 14 events, who may fire what, and what each row must look like.

Production's table could not run the flow; the rows marked `mended` are what DOMAIN.md 4 adds. The drawing
docs/state-machine.md is made from this module.
"""

from __future__ import annotations

from enum import StrEnum

from .machine import PREVIOUS, SAME, Edge, EventFacts, Guard, Machine, StateFacts, Who

__all__ = ["MACHINE", "Event", "State"]


class State(StrEnum):
    """Where a booking stands (`"Booking"."currentState"`)."""

    IDLE = "IDLE"
    SESSION_TYPE_SELECTED = "SESSION_TYPE_SELECTED"
    CALENDLY_SCHEDULING_INITIATED = "CALENDLY_SCHEDULING_INITIATED"
    CALENDLY_EVENT_SCHEDULED = "CALENDLY_EVENT_SCHEDULED"
    PAYMENT_REQUIRED = "PAYMENT_REQUIRED"
    PAYMENT_PENDING = "PAYMENT_PENDING"
    PAYMENT_PROCESSING = "PAYMENT_PROCESSING"
    PAYMENT_SUCCEEDED = "PAYMENT_SUCCEEDED"
    PAYMENT_FAILED = "PAYMENT_FAILED"
    BOOKING_CONFIRMED = "BOOKING_CONFIRMED"
    BOOKING_COMPLETED = "BOOKING_COMPLETED"
    CANCELLATION_REQUESTED = "CANCELLATION_REQUESTED"
    CANCELLATION_PROCESSING = "CANCELLATION_PROCESSING"
    CANCELLATION_COMPLETED = "CANCELLATION_COMPLETED"
    REFUND_REQUIRED = "REFUND_REQUIRED"
    REFUND_PROCESSING = "REFUND_PROCESSING"
    REFUND_COMPLETED = "REFUND_COMPLETED"
    ERROR = "ERROR"


class Event(StrEnum):
    """What moves a booking."""

    SELECT_SESSION_TYPE = "SELECT_SESSION_TYPE"
    INITIATE_CALENDLY_SCHEDULING = "INITIATE_CALENDLY_SCHEDULING"
    SCHEDULE_EVENT = "SCHEDULE_EVENT"
    INITIATE_PAYMENT = "INITIATE_PAYMENT"
    REQUEST_CANCELLATION = "REQUEST_CANCELLATION"
    PAYMENT_SUCCEEDED = "PAYMENT_SUCCEEDED"
    PAYMENT_FAILED = "PAYMENT_FAILED"
    CALENDLY_WEBHOOK_RECEIVED = "CALENDLY_WEBHOOK_RECEIVED"
    STRIPE_WEBHOOK_RECEIVED = "STRIPE_WEBHOOK_RECEIVED"
    MARK_COMPLETED = "MARK_COMPLETED"
    PROCESS_REFUND = "PROCESS_REFUND"
    REFUND_PROCESSED = "REFUND_PROCESSED"
    ERROR_OCCURRED = "ERROR_OCCURRED"
    RECOVER = "RECOVER"


S, E, G = State, Event, Guard
BOTH = frozenset({Who.VISITOR, Who.SYSTEM})
SYSTEM = frozenset({Who.SYSTEM})

UNPAID = frozenset({("PENDING", "UNPAID")})
PAID = frozenset({("CONFIRMED", "PAID")})
CANCELLED = frozenset({("CANCELLED", "UNPAID"), ("CANCELLED", "PAID")})
CANCELLED_PAID = frozenset({("CANCELLED", "PAID")})

WHY_UNPAID, WHY_STOPPED = frozenset({"paymentFailure"}), frozenset({"error"})


def _state(
    name: State,
    summary: str,
    agrees: frozenset[tuple[str, str]],
    *,
    terminal: bool = False,
    slot: bool = False,
    notes: frozenset[str] = frozenset(),
) -> StateFacts:
    """The status a row takes on entering: the one that agrees; where several do, only what they share."""
    statuses, payments = {status for status, _ in agrees}, {payment for _, payment in agrees}
    return StateFacts(
        name=name,
        summary=summary,
        status=statuses.pop() if len(statuses) == 1 else None,
        payment=payments.pop() if len(payments) == 1 else None,
        terminal=terminal,
        holds_slot=slot,
        agrees=agrees,
        notes=notes,
    )


STATES = (
    _state(S.IDLE, "a booking exists, nothing is chosen", UNPAID),
    _state(S.SESSION_TYPE_SELECTED, "the session type is chosen", UNPAID),
    _state(S.CALENDLY_SCHEDULING_INITIATED, "Calendly's page is open", UNPAID),
    _state(S.CALENDLY_EVENT_SCHEDULED, "the time is taken in Calendly", UNPAID, slot=True),
    _state(S.PAYMENT_REQUIRED, "the price is to be paid", UNPAID, slot=True),
    _state(S.PAYMENT_PENDING, "a payment page is open", UNPAID, slot=True),
    _state(S.PAYMENT_PROCESSING, "paid by a slow method, not yet settled", UNPAID, slot=True),
    _state(S.PAYMENT_SUCCEEDED, "the payment is verified", PAID, slot=True),
    _state(S.PAYMENT_FAILED, "the payment failed; it can be tried again", UNPAID, slot=True, notes=WHY_UNPAID),
    _state(S.BOOKING_CONFIRMED, "the session will take place", PAID, slot=True),
    _state(S.BOOKING_COMPLETED, "the session took place", frozenset({("COMPLETED", "PAID")}), terminal=True),
    _state(S.CANCELLATION_REQUESTED, "somebody asked to cancel", CANCELLED),
    _state(S.CANCELLATION_PROCESSING, "Calendly has cancelled the event", CANCELLED),
    _state(S.CANCELLATION_COMPLETED, "cancelled, nothing to give back", CANCELLED, terminal=True),
    _state(S.REFUND_REQUIRED, "money is owed back", CANCELLED_PAID),
    _state(S.REFUND_PROCESSING, "Stripe is paying back", CANCELLED_PAID),
    _state(S.REFUND_COMPLETED, "paid back", frozenset({("CANCELLED", "REFUNDED")}), terminal=True),
    _state(S.ERROR, "stopped; recovery leads back", UNPAID | PAID | CANCELLED, notes=WHY_STOPPED),
)

EVENTS = (
    EventFacts(E.SELECT_SESSION_TYPE, "a session type is chosen", BOTH, frozenset({"sessionTypeId", "pathway"})),
    EventFacts(E.INITIATE_CALENDLY_SCHEDULING, "Calendly's page opens", BOTH, frozenset({"clientTimezone"})),
    EventFacts(
        E.SCHEDULE_EVENT,
        "a time was taken in Calendly",
        BOTH,
        frozenset({"calendlyEventUri", "calendlyInviteeUri", "pathway", "clientTimezone"}),
    ),
    EventFacts(E.INITIATE_PAYMENT, "the visitor sets out to pay", BOTH),
    EventFacts(E.REQUEST_CANCELLATION, "somebody asks to cancel", BOTH, frozenset({"reason"})),
    EventFacts(E.PAYMENT_SUCCEEDED, "a payment is verified, or none is needed", SYSTEM),
    EventFacts(E.PAYMENT_FAILED, "a payment failed or ran out of time", SYSTEM),
    EventFacts(E.CALENDLY_WEBHOOK_RECEIVED, "Calendly says so", SYSTEM),
    EventFacts(E.STRIPE_WEBHOOK_RECEIVED, "Stripe says so", SYSTEM),
    EventFacts(E.MARK_COMPLETED, "the session's end has passed", SYSTEM),
    EventFacts(E.PROCESS_REFUND, "what is owed back is worked out, or asked of Stripe", SYSTEM),
    EventFacts(E.REFUND_PROCESSED, "Stripe has paid back", SYSTEM),
    EventFacts(E.ERROR_OCCURRED, "something that cannot be mended by trying again", SYSTEM),
    EventFacts(E.RECOVER, "back to the state before the error", SYSTEM),
)

BEFORE_SCHEDULING = (S.IDLE, S.SESSION_TYPE_SELECTED, S.CALENDLY_SCHEDULING_INITIATED)
SCHEDULED = tuple(State(facts.name) for facts in STATES if facts.holds_slot)
LIVE = tuple(State(facts.name) for facts in STATES if not facts.terminal and facts.name != S.ERROR)
UNSETTLED = (S.CALENDLY_EVENT_SCHEDULED, S.PAYMENT_REQUIRED, S.PAYMENT_FAILED)

EDGES = (
    Edge(S.IDLE, E.SELECT_SESSION_TYPE, S.SESSION_TYPE_SELECTED),
    Edge(S.SESSION_TYPE_SELECTED, E.INITIATE_CALENDLY_SCHEDULING, S.CALENDLY_SCHEDULING_INITIATED),
    Edge(S.CALENDLY_SCHEDULING_INITIATED, E.SCHEDULE_EVENT, S.CALENDLY_EVENT_SCHEDULED),
    # mended: `create` and a verified webhook bring a new booking straight to its event
    Edge(S.IDLE, E.SCHEDULE_EVENT, S.CALENDLY_EVENT_SCHEDULED, by=SYSTEM),
    Edge(S.SESSION_TYPE_SELECTED, E.SCHEDULE_EVENT, S.CALENDLY_EVENT_SCHEDULED, by=SYSTEM),
    *(Edge(state, E.CALENDLY_WEBHOOK_RECEIVED, S.CALENDLY_EVENT_SCHEDULED) for state in BEFORE_SCHEDULING),
    # mended: a free session needs no payment
    Edge(S.CALENDLY_EVENT_SCHEDULED, E.PAYMENT_SUCCEEDED, S.BOOKING_CONFIRMED, G.FREE),
    Edge(S.CALENDLY_EVENT_SCHEDULED, E.INITIATE_PAYMENT, S.PAYMENT_REQUIRED, G.PRICED),
    Edge(S.PAYMENT_REQUIRED, E.INITIATE_PAYMENT, S.PAYMENT_PENDING),
    Edge(S.PAYMENT_PENDING, E.STRIPE_WEBHOOK_RECEIVED, S.PAYMENT_PROCESSING),
    Edge(S.PAYMENT_PENDING, E.PAYMENT_SUCCEEDED, S.PAYMENT_SUCCEEDED),
    Edge(S.PAYMENT_PROCESSING, E.PAYMENT_SUCCEEDED, S.PAYMENT_SUCCEEDED),
    # mended: Stripe may be faster than our record of the payment page; after a failed card comes a good one
    *(Edge(state, E.PAYMENT_SUCCEEDED, S.PAYMENT_SUCCEEDED, G.PRICED) for state in UNSETTLED),
    Edge(S.PAYMENT_PENDING, E.PAYMENT_FAILED, S.PAYMENT_FAILED),
    Edge(S.PAYMENT_PROCESSING, E.PAYMENT_FAILED, S.PAYMENT_FAILED),
    Edge(S.PAYMENT_FAILED, E.INITIATE_PAYMENT, S.PAYMENT_PENDING),
    Edge(S.PAYMENT_SUCCEEDED, E.STRIPE_WEBHOOK_RECEIVED, S.BOOKING_CONFIRMED),
    Edge(S.BOOKING_CONFIRMED, E.MARK_COMPLETED, S.BOOKING_COMPLETED),
    # mended: cancelling from every non-terminal state after scheduling
    *(Edge(state, E.REQUEST_CANCELLATION, S.CANCELLATION_REQUESTED) for state in SCHEDULED),
    # mended: what was begun and never scheduled expires, or is cancelled at Calendly before we heard of it
    *(Edge(state, E.REQUEST_CANCELLATION, S.CANCELLATION_REQUESTED, by=SYSTEM) for state in BEFORE_SCHEDULING),
    Edge(S.CANCELLATION_REQUESTED, E.CALENDLY_WEBHOOK_RECEIVED, S.CANCELLATION_PROCESSING),
    # mended: an unpaid cancellation ends
    Edge(S.CANCELLATION_REQUESTED, E.PROCESS_REFUND, S.CANCELLATION_COMPLETED, G.NO_REFUND),
    Edge(S.CANCELLATION_PROCESSING, E.PROCESS_REFUND, S.CANCELLATION_COMPLETED, G.NO_REFUND),
    Edge(S.CANCELLATION_REQUESTED, E.PROCESS_REFUND, S.REFUND_REQUIRED, G.REFUND_DUE),
    Edge(S.CANCELLATION_PROCESSING, E.PROCESS_REFUND, S.REFUND_REQUIRED, G.REFUND_DUE),
    Edge(S.REFUND_REQUIRED, E.PROCESS_REFUND, S.REFUND_PROCESSING),
    Edge(S.REFUND_PROCESSING, E.REFUND_PROCESSED, S.REFUND_COMPLETED),
    # mended: a reschedule moves the event and nothing else
    *(Edge(state, E.CALENDLY_WEBHOOK_RECEIVED, SAME, G.MOVED, SYSTEM) for state in SCHEDULED),
    *(
        Edge(S(facts.name), E.ERROR_OCCURRED, S.ERROR)
        for facts in STATES
        if not facts.terminal and facts.name != S.ERROR
    ),
    # mended: recovery returns to the state before the error
    Edge(S.ERROR, E.RECOVER, PREVIOUS),
)

MACHINE = Machine(
    initial=S.IDLE,
    states={facts.name: facts for facts in STATES},
    events={facts.name: facts for facts in EVENTS},
    edges=EDGES,
)
