"""Whatever form is sent, the answer is one that the official client understands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.provider import Request
from harness.stripe import Simulator

KEYS = ["mode", "success_url", "line_items[0][price_data][unit_amount]", "line_items[0][quantity]", "metadata[a]", "metadata",
        "line_items", "expires_at", "expand[]", "expand[0]", "payment_intent", "charge", "amount", "reason", "limit",
        "starting_after", "payment_intent_data[metadata]", "enabled_events[]", "url", "a[b][c]", "[", "]["]  # fmt: skip
GOOD = {"mode": "payment", "success_url": "https://x.test", "line_items[0][price_data][currency]": "gbp",
        "line_items[0][price_data][unit_amount]": "5000", "line_items[0][price_data][product_data][name]": "Talk"}  # fmt: skip
PATHS = ["/v1/checkout/sessions", "/v1/refunds", "/v1/webhook_endpoints", "/v1/events", "/v1/payment_intents", "/v1/x"]
pairs = st.dictionaries(
    st.sampled_from(KEYS), st.one_of(st.text(max_size=15), st.sampled_from(["-1", "9" * 30, "²", "gbp"]))
)


@settings(max_examples=300, deadline=None)
@given(path=st.sampled_from(PATHS), method=st.sampled_from(["GET", "POST", "DELETE"]), more=pairs, good=st.booleans())
def test_any_form_is_answered(path: str, method: str, more: dict[str, str], good: bool) -> None:
    simulator = Simulator(clock=lambda: datetime(2030, 3, 4, 9, tzinfo=UTC))
    values = {**(GOOD if good else {}), **more}
    form = "&".join(f"{quote(key)}={quote(value, errors='replace')}" for key, value in values.items())
    url = f"https://api.stripe.com{path}" + (f"?{form}" if method == "GET" else "")
    body = form.encode() if method == "POST" else b""
    answer = simulator.handle(Request(method, url, {"Authorization": "Bearer sk"}, body))
    shown: Any = answer.json()
    assert answer.status in (200, 400, 401, 404)
    assert ("object" in shown) is (answer.status == 200)
    if answer.status != 200:
        assert shown["error"]["message"]
        assert shown["error"]["type"] == "invalid_request_error"
