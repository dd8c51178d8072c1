"""Many at once: exactly one wins, and what must hold holds (B06, B07, B09, B14, W04, W05)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from .conftest import SLOT, Answer, Bench

ID = "aaaaaaaa-0000-4000-8000-000000000001"


def at_once(acts: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """Runs all together and waits for all."""
    barrier = threading.Barrier(len(acts))
    answers: list[Answer] = []

    def run(act: Callable[[], Answer]) -> None:
        barrier.wait()
        answers.append(act())

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == len(acts)
    return answers


@pytest.fixture(params=range(3))
def again(request: pytest.FixtureRequest) -> int:
    """Each race is run a few times."""
    return int(request.param)


def test_the_same_create_from_twenty_clients_makes_one_booking(bench: Bench, again: int) -> None:
    event = bench.schedule("intro-call", booking_id=ID)

    answers = at_once([lambda: bench.create("intro-call", event, ID)] * 20)

    assert Counter(answer.status for answer in answers) == {200: 20}
    assert {answer.body["bookingId"] for answer in answers} == {ID}
    assert len(bench.rows("Booking")) == 1
    assert len(bench.rows("BookingTransition")) == 2


def test_one_event_with_twenty_ids_makes_one_booking(bench: Bench, again: int) -> None:
    event = bench.schedule("intro-call")
    ids = [f"aaaaaaaa-0000-4000-8000-0000000000{number:02d}" for number in range(20)]

    answers = at_once([lambda name=name: bench.create("intro-call", event, name) for name in ids])

    assert Counter(answer.status for answer in answers) == {200: 1, 409: 19}
    assert len(bench.rows("Booking")) == 1


def test_ten_events_at_one_time_make_one_booking(bench: Bench, again: int) -> None:
    events = [bench.schedule("intro-call", SLOT + timedelta(minutes=number)) for number in range(10)]

    answers = at_once([lambda event=event: bench.create("intro-call", event) for event in events])

    assert Counter(answer.status for answer in answers) == {200: 1, 409: 9}


def test_the_same_initialize_from_ten_clicks_makes_one_booking(bench: Bench, again: int) -> None:
    answers = at_once([lambda: bench.initialize("intro-call", ID, by="client")] * 10)

    assert Counter(answer.status for answer in answers) == {200: 10}
    assert len(bench.rows("BookingTransition")) == 1


def test_two_transitions_at_once_never_both_win(bench: Bench, again: int) -> None:
    bench.initialize("pathway-30", ID, by="client", pathway="play")

    answers = at_once([lambda: bench.transition(ID, "INITIATE_CALENDLY_SCHEDULING")] * 8)

    assert Counter(answer.status for answer in answers) == {200: 1, 409: 7}
    assert len(bench.rows("BookingTransition")) == 2


def test_webhook_and_create_at_once_make_one_booking_and_lose_no_delivery(bench: Bench, again: int) -> None:
    event = bench.schedule("intro-call", booking_id=ID)
    delivery = bench.calendly.outbox[-1]

    def deliver() -> Answer:
        return bench.call("POST", "webhooks/calendly", data=delivery.body, headers=dict(delivery.headers))

    answers = at_once(
        [lambda: bench.create("intro-call", event, ID), deliver, deliver, lambda: bench.create("intro-call", event, ID)]
    )

    assert {answer.status for answer in answers} == {200}
    assert bench.booking(ID)["currentState"] == "BOOKING_CONFIRMED"
    assert [row["outcome"] for row in bench.rows("WebhookDelivery")] == ["applied"]


def test_cancel_and_pay_at_once_leave_no_money_behind(bench: Bench, again: int) -> None:
    bench.initialize("pathway-30", ID, by="client", pathway="play")
    event = bench.schedule("pathway-30", booking_id=ID)
    bench.create("pathway-30", event, ID, by="client")
    page = bench.call("POST", "stripe/checkout/create", {"bookingId": ID}, by="client").body["sessionId"]
    bench.stripe.pay(page)
    completed = next(delivery for delivery in bench.stripe.outbox if delivery.event == "checkout.session.completed")

    def pay() -> Answer:
        return bench.call("POST", "webhooks/stripe", data=completed.body, headers=dict(completed.headers))

    def cancel() -> Answer:
        return bench.call("PATCH", f"scheduling/bookings/{ID}", {"action": "cancel"}, by="client")

    answers = at_once([pay, cancel, cancel])

    assert {answer.status for answer in answers} == {200}
    row = bench.booking(ID)
    assert (row["status"], row["currentState"] in ("REFUND_COMPLETED", "CANCELLATION_COMPLETED")) == ("CANCELLED", True)
    assert [refund["amount"] for refund in bench.stripe.list_objects("refund")] == [5000]


def test_a_recovery_token_works_once_even_at_once(bench: Bench, again: int) -> None:
    bench.initialize("pathway-30", ID, by="client", pathway="play")
    bench.execute(
        """UPDATE "Booking" SET "currentState" = 'ERROR', "stateData" = '{"stateBeforeError": "SESSION_TYPE_SELECTED"}' """
        """WHERE "id" = %s""",
        (ID,),
    )
    token = bench.read(ID, by="client").body["recoveryToken"]

    answers = at_once([lambda: bench.call("POST", "scheduling/bookings/recover", {"token": token})] * 6)

    assert Counter(answer.status for answer in answers) == {200: 1, 409: 5}
