"""What is refused when a booking is begun or created, and by what (R04, R07, R16, B01 to B10, B21)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from .conftest import SESSIONS, SLOT, USERS, Bench

ID = "aaaaaaaa-0000-4000-8000-000000000001"
OTHER = "bbbbbbbb-0000-4000-8000-000000000002"


@pytest.mark.parametrize("client_id", [None, "anonymous", "", USERS["client"]["id"]])
def test_an_anonymous_booking_has_no_client_whatever_the_body_says(bench: Bench, client_id: str | None) -> None:
    answer = bench.initialize("intro-call", ID, clientId=client_id)

    assert answer.status == 200
    assert bench.booking(ID)["clientId"] is None


def test_a_clients_booking_is_its_own_whatever_the_body_says(bench: Bench) -> None:
    bench.initialize("intro-call", ID, by="client", clientId=USERS["other-client"]["id"])

    assert bench.booking(ID)["clientId"] == USERS["client"]["id"]


@pytest.mark.parametrize("session", ["pathway-30", "member-call", "group-build", "other-consultation"])
@pytest.mark.parametrize("endpoint", ["initialize", "create"])
def test_an_anonymous_visitor_books_only_what_is_free_and_open(bench: Bench, session: str, endpoint: str) -> None:
    if endpoint == "initialize":
        answer = bench.initialize(session, ID)
    else:
        answer = bench.create(session, bench.schedule(session, booking_id=ID), ID, pathway="pivot")

    assert answer.status == 403
    assert bench.rows("Booking") == []


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"sessionTypeId": "unknown"}, 404, "unknown_session_type"),
        ({"builderId": SESSIONS["other-call"]["builderId"]}, 400, "builder_mismatch"),
        ({"sessionTypeId": SESSIONS["retired-call"]["id"]}, 409, "session_type_inactive"),
        ({"bookingId": "not-a-uuid"}, 400, "invalid_booking_id"),
        ({"bookingId": 7}, 400, "invalid_field"),
        ({"builderId": None}, 400, "invalid_field"),
        ({"clientTimezone": "Mars/Olympus"}, 400, "invalid_field"),
        ({"pathway": "sideways"}, 400, "invalid_field"),
        ({"clientId": 12}, 400, "invalid_field"),
    ],
)
@pytest.mark.parametrize("by", [None, "client"])
def test_what_is_wrong_is_refused_and_nothing_is_stored(
    bench: Bench, changed: dict[str, Any], status: int, code: str, by: str | None
) -> None:
    answer = bench.initialize("intro-call", ID, by=by, **changed)

    assert (answer.status, answer.code) == (status, code)
    assert bench.rows("Booking") == []


def test_a_pathway_session_needs_a_pathway(bench: Bench) -> None:
    event = bench.schedule("pathway-30", booking_id=ID)

    assert bench.create("pathway-30", event, ID, by="client").code == "pathway_required"
    assert bench.create("pathway-30", event, ID, by="client", pathway="play").status == 200
    assert bench.booking(ID)["pathway"] == "play"


@pytest.mark.parametrize(("minutes", "status"), [(0, 409), (15, 409), (-15, 409), (30, 200), (-30, 200)])
def test_two_sessions_of_a_builder_never_overlap(bench: Bench, minutes: int, status: int) -> None:
    bench.create("intro-call", bench.schedule("intro-call", booking_id=ID), ID)

    event = bench.schedule("office-hours", SLOT + timedelta(minutes=minutes), booking_id=OTHER)

    assert bench.create("office-hours", event, OTHER).status == status


def test_another_builder_may_work_at_the_same_time(bench: Bench) -> None:
    bench.create("intro-call", bench.schedule("intro-call", booking_id=ID), ID)

    assert bench.create("other-call", bench.schedule("other-call", booking_id=OTHER), OTHER).status == 200


def test_a_group_event_takes_as_many_as_it_has_places(bench: Bench) -> None:
    ids = [f"aaaaaaaa-0000-4000-8000-00000000000{number}" for number in range(3)]
    events = [bench.schedule("group-class", booking_id=booking_id) for booking_id in ids]
    answers = [bench.create("group-class", event, name) for event, name in zip(events, ids, strict=True)]
    bench.execute('UPDATE "SessionType" SET "maxParticipants" = 2 WHERE "id" = %s', (SESSIONS["group-class"]["id"],))
    bench.execute('DELETE FROM "Booking" WHERE "id" = %s', (ids[0],))

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert bench.create("group-class", events[0], ids[0]).code == "session_full"


@pytest.mark.parametrize(
    "answers",
    [
        [
            {"question": "Your goal", "answer": OTHER, "position": 0},
            {"question": "Booking ID", "answer": ID, "position": 1},
        ],
        [{"position": 9, "answer": f" {ID.upper()} ", "question": " Booking ID "}, {"question": "x"}, "noise", None],
        {"Your goal": OTHER, "Booking ID": ID},
    ],
)
def test_only_the_answer_to_the_question_counts_wherever_it_stands(bench: Bench, answers: Any) -> None:
    event = bench.schedule("intro-call")

    answer = bench.create("intro-call", event, customQuestionResponse=answers)

    assert answer.body["bookingId"] == ID


@pytest.mark.parametrize(
    "answers",
    [
        [],
        {},
        None,
        [{"question": "Your goal", "answer": OTHER}],
        [{"question": "Booking ID", "answer": ""}],
        [{"question": "Booking ID", "answer": "12345"}],
        [{"question": "Booking ID", "answer": {"id": OTHER}}],
        [{"question": "Booking ID", "answer": OTHER}, {"question": "Booking ID", "answer": ID}],
        [{"question": "booking", "answer": OTHER}],
    ],
)
def test_an_empty_or_malformed_answer_is_no_id_and_a_fresh_one_is_made(bench: Bench, answers: Any) -> None:
    event = bench.schedule("intro-call")

    answer = bench.create("intro-call", event, customQuestionResponse=answers)

    assert answer.status == 200
    assert answer.body["bookingId"] not in (ID, OTHER)


def test_the_answer_goes_before_the_bodys_id_and_that_before_calendlys(bench: Bench) -> None:
    third = "cccccccc-0000-4000-8000-000000000003"
    first = bench.schedule("intro-call", booking_id=third)
    second = bench.schedule("intro-call", SLOT + timedelta(hours=1), booking_id=third)
    last = bench.schedule("intro-call", SLOT + timedelta(hours=2), booking_id=third)

    assert bench.create("intro-call", first, ID, bookingId=OTHER).body["bookingId"] == ID
    assert bench.create("intro-call", second, bookingId=OTHER).body["bookingId"] == OTHER
    assert bench.create("intro-call", last).body["bookingId"] == third


def test_the_same_call_again_is_answered_with_the_same_booking(bench: Bench) -> None:
    event = bench.schedule("intro-call", booking_id=ID)
    first = bench.create("intro-call", event, ID)
    before = (bench.rows("Booking"), bench.rows("BookingTransition"), len(bench.calendly.calls))

    again = bench.create("intro-call", event, ID)

    assert (again.status, again.body) == (200, first.body)
    assert (bench.rows("Booking"), bench.rows("BookingTransition"), len(bench.calendly.calls)) == before


@pytest.mark.parametrize("by", [None, "other-client"])
def test_a_known_id_takes_over_nobodys_booking(bench: Bench, by: str | None) -> None:
    bench.initialize("intro-call", ID, by="client")
    before = bench.booking(ID)
    event = bench.schedule("intro-call", booking_id=ID)

    answers = [
        bench.create("intro-call", event, ID, by=by),
        bench.create("intro-call", event, by=by, bookingId=ID),
        bench.initialize("intro-call", ID, by=by),
    ]

    assert {(answer.status, answer.code) for answer in answers} == {(409, "booking_id_in_use")}
    assert bench.booking(ID) == before


def test_an_anonymous_booking_is_carried_on_with_its_token_only(bench: Bench) -> None:
    token = bench.initialize("intro-call", ID).body["bookingToken"]
    event = bench.schedule("intro-call", booking_id=ID)

    assert bench.create("intro-call", event, ID).code == "booking_id_in_use"
    assert bench.create("intro-call", event, ID, bookingToken=token).status == 200


def test_a_clients_contact_is_not_copied(bench: Bench) -> None:
    bench.create("intro-call", bench.schedule("intro-call"), ID, by="client", clientEmail="x@example.test")

    assert bench.booking(ID)["stateData"] is None


def test_anonymous_inserts_are_limited_for_each_caller(bench: Bench) -> None:
    bench.app = bench.build(anonymous_inserts=2)
    here, there = ({"REMOTE_ADDR": "192.0.2.1"}, {"REMOTE_ADDR": "192.0.2.2"})
    payload = {"builderId": SESSIONS["intro-call"]["builderId"], "sessionTypeId": SESSIONS["intro-call"]["id"]}

    def begin(environ: dict[str, str], **headers: str) -> Any:
        return bench.call("POST", "scheduling/bookings/initialize", payload, environ_overrides=environ, headers=headers)

    statuses = [begin(here).status for _ in range(3)]
    limited = begin(here, **{"X-Forwarded-For": "203.0.113.9"})
    bench.clock.advance(seconds=61)

    assert statuses == [200, 200, 429]
    assert (limited.status, limited.code, limited.headers["Retry-After"]) == (429, "too_many_bookings", "60")
    assert begin(there).status == 200
    assert begin(here).status == 200


def test_behind_a_proxy_its_word_counts_and_only_the_last(bench: Bench) -> None:
    bench.app = bench.build(anonymous_inserts=1, forwarded_proxies=1)
    payload = {"builderId": SESSIONS["intro-call"]["builderId"], "sessionTypeId": SESSIONS["intro-call"]["id"]}

    def begin(forwarded: str) -> int:
        return bench.call(
            "POST", "scheduling/bookings/initialize", payload, headers={"X-Forwarded-For": forwarded}
        ).status

    assert [begin("203.0.113.1"), begin("203.0.113.2"), begin("198.51.100.7, 203.0.113.2")] == [200, 200, 429]


def test_clients_are_not_limited_and_a_reset_forgets(bench: Bench) -> None:
    bench.app = bench.build(anonymous_inserts=1)

    assert [bench.initialize("intro-call", by="client").status for _ in range(3)] == [200, 200, 200]
    assert [bench.initialize("intro-call").status for _ in range(2)] == [200, 429]
    bench.app.reset()
    assert bench.initialize("intro-call").status == 200


def test_unconfirmed_anonymous_bookings_expire_and_clients_do_not(bench: Bench) -> None:
    bench.initialize("intro-call", ID)
    bench.initialize("intro-call", OTHER, by="client")
    bench.clock.advance(minutes=29)
    early = bench.app.expire()
    bench.clock.advance(minutes=1)

    assert (early, bench.app.expire()) == (0, 1)
    assert bench.path(ID)[-1] == "CANCELLATION_COMPLETED"
    assert bench.booking(ID)["stateData"]["cancellation"]["reason"] == "expired"
    assert bench.booking(OTHER)["currentState"] == "SESSION_TYPE_SELECTED"


def test_a_session_that_has_ended_is_completed(bench: Bench) -> None:
    bench.create("intro-call", bench.schedule("intro-call"), ID)
    bench.clock.now = SLOT + timedelta(minutes=30)

    bench.app.expire()

    row = bench.booking(ID)
    assert (row["currentState"], row["status"], row["paymentStatus"]) == ("BOOKING_COMPLETED", "COMPLETED", "PAID")
