"""Hostile deliveries: forged headers, an old event dressed as a new one, and what a person can type at Calendly."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import CALENDLY_KEYS, STRIPE_KEYS, Answer, Bench, signature

ID = "aaaaaaaa-0000-4000-8000-000000000001"
EVENT = json.dumps({"id": "evt_1", "type": "x", "created": 1, "data": {"object": {}}}).encode()
HEADERS = {"calendly": "Calendly-Webhook-Signature", "stripe": "Stripe-Signature"}
KEYS = {"calendly": CALENDLY_KEYS[0], "stripe": STRIPE_KEYS[0]}


def digest(provider: str, body: bytes, moment: int) -> str:
    return signature(KEYS[provider], moment, body)


def send(bench: Bench, provider: str, body: bytes, header: str | None = None) -> Answer:
    """One delivery, signed now unless `header` says otherwise."""
    now = int(bench.clock().timestamp())
    signed = header if header is not None else f"t={now},v1={digest(provider, body, now)}"
    return bench.call("POST", f"webhooks/{provider}", data=body, headers={HEADERS[provider]: signed})


@pytest.mark.parametrize("provider", ["calendly", "stripe"])
@pytest.mark.parametrize(
    "form",
    [
        "t={old} ,t={now},v1={digest}", "t= {old},t={now},v1={digest}", "t=+{old},t={now},v1={digest}",
        "t={old:_},t={now},v1={digest}", "t=0{old},t={now},v1={digest}", "t={old},t={now},v1={digest}",
        "t={now},t={old},v1={digest}", " t={old},t={now},v1={digest}", "v1={digest},t={old} ,t={now}",
    ],
)  # fmt: skip
def test_an_old_event_does_not_pass_for_a_new_one(bench: Bench, provider: str, form: str) -> None:
    now = int(bench.clock().timestamp())
    old = now - 86_400
    header = form.format(old=old, now=now, digest=digest(provider, EVENT, old))

    assert send(bench, provider, EVENT, header).status == 401
    assert bench.rows("WebhookDelivery") == []


@pytest.mark.parametrize("provider", ["calendly", "stripe"])
@pytest.mark.parametrize(
    "form",
    ["t={now},v1=é", "t={now},v1=", "t={now}", "t={now},v1", "t=,v1=x", "t=²,v1=x", ",,,", "=", "", "t={now},v1=" + "a" * 9000,
     "t=999999999999,v1=00", "t=-1,v1=00", "t={now},v0={digest}", "t={now},v1=\N{NO-BREAK SPACE}{digest}", "t={now},v1={digest}é"],
)  # fmt: skip
def test_a_forged_header_is_a_401_whatever_it_holds(bench: Bench, provider: str, form: str) -> None:
    now = int(bench.clock().timestamp())
    header = form.format(now=now, digest=digest(provider, EVENT, now))

    answer = send(bench, provider, EVENT, header)

    assert (answer.status, answer.body["error"]["type"]) == (401, "authentication_required")
    assert bench.rows("WebhookDelivery") == []


def test_a_signature_that_holds_is_taken(bench: Bench) -> None:
    assert send(bench, "stripe", EVENT).status == 200


def told(bench: Bench) -> dict[str, Any]:
    """Calendly's envelope for an event whose booking was begun here."""
    bench.initialize("intro-call", ID)
    bench.schedule("intro-call", booking_id=ID)
    found: dict[str, Any] = json.loads(bench.calendly.outbox[-1].body)
    return found


@pytest.mark.parametrize("typed", ["a\x00b", "a\x07b", "a\x7fb", "a\x85b", "a\ud83db"])
def test_what_a_person_types_at_calendly_does_not_stop_the_webhooks(bench: Bench, typed: str) -> None:
    envelope = told(bench)
    envelope["payload"]["name"] = typed
    envelope["payload"]["questions_and_answers"].append({"question": "Why?", "answer": typed, "position": 9})

    answer = send(bench, "calendly", json.dumps(envelope).encode())

    assert answer.body["outcome"] == "applied"
    row = bench.booking(ID)
    assert row["currentState"] == "BOOKING_CONFIRMED"
    assert row["customQuestionResponse"][-1]["answer"] == row["stateData"]["contact"]["name"] == "ab"


@pytest.mark.parametrize("waits", [False, True])
def test_long_answers_and_depth_are_taken(bench: Bench, waits: bool) -> None:
    envelope = told(bench)
    if waits:
        bench.execute('DELETE FROM "Booking"')
    envelope["payload"]["questions_and_answers"] += [
        {"question": f"Question {number}", "answer": "x" * 10_000, "position": number} for number in range(10)
    ]
    envelope["payload"]["deep"] = json.loads("[" * 50 + "1e999" + "]" * 50)
    envelope["payload"]["wide"] = 2**80

    assert send(bench, "calendly", json.dumps(envelope).encode().replace(b"Infinity", b"1e999")).status == 200


def test_a_delivery_that_is_huge_is_a_413(bench: Bench) -> None:
    answer = send(bench, "calendly", b'{"event": "' + b"x" * 1_100_000 + b'"}')

    assert (answer.status, answer.code) == (413, "body_too_large")


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"null", b"{", b'{"event": NaN}', b"{}", b'{"event": 1e999, "created_at": []}']
)
@pytest.mark.parametrize("provider", ["calendly", "stripe"])
def test_a_signed_delivery_that_says_nothing_is_a_400(bench: Bench, provider: str, raw: bytes) -> None:
    assert send(bench, provider, raw).status == 400
    assert bench.rows("WebhookDelivery") == []
