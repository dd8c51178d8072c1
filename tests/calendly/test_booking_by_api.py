"""POST /invitees, the scheduling API."""

from __future__ import annotations

from typing import Any

import pytest

from harness.calendly import Options

TRACKING = dict.fromkeys(("utm_campaign", "utm_source", "utm_medium", "utm_content", "utm_term", "salesforce_uuid"))


def test_a_booking_by_api_is_an_invitee_with_method_api_and_a_webhook(world: Any) -> None:
    world.simulator.subscribe("https://app.example.test/")
    body = world.request(
        tracking={**TRACKING, "utm_content": "b-1"},
        questions_and_answers=[{"question": "Booking ID", "answer": "b-1", "position": 0}],
        event_guests=["g@example.test"],
    )
    made = world.api.post("/invitees", body)
    assert made.status == 201
    assert made.resource["scheduling_method"] == "api"
    assert made.resource["invitee_scheduled_by"] == world.simulator.owner_uri
    assert made.resource["tracking"]["utm_content"] == "b-1"
    assert made.resource["questions_and_answers"][0]["answer"] == "b-1"
    event = world.api.get(made.resource["event"]).resource
    assert [guest["email"] for guest in event["event_guests"]] == ["g@example.test"]
    assert [delivery.event for delivery in world.simulator.outbox] == ["invitee.created"]


def test_first_name_alone_is_enough(world: Any) -> None:
    invitee = {"first_name": "Sam", "email": "s@example.test", "timezone": "UTC"}
    made = world.api.post("/invitees", world.request(invitee=invitee)).resource
    assert (made["name"], made["first_name"], made["last_name"]) == ("Sam", "Sam", None)


def _person(**changes: Any) -> dict[str, Any]:
    person = {"name": "Sam", "email": "sam@example.test", "timezone": "Europe/London", **changes}
    return {"invitee": {key: value for key, value in person.items() if value is not None}}


@pytest.mark.parametrize(
    ("change", "parameter", "message"),
    [
        ({"event_type": None}, "event_type", "is missing"),
        ({"event_type": 7}, "event_type", "must be a string"),
        ({"event_type": "intro"}, "event_type", "must be a valid URI"),
        ({"start_time": None}, "start_time", "is missing"),
        ({"start_time": "tomorrow"}, "start_time", "must be a date time in ISO 8601 with a zone"),
        ({"start_time": "2030-03-06T10:00:00"}, "start_time", "must be a date time in ISO 8601 with a zone"),
        ({"start_time": "2030-03-01T10:00:00Z"}, "event.start_time", "must be in the future"),
        ({"invitee": None}, "invitee", "is missing"),
        ({"invitee": []}, "invitee", "must be a hash"),
        (_person(email=None), "invitee.email", "is missing"),
        (_person(email="nobody"), "invitee.email", "is not a valid email"),
        (_person(timezone=None), "invitee.timezone", "is missing"),
        (_person(timezone="London"), "invitee.timezone", "is not a valid timezone"),
        (_person(name=None), "invitee.name", "is missing: either name or first_name must be given"),
        ({"questions_and_answers": {}}, "questions_and_answers", "must be an array"),
        ({"questions_and_answers": ["x"]}, "questions_and_answers[0]", "must be a hash"),
        ({"questions_and_answers": [{"answer": "x", "position": 0}]}, "questions_and_answers[0].question", "is missing"),
        ({"questions_and_answers": [{"question": "Booking ID", "position": 0}]}, "questions_and_answers[0].answer", "is missing"),
        ({"questions_and_answers": [{"question": "Booking ID", "answer": "x"}]}, "questions_and_answers[0].position", "is missing"),
        ({"questions_and_answers": [{"question": "booking id", "answer": "x", "position": 0}]}, "questions_and_answers[0].question", "is not a question of this event type"),
        ({"tracking": {"utm_content": "x"}}, "tracking.utm_campaign", "is missing"),
        ({"event_guests": ["g@example.test"] * 11}, "event_guests", "size cannot be greater than 10"),
        ({"event_guests": ["x"]}, "event_guests[0]", "is not a valid email"),
        ({"location": {"kind": "zoom_conference"}}, "location.kind", "is not a location of this event type"),
    ],
)  # fmt: skip
def test_a_mistake_is_400_and_names_its_place(world: Any, change: Any, parameter: str, message: str) -> None:
    refused = world.api.post("/invitees", world.request(**change))
    assert (refused.status, refused.json["title"]) == (400, "Invalid Argument")
    assert refused.json["details"] == [{"parameter": parameter, "message": message}]
    assert world.api.get("/scheduled_events", user=world.simulator.owner_uri).rows == []


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'"x"', b"[" * 100_000, b'{"event_type": "\\ud800"}'])
def test_a_body_that_is_no_object_is_400(world: Any, body: bytes) -> None:
    assert world.api.post("/invitees", body).status == 400


@pytest.mark.parametrize("kind", ["physical", "outbound_call", "ask_invitee", "custom"])
def test_some_locations_need_a_text(world: Any, kind: str) -> None:
    uri = world.simulator.add_event_type(name="Placed", locations=[{"kind": kind}])
    refused = world.api.post("/invitees", world.request(event_type=uri, location={"kind": kind}))
    assert refused.json["details"][0]["parameter"] == "location.location"
    place = {"kind": kind, "location": "here"}
    assert world.api.post("/invitees", world.request(event_type=uri, location=place)).status == 201


def test_a_location_must_be_named_where_the_event_type_has_one(world: Any) -> None:
    uri = world.simulator.add_event_type(name="Zoom", locations=[{"kind": "zoom_conference"}])
    refused = world.api.post("/invitees", world.request(event_type=uri))
    assert refused.json["details"] == [{"parameter": "location", "message": "is missing"}]


def test_a_required_question_must_be_answered(world: Any) -> None:
    uri = world.simulator.add_event_type(name="Strict", questions=[{"name": "Why?", "required": True}])
    refused = world.api.post("/invitees", world.request(event_type=uri))
    assert refused.json["details"][0]["message"] == "Why? is required"


@pytest.mark.parametrize("status", [400, 404, 409])
def test_a_taken_slot_is_what_the_switch_says(make_world: Any, status: Any) -> None:
    world = make_world(Options(slot_taken_status=status))
    world.book()
    refused = world.api.post("/invitees", world.request())
    assert refused.status == status
    if status != 404:
        assert refused.json["details"] == [
            {"parameter": "event.start_time", "message": "That start time has been filled", "code": "already_filled"}]  # fmt: skip


def test_a_blind_retry_of_a_one_to_one_booking_meets_already_filled(world: Any) -> None:
    assert world.api.post("/invitees", world.request()).status == 201
    assert world.api.post("/invitees", world.request()).json["details"][0]["code"] == "already_filled"


def test_a_blind_retry_of_a_group_booking_books_twice(world: Any) -> None:
    uri = world.simulator.add_event_type(name="Class", capacity=3)
    made = [world.api.post("/invitees", world.request(event_type=uri)).resource for _ in range(2)]
    assert made[0]["event"] == made[1]["event"]
    assert made[0]["uri"] != made[1]["uri"]


def test_a_start_outside_the_hours_is_taken_too(world: Any) -> None:
    assert world.api.post("/invitees", world.request(start_time="2030-03-06T03:00:00Z")).status == 400


@pytest.mark.parametrize("way", ["unknown", "inactive", "deleted"])
def test_an_event_type_that_is_not_bookable_is_404(world: Any, way: str) -> None:
    kind = world.kind
    if way == "unknown":
        kind = "https://api.calendly.com/event_types/none"
    elif way == "inactive":
        world.simulator.change_event_type(kind, active=False)
    else:
        world.simulator.delete_event_type(kind)
    assert world.api.post("/invitees", world.request(event_type=kind)).status == 404
