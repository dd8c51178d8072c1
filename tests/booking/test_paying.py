"""Paying, failing to pay, cancelling, being paid back (M3, R15, W12, W13)."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from .conftest import SLOT, STRIPE_KEYS, Answer, Bench

ID = "aaaaaaaa-0000-4000-8000-000000000001"


def scheduled(bench: Bench, session: str = "pathway-30", start: Any = SLOT) -> str:
    """A client's booking that waits for its payment; the invitee's URI."""
    bench.initialize(session, ID, by="client", pathway="pivot")
    event = bench.schedule(session, start, booking_id=ID)
    assert bench.create(session, event, ID, by="client").body["state"] == "CALENDLY_EVENT_SCHEDULED"
    return event.invitee_uri


def checkout(bench: Bench, by: str | None = "client", **more: Any) -> Answer:
    return bench.call("POST", "stripe/checkout/create", {"bookingId": ID, **more}, by=by)


def paid(bench: Bench, session: str = "pathway-30", start: Any = SLOT) -> str:
    invitee = scheduled(bench, session, start)
    bench.stripe.pay(checkout(bench).body["sessionId"])
    bench.deliver("stripe")
    assert bench.booking(ID)["currentState"] == "BOOKING_CONFIRMED"
    return invitee


def cancel(bench: Bench, by: str | None = "client", **more: Any) -> Answer:
    return bench.call("PATCH", f"scheduling/bookings/{ID}", {"action": "cancel", **more}, by=by)


def stripe_event(
    bench: Bench,
    kind: str,
    found: dict[str, Any],
    *,
    key: str = STRIPE_KEYS[0],
    at: int | None = None,
    event_id: str = "evt_1",
) -> Answer:
    moment = int(bench.clock().timestamp())
    raw = json.dumps(
        {"id": event_id, "object": "event", "type": kind, "created": moment, "data": {"object": found}}
    ).encode()
    signed = moment if at is None else at
    digest = hmac.new(key.encode(), f"{signed}.".encode() + raw, hashlib.sha256).hexdigest()
    return bench.call("POST", "webhooks/stripe", data=raw, headers={"Stripe-Signature": f"t={signed},v1={digest}"})


def session_object(bench: Bench, **more: Any) -> dict[str, Any]:
    known = bench.booking(ID)["stripeSessionId"]
    return {
        "id": known, "object": "checkout.session", "metadata": {"bookingId": ID}, "payment_status": "paid",
        "amount_total": 5000, "currency": "gbp", "payment_intent": "pi_1", **more,
    }  # fmt: skip


def test_the_payment_page_has_the_session_types_price_whatever_the_page_says(bench: Bench) -> None:
    scheduled(bench)

    answer = checkout(bench, amount=1, price="0.01", currency="jpy")

    page = bench.stripe.session(answer.body["sessionId"])
    assert (page["amount_total"], page["currency"], page["metadata"]) == (5000, "gbp", {"bookingId": ID})
    assert answer.body["state"] == "PAYMENT_PENDING"
    assert answer.body["url"].startswith("https://checkout.stripe.com/")
    assert bench.path(ID)[-2:] == ["PAYMENT_REQUIRED", "PAYMENT_PENDING"]


def test_a_verified_payment_confirms_the_booking(bench: Bench) -> None:
    paid(bench)

    row = bench.booking(ID)
    assert (row["status"], row["paymentStatus"], row["amount"]) == ("CONFIRMED", "PAID", Decimal("50.00"))
    assert bench.path(ID)[-3:] == ["PAYMENT_PENDING", "PAYMENT_SUCCEEDED", "BOOKING_CONFIRMED"]


def test_asking_again_opens_the_same_page(bench: Bench) -> None:
    scheduled(bench)

    assert checkout(bench).body["sessionId"] == checkout(bench).body["sessionId"]
    assert len(bench.stripe.list_objects("checkout.session")) == 1


def test_after_an_expired_page_another_is_opened(bench: Bench) -> None:
    scheduled(bench)
    first = checkout(bench).body["sessionId"]
    bench.stripe.pay(first, outcome="expired")
    bench.deliver("stripe")
    failed = bench.booking(ID)

    second = checkout(bench).body

    assert (failed["currentState"], failed["paymentStatus"]) == ("PAYMENT_FAILED", "UNPAID")
    assert failed["stateData"]["paymentFailure"]["reason"] == "expired"
    assert (second["state"], second["sessionId"] != first) == ("PAYMENT_PENDING", True)


def test_a_declined_card_leaves_unpaid_and_can_be_followed_by_a_good_one(bench: Bench) -> None:
    scheduled(bench)
    page = checkout(bench).body["sessionId"]
    bench.stripe.pay(page, outcome="failed")
    bench.deliver("stripe")
    failed = bench.booking(ID)
    bench.stripe.pay(page)
    bench.deliver("stripe")

    assert (failed["currentState"], failed["status"], failed["paymentStatus"]) == (
        "PAYMENT_FAILED",
        "PENDING",
        "UNPAID",
    )
    assert bench.booking(ID)["currentState"] == "BOOKING_CONFIRMED"
    assert "paymentFailure" not in bench.booking(ID)["stateData"]


@pytest.mark.parametrize(("succeeded", "state"), [(True, "BOOKING_CONFIRMED"), (False, "PAYMENT_FAILED")])
def test_a_slow_method_is_processing_until_it_settles(bench: Bench, succeeded: bool, state: str) -> None:
    scheduled(bench)
    page = checkout(bench).body["sessionId"]
    bench.stripe.pay(page, outcome="unpaid")
    bench.deliver("stripe")
    between = bench.booking(ID)["currentState"]
    bench.stripe.settle(page, succeeded=succeeded)
    bench.deliver("stripe")

    assert (between, bench.booking(ID)["currentState"]) == ("PAYMENT_PROCESSING", state)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"amount_total": 4999}, "amount_mismatch"),
        ({"currency": "usd"}, "currency_mismatch"),
        ({"amount_total": None}, "amount_mismatch"),
    ],
)
def test_a_payment_that_does_not_match_is_flagged_and_pays_nothing(
    bench: Bench, changed: dict[str, Any], reason: str
) -> None:
    scheduled(bench)
    checkout(bench)

    answer = stripe_event(bench, "checkout.session.completed", session_object(bench, **changed))

    assert (answer.status, answer.body["outcome"]) == (200, "flagged")
    assert bench.rows("WebhookDelivery")[0]["reason"] == reason
    assert bench.booking(ID)["paymentStatus"] == "UNPAID"


@pytest.mark.parametrize("payment_status", ["unpaid", "no_payment_required", None])
def test_a_completed_page_that_is_not_paid_pays_nothing(bench: Bench, payment_status: str | None) -> None:
    scheduled(bench)
    checkout(bench)

    stripe_event(bench, "checkout.session.completed", session_object(bench, payment_status=payment_status))

    assert bench.booking(ID)["paymentStatus"] == "UNPAID"


def test_two_stripe_events_of_one_payment_confirm_once(bench: Bench) -> None:
    paid(bench)
    before = bench.booking(ID)

    answer = stripe_event(bench, "checkout.session.async_payment_succeeded", session_object(bench))

    assert answer.status == 200
    assert bench.booking(ID) == before
    assert bench.rows("Refund") == []


def test_a_late_failure_does_not_undo_a_payment(bench: Bench) -> None:
    paid(bench)
    before = bench.booking(ID)

    stripe_event(
        bench, "payment_intent.payment_failed", {"id": "pi", "object": "payment_intent", "metadata": {"bookingId": ID}}
    )

    assert bench.booking(ID) == before


@pytest.mark.parametrize(("key", "age"), [("another", 0), (STRIPE_KEYS[0], 301), (STRIPE_KEYS[0], -301)])
def test_forged_and_stale_events_are_refused(bench: Bench, key: str, age: int) -> None:
    scheduled(bench)
    checkout(bench)

    answer = stripe_event(
        bench, "checkout.session.completed", session_object(bench), key=key, at=int(bench.clock().timestamp()) - age
    )

    assert answer.status == 401
    assert bench.rows("WebhookDelivery") == []
    assert bench.booking(ID)["paymentStatus"] == "UNPAID"


def test_the_old_key_is_accepted_during_rotation(bench: Bench) -> None:
    scheduled(bench)
    checkout(bench)

    stripe_event(bench, "checkout.session.completed", session_object(bench), key=STRIPE_KEYS[1])

    assert bench.booking(ID)["currentState"] == "BOOKING_CONFIRMED"


@pytest.mark.parametrize("kind", ["customer.created", "payment_intent.succeeded"])
def test_other_events_are_recorded_and_ignored(bench: Bench, kind: str) -> None:
    assert stripe_event(bench, kind, {"id": "x", "object": "customer"}).body["outcome"] == "ignored"
    assert [row["event"] for row in bench.rows("WebhookDelivery")] == [kind]


@pytest.mark.parametrize(("by", "status"), [(None, 401), ("other-client", 403), ("builder", 403), ("admin", 403)])
def test_only_the_owner_pays(bench: Bench, by: str | None, status: int) -> None:
    scheduled(bench)

    assert checkout(bench, by=by).status == status
    assert bench.stripe.list_objects("checkout.session") == []


def test_a_free_booking_is_never_paid(bench: Bench) -> None:
    bench.initialize("intro-call", ID, by="client")
    bench.create("intro-call", bench.schedule("intro-call", booking_id=ID), ID, by="client")

    assert checkout(bench).code == "nothing_to_pay"


def test_payment_starts_only_after_scheduling(bench: Bench) -> None:
    bench.initialize("pathway-30", ID, by="client")

    assert checkout(bench).code == "illegal_transition"


@pytest.mark.parametrize("fault", ["timeout", "500", "reset"])
def test_when_stripe_fails_nothing_changes_and_it_can_be_tried_again(bench: Bench, fault: str) -> None:
    scheduled(bench)
    before = bench.booking(ID)
    bench.stripe.add_fault("POST /v1/checkout/sessions", fault, times=1)

    failed = checkout(bench)

    assert failed.status in (502, 503, 504)
    assert failed.body["error"]["type"] in ("provider_error", "unavailable", "provider_timeout")
    assert bench.booking(ID) == before
    assert checkout(bench).status == 200


def test_status_says_how_it_stands_here_and_at_stripe(bench: Bench) -> None:
    scheduled(bench)
    page = checkout(bench).body["sessionId"]

    by_booking = bench.call("GET", f"stripe/checkout/status?bookingId={ID}", by="client")
    by_session = bench.call("GET", f"stripe/checkout/status?sessionId={page}", by="client")

    assert by_booking.body == by_session.body
    assert (by_booking.body["state"], by_booking.body["sessionStatus"]) == ("PAYMENT_PENDING", "open")
    assert bench.call("GET", f"stripe/checkout/status?bookingId={ID}", by="other-client").status == 403
    assert bench.call("GET", "stripe/checkout/status", by="client").status == 400


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
