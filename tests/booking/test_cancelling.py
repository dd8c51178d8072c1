"""Cancelling, here and at Calendly, and being paid back (W07, W12)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from .conftest import SLOT, Answer, Bench
from .payments import ID, checkout, paid, scheduled


def cancel(bench: Bench, by: str | None = "client", **more: Any) -> Answer:
    return bench.call("PATCH", f"scheduling/bookings/{ID}", {"action": "cancel", **more}, by=by)


@pytest.mark.parametrize(
    ("notice", "amount", "state", "payment"),
    [
        (timedelta(hours=48), "50.00", "REFUND_COMPLETED", "REFUNDED"),
        (timedelta(hours=24), "50.00", "REFUND_COMPLETED", "REFUNDED"),
        (timedelta(hours=24, seconds=-1), "25.00", "REFUND_COMPLETED", "REFUNDED"),
        (timedelta(hours=12), "25.00", "REFUND_COMPLETED", "REFUNDED"),
        (timedelta(hours=12, seconds=-1), None, "CANCELLATION_COMPLETED", "PAID"),
        (timedelta(minutes=5), None, "CANCELLATION_COMPLETED", "PAID"),
    ],
)
def test_the_refund_follows_the_notice(
    bench: Bench, notice: timedelta, amount: str | None, state: str, payment: str
) -> None:
    paid(bench)
    bench.clock.now = SLOT - notice

    answer = cancel(bench, reason="cannot come")

    row = bench.booking(ID)
    assert (answer.status, answer.body["state"]) == (200, state)
    assert (row["status"], row["paymentStatus"]) == ("CANCELLED", payment)
    assert [str(refund["amount"]) for refund in bench.rows("Refund")] == ([amount] if amount else [])
    assert [refund["amount"] for refund in bench.stripe.list_objects("refund")] == (
        [int(Decimal(amount) * 100)] if amount else []
    )


def test_a_cancellation_at_calendly_starts_the_refund(bench: Bench) -> None:
    invitee = paid(bench)
    bench.calendly.cancel(invitee, reason="ill")
    bench.deliver()

    assert bench.booking(ID)["currentState"] == "REFUND_COMPLETED"
    assert len(bench.stripe.list_objects("refund")) == 1


def test_a_late_delivery_is_refunded_by_when_the_person_cancelled(bench: Bench) -> None:
    invitee = paid(bench)
    bench.calendly.cancel(invitee)
    bench.clock.now = SLOT - timedelta(hours=1)
    bench.deliver()

    assert bench.booking(ID)["currentState"] == "REFUND_COMPLETED"
    assert str(bench.rows("Refund")[0]["amount"]) == "50.00"


def test_a_refund_that_stripe_could_not_take_is_owed_and_asked_for_again(bench: Bench) -> None:
    paid(bench)
    bench.stripe.add_fault("POST /v1/refunds", "500", times=1)

    answer = cancel(bench)
    owed = bench.rows("Refund")[0]["status"]
    bench.app.expire()

    assert (answer.status, answer.body["state"], owed) == (200, "REFUND_REQUIRED", "required")
    assert bench.booking(ID)["currentState"] == "REFUND_COMPLETED"
    assert len(bench.stripe.list_objects("refund")) == 1


def test_stripes_own_word_on_the_refund_changes_nothing_more(bench: Bench) -> None:
    paid(bench)
    cancel(bench)
    before = (bench.booking(ID), bench.rows("Refund"))
    bench.deliver("stripe")

    assert (bench.booking(ID), bench.rows("Refund")) == before


def test_money_for_a_cancelled_booking_goes_back(bench: Bench) -> None:
    scheduled(bench)
    checkout(bench)
    page = bench.booking(ID)["stripeSessionId"]
    bench.stripe.pay(page)
    cancel(bench)
    bench.deliver("stripe")

    assert (bench.booking(ID)["currentState"], bench.booking(ID)["paymentStatus"]) == (
        "CANCELLATION_COMPLETED",
        "UNPAID",
    )
    assert [(row["status"], str(row["amount"])) for row in bench.rows("Refund")] == [("succeeded", "50.00")]
    assert len(bench.stripe.list_objects("refund")) == 1


def test_cancelling_closes_the_open_payment_page(bench: Bench) -> None:
    scheduled(bench)
    page = checkout(bench).body["sessionId"]

    cancel(bench)

    assert bench.stripe.session(page)["status"] == "expired"


def test_cancelling_cancels_at_calendly_and_the_delivery_changes_nothing(bench: Bench) -> None:
    invitee = paid(bench)
    cancel(bench, reason="cannot come")
    before = bench.booking(ID)
    bench.deliver()

    assert bench.calendly.invitee(invitee)["status"] == "canceled"
    assert bench.booking(ID) == before
    assert before["stateData"]["cancellation"] == {
        "at": "2030-03-04T09:00:00.000Z",
        "by": "client",
        "reason": "cannot come",
    }


def test_cancelling_again_is_answered_with_the_booking(bench: Bench) -> None:
    paid(bench)

    assert cancel(bench).body == cancel(bench).body
    assert len(bench.rows("Refund")) == 1


@pytest.mark.parametrize(
    ("fault", "status"), [("timeout", 504), ("500", 502), ("503", 503), ("429", 503), ("refuse", 502)]
)
def test_when_calendly_fails_the_booking_stays_and_can_be_cancelled_later(
    bench: Bench, fault: str, status: int
) -> None:
    paid(bench)
    before = bench.booking(ID)
    bench.calendly.add_fault("POST /scheduled_events/*/cancellation", fault, times=1)

    assert cancel(bench).status == status
    assert bench.booking(ID) == before
    assert cancel(bench).status == 200


def test_an_event_that_is_cancelled_at_calendly_already_can_be_cancelled_here(bench: Bench) -> None:
    invitee = paid(bench)
    bench.calendly.cancel(invitee)
    bench.calendly.lose()

    assert cancel(bench).body["state"] == "REFUND_COMPLETED"


@pytest.mark.parametrize(
    ("by", "status"),
    [(None, 401), ("other-client", 403), ("other-builder", 403), ("builder", 200), ("admin", 200), ("client", 200)],
)
def test_who_may_cancel(bench: Bench, by: str | None, status: int) -> None:
    paid(bench)

    assert cancel(bench, by=by).status == status


def test_one_place_in_a_group_is_cancelled_without_the_others(bench: Bench) -> None:
    other = "bbbbbbbb-0000-4000-8000-000000000002"
    events = {}
    for booking_id, by in ((ID, "client"), (other, "other-client")):
        events[booking_id] = bench.schedule("group-class", booking_id=booking_id)
        bench.create("group-class", events[booking_id], booking_id, by=by)

    answer = cancel(bench)

    assert answer.body["state"] == "CANCELLATION_COMPLETED"
    assert bench.calendly.event(events[other].event_uri)["status"] == "active"
    assert bench.booking(other)["status"] == "CONFIRMED"


@pytest.mark.parametrize("payload", [{}, {"status": "CONFIRMED"}, {"action": "confirm"}, {"reason": "no action"}])
def test_a_patch_can_only_cancel(bench: Bench, payload: dict[str, Any]) -> None:
    paid(bench)

    assert bench.call("PATCH", f"scheduling/bookings/{ID}", payload, by="client").status == 400


def test_a_booking_that_is_not_scheduled_cannot_be_cancelled_by_a_visitor(bench: Bench) -> None:
    bench.initialize("pathway-30", ID, by="client")

    assert cancel(bench).code == "illegal_transition"


def test_a_booking_paid_before_payments_were_kept_is_refunded_by_its_payment_page(bench: Bench) -> None:
    paid(bench)
    bench.execute("""UPDATE "Booking" SET "stateData" = NULL WHERE "id" = %s""", (ID,))

    assert cancel(bench).body["state"] == "REFUND_COMPLETED"
    assert len(bench.stripe.list_objects("refund")) == 1


def test_a_refund_that_stripe_refuses_stops_and_can_be_recovered(bench: Bench) -> None:
    paid(bench)
    bench.execute("""UPDATE "Booking" SET "stateData" = NULL, "stripeSessionId" = NULL WHERE "id" = %s""", (ID,))

    stopped = cancel(bench)
    token = bench.read(ID, by="client").body["recoveryToken"]
    recovered = bench.call("POST", "scheduling/bookings/recover", {"token": token})

    assert (stopped.body["state"], bench.rows("Refund")[0]["status"]) == ("ERROR", "required")
    assert recovered.body["state"] == "REFUND_REQUIRED"
    assert bench.booking(ID)["status"] == "CANCELLED"
