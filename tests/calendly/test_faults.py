"""Injected faults: which calls they strike, before or after the effect, and that a useless one is reported."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from harness.calendly import TransportFault
from harness.errors import InputError


def events(world: Any) -> list[Any]:
    rows: list[Any] = world.simulator.free_starts(
        world.kind, world.at("2030-03-06T00:00"), world.at("2030-03-07T00:00")
    )
    return rows


@pytest.mark.parametrize(("do", "kind"), [("timeout", "timeout"), ("reset", "reset"), ("refuse", "refused")])
def test_a_network_fault_gives_no_answer_and_has_no_effect(world: Any, do: str, kind: str) -> None:
    world.simulator.add_fault("POST /invitees", do)
    with pytest.raises(TransportFault) as caught:
        world.api.post("/invitees", world.request())
    assert caught.value.kind == kind
    assert len(events(world)) == 16
    call = world.simulator.calls[-1]
    assert (call.status, call.error, call.fault) == (None, kind, f"POST /invitees: {do} (times 1)")


@pytest.mark.parametrize("do", ["timeout", "reset", "500", "503", "429", "already_filled", "malformed", "truncated"])
def test_after_the_effect_the_provider_did_it_and_the_answer_is_lost(world: Any, do: str) -> None:
    world.simulator.add_fault("POST /invitees", do, after_effect=True)
    try:
        answered = world.api.post("/invitees", world.request())
        assert answered.status in (201, 400, 429, 500, 503)
    except TransportFault:
        assert do in ("timeout", "reset")
    assert len(events(world)) == 15
    assert world.api.get("/scheduled_events", user=world.simulator.owner_uri).json["pagination"]["count"] == 1


@pytest.mark.parametrize(
    ("do", "status", "title"),
    [("500", 500, "Internal Server Error"), ("503", 503, "Service Unavailable"), ("429", 429, "Too Many Requests"),
     ("404", 404, "Resource Not Found"), ("expired_token", 401, "Unauthenticated"),
     ("insufficient_scope", 403, "Insufficient scope"), ("free_plan", 403, "Permission Denied")],
)  # fmt: skip
def test_a_status_fault_answers_in_calendlys_shape(world: Any, do: str, status: int, title: str) -> None:
    world.simulator.add_fault("GET /users/*", do)
    answered = world.api.get("/users/me")
    assert (answered.status, answered.json["title"]) == (status, title)
    if do == "429":
        assert answered.headers["X-RateLimit-Remaining"] == "0"
    if do == "insufficient_scope":
        assert answered.json["required_scopes"] == ["users:read"]


def test_malformed_and_truncated_bodies(world: Any) -> None:
    world.simulator.add_fault("GET /users/me", "malformed")
    spoilt = world.api.get("/users/me")
    with pytest.raises(ValueError, match=r"."):
        _ = spoilt.json
    assert "Content-Length" not in spoilt.headers
    world.simulator.add_fault("GET /users/me", "truncated")
    cut = world.api.get("/users/me")
    assert int(cut.headers["Content-Length"]) > len(cut.text)


def test_empty_and_hollow_bodies(world: Any) -> None:
    world.simulator.add_fault("GET /users/me", "empty")
    assert (world.api.get("/users/me").status, world.api.get("/users/me").json.keys()) == (200, {"resource"})
    world.simulator.add_fault("GET /*", "hollow", times=2)
    assert world.api.get("/event_types", user=world.simulator.owner_uri).json["collection"] == [{}]
    world.simulator.add_fault("GET /users/*", "hollow")
    assert world.api.get("/users/me").json == {"resource": {}}


def test_a_fault_strikes_as_often_as_it_says_and_then_no_more(world: Any) -> None:
    world.simulator.add_fault("GET /users/me", "503", times=2)
    assert [world.api.get("/users/me").status for _ in range(3)] == [503, 503, 200]


def test_a_fault_can_skip_calls_or_wait_for_a_moment(world: Any) -> None:
    world.simulator.add_fault("GET /users/me", "503", skip=1)
    assert [world.api.get("/users/me").status for _ in range(3)] == [200, 503, 200]
    since = world.clock.now + timedelta(minutes=5)
    world.simulator.add_fault("GET /users/me", "500", since=since, until=since + timedelta(minutes=5), times=None)
    statuses = []
    for _ in range(4):
        statuses.append(world.api.get("/users/me").status)
        world.clock.advance(minutes=4)
    assert statuses == [200, 200, 500, 200]


def test_probability_repeats_with_the_seed(make_world: Any) -> None:
    def struck(seed: int) -> list[int]:
        world = make_world(seed=seed)
        world.simulator.add_fault("GET /users/me", "503", times=None, probability=0.5)
        return [world.api.get("/users/me").status for _ in range(40)]

    assert struck(1) == struck(1)
    assert struck(1) != struck(2)
    assert 5 < struck(1).count(503) < 35


@pytest.mark.parametrize(
    ("on", "path", "strikes"),
    [
        ("GET /scheduled_events/*", "/scheduled_events/x", True),
        ("GET /scheduled_events/*", "/scheduled_events/x/invitees/y", False),
        ("GET /scheduled_events/**", "/scheduled_events/x/invitees/y", True),
        ("* /scheduled_events", "/scheduled_events", True),
        ("* /**", "/users/me", True),
        ("POST /invitees", "/users/me", False),
    ],
)
def test_a_pattern_means_one_segment_or_any_number(world: Any, on: str, path: str, strikes: bool) -> None:
    fault = world.simulator.add_fault(on, "503")
    world.api.get(path)
    assert bool(fault.struck) is strikes


def test_a_fault_that_never_struck_is_reported_until_it_does(world: Any) -> None:
    fault = world.simulator.add_fault("GET /users/me", "timeout", after_effect=True, times=None)
    assert world.simulator.unstruck_faults() == [fault]
    assert str(fault) == "GET /users/me: timeout (always, after the effect)"
    with pytest.raises(TransportFault):
        world.api.get("/users/me")
    assert world.simulator.unstruck_faults() == []


def test_a_fault_left_to_chance_is_useless_only_when_no_call_came(world: Any) -> None:
    world.simulator.add_fault("GET /users/me", "503", probability=1e-9)
    assert len(world.simulator.unstruck_faults()) == 1
    world.api.get("/users/me")
    assert world.simulator.unstruck_faults() == []
    skipping = world.simulator.add_fault("GET /users/me", "503", probability=1e-9, skip=1)
    for chances in (0, 1):
        world.api.get("/users/me")
        assert (skipping.chances, skipping.never_struck, skipping.spared) == (chances, not chances, bool(chances))


def test_the_first_fault_that_applies_strikes(world: Any) -> None:
    world.simulator.add_fault("GET /users/me", "503")
    world.simulator.add_fault("GET /**", "500")
    assert [world.api.get("/users/me").status for _ in range(3)] == [503, 500, 200]


@pytest.mark.parametrize(
    ("on", "do", "more", "message"),
    [
        ("GET /scheduled_event/*", "503", {}, r"can never strike. Near: .*GET /scheduled_events/\{uuid\}"),
        ("DELETE /scheduled_events/*", "503", {}, "no endpoint matches"),
        ("/users/me", "503", {}, "strikes on METHOD /path"),
        ("GET /users/me", "explode", {}, "unknown fault 'explode'"),
        ("GET /users/me", "200", {}, "or a status from 400 to 599"),
        ("GET /users/me", "503", {"times": 0}, "never strikes"),
        ("GET /users/me", "503", {"probability": 0.0}, "is not above 0"),
    ],
)
def test_a_fault_that_could_never_strike_is_an_input_error(
    world: Any, on: str, do: str, more: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        world.simulator.add_fault(on, do, **more)


def test_faults_can_be_cleared(world: Any) -> None:
    world.simulator.add_fault("GET /users/me", "503")
    world.simulator.clear_faults()
    assert world.api.get("/users/me").status == 200
