"""401, 403 with scopes, roles and plans, 429: who may do what, in Calendly's words."""

from __future__ import annotations

from typing import Any

import pytest

from harness.calendly import Options


@pytest.mark.parametrize("token", [None, "", "  "])
def test_without_a_token_it_is_401(make_api: Any, world: Any, token: str | None) -> None:
    answered = make_api(world.simulator, token).get("/users/me")
    assert (answered.status, answered.json) == (
        401,
        {"title": "Unauthenticated", "message": "The access token is invalid"},
    )


@pytest.mark.parametrize(
    ("state", "message"),
    [("expired", "The access token expired"), ("revoked", "The access token was revoked")],
)
def test_an_expired_or_revoked_token_is_401_and_says_so(make_api: Any, world: Any, state: Any, message: str) -> None:
    world.simulator.add_token("old", state=state)
    assert make_api(world.simulator, "old").get("/users/me").json["message"] == message


def test_with_a_token_set_any_other_is_refused(make_api: Any, make_world: Any) -> None:
    world = make_world(Options(token="secret"))
    assert make_api(world.simulator, "secret").get("/users/me").status == 200
    assert make_api(world.simulator, "other").get("/users/me").status == 401


def test_me_is_the_user_of_the_token(make_api: Any, world: Any) -> None:
    hal = world.simulator.add_user(name="Hal Host", email="hal@example.test")
    world.simulator.add_token("hal", user=hal)
    me = make_api(world.simulator, "hal").get("/users/me").resource
    assert (me["uri"], me["name"], me["slug"], me["email"]) == (hal, "Hal Host", "hal-host", "hal@example.test")


@pytest.mark.parametrize(
    ("scopes", "status"),
    [((), 403), (("users:read",), 403), (("scheduled_events:read",), 200), (("scheduled_events:write",), 200)],
)
def test_a_scope_is_needed_and_write_includes_read(
    make_api: Any, world: Any, scopes: tuple[str, ...], status: int
) -> None:
    world.simulator.add_token("narrow", scopes=scopes)
    answered = make_api(world.simulator, "narrow").get("/scheduled_events", user=world.simulator.owner_uri)
    assert answered.status == status
    if status == 403:
        assert answered.json["title"] == "Insufficient scope"
        assert answered.json["required_scopes"] == ["scheduled_events:read"]


@pytest.mark.parametrize("scope", ["availability:read", "event_types:read"])
def test_available_times_take_either_of_the_scopes_that_the_docs_name(make_api: Any, world: Any, scope: str) -> None:
    world.simulator.add_token("narrow", scopes=[scope])
    api = make_api(world.simulator, "narrow")
    query = {"start_time": "2030-03-06T00:00:00Z", "end_time": "2030-03-07T00:00:00Z"}
    assert api.get("/event_type_available_times", event_type=world.kind, **query).status == 200


def test_a_member_sees_own_events_only(make_api: Any, world: Any) -> None:
    hal = world.simulator.add_user(name="Hal", email="hal@example.test")
    world.simulator.add_token("hal", user=hal)
    booked = world.book()
    api = make_api(world.simulator, "hal")
    assert api.get(booked.event_uri).json["message"] == "You are not allowed to view this event"
    assert api.get(booked.invitee_uri).json["message"] == "You do not have permission to view this event"
    refused = api.post(booked.event_uri + "/cancellation")
    assert (refused.status, refused.json["message"]) == (403, "You are not allowed to cancel this event")
    assert api.get("/scheduled_events", organization=world.simulator.organization_uri).status == 403
    assert api.get("/scheduled_events", user=hal).rows == []


def test_an_owner_must_name_the_organization_to_see_a_members_events(world: Any) -> None:
    hal = world.simulator.add_user(name="Hal", email="hal@example.test")
    refused = world.api.get("/scheduled_events", user=hal)
    assert refused.json["message"].startswith("Please also specify organization when requesting events")
    assert world.api.get("/scheduled_events", user=hal, organization=world.simulator.organization_uri).status == 200


def test_another_organization_is_out_of_reach(world: Any) -> None:
    strangers = world.simulator.add_organization(name="Strangers")
    stranger = world.simulator.add_user(name="Sue", email="sue@example.test", organization=strangers)
    theirs = world.simulator.add_event_type(name="Theirs", owner=stranger)
    assert world.api.get(stranger).status == 403
    assert world.api.get(theirs).status == 403
    refused = world.api.get("/event_types", user=stranger)
    assert (refused.status, refused.json["message"]) == (403, "This user is not in your organization")


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/invitees", {}, "The Scheduling API is only available on paid Calendly plans. Upgrade your plan to access"),
        ("/webhook_subscriptions", {}, "Please upgrade your Calendly account to Standard"),
    ],
)
def test_a_free_plan_can_read_but_not_subscribe_or_book(make_world: Any, path: str, body: Any, message: str) -> None:
    world = make_world(Options(plan="basic", stage="free"))
    assert world.api.get("/users/me").status == 200
    refused = world.api.post(path, body)
    assert (refused.status, refused.json["title"]) == (403, "Permission Denied")
    assert refused.json["message"].startswith(message)


def test_every_answer_tells_the_rate_limit_and_the_reset_is_in_seconds(world: Any) -> None:
    world.api.get("/users/me")
    world.clock.advance(seconds=20)
    headers = world.api.get("/nowhere").headers
    assert headers["X-RateLimit-Limit"] == "500"
    assert headers["X-RateLimit-Remaining"] == "498"
    assert headers["X-RateLimit-Reset"] == "40"


@pytest.mark.parametrize(("stage", "allowed"), [("paid", 500), ("free", 50)])
def test_beyond_the_limit_it_is_429_until_the_minute_is_over(make_world: Any, stage: Any, allowed: int) -> None:
    world = make_world(Options(stage=stage))
    statuses = [world.api.get("/users/me").status for _ in range(allowed + 1)]
    assert statuses == [200] * allowed + [429]
    assert "Retry-After" not in world.api.get("/users/me").headers
    world.clock.advance(seconds=60)
    assert world.api.get("/users/me").status == 200


@pytest.mark.parametrize(
    ("options", "allowed"),
    [(Options(stage="trial"), 5), (Options(), 10), (Options(plan="enterprise"), 15)],
)
def test_bookings_by_api_have_limits_of_their_own(make_world: Any, options: Options, allowed: int) -> None:
    world = make_world(options)
    statuses = []
    for number in range(allowed + 1):
        start = f"2030-03-{6 + number // 8:02}T{9 + number % 8:02}:00:00Z"
        statuses.append(world.api.post("/invitees", world.request(start_time=start)).status)
    more = 201 if options.plan == "enterprise" else 429
    assert statuses == [201] * allowed + [more]


def test_without_rate_limits_nothing_is_refused(make_world: Any) -> None:
    world = make_world(Options(rate_limits=False))
    assert {world.api.get("/users/me").status for _ in range(600)} == {200}
