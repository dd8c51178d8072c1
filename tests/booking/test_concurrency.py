"""Many at once: exactly one wins, and what must hold holds (B06, B07, B09, B14, W04, W05)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import yaml

from .conftest import ROOT, SESSIONS, SLOT, Answer, Bench

ID = "aaaaaaaa-0000-4000-8000-000000000001"


def named(number: int) -> str:
    return f"aaaaaaaa-0000-4000-8000-{number:012d}"


def delivering(bench: Bench, provider: str, *events: str) -> list[Callable[[], Answer]]:
    """For each of `events`, sending the newest delivery of that name."""
    outbox = bench.calendly.outbox if provider == "calendly" else bench.stripe.outbox
    newest = {delivery.event: delivery for delivery in outbox}

    def sending(delivery: Any) -> Callable[[], Answer]:
        return lambda: bench.call("POST", f"webhooks/{provider}", data=delivery.body, headers=dict(delivery.headers))

    return [sending(newest[event]) for event in events]


def to_be_paid(bench: Bench) -> str:
    """A client's booking with its payment page open; the page's id."""
    bench.initialize("pathway-30", ID, by="client", pathway="play")
    event = bench.schedule("pathway-30", booking_id=ID)
    bench.create("pathway-30", event, ID, by="client")
    return str(bench.call("POST", "stripe/checkout/create", {"bookingId": ID}, by="client").body["sessionId"])


def cancelling(bench: Bench, by: str = "client") -> Callable[[], Answer]:
    return lambda: bench.call("PATCH", f"scheduling/bookings/{ID}", {"action": "cancel"}, by=by)


def at_once(acts: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """Runs all together and waits for all; the answers in the order of `acts`."""
    barrier = threading.Barrier(len(acts))

    def run(act: Callable[[], Answer]) -> Answer:
        barrier.wait(30)
        return act()

    with ThreadPoolExecutor(len(acts)) as threads:
        return [running.result(30) for running in [threads.submit(run, act) for act in acts]]


SHORT, LONG = 3, 200
INVARIANTS = yaml.safe_load((ROOT / "scenarios" / "invariants.yaml").read_text())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each race is run three times, and two hundred times more by `make soak`: thousands, not made where nobody asks for them."""
    more = () if metafunc.config.getoption("markexpr") == "not slow" else range(SHORT, SHORT + LONG)
    times = [*range(SHORT), *(pytest.param(number, marks=pytest.mark.slow) for number in more)]
    metafunc.parametrize("again", times, indirect=True)


@pytest.fixture(autouse=True)
def again(request: pytest.FixtureRequest, bench: Bench) -> Iterator[int]:
    """The number of the race; after each, what must hold holds."""
    yield int(request.param)
    broken = {rule["name"]: rows for rule in INVARIANTS if (rows := bench.sandbox.query(rule["sql"]))}
    assert broken == {}


def test_the_same_create_from_twenty_clients_makes_one_booking(bench: Bench) -> None:
    event = bench.schedule("intro-call", booking_id=ID)

    answers = at_once([lambda: bench.create("intro-call", event, ID)] * 20)

    assert Counter(answer.status for answer in answers) == {200: 20}
    assert {answer.body["bookingId"] for answer in answers} == {ID}
    assert len(bench.rows("Booking")) == 1
    assert len(bench.rows("BookingTransition")) == 2


def test_one_event_with_twenty_ids_makes_one_booking(bench: Bench) -> None:
    event = bench.schedule("intro-call")

    answers = at_once([partial(bench.create, "intro-call", event, named(number)) for number in range(20)])

    assert Counter(answer.status for answer in answers) == {200: 1, 409: 19}
    assert len(bench.rows("Booking")) == 1


def test_ten_events_at_one_time_make_one_booking(bench: Bench) -> None:
    events = [bench.schedule("intro-call", SLOT + timedelta(minutes=number)) for number in range(10)]

    answers = at_once([partial(bench.create, "intro-call", event) for event in events])

    assert Counter(answer.status for answer in answers) == {200: 1, 409: 9}


def test_the_same_initialize_from_ten_clicks_makes_one_booking(bench: Bench) -> None:
    answers = at_once([lambda: bench.initialize("intro-call", ID, by="client")] * 10)

    assert Counter(answer.status for answer in answers) == {200: 10}
    assert len(bench.rows("BookingTransition")) == 1


def test_two_transitions_at_once_never_both_win(bench: Bench) -> None:
    bench.initialize("pathway-30", ID, by="client", pathway="play")

    answers = at_once([lambda: bench.transition(ID, "INITIATE_CALENDLY_SCHEDULING")] * 8)

    assert Counter(answer.status for answer in answers) == {200: 1, 409: 7}
    assert len(bench.rows("BookingTransition")) == 2


def test_webhook_and_create_at_once_make_one_booking_and_lose_no_delivery(bench: Bench) -> None:
    event = bench.schedule("intro-call", booking_id=ID)
    created = delivering(bench, "calendly", "invitee.created")

    answers = at_once([*created * 2, *[lambda: bench.create("intro-call", event, ID)] * 2])

    assert {answer.status for answer in answers} == {200}
    assert bench.booking(ID)["currentState"] == "BOOKING_CONFIRMED"
    assert [row["outcome"] for row in bench.rows("WebhookDelivery")] == ["applied"]


def test_cancel_and_pay_at_once_leave_no_money_behind(bench: Bench) -> None:
    bench.stripe.pay(to_be_paid(bench))

    answers = at_once([*delivering(bench, "stripe", "checkout.session.completed"), *[cancelling(bench)] * 2])

    assert {answer.status for answer in answers} == {200}
    row = bench.booking(ID)
    assert (row["status"], row["currentState"] in ("REFUND_COMPLETED", "CANCELLATION_COMPLETED")) == ("CANCELLED", True)
    assert [refund["amount"] for refund in bench.stripe.list_objects("refund")] == [5000]


def test_a_recovery_token_works_once_even_at_once(bench: Bench) -> None:
    bench.stripe.pay(to_be_paid(bench))
    bench.deliver("stripe")
    bench.stripe.add_fault("POST /v1/refunds", "400", times=1)
    assert cancelling(bench)().body["state"] == "ERROR"
    token = bench.read(ID, by="client").body["recoveryToken"]

    answers = at_once([lambda: bench.call("POST", "scheduling/bookings/recover", {"token": token})] * 6)

    assert Counter(answer.status for answer in answers) == {200: 1, 409: 5}


def test_one_id_with_ten_events_of_ten_visitors_is_one_visitors(bench: Bench) -> None:
    events = [bench.schedule("intro-call", SLOT + timedelta(hours=number)) for number in range(10)]

    answers = at_once([partial(bench.create, "intro-call", event, ID) for event in events])

    assert Counter(answer.status for answer in answers) == {200: 1, 409: 9}
    won = events[[answer.status for answer in answers].index(200)]
    assert [row["calendlyInviteeUri"] for row in bench.rows("Booking")] == [won.invitee_uri]


def test_the_last_place_of_a_group_is_taken_once(bench: Bench) -> None:
    places = SESSIONS["group-class"]["maxParticipants"]
    events = [bench.schedule("group-class") for _ in range(places)]
    for number, event in enumerate(events[:-1]):
        assert bench.create("group-class", event, named(number)).status == 200
    bench.execute('UPDATE "SessionType" SET "maxParticipants" = "maxParticipants" - 1 WHERE "title" = %s', (SESSIONS["group-class"]["title"],))  # fmt: skip
    bench.execute('DELETE FROM "Booking" WHERE "id" = %s', (named(0),))

    answers = at_once(
        [lambda: bench.create("group-class", events[0], named(0)), lambda: bench.create("group-class", events[-1], ID)]
    )

    assert Counter(answer.status for answer in answers) == {200: 1, 409: 1}


def test_begun_and_created_at_once_is_one_booking(bench: Bench) -> None:
    event = bench.schedule("intro-call", booking_id=ID)

    answers = at_once(
        [lambda: bench.initialize("intro-call", ID, by="client"), lambda: bench.create("intro-call", event, ID, by="client")] * 3
    )  # fmt: skip

    assert Counter(answer.status for answer in answers) == {200: 6}
    assert [(row["id"], row["currentState"]) for row in bench.rows("Booking")] == [(ID, "BOOKING_CONFIRMED")]


def test_a_transition_and_the_webhook_of_the_same_event_at_once_schedule_once(bench: Bench) -> None:
    bench.initialize("intro-call", ID, by="client")
    bench.transition(ID, "INITIATE_CALENDLY_SCHEDULING")
    event = bench.schedule("intro-call", booking_id=ID)
    data = {"calendlyEventUri": event.event_uri, "calendlyInviteeUri": event.invitee_uri}

    answers = at_once(
        [*delivering(bench, "calendly", "invitee.created") * 2, lambda: bench.transition(ID, "SCHEDULE_EVENT", data)]
    )

    assert [answer.status for answer in answers[:2]] == [200, 200]
    assert bench.path(ID).count("CALENDLY_EVENT_SCHEDULED") == 1
    assert bench.booking(ID)["currentState"] == "BOOKING_CONFIRMED"


def test_twenty_copies_of_one_delivery_count_once(bench: Bench) -> None:
    bench.initialize("intro-call", ID, by="client")
    bench.schedule("intro-call", booking_id=ID)

    answers = at_once(delivering(bench, "calendly", "invitee.created") * 20)

    assert Counter(answer.body["outcome"] for answer in answers) == {"applied": 1, "duplicate": 19}
    assert len(bench.rows("WebhookDelivery")) == 1


def test_both_halves_of_a_reschedule_at_once_move_the_booking_and_cancel_nothing(bench: Bench) -> None:
    event = bench.schedule("intro-call", booking_id=ID)
    bench.create("intro-call", event, ID, by="client")
    moved = bench.calendly.reschedule(event.invitee_uri, SLOT + timedelta(days=1))

    answers = at_once(delivering(bench, "calendly", "invitee.canceled", "invitee.created") * 3)

    assert Counter(answer.body["outcome"] for answer in answers) == {"applied": 2, "duplicate": 4}
    row = bench.booking(ID)
    assert (row["currentState"], row["calendlyInviteeUri"]) == ("BOOKING_CONFIRMED", moved.invitee_uri)


def test_cancelled_by_everybody_at_once_is_cancelled_and_paid_back_once(bench: Bench) -> None:
    bench.stripe.pay(to_be_paid(bench))
    bench.deliver("stripe")
    bench.calendly.cancel(bench.booking(ID)["calendlyInviteeUri"])

    answers = at_once(
        [*delivering(bench, "calendly", "invitee.canceled"), *(cancelling(bench, by) for by in ("client", "builder", "admin"))]
    )  # fmt: skip

    assert {answer.status for answer in answers} == {200}
    assert bench.path(ID).count("CANCELLATION_REQUESTED") == 1
    assert bench.booking(ID)["currentState"] == "REFUND_COMPLETED"
    assert [refund["amount"] for refund in bench.stripe.list_objects("refund")] == [5000]


def test_a_refund_that_is_owed_is_asked_for_once_by_timers_at_once(bench: Bench) -> None:
    bench.stripe.pay(to_be_paid(bench))
    bench.deliver("stripe")
    bench.stripe.add_fault("POST /v1/refunds", "timeout", times=1)
    cancelling(bench)()
    assert bench.booking(ID)["currentState"] == "REFUND_REQUIRED"

    def due() -> Answer:
        bench.app.expire()
        return bench.read(ID)

    answers = at_once([due] * 4)

    assert {answer.body["state"] for answer in answers} <= {"REFUND_COMPLETED", "REFUND_PROCESSING"}
    assert [refund["amount"] for refund in bench.stripe.list_objects("refund")] == [5000]
    assert bench.booking(ID)["currentState"] == "REFUND_COMPLETED"


def test_declined_and_paid_at_once_ends_paid(bench: Bench) -> None:
    page = to_be_paid(bench)
    bench.stripe.pay(page, "failed")
    bench.stripe.pay(page)

    answers = at_once(delivering(bench, "stripe", "payment_intent.payment_failed", "checkout.session.completed") * 2)

    assert {answer.status for answer in answers} == {200}
    assert (bench.booking(ID)["currentState"], bench.booking(ID)["paymentStatus"]) == ("BOOKING_CONFIRMED", "PAID")


def test_payment_pages_asked_for_at_once_are_one_page(bench: Bench) -> None:
    event = bench.schedule("pathway-30", booking_id=ID)
    bench.create("pathway-30", event, ID, by="client", pathway="play")

    answers = at_once([lambda: bench.call("POST", "stripe/checkout/create", {"bookingId": ID}, by="client")] * 6)

    assert {answer.status for answer in answers} == {200}
    assert len({answer.body["sessionId"] for answer in answers}) == 1
    assert len(bench.stripe.list_objects("checkout.session")) == 1


def test_expired_or_created_but_never_both(bench: Bench) -> None:
    token = bench.initialize("intro-call", ID).body["bookingToken"]
    event = bench.schedule("intro-call", booking_id=ID)
    bench.clock.advance(minutes=31)

    def due() -> Answer:
        bench.app.expire()
        return bench.read(ID)

    answers = at_once([lambda: bench.create("intro-call", event, ID, bookingToken=token), due])

    expected = {200: "BOOKING_CONFIRMED", 409: "CANCELLATION_COMPLETED"}
    assert bench.booking(ID)["currentState"] == expected[answers[0].status]
