"""Subscriptions, and the payloads that they bring."""

from __future__ import annotations

from typing import Any

import pytest

from harness.calendly import Options
from harness.errors import InputError
from tests.calendly.hooks import URL, bodies, verify


def subscription(world: Any, **changes: Any) -> dict[str, Any]:
    body = {"url": URL, "events": ["invitee.created"], "organization": world.simulator.organization_uri,
            "scope": "organization", "signing_key": "secret", **changes}  # fmt: skip
    return {key: value for key, value in body.items() if value is not None}


# ---- subscriptions --------------------------------------------------------------------------------------------------


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
    assert verify("app", world.simulator.outbox[0])


def test_sample_data_is_bare(world: Any) -> None:
    query = {"organization": world.simulator.organization_uri, "scope": "organization"}
    sample = world.api.get("/sample_webhook_data", event="invitee.canceled", **query).json
    assert set(sample) == {"event", "created_at", "created_by", "payload"}
    assert sample["payload"]["status"] == sample["payload"]["scheduled_event"]["status"] == "canceled"
    assert world.api.get("/scheduled_events", user=world.simulator.owner_uri).rows == []


# ---- payloads -------------------------------------------------------------------------------------------------------


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
