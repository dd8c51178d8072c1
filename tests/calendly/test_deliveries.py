"""How a delivery is signed and sent, what is recorded of it, and what happens when it fails."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from harness.calendly import Answer, Options, RetryPolicy, TransportFault
from harness.errors import InputError
from tests.calendly.hooks import URL, ok, verify
from tests.support.hooks import noted

# ---- signatures -----------------------------------------------------------------------------------------------------


def _moment(delivery: Any) -> int:
    return int(delivery.headers["Calendly-Webhook-Signature"].partition(",")[0].removeprefix("t="))


def test_the_signature_covers_the_bytes_sent_at_the_moment_of_sending(world: Any) -> None:
    world.simulator.subscribe(URL, signing_key="secret")
    world.book(invitee={"name": "Zoë <b>", "email": "z@example.test"})
    world.clock.advance(minutes=3)
    seen: list[Any] = []
    world.simulator.deliver(lambda d: noted(seen, d, Answer(200)))
    assert verify("secret", seen[0])
    assert not verify("other", seen[0])
    assert _moment(seen[0]) == int(world.clock.now.timestamp())


def test_without_a_key_nothing_is_signed(world: Any) -> None:
    world.simulator.subscribe(URL)
    world.book()
    assert "Calendly-Webhook-Signature" not in world.simulator.outbox[0].headers


@pytest.mark.parametrize(
    ("how", "verifies", "age"),
    [
        ("valid", True, 0),
        ("wrong_key", False, 0),
        ("stale", True, -301),
        ("future", True, 301),
        ("reserialised", False, 0),
    ],
)
def test_a_delivery_can_be_signed_in_ways_that_must_be_refused(world: Any, how: str, verifies: bool, age: int) -> None:
    world.simulator.subscribe(URL, signing_key="secret")
    world.book()
    seen: list[Any] = []
    world.simulator.deliver(lambda d: noted(seen, d, Answer(200)), sign=how)
    assert verify("secret", seen[0]) is verifies
    assert _moment(seen[0]) - int(world.clock.now.timestamp()) == age


def test_a_delivery_can_be_unsigned_or_signed_with_another_key(world: Any) -> None:
    world.simulator.subscribe(URL, signing_key="secret")
    world.book()
    seen: list[Any] = []
    world.simulator.deliver(lambda d: noted(seen, d, Answer(401)), sign="none")
    assert "Calendly-Webhook-Signature" not in seen[0].headers
    world.simulator.deliver(lambda d: noted(seen, d, Answer(200)), which="invitee.created", key="old")
    assert verify("old", seen[1])
    with pytest.raises(InputError, match="unknown way to sign: 'badly'"):
        world.simulator.deliver(ok, which="invitee.created", sign="badly")


# ---- delivering -----------------------------------------------------------------------------------------------------


def test_a_delivery_is_recorded_with_its_answer(world: Any) -> None:
    world.simulator.subscribe(URL, signing_key="secret")
    world.book()
    (attempt,) = world.simulator.deliver(lambda d: Answer(200, b"thanks"))
    assert (attempt.event, attempt.number, attempt.status, attempt.response_body, attempt.outcome) == (
        "invitee.created", 1, 200, b"thanks", "delivered")  # fmt: skip
    assert world.simulator.outbox == []
    assert world.simulator.deliveries[0].attempts == [attempt]


def test_duplicates_and_orders(world: Any) -> None:
    world.simulator.subscribe(URL)
    booked = world.book()
    world.simulator.cancel(booked.invitee_uri)
    events = [attempt.event for attempt in world.simulator.deliver(ok, times=2, order="reversed")]
    assert events == ["invitee.canceled"] * 2 + ["invitee.created"] * 2
    again = world.simulator.deliver(ok, which="invitee.created")
    assert [(a.event, a.number) for a in again] == [("invitee.created", 3)]
    with pytest.raises(InputError, match="unknown order"):
        world.simulator.deliver(ok, which="invitee.*", order="random")


def test_shuffling_repeats_with_the_seed(make_world: Any) -> None:
    def shuffled(seed: int) -> list[str]:
        world = make_world(seed=seed)
        world.simulator.subscribe(URL)
        for minute in range(0, 480, 30):
            world.book(f"2030-03-06T{9 + minute // 60:02}:{minute % 60:02}")
        return [
            json.loads(a.body)["payload"]["scheduled_event"]["start_time"]
            for a in world.simulator.deliver(ok, order="shuffled")
        ]

    assert shuffled(3) == shuffled(3)
    assert shuffled(3) != sorted(shuffled(3))


def test_deliveries_can_be_chosen(world: Any) -> None:
    world.simulator.subscribe(URL)
    booked = world.book()
    world.simulator.cancel(booked.invitee_uri)
    second = world.simulator.outbox[1]
    assert [a.event for a in world.simulator.deliver(ok, which=1)] == ["invitee.canceled"]
    assert [a.delivery for a in world.simulator.deliver(ok, which=second)] == [second.id]
    assert [a.event for a in world.simulator.deliver(ok, which=lambda d: d.event.endswith("created"))] == [
        "invitee.created"
    ]
    with pytest.raises(InputError, match=r"no delivery fits 'invitee\.gone'\. Pending: nothing"):
        world.simulator.deliver(ok, which="invitee.gone")


def test_a_lost_delivery_never_comes_and_a_late_one_comes_late(world: Any) -> None:
    world.simulator.subscribe(URL)
    booked = world.book()
    world.simulator.lose("invitee.created")
    world.simulator.cancel(booked.invitee_uri)
    world.simulator.delay(timedelta(hours=1))
    assert world.simulator.deliver(ok) == []
    world.clock.advance(hours=1)
    assert [attempt.event for attempt in world.simulator.deliver(ok)] == ["invitee.canceled"]


def test_latency_holds_the_first_attempt_back(make_world: Any) -> None:
    world = make_world(Options(webhook_latency=timedelta(seconds=1)))
    world.simulator.subscribe(URL)
    world.book()
    assert world.simulator.due() == []
    world.clock.advance(seconds=1)
    assert len(world.simulator.due()) == 1


def _fails(kind: Any) -> Any:
    def send(delivery: Any) -> Answer:
        raise TransportFault(kind)

    return send


@pytest.mark.parametrize(
    ("send", "outcome"),
    [
        (lambda d: Answer(500), "refused"),
        (lambda d: Answer(301), "refused"),  # a trailing slash, http to https: a failure for Calendly
        (lambda d: Answer(410), "refused"),
        (lambda d: Answer(200, elapsed=15.1), "timeout"),
        (_fails("timeout"), "timeout"),
        (_fails("refused"), "lost"),
    ],
)
def test_what_is_not_2xx_in_time_is_a_failure_and_is_retried(world: Any, send: Any, outcome: str) -> None:
    uri = world.simulator.subscribe(URL)
    world.book()
    (attempt,) = world.simulator.deliver(send)
    assert attempt.outcome == outcome
    assert world.simulator.subscription(uri)["retry_started_at"] == "2030-03-04T09:00:00.000000Z"
    assert world.simulator.deliver(ok) == []
    world.clock.advance(minutes=1)
    assert [a.number for a in world.simulator.deliver(ok)] == [2]


def test_retries_back_off_for_a_day_then_the_subscription_is_disabled(world: Any) -> None:
    uri = world.simulator.subscribe(URL)
    first, waits = world.clock.now, []
    world.book()
    while world.simulator.due():
        world.simulator.deliver(lambda d: Answer(500))
        if world.simulator.outbox:
            waits.append((world.simulator.outbox[0].due - world.clock.now).total_seconds() / 60)
            world.clock.now = world.simulator.outbox[0].due
    assert waits[:4] == [1, 2, 4, 8]
    assert max(waits) == 240
    assert world.clock.now - first == timedelta(hours=24)
    assert world.simulator.subscription(uri)["state"] == "disabled"
    assert world.simulator.deliveries[0].state == "abandoned"
    world.book("2030-03-07T10:00")
    assert world.simulator.outbox == []


def test_other_messages_are_sent_meanwhile_and_stop_when_it_is_disabled(world: Any) -> None:
    world.simulator.subscribe(URL)
    world.book()
    world.simulator.deliver(lambda d: Answer(500))
    world.clock.advance(seconds=10)
    world.book("2030-03-06T12:00")
    assert [a.outcome for a in world.simulator.deliver(ok)] == ["delivered"]
    world.book("2030-03-06T14:00")
    world.clock.advance(hours=25)
    assert world.simulator.due() == []
    assert [d.state for d in world.simulator.deliveries] == ["abandoned", "delivered", "abandoned"]


@pytest.mark.parametrize(("until", "hours"), [("first_attempt", 24), ("booked", 20), ("event_start", 73)])
def test_what_the_day_counts_from_is_a_switch(make_world: Any, until: Any, hours: int) -> None:
    world = make_world(Options(retry_until=until, webhook_latency=timedelta(hours=4)))
    uri = world.simulator.subscribe(URL)
    world.book("2030-03-06T14:00")
    world.clock.advance(hours=4)
    world.simulator.deliver(lambda d: Answer(500))
    for expected, passed in [
        ("active", timedelta(hours=hours) - timedelta(seconds=1)),
        ("disabled", timedelta(seconds=1)),
    ]:
        world.clock.now += passed
        world.simulator.due()
        if until != "event_start":
            assert world.simulator.subscription(uri)["state"] == expected
    world.clock.advance(hours=1)
    world.simulator.due()
    assert world.simulator.subscription(uri)["state"] == "disabled"


@pytest.mark.parametrize("resign", [True, False])
def test_a_retry_is_signed_anew_or_not_by_a_switch(make_world: Any, resign: bool) -> None:
    world = make_world(Options(retry=RetryPolicy(resign=resign)))
    world.simulator.subscribe(URL, signing_key="secret")
    world.book()
    seen: list[Any] = []
    for status in (500, 200):
        world.simulator.deliver(lambda d, status=status: noted(seen, d, Answer(status)))
        world.clock.advance(minutes=10)
    age = _moment(seen[1]) - _moment(seen[0])
    assert age == (600 if resign else 0)
    assert all(verify("secret", delivery) for delivery in seen)
    assert seen[0].body == seen[1].body


def test_the_lock_is_free_while_a_delivery_is_sent(world: Any) -> None:
    import threading

    world.simulator.subscribe(URL)
    booked = world.book()
    answers: list[int] = []

    def send(delivery: Any) -> Answer:
        asked = threading.Thread(target=lambda: answers.append(world.api.get(booked.event_uri).status))
        asked.start()
        asked.join(timeout=5)
        return Answer(200)

    world.simulator.deliver(send)
    assert answers == [200]
