"""What is created must be what was booked at Calendly: its times, its event, its invitee; and Calendly may be away."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from .conftest import SLOT, Bench

ID = "aaaaaaaa-0000-4000-8000-000000000001"
OTHER = "bbbbbbbb-0000-4000-8000-000000000002"
PAST = SLOT - timedelta(days=30)


@pytest.mark.parametrize(
    ("start", "end", "code"),
    [
        (SLOT, SLOT, "end_before_start"),
        (SLOT, SLOT - timedelta(minutes=30), "end_before_start"),
        (SLOT, SLOT + timedelta(minutes=29), "wrong_length"),
        (SLOT, SLOT + timedelta(days=1), "wrong_length"),
        (PAST, PAST + timedelta(minutes=30), "in_the_past"),
    ],
)
def test_times_are_checked_before_calendly_is_asked(bench: Bench, start: Any, end: Any, code: str) -> None:
    event = bench.schedule("intro-call", booking_id=ID)

    answer = bench.create("intro-call", event, ID, startTime=start.isoformat(), endTime=end.isoformat())

    assert (answer.status, answer.code) == (400, code)
    assert bench.calendly.calls == []


@pytest.mark.parametrize(
    "text", ["tomorrow", "2030-03-06", "2030-03-06T10:00:00", "0001-01-01T00:00:00+14:00", "99999-01-01T00:00Z", 1]
)
def test_an_instant_needs_a_date_a_time_and_an_offset(bench: Bench, text: Any) -> None:
    event = bench.schedule("intro-call", booking_id=ID)

    assert bench.create("intro-call", event, ID, startTime=text).status == 400


def test_times_that_are_not_calendlys_are_refused(bench: Bench) -> None:
    event = bench.schedule("intro-call", booking_id=ID)
    later = SLOT + timedelta(hours=1)

    answer = bench.create(
        "intro-call", event, ID, startTime=later.isoformat(), endTime=(later + timedelta(minutes=30)).isoformat()
    )

    assert answer.code == "times_mismatch"


@pytest.mark.parametrize("by", [None, "other-client"])
def test_an_invitee_has_one_booking(bench: Bench, by: str | None) -> None:
    event = bench.schedule("intro-call")
    bench.create("intro-call", event, ID, by="client")

    answer = bench.create("intro-call", event, OTHER, by=by)

    assert (answer.status, answer.code) == (409, "invitee_in_use")
    assert len(bench.rows("Booking")) == 1


def test_an_event_that_calendly_does_not_know_is_refused(bench: Bench) -> None:
    payload = bench.creation("intro-call", bench.schedule("intro-call"), ID)
    payload["calendlyEventUri"] = "https://api.calendly.com/scheduled_events/none"
    payload["calendlyInviteeUri"] = "https://api.calendly.com/scheduled_events/none/invitees/none"

    assert bench.call("POST", "scheduling/bookings/create", payload).code == "unknown_calendly_event"


@pytest.mark.parametrize(
    ("event", "invitee", "code"),
    [
        (
            "https://evil.example/scheduled_events/a",
            "https://evil.example/scheduled_events/a/invitees/b",
            "invalid_calendly_uri",
        ),
        (
            "https://api.calendly.com/scheduled_events/a",
            "https://api.calendly.com/scheduled_events/b/invitees/c",
            "calendly_uri_mismatch",
        ),
        ("https://api.calendly.com/scheduled_events/../users/me", "https://api.calendly.com/x", "invalid_calendly_uri"),
        ("a", "b", "invalid_calendly_uri"),
    ],
)
def test_uris_that_are_not_calendlys_are_refused_unasked(bench: Bench, event: str, invitee: str, code: str) -> None:
    payload = bench.creation("intro-call", bench.schedule("intro-call"), ID)
    payload |= {"calendlyEventUri": event, "calendlyInviteeUri": invitee}

    answer = bench.call("POST", "scheduling/bookings/create", payload)

    assert (answer.status, answer.code) == (400, code)
    assert bench.calendly.calls == []


def test_the_older_form_of_calendlys_uris_is_the_same_event(bench: Bench) -> None:
    event = bench.schedule("intro-call")
    payload = bench.creation("intro-call", event, ID)
    payload["calendlyEventUri"] = event.event_uri.replace("api.calendly.com", "calendly.com/api/v2")
    payload["calendlyInviteeUri"] = event.invitee_uri.replace("api.calendly.com", "calendly.com/api/v2")

    assert bench.call("POST", "scheduling/bookings/create", payload).status == 200
    assert bench.booking(ID)["calendlyInviteeUri"] == event.invitee_uri


def test_the_dear_event_cannot_be_booked_as_the_free_one(bench: Bench) -> None:
    event = bench.schedule("pathway-30", booking_id=ID)

    assert bench.create("intro-call", event, ID).code == "event_type_mismatch"


def test_a_cancelled_event_cannot_be_booked(bench: Bench) -> None:
    event = bench.schedule("intro-call", booking_id=ID)
    bench.calendly.cancel(event.invitee_uri)

    assert bench.create("intro-call", event, ID).code == "calendly_event_canceled"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("timeout", 504),
        ("refuse", 502),
        ("reset", 502),
        ("500", 502),
        ("503", 503),
        ("429", 503),
        ("malformed", 502),
        ("truncated", 502),
        ("401", 502),
        ("403", 502),
    ],
)
def test_when_calendly_fails_the_answer_says_so_and_nothing_is_stored(bench: Bench, fault: str, status: int) -> None:
    event = bench.schedule("intro-call", booking_id=ID)
    bench.calendly.add_fault("GET /scheduled_events/*", fault, times=1)

    failed = bench.create("intro-call", event, ID)

    assert failed.status == status
    assert failed.code.startswith("calendly_")
    assert bench.rows("Booking") == []
    assert bench.create("intro-call", event, ID).status == 200


def test_reads_are_tried_again_where_the_deployment_says_so(bench: Bench) -> None:
    bench.app = bench.build(provider_read_retries=1)
    event = bench.schedule("intro-call", booking_id=ID)
    bench.calendly.add_fault("GET /scheduled_events/*", "timeout", times=1)

    assert bench.create("intro-call", event, ID).status == 200


def test_everything_that_is_known_is_stored(bench: Bench) -> None:
    event = bench.schedule("intro-call", booking_id=ID)
    answers = [
        {"question": "Booking ID", "answer": ID, "position": 0},
        {"question": "Goal", "answer": "<b>' OR 1=1", "position": 1},
    ]

    bench.create(
        "intro-call",
        event,
        customQuestionResponse=answers,
        clientName="Zoë",
        clientEmail="zoe@example.test",
        clientTimezone="Asia/Tokyo",
        pathway="play",
    )

    row = bench.booking(ID)
    assert (row["clientTimezone"], row["builderTimezone"], row["pathway"]) == ("Asia/Tokyo", "Europe/London", "play")
    assert row["customQuestionResponse"] == answers
    assert row["stateData"]["contact"] == {"name": "Zoë", "email": "zoe@example.test"}
    assert (row["calendlyEventUri"], row["calendlyInviteeUri"]) == (event.event_uri, event.invitee_uri)
    assert row["calendlyEventId"] == event.event_uri.rpartition("/")[2]
