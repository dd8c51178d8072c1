"""Refunds, idempotency, keys, faults: what the official client makes of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from harness.errors import InputError
from harness.provider import Request
from harness.provider.in_process import ResponsesTransport
from harness.stripe import Options, Simulator


@pytest.fixture
def paid(client: Any, order: Any, simulator: Any) -> Any:
    made = client.checkout.sessions.create(params=order())
    return simulator.pay(made.id)


def test_a_partial_refund_leaves_the_rest(client: Any, paid: Any) -> None:
    half = client.refunds.create(params={"payment_intent": paid["payment_intent"], "amount": 2500,
                                         "metadata": {"bookingId": "b-1"}, "reason": "requested_by_customer"})  # fmt: skip
    assert (half.amount, half.status, half.currency, half.metadata["bookingId"]) == (2500, "succeeded", "gbp", "b-1")
    charge = client.charges.retrieve(half.charge)
    assert (charge.amount_refunded, charge.refunded) == (2500, False)
    rest = client.refunds.create(params={"charge": half.charge})
    assert rest.amount == 2500
    assert client.charges.retrieve(half.charge).refunded is True
    assert client.refunds.retrieve(half.id) == half
    listed = client.refunds.list(params={"payment_intent": paid["payment_intent"]})
    assert [refund.id for refund in listed.data] == [rest.id, half.id]


def test_what_a_declined_card_did_not_pay_is_not_given_back(client: Any, order: Any, simulator: Any) -> None:
    declined = simulator.pay(client.checkout.sessions.create(params=order()).id, "failed")
    charge = client.payment_intents.retrieve(declined["payment_intent"]).latest_charge
    with pytest.raises(stripe.InvalidRequestError, match="did not succeed"):
        client.refunds.create(params={"charge": charge})
    assert simulator.list_objects("refund") == []


def test_a_discount_found_after_a_declined_card_is_in_the_charge(client: Any, order: Any, simulator: Any) -> None:
    made = client.checkout.sessions.create(params=order())
    simulator.pay(made.id, "failed")
    paid = simulator.pay(made.id, discount=1000)
    intent = client.payment_intents.retrieve(paid["payment_intent"], params={"expand": ["latest_charge"]})
    amounts = (paid["amount_total"], intent.amount, intent.amount_received, intent.latest_charge.amount)
    assert amounts == (4000,) * 4


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"amount": 5001}, r"Refund amount \(50.01\) is greater than unrefunded amount on charge \(50.00\)"),
        ({"amount": 0}, "Invalid positive integer"),
        ({"amount": "half"}, "Invalid integer"),
        ({"reason": "rain"}, "must be one of duplicate, fraudulent"),
        ({"payment_intent": "pi_none"}, "No such payment_intent"),
        ({"payment_intent": ""}, "Missing required param: payment_intent"),
        ({"why": "x"}, "Received unknown parameter: why"),
    ],
)
def test_a_refund_that_cannot_be_is_refused(client: Any, paid: Any, change: Any, text: str) -> None:
    with pytest.raises(stripe.InvalidRequestError, match=text):
        client.refunds.create(params={"payment_intent": paid["payment_intent"], **change})


def test_what_is_refunded_or_unpaid_cannot_be_refunded(client: Any, order: Any, paid: Any, simulator: Any) -> None:
    client.refunds.create(params={"payment_intent": paid["payment_intent"]})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.refunds.create(params={"payment_intent": paid["payment_intent"]})
    assert caught.value.code == "charge_already_refunded"
    slow = simulator.pay(client.checkout.sessions.create(params=order()).id, "unpaid")
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        client.refunds.create(params={"payment_intent": slow["payment_intent"]})


def test_the_same_idempotency_key_refunds_once(client: Any, paid: Any, simulator: Any, clock: Any) -> None:
    def refund(amount: int = 1000) -> Any:
        params = {"payment_intent": paid["payment_intent"], "amount": amount}
        return client.refunds.create(params=params, options={"idempotency_key": "k-1"})

    first, again = refund(), refund()
    assert first.id == again.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError, match="can only be used with the same parameters"):
        refund(2000)
    clock.advance(hours=24)
    assert refund().id != first.id
    assert len(simulator.list_objects("refund")) == 2


def test_a_lost_answer_is_asked_for_again_by_the_client_and_refunds_once(simulator: Any, order: Any) -> None:
    with ResponsesTransport({"https://api.stripe.com": lambda: simulator}):
        client = stripe.StripeClient("sk_test_key", http_client=stripe.RequestsClient(), max_network_retries=1).v1
        paid = simulator.pay(client.checkout.sessions.create(params=order()).id)
        simulator.add_fault("POST /v1/refunds", "timeout", after_effect=True)
        made = client.refunds.create(params={"payment_intent": paid["payment_intent"], "amount": 1000})
    assert [refund["id"] for refund in simulator.list_objects("refund")] == [made.id]
    calls = [call for call in simulator.calls if call.endpoint == "POST /v1/refunds"]
    assert [(call.status, call.error) for call in calls] == [(None, "timeout"), (200, None)]


def test_a_request_that_was_refused_can_be_mended_under_the_same_key(client: Any, paid: Any) -> None:
    options = {"idempotency_key": "k-2"}
    with pytest.raises(stripe.InvalidRequestError):
        client.refunds.create(params={"payment_intent": paid["payment_intent"], "amount": 9999}, options=options)
    assert client.refunds.create(params={"payment_intent": paid["payment_intent"]}, options=options).amount == 5000


@pytest.mark.parametrize(
    ("do", "error", "status"),
    [
        ("500", stripe.APIError, 500),
        ("503", stripe.APIError, 503),
        ("429", stripe.RateLimitError, 429),
        ("invalid_key", stripe.AuthenticationError, 401),
        ("timeout", stripe.APIConnectionError, None),
        ("reset", stripe.APIConnectionError, None),
        ("refuse", stripe.APIConnectionError, None),
        ("truncated", stripe.APIConnectionError, None),
        ("malformed", stripe.APIError, 200),
    ],
)
def test_faults_are_what_the_client_makes_of_the_real_ones(
    client: Any, order: Any, simulator: Any, do: str, error: Any, status: int | None
) -> None:
    simulator.add_fault("POST /v1/checkout/sessions", do)
    with pytest.raises(error) as caught:
        client.checkout.sessions.create(params=order())
    assert caught.value.http_status == status
    assert simulator.unstruck_faults() == []


@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "Bearer "}, {"Authorization": "Basic !!"}, {"Authorization": "x"}]
)
def test_without_a_key_it_is_401(simulator: Any, header: dict[str, str]) -> None:
    answer = simulator.handle(Request("GET", "https://api.stripe.com/v1/events", header))
    assert (answer.status, answer.json()["error"]["type"]) == (401, "invalid_request_error")


def test_a_key_that_is_set_must_be_given_as_bearer_or_basic(clock: Any) -> None:
    simulator = Simulator(clock=clock, options=Options(api_key="sk_right"))
    for value, status in [("Bearer sk_right", 200), ("Basic c2tfcmlnaHQ6", 200), ("Bearer sk_wrong", 401)]:
        answer = simulator.handle(Request("GET", "https://api.stripe.com/v1/events", {"Authorization": value}))
        assert answer.status == status
    assert "sk_wrong" not in answer.text.replace("sk_wron", "")


def test_an_unknown_endpoint_says_what_would_have_matched(simulator: Any) -> None:
    answer = simulator.handle(Request("POST", "https://api.stripe.com/v1/refund", {"Authorization": "Bearer k"}))
    assert (answer.status, answer.json()["error"]["message"]) == (404, "Unrecognized request URL (POST: /v1/refund).")
    assert simulator.calls[0].matched is False
    assert simulator.calls[0].candidates[0].endpoint == "POST /v1/refunds"


@pytest.mark.parametrize(
    "body", [b"a[b]=1&a=2", b"a=1&a[b]=2", b"a[=1", b"[a]=1", b"a" + b"[x]" * 9 + b"=1", b"line_items=x&mode=payment"]
)
def test_a_strange_form_is_400(simulator: Any, body: bytes) -> None:
    headers = {"Authorization": "Bearer k"}
    answer = simulator.handle(Request("POST", "https://api.stripe.com/v1/checkout/sessions", headers, body))
    assert answer.status == 400


def test_both_providers_share_one_transport(simulator: Any, order: Any) -> None:
    import requests

    from harness.calendly import Simulator as Calendly

    calendly = Calendly(clock=lambda: datetime(2030, 3, 4, 9, tzinfo=UTC))
    sources = {"https://api.calendly.com": lambda: calendly, "https://api.stripe.com": lambda: simulator}
    with ResponsesTransport(sources), requests.Session() as session:
        client = stripe.StripeClient("sk", http_client=stripe.RequestsClient()).v1
        assert client.checkout.sessions.create(params=order()).status == "open"
        assert session.get("https://api.calendly.com/users/me", headers={"Authorization": "Bearer t"}).ok
    assert (len(calendly.calls), len(simulator.calls)) == (1, 1)


@pytest.fixture
def on_its_way(client: Any, order: Any, simulator: Any) -> Any:
    """A session whose money is slowly paid back."""
    made = client.checkout.sessions.create(params=order())
    paid = simulator.pay(made.id, slow_refunds=True)
    assert client.refunds.create(params={"payment_intent": paid["payment_intent"]}).status == "pending"
    return paid


@pytest.mark.parametrize(
    ("status", "refunded", "events"),
    [
        ("succeeded", 5000, ["refund.updated", "charge.refund.updated"]),
        ("failed", 0, ["refund.failed", "refund.updated", "charge.refund.updated"]),
        ("canceled", 0, ["refund.updated", "charge.refund.updated"]),
    ],
)
def test_a_slow_refund_ends(
    client: Any, on_its_way: Any, simulator: Any, status: Any, refunded: int, events: list[str]
) -> None:
    before = len(simulator.list_objects("event"))
    ended = simulator.end_refund(on_its_way["id"], status)
    assert client.refunds.retrieve(ended["id"]).status == status
    charge = client.charges.retrieve(ended["charge"])
    assert (charge.amount_refunded, charge.refunded) == (refunded, refunded > 0)
    fresh = simulator.list_objects("event")[: len(simulator.list_objects("event")) - before]
    assert [each["type"] for each in reversed(fresh)] == events
    if status != "succeeded":
        again = client.refunds.create(params={"payment_intent": on_its_way["payment_intent"]})
        assert (again.status, again.amount) == ("pending", 5000)


def test_a_refund_that_is_not_on_its_way_cannot_end(paid: Any, on_its_way: Any, simulator: Any) -> None:
    with pytest.raises(InputError, match=r"no refund is on its way for cs_.*slow_refunds"):
        simulator.end_refund(paid["id"])
    simulator.end_refund(on_its_way["id"])
    with pytest.raises(InputError, match="no refund is on its way"):
        simulator.end_refund(on_its_way["id"])
