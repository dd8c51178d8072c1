"""Subscriptions, payloads, signatures, and what becomes of a delivery."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest

from harness.calendly import Answer, Options, RetryPolicy, TransportFault
from harness.errors import InputError

URL = "https://app.example.test/hooks"
ok = lambda delivery: Answer(200)  # noqa: E731 - the smallest receiver


def subscription(world: Any, **changes: Any) -> dict[str, Any]:
    body = {"url": URL, "events": ["invitee.created"], "organization": world.simulator.organization_uri,
            "scope": "organization", "signing_key": "secret", **changes}  # fmt: skip
    return {key: value for key, value in body.items() if value is not None}


def bodies(world: Any) -> list[dict[str, Any]]:
    return [json.loads(delivery.body) for delivery in world.simulator.deliveries]


# ---- subscriptions ------------------------------------------------------------------------------------------------


def test_a_subscription_is_made_read_listed_and_deleted_and_its_key_is_never_shown(world: Any) -> None:
    made = world.api.post("/webhook_subscriptions", subscription(world))
    assert made.status == 201
    assert made.headers["Location"] == made.resource["uri"]
    assert "secret" not in made.text
    assert made.resource["creator"] == world.simulator.owner_uri
    assert world.api.get(made.resource["uri"]).resource == made.resource
    query = {"organization": world.simulator.organization_uri, "scope": "organization"}
    assert world.api.get("/webhook_subscriptions", **query).rows == [made.resource]
    assert world.api.delete(made.resource["uri"]).status == 204
    assert world.api.get("/webhook_subscriptions", **query).rows == []
    world.book()
    assert world.simulator.outbox == []


def test_the_same_url_again_is_409(world: Any) -> None:
    world.api.post("/webhook_subscriptions", subscription(world))
    refused = world.api.post("/webhook_subscriptions", subscription(world, events=["invitee.canceled"]))
    assert (refused.status, refused.json) == (
        409, {"title": "Already Exists", "message": "Hook with this url already exists"})  # fmt: skip


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        ({"url": None}, "url"),
        ({"url": "ftp://x"}, "url"),
        ({"events": None}, "events"),
        ({"events": []}, "events"),
        ({"events": ["invitee.no_show.created"]}, "events[0]"),  # a name that public mocks invented
        ({"events": ["routing_form_submission.created"], "scope": "user"}, "user"),
        ({"events": ["meeting_recap.created"]}, "events[0]"),
        ({"organization": None}, "organization"),
        ({"scope": "team"}, "scope"),
        ({"scope": "user"}, "user"),
        ({"scope": "group"}, "group"),
    ],
)
def test_a_bad_subscription_is_400(world: Any, change: dict[str, Any], parameter: str) -> None:
    refused = world.api.post("/webhook_subscriptions", subscription(world, **change))
    assert (refused.status, refused.json["details"][0]["parameter"]) == (400, parameter)


def test_scopes_decide_who_hears_of_what(world: Any) -> None:
    hal = world.simulator.add_user(name="Hal", email="hal@example.test")
    group = world.simulator.add_group("g1", [hal])
    kind = world.simulator.add_event_type(name="Hal's", owner=hal)
    owner = world.simulator.owner_uri
    for name, change in {
        "all": {},
        "mine": {"scope": "user", "user": owner},
        "group": {"scope": "group", "group": group},
    }.items():
        made = world.api.post("/webhook_subscriptions", subscription(world, url=f"{URL}/{name}", **change))
        assert made.status == 201
    world.book()
    assert [d.url.rpartition("/")[2] for d in world.simulator.outbox] == ["all", "mine"]
    world.simulator.lose()
    world.book(kind=kind)
    assert [d.url.rpartition("/")[2] for d in world.simulator.outbox] == ["all", "group"]


def test_subscribing_to_an_unknown_event_from_python_suggests_the_right_one(world: Any) -> None:
    with pytest.raises(InputError, match=r"Did you mean invitee\.canceled"):
        world.simulator.subscribe(URL, events=["invitee.cancelled"])


def test_when_a_member_leaves_only_the_own_hooks_stop(world: Any, make_api: Any) -> None:
    hal = world.simulator.add_user(name="Hal", email="hal@example.test")
    world.simulator.add_token("hal", user=hal)
    mine = world.simulator.subscribe(f"{URL}/mine", scope="user", user=hal)
    everyones = world.simulator.subscribe(f"{URL}/all")
    world.simulator.remove_user(hal)
    assert world.simulator.subscription(mine)["state"] == "disabled"
    assert world.simulator.subscription(everyones)["state"] == "active"
    assert make_api(world.simulator, "hal").get("/users/me").json["message"] == "The access token was revoked"
    with pytest.raises(InputError, match="the owner cannot leave"):
        world.simulator.remove_user(world.simulator.owner_uri)


def test_an_oauth_application_signs_everything_with_its_one_key(make_world: Any, make_api: Any) -> None:
    world = make_world(Options(app_signing_key="app"))
    world.simulator.add_token("oauth", kind="oauth")
    api = make_api(world.simulator, "oauth")
    assert api.post("/webhook_subscriptions", subscription(world, signing_key="own")).status == 201
    world.book()
    assert _verify("app", world.simulator.outbox[0])


def test_sample_data_is_bare(world: Any) -> None:
    query = {"organization": world.simulator.organization_uri, "scope": "organization"}
    sample = world.api.get("/sample_webhook_data", event="invitee.canceled", **query).json
    assert set(sample) == {"event", "created_at", "created_by", "payload"}
    assert sample["payload"]["status"] == sample["payload"]["scheduled_event"]["status"] == "canceled"
    assert world.api.get("/scheduled_events", user=world.simulator.owner_uri).rows == []


# ---- payloads -----------------------------------------------------------------------------------------------------


def test_the_payload_is_the_flat_invitee_with_its_event(world: Any) -> None:
    world.simulator.subscribe(URL)
    world.clock.advance(seconds=0.75)
    booked = world.book(answers={"Booking ID": "b-1"})
    (body,) = bodies(world)
    assert list(body) == ["event", "created_at", "created_by", "payload"]
    assert body["created_at"] == "2030-03-04T09:00:00.000000Z"
    assert body["created_by"] == world.simulator.owner_uri
    payload = body["payload"]
    event = payload.pop("scheduled_event")
    assert payload == world.simulator.invitee(booked.invitee_uri)
    assert "calendar_event" not in event
    assert {**event, "calendar_event": None} == {**world.simulator.event(booked.event_uri), "calendar_event": None}
    assert "invitee" not in payload
    assert "event_type" not in payload
    assert "start_time" not in payload
    assert list(event) == sorted(event)


def test_a_payload_is_a_snapshot(world: Any) -> None:
    world.simulator.subscribe(URL)
    booked = world.book()
    world.simulator.cancel(booked.invitee_uri)
    created, canceled = bodies(world)
    assert created["payload"]["status"] == "active"
    assert "cancellation" not in created["payload"]
    payload = canceled["payload"]
    assert payload["cancellation"] == payload["scheduled_event"]["cancellation"]
    assert payload["scheduled_event"]["invitees_counter"] == {"total": 1, "active": 0, "limit": 1}
    times = {payload["cancellation"]["created_at"], payload["scheduled_event"]["updated_at"], payload["updated_at"]}
    assert len(times) == 3
    assert (payload["rescheduled"], payload["new_invitee"]) == (False, None)


@pytest.mark.parametrize("order", ["canceled_first", "created_first"])
def test_a_reschedule_is_a_pair_with_new_uris(make_world: Any, order: Any) -> None:
    world = make_world(Options(reschedule_order=order))
    old = world.book(answers={"Booking ID": "b-1"}, utm={"content": "b-1"})
    world.simulator.subscribe(URL)
    new = world.simulator.reschedule(old.invitee_uri, world.at("2030-03-06T10:15"))
    assert new.event_uri != old.event_uri
    by_name = {body["event"]: body["payload"] for body in bodies(world)}
    names = [body["event"] for body in bodies(world)]
    assert names == ["invitee.canceled", "invitee.created"][:: 1 if order == "canceled_first" else -1]
    canceled, created = by_name["invitee.canceled"], by_name["invitee.created"]
    assert (canceled["uri"], canceled["status"], canceled["rescheduled"]) == (old.invitee_uri, "canceled", True)
    assert canceled["new_invitee"] == new.invitee_uri
    assert "cancellation" in canceled
    assert (created["uri"], created["status"], created["rescheduled"]) == (new.invitee_uri, "active", False)
    assert created["old_invitee"] == old.invitee_uri
    assert created["tracking"]["utm_content"] == "b-1"
    assert created["questions_and_answers"] == canceled["questions_and_answers"]


def test_a_reschedule_may_drop_answers_and_tracking(make_world: Any) -> None:
    world = make_world(Options(carry_answers=False))
    old = world.book(answers={"Booking ID": "b-1"}, utm={"content": "b-1"})
    new = world.simulator.invitee(world.simulator.reschedule(old.invitee_uri, world.at("2030-03-07T10:00")).invitee_uri)
    assert (new["questions_and_answers"], new["tracking"]["utm_content"]) == ([], None)


def test_a_reschedule_onto_a_filled_slot_changes_nothing(world: Any) -> None:
    old = world.book()
    world.book("2030-03-06T12:00")
    with pytest.raises(InputError, match="filled"):
        world.simulator.reschedule(old.invitee_uri, world.at("2030-03-06T12:00"))
    assert world.simulator.invitee(old.invitee_uri)["status"] == "active"


def test_every_invitee_of_a_group_event_has_a_delivery_of_its_own(world: Any) -> None:
    world.simulator.subscribe(URL)
    kind = world.simulator.add_event_type(name="Class", capacity=3)
    people = [world.book(kind=kind, invitee={"name": n, "email": f"{n}@example.test"}) for n in "abc"]
    world.simulator.cancel(people[0].invitee_uri)
    shown = [(body["event"], body["payload"]["uri"]) for body in bodies(world)]
    assert shown == [*(("invitee.created", p.invitee_uri) for p in people), ("invitee.canceled", people[0].invitee_uri)]
    assert len({body["payload"]["event"] for body in bodies(world)}) == 1
    last = bodies(world)[-1]["payload"]
    assert last["scheduled_event"]["status"] == "active"
    assert "cancellation" not in last["scheduled_event"]


def test_no_shows_are_announced_both_ways(world: Any) -> None:
    world.simulator.subscribe(URL)
    booked = world.book()
    world.simulator.mark_no_show(booked.invitee_uri)
    world.simulator.unmark_no_show(booked.invitee_uri)
    assert [(body["event"], body["payload"]["no_show"] is not None) for body in bodies(world)] == [
        ("invitee.created", False), ("invitee_no_show.created", True), ("invitee_no_show.deleted", False)]  # fmt: skip


# ---- signatures ---------------------------------------------------------------------------------------------------


def _verify(key: str, delivery: Any) -> bool:
    parts = dict(part.split("=", 1) for part in delivery.headers["Calendly-Webhook-Signature"].split(","))
    digest = hmac.new(key.encode(), f"{parts['t']}.".encode() + delivery.body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(digest, parts["v1"])


def _moment(delivery: Any) -> int:
    return int(delivery.headers["Calendly-Webhook-Signature"].partition(",")[0].removeprefix("t="))


def test_the_signature_covers_the_bytes_sent_at_the_moment_of_sending(world: Any) -> None:
    world.simulator.subscribe(URL, signing_key="secret")
    world.book(invitee={"name": "Zoë <b>", "email": "z@example.test"})
    world.clock.advance(minutes=3)
    seen = []
    world.simulator.deliver(lambda d: (seen.append(d), Answer(200))[1])
    assert _verify("secret", seen[0])
    assert not _verify("other", seen[0])
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
    seen = []
    world.simulator.deliver(lambda d: (seen.append(d), Answer(200))[1], sign=how)
    assert _verify("secret", seen[0]) is verifies
    assert _moment(seen[0]) - int(world.clock.now.timestamp()) == age


def test_a_delivery_can_be_unsigned_or_signed_with_another_key(world: Any) -> None:
    world.simulator.subscribe(URL, signing_key="secret")
    world.book()
    seen = []
    world.simulator.deliver(lambda d: (seen.append(d), Answer(401))[1], sign="none")
    assert "Calendly-Webhook-Signature" not in seen[0].headers
    world.simulator.deliver(lambda d: (seen.append(d), Answer(200))[1], which="invitee.created", key="old")
    assert _verify("old", seen[1])
    with pytest.raises(InputError, match="unknown way to sign: 'badly'"):
        world.simulator.deliver(ok, which="invitee.created", sign="badly")


# ---- delivering ---------------------------------------------------------------------------------------------------


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
        world.simulator.deliver(lambda d, status=status: (seen.append(d), Answer(status))[1])
        world.clock.advance(minutes=10)
    age = _moment(seen[1]) - _moment(seen[0])
    assert age == (600 if resign else 0)
    assert all(_verify("secret", delivery) for delivery in seen)
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
