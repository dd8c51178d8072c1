"""Stripe beside Calendly on one port: the official client, the payment page, acts of the control API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import stripe

from harness.calendly.server import Served, serve
from harness.stripe.site import stripe_site


@pytest.fixture
def served() -> Iterator[Served]:
    with serve(control=True, beside=[stripe_site]) as running:
        yield running


@pytest.fixture
def client(served: Served) -> Any:
    bases: Any = {"api": served.url}
    return stripe.StripeClient("sk_test", base_addresses=bases, http_client=stripe.RequestsClient()).v1


@pytest.fixture
def session(client: Any, order: Any, served: Served) -> Any:
    return client.checkout.sessions.create(params=order(success_url=f"{served.url}/users/me?s={{CHECKOUT_SESSION_ID}}"))


def test_the_official_client_and_calendlys_api_share_the_port(served: Served, session: Any) -> None:
    assert session.url == f"{served.url}/pay/{session.id}"
    me = requests.get(f"{served.url}/users/me", headers={"Authorization": "Bearer t"}, timeout=5)
    assert me.json()["resource"]["resource_type"] == "User"


def test_a_person_pays_at_the_page_and_is_sent_back(session: Any, client: Any) -> None:
    page = requests.get(session.url, timeout=5)
    assert "50.00 GBP" in page.text
    assert "Pathway, 30 min" in page.text
    declined = requests.post(session.url, data={"outcome": "failed"}, timeout=5)
    assert (declined.status_code, "Your card was declined." in declined.text) == (402, True)
    paid = requests.post(session.url, data={"outcome": "paid"}, timeout=5, allow_redirects=False)
    assert paid.status_code == 303
    assert paid.headers["Location"].endswith(f"?s={session.id}")
    assert client.checkout.sessions.retrieve(session.id).payment_status == "paid"
    assert requests.get(session.url, timeout=5).status_code == 410


@pytest.mark.parametrize(("currency", "shown"), [("jpy", "5,000 JPY"), ("kwd", "5.000 KWD"), ("usd", "50.00 USD")])
def test_the_page_shows_each_currency_in_its_own_units(client: Any, order: Any, currency: str, shown: str) -> None:
    price = {"currency": currency, "unit_amount": 5000, "product_data": {"name": "Talk"}}
    made = client.checkout.sessions.create(params=order(line_items=[{"price_data": price, "quantity": 1}]))
    assert f">{shown}<" in requests.get(made.url, timeout=5).text


def test_the_page_escapes_and_refuses(client: Any, order: Any, served: Served) -> None:
    price = {"currency": "gbp", "unit_amount": 5000, "product_data": {"name": "<b>Talk</b>"}}
    made = client.checkout.sessions.create(params=order(line_items=[{"price_data": price, "quantity": 1}]))
    assert "&lt;b&gt;Talk&lt;/b&gt;" in requests.get(made.url, timeout=5).text
    assert requests.post(made.url, data={"outcome": "steal"}, timeout=5).status_code == 400
    assert requests.get(f"{served.url}/pay/cs_none", timeout=5).status_code == 404


def test_acts_through_control(served: Served, session: Any, client: Any) -> None:
    def act(name: str, body: Any) -> Any:
        answer = requests.post(f"{served.url}/_simulator/stripe/{name}", json=body, timeout=5)
        assert answer.status_code == 200, answer.text
        return answer.json()

    assert act("subscribe", {"url": "http://127.0.0.1:1/hooks", "signing_key": "whsec_x"})["id"].startswith("we_")
    assert act("pay", {"session": session.id, "outcome": "unpaid"})["payment_status"] == "unpaid"
    assert act("settle", {"session": session.id})["payment_status"] == "paid"
    calls = requests.get(f"{served.url}/_simulator/calls?provider=stripe", timeout=5).json()["calls"]
    assert [call["endpoint"] for call in calls] == ["POST /v1/checkout/sessions"]
    refused = requests.post(f"{served.url}/_simulator/stripe/pay", json={"session": session.id}, timeout=5)
    assert (refused.status_code, "is complete, not open" in refused.json()["error"]) == (400, True)
    assert client.checkout.sessions.retrieve(session.id).status == "complete"
