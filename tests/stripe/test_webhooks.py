"""Events and their signed deliveries, checked by the official client's own verifier."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from harness.provider import Answer
from harness.stripe import Simulator
from tests.support.hooks import noted

URL, KEY = "https://app.example.test/stripe", "whsec_test"


@pytest.fixture
def clock() -> Any:
    """Real time: the official verifier looks at the machine's clock."""

    class Now:
        def __init__(self) -> None:
            self.offset = timedelta(0)

        def __call__(self) -> datetime:
            return datetime.now(UTC) + self.offset

    return Now()


def received(simulator: Simulator, **options: Any) -> list[Any]:
    events: list[Any] = []

    def send(delivery: Any) -> Answer:
        signature = delivery.headers.get("Stripe-Signature")
        events.append(stripe.Webhook.construct_event(delivery.body, signature, KEY))
        return Answer(200)

    simulator.deliver(send, **options)
    return events


@pytest.mark.parametrize(
    ("outcome", "names"),
    [
        (
            "paid",
            ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "checkout.session.completed"],
        ),
        ("unpaid", ["payment_intent.created", "payment_intent.processing", "checkout.session.completed"]),
        ("failed", ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]),
        ("expired", ["checkout.session.expired"]),
    ],
)
def test_an_outcome_is_told_in_events_that_the_client_verifies(
    client: Any, order: Any, simulator: Any, outcome: Any, names: list[str]
) -> None:
    simulator.subscribe(URL, signing_key=KEY)
    made = client.checkout.sessions.create(params=order())
    simulator.pay(made.id, outcome)
    events = received(simulator)
    assert [event.type for event in events] == names
    last = events[-1].data.object
    if last.object == "checkout.session":
        assert last.metadata["bookingId"] == "b-1"
        assert last.payment_status == ("paid" if outcome == "paid" else "unpaid")
    assert client.events.retrieve(events[0].id).type == names[0]
    assert [event.type for event in client.events.list().data] == names[::-1]


@pytest.mark.parametrize(("succeeded", "name"), [(True, "succeeded"), (False, "failed")])
def test_a_slow_payment_settles_with_an_event(
    client: Any, order: Any, simulator: Any, succeeded: bool, name: str
) -> None:
    simulator.subscribe(URL, signing_key=KEY, events=["checkout.session.async_payment_succeeded",
                                                      "checkout.session.async_payment_failed"])  # fmt: skip
    made = client.checkout.sessions.create(params=order())
    simulator.pay(made.id, "unpaid")
    simulator.settle(made.id, succeeded=succeeded)
    (event,) = received(simulator)
    assert event.type == f"checkout.session.async_payment_{name}"


def test_a_refund_is_told_with_the_request_that_made_it(client: Any, order: Any, simulator: Any) -> None:
    paid = simulator.pay(client.checkout.sessions.create(params=order()).id)
    simulator.subscribe(URL, signing_key=KEY)
    params = {"payment_intent": paid["payment_intent"], "amount": 1000}
    client.refunds.create(params=params, options={"idempotency_key": "k-1"})
    created, refunded = received(simulator)
    assert (created.type, refunded.type) == ("refund.created", "charge.refunded")
    assert refunded.data.object.amount_refunded == 1000
    assert created.request.idempotency_key == "k-1"


def test_an_event_is_a_snapshot(client: Any, order: Any, simulator: Any) -> None:
    simulator.subscribe(URL, signing_key=KEY, events=["charge.succeeded"])
    paid = simulator.pay(client.checkout.sessions.create(params=order()).id)
    client.refunds.create(params={"payment_intent": paid["payment_intent"]})
    assert received(simulator)[0].data.object.amount_refunded == 0


def test_an_endpoint_hears_only_what_it_listens_to_and_each_has_its_own_secret(
    client: Any, order: Any, simulator: Any
) -> None:
    simulator.subscribe(URL, signing_key=KEY, events=["checkout.session.expired"])
    made = client.webhook_endpoints.create(params={"url": f"{URL}/2", "enabled_events": ["*"]})
    assert made.secret.startswith("whsec_")
    assert not hasattr(client.webhook_endpoints.retrieve(made.id), "secret")
    assert len(client.webhook_endpoints.list().data) == 2
    simulator.pay(client.checkout.sessions.create(params=order()).id, "expired")
    assert [delivery.url for delivery in simulator.outbox] == [URL, f"{URL}/2"]
    seen: list[Any] = []
    simulator.deliver(lambda d: noted(seen, d, Answer(200)))
    stripe.Webhook.construct_event(seen[1].body, seen[1].headers["Stripe-Signature"], made.secret)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(seen[1].body, seen[1].headers["Stripe-Signature"], KEY)
    assert client.webhook_endpoints.delete(made.id).deleted is True
    assert len(client.webhook_endpoints.list().data) == 1


@pytest.mark.parametrize("sign", ["none", "wrong_key", "stale", "garbled", "reserialised"])
def test_what_is_badly_signed_is_refused_by_the_client(client: Any, order: Any, simulator: Any, sign: str) -> None:
    simulator.subscribe(URL, signing_key=KEY, events=["checkout.session.expired"])
    simulator.pay(client.checkout.sessions.create(params=order()).id, "expired")
    with pytest.raises(stripe.SignatureVerificationError):
        received(simulator, sign=sign)


def test_a_failed_delivery_is_retried_for_three_days_and_nothing_is_disabled(
    client: Any, order: Any, simulator: Any, clock: Any
) -> None:
    simulator.subscribe(URL, signing_key=KEY, events=["checkout.session.expired"])
    simulator.pay(client.checkout.sessions.create(params=order()).id, "expired")
    tries = 0
    for _ in range(80):
        tries += len(simulator.deliver(lambda d: Answer(500)))
        clock.offset += timedelta(hours=1)
    assert 5 <= tries <= 15
    assert [delivery.state for delivery in simulator.deliveries] == ["abandoned"]
    simulator.pay(client.checkout.sessions.create(params=order()).id, "expired")
    assert len(simulator.due()) == 1


def test_a_session_that_runs_out_is_told_when_its_time_comes(
    client: Any, order: Any, simulator: Any, clock: Any
) -> None:
    simulator.subscribe(URL, signing_key=KEY)
    client.checkout.sessions.create(params=order())
    assert simulator.due() == []
    clock.offset += timedelta(hours=25)
    assert [delivery.event for delivery in simulator.due()] == ["checkout.session.expired"]


def test_the_signature_is_over_the_second_of_sending(client: Any, order: Any, simulator: Any) -> None:
    simulator.subscribe(URL, signing_key=KEY)
    simulator.pay(client.checkout.sessions.create(params=order()).id, "expired")
    seen: list[Any] = []
    simulator.deliver(lambda d: noted(seen, d, Answer(200)))
    moment = int(seen[0].headers["Stripe-Signature"].partition(",")[0].removeprefix("t="))
    assert abs(moment - time.time()) < 5
