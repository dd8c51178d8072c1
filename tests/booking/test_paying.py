"""Paying, failing to pay, and what Stripe says of it (M3, R15, W13)."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from .conftest import STRIPE_KEYS, Answer, Bench, signature
from .payments import ID, checkout, paid, scheduled


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
    digest = signature(key, signed, raw)
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
