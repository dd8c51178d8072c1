"""A Stripe simulator on a clock that the test moves, and the official client answered by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from harness.provider.in_process import ResponsesTransport
from harness.stripe import Options, Simulator
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def simulator(clock: Clock) -> Simulator:
    return Simulator(clock=clock, seed=7, options=Options())


@pytest.fixture
def client(simulator: Simulator) -> Iterator[Any]:
    """The official client as an application uses it; every request is answered in this process."""
    with ResponsesTransport({"https://api.stripe.com": lambda: simulator}, sleep=lambda seconds: None):
        yield stripe.StripeClient("sk_test_key", http_client=stripe.RequestsClient(), max_network_retries=0).v1


@pytest.fixture
def order() -> Any:
    """Parameters of a session for one pathway talk at 50.00 GBP."""

    def make(**changes: Any) -> dict[str, Any]:
        price = {"currency": "gbp", "unit_amount": 5000, "product_data": {"name": "Pathway, 30 min"}}
        return {
            "mode": "payment",
            "success_url": "https://app.example.test/paid?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://app.example.test/back",
            "line_items": [{"price_data": price, "quantity": 1}],
            "metadata": {"bookingId": "b-1"},
            **changes,
        }

    return make
