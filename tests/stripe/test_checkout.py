"""Checkout sessions through the official client: made, read, paid, refused, expired."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from harness.errors import InputError


def test_a_session_carries_price_currency_and_metadata(client: Any, order: Any) -> None:
    made = client.checkout.sessions.create(params=order(client_reference_id="b-1", customer_email="s@example.test"))
    assert (made.amount_total, made.currency, made.payment_status, made.status) == (5000, "gbp", "unpaid", "open")
    assert made.metadata["bookingId"] == "b-1"
    assert made.url == f"https://checkout.stripe.com/c/pay/{made.id}"
    assert made.payment_intent is None
    read = client.checkout.sessions.retrieve(made.id, params={"expand": ["line_items"]})
    assert read.line_items.data[0].description == "Pathway, 30 min"
    assert read.to_dict() | {"line_items": None} == made.to_dict() | {"line_items": None}


def test_quantities_add_up(client: Any, order: Any) -> None:
    price = {"currency": "GBP", "unit_amount": 1250, "product_data": {"name": "Hour"}}
    items = [{"price_data": price, "quantity": 3}, {"price_data": price, "quantity": 1}]
    assert client.checkout.sessions.create(params=order(line_items=items)).amount_total == 5000


def test_paying_completes_the_session_with_intent_and_charge(client: Any, order: Any, simulator: Any) -> None:
    data = {"metadata": {"bookingId": "b-1"}}
    made = client.checkout.sessions.create(params=order(payment_intent_data=data))
    simulator.pay(made.id, email="payer@example.test")
    paid = client.checkout.sessions.retrieve(made.id, params={"expand": ["payment_intent.latest_charge"]})
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert paid.customer_details.email == "payer@example.test"
    intent = paid.payment_intent
    assert (intent.status, intent.amount_received, intent.metadata["bookingId"]) == ("succeeded", 5000, "b-1")
    assert (intent.latest_charge.paid, intent.latest_charge.amount) == (True, 5000)


def test_a_declined_card_leaves_the_session_open(client: Any, order: Any, simulator: Any) -> None:
    made = client.checkout.sessions.create(params=order())
    simulator.pay(made.id, "failed")
    session = client.checkout.sessions.retrieve(made.id)
    assert (session.status, session.payment_status) == ("open", "unpaid")
    intent = client.payment_intents.retrieve(session.payment_intent)
    assert (intent.status, intent.last_payment_error.code) == ("requires_payment_method", "card_declined")
    simulator.pay(made.id, "paid")
    assert client.payment_intents.retrieve(session.payment_intent).status == "succeeded"


@pytest.mark.parametrize(("succeeded", "status"), [(True, "paid"), (False, "unpaid")])
def test_a_slow_payment_is_complete_but_unpaid_until_it_settles(
    client: Any, order: Any, simulator: Any, succeeded: bool, status: str
) -> None:
    made = client.checkout.sessions.create(params=order())
    assert simulator.pay(made.id, "unpaid")["payment_status"] == "unpaid"
    assert client.checkout.sessions.retrieve(made.id).status == "complete"
    simulator.settle(made.id, succeeded=succeeded)
    assert client.checkout.sessions.retrieve(made.id).payment_status == status


def test_a_session_expires_by_time_or_by_request_and_cannot_be_paid_then(
    client: Any, order: Any, simulator: Any, clock: Any
) -> None:
    by_time = client.checkout.sessions.create(params=order(expires_at=int(clock.now.timestamp()) + 1800))
    by_request = client.checkout.sessions.create(params=order())
    assert client.checkout.sessions.expire(by_request.id).status == "expired"
    with pytest.raises(stripe.InvalidRequestError, match="This Checkout Session has a status of expired"):
        client.checkout.sessions.expire(by_request.id)
    clock.advance(minutes=30)
    assert client.checkout.sessions.retrieve(by_time.id).status == "expired"
    with pytest.raises(InputError, match="is expired, not open"):
        simulator.pay(by_time.id)


def test_a_free_session_needs_no_payment(client: Any, order: Any, simulator: Any) -> None:
    price = {"currency": "gbp", "unit_amount": 0, "product_data": {"name": "Free"}}
    made = client.checkout.sessions.create(params=order(line_items=[{"price_data": price, "quantity": 1}]))
    paid = simulator.pay(made.id)
    assert (paid["payment_status"], paid["payment_intent"]) == ("no_payment_required", None)


def test_a_discount_makes_the_amount_differ_from_the_price(client: Any, order: Any, simulator: Any) -> None:
    made = client.checkout.sessions.create(params=order())
    paid = simulator.pay(made.id, discount=1000)
    assert (paid["amount_subtotal"], paid["amount_total"]) == (5000, 4000)
    with pytest.raises(InputError, match="does not fit"):
        simulator.pay(client.checkout.sessions.create(params=order()).id, discount=9999)


def test_sessions_are_listed_newest_first_in_pages(client: Any, order: Any, simulator: Any) -> None:
    made = [client.checkout.sessions.create(params=order()).id for _ in range(5)]
    simulator.pay(made[0])
    first = client.checkout.sessions.list(params={"limit": 2})
    assert [s.id for s in first.data] == made[:2:-1]
    assert [s.id for s in first.auto_paging_iter()] == made[::-1]
    assert [s.id for s in client.checkout.sessions.list(params={"status": "complete"}).data] == made[:1]
    back = client.checkout.sessions.list(params={"ending_before": made[0], "limit": 2})
    assert [s.id for s in back.data] == [made[2], made[1]]
    items = client.checkout.sessions.line_items.list(made[0])
    assert items.data[0].amount_total == 5000


PRICE = {"currency": "gbp", "unit_amount": 5000, "product_data": {"name": "X"}}


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"mode": ""}, "mode", "parameter_missing"),
        ({"mode": "subscription"}, "mode", None),
        ({"success_url": ""}, "success_url", "parameter_missing"),
        ({"line_items": []}, "line_items", "parameter_missing"),
        ({"colour": "red"}, "colour", "parameter_unknown"),
        ({"line_items": [{"price": "price_1"}]}, "line_items[0][price]", "resource_missing"),
        ({"line_items": [{"price_data": {**PRICE, "unit_amount": "ten"}}]},
         "line_items[0][price_data][unit_amount]", "parameter_invalid_integer"),
        ({"line_items": [{"price_data": {**PRICE, "unit_amount": -1}}]}, "line_items[0][price_data][unit_amount]", None),
        ({"line_items": [{"price_data": {**PRICE, "currency": "pounds"}}]}, "line_items[0][price_data][currency]", None),
        ({"line_items": [{"price_data": {**PRICE, "unit_amount": 29}, "quantity": 1}]}, None, "amount_too_small"),
        ({"line_items": [{"price_data": {**PRICE, "unit_amount": 50_000_000}, "quantity": 2}]}, None, "amount_too_large"),
        ({"line_items": [{"price_data": PRICE, "quantity": 1}, {"price_data": {**PRICE, "currency": "usd"}, "quantity": 1}]}, "line_items", None),
        ({"line_items": [{"price_data": PRICE, "quantity": 1}, {"price_data": PRICE}]}, "line_items[1]", None),
        ({"line_items": [{"price_data": PRICE, "quantity": 0}]}, "line_items[0][quantity]", "parameter_invalid_integer"),
        ({"expires_at": 1}, "expires_at", None),
        ({"metadata": {"k": "v" * 501}}, "metadata[k]", None),
        ({"metadata": {f"k{n}": "v" for n in range(51)}}, "metadata", None),
        ({"metadata": "x"}, "metadata", None),
        ({"expand": ["nothing"]}, "expand", None),
    ],
)  # fmt: skip
def test_a_mistake_is_an_invalid_request_that_names_the_parameter(
    client: Any, order: Any, change: Any, param: str | None, code: str | None
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.checkout.sessions.create(params=order(**change))
    assert (caught.value.param, caught.value.code, caught.value.http_status) == (param, code, 400)


@pytest.mark.parametrize(
    "read",
    [
        lambda c: c.checkout.sessions.retrieve("cs_none"),
        lambda c: c.payment_intents.retrieve("pi_none"),
        lambda c: c.charges.retrieve("ch_none"),
        lambda c: c.refunds.retrieve("re_none"),
        lambda c: c.events.retrieve("evt_none"),
        lambda c: c.webhook_endpoints.retrieve("we_none"),
    ],
)
def test_what_is_unknown_is_404(client: Any, read: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="No such") as caught:
        read(client)
    assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")


@pytest.mark.parametrize(("act", "text"), [
    (lambda s: s.pay("cs_none"), "no checkout session cs_none"),
    (lambda s: s.session("cs_none"), "no checkout session"),
    (lambda s: s.settle("cs_none"), "no checkout session"),
])  # fmt: skip
def test_paying_what_is_not_there_is_an_input_error(simulator: Any, act: Any, text: str) -> None:
    with pytest.raises(InputError, match=text):
        act(simulator)


def test_an_unknown_outcome_and_an_early_settlement_are_input_errors(client: Any, order: Any, simulator: Any) -> None:
    made = client.checkout.sessions.create(params=order())
    with pytest.raises(InputError, match="unknown outcome 'maybe'"):
        simulator.pay(made.id, "maybe")
    with pytest.raises(InputError, match="no payment is on its way"):
        simulator.settle(made.id)
