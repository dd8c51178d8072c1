"""Who may move a booking and how, and the way back from an error (B11 to B13, B15, B17)."""

from __future__ import annotations

from typing import Any

import pytest

from harness.booking.tokens import Tokens

from .conftest import EVERYBODY, SESSIONS, USERS, Bench

ID = "aaaaaaaa-0000-4000-8000-000000000001"


def begun(bench: Bench, session: str = "pathway-30") -> None:
    bench.initialize(session, ID, by="client", pathway="pivot")


@pytest.mark.parametrize(
    "event",
    [
        "PAYMENT_SUCCEEDED",
        "PAYMENT_FAILED",
        "CALENDLY_WEBHOOK_RECEIVED",
        "STRIPE_WEBHOOK_RECEIVED",
        "MARK_COMPLETED",
        "PROCESS_REFUND",
        "REFUND_PROCESSED",
        "ERROR_OCCURRED",
        "RECOVER",
    ],
)
@pytest.mark.parametrize("by", ["client", "builder", "admin"])
def test_events_of_the_system_are_refused_from_everybody(bench: Bench, event: str, by: str) -> None:
    begun(bench)
    before = bench.booking(ID)

    answer = bench.transition(ID, event, by=by)

    assert (answer.status, answer.code) == (403, "system_event")
    assert bench.booking(ID) == before


@pytest.mark.parametrize(("by", "status"), list(zip(EVERYBODY, (200, 403, 200, 403, 200, 401), strict=True)))
def test_who_moves_a_booking(bench: Bench, by: str | None, status: int) -> None:
    begun(bench)

    assert bench.transition(ID, "INITIATE_CALENDLY_SCHEDULING", by=by).status == status


def test_a_transition_says_where_from_and_where_to(bench: Bench) -> None:
    begun(bench)
    bench.clock.advance(minutes=1)

    answer = bench.transition(ID, "INITIATE_CALENDLY_SCHEDULING", {"clientTimezone": "Asia/Tokyo"})

    assert answer.body == {
        "success": True,
        "previousState": "SESSION_TYPE_SELECTED",
        "currentState": "CALENDLY_SCHEDULING_INITIATED",
        "timestamp": "2030-03-04T09:01:00.000Z",
        "event": "INITIATE_CALENDLY_SCHEDULING",
    }
    assert bench.booking(ID)["clientTimezone"] == "Asia/Tokyo"
    last = bench.rows("BookingTransition", '"id"')[-1]
    assert (last["actor"], last["event"]) == (USERS["client"]["id"], "INITIATE_CALENDLY_SCHEDULING")


@pytest.mark.parametrize(
    "data",
    [
        {"status": "CONFIRMED"}, {"paymentStatus": "PAID"}, {"clientId": "x"}, {"id": "x"}, {"builderId": "x"},
        {"amount": 0}, {"currentState": "BOOKING_CONFIRMED"}, {"stateData": {}}, {"reason": "not its own"},
    ],
)  # fmt: skip
def test_data_sets_only_what_the_event_owns(bench: Bench, data: dict[str, Any]) -> None:
    begun(bench)
    before = bench.booking(ID)

    answer = bench.transition(ID, "INITIATE_CALENDLY_SCHEDULING", data)

    assert (answer.status, answer.code) == (400, "data_not_allowed")
    assert bench.booking(ID) == before


@pytest.mark.parametrize("event", ["SELECT_SESSION_TYPE", "SCHEDULE_EVENT", "INITIATE_PAYMENT", "REQUEST_CANCELLATION"])
def test_an_illegal_transition_is_a_409_and_changes_nothing(bench: Bench, event: str) -> None:
    begun(bench)
    before = (bench.booking(ID), bench.rows("BookingTransition"))
    uris = bench.creation("pathway-30", bench.schedule("pathway-30"))
    data = (
        {name: uris[name] for name in ("calendlyEventUri", "calendlyInviteeUri")} if event == "SCHEDULE_EVENT" else {}
    )

    answer = bench.transition(ID, event, data)

    assert (answer.status, answer.code) == (409, "illegal_transition")
    assert (bench.booking(ID), bench.rows("BookingTransition")) == before


@pytest.mark.parametrize("event", ["EXPLODE", "", "select_session_type"])
def test_an_event_that_does_not_exist_is_a_400(bench: Bench, event: str) -> None:
    begun(bench)

    assert bench.transition(ID, event).code == "unknown_event"


def test_scheduling_by_transition_is_confirmed_at_calendly(bench: Bench) -> None:
    begun(bench)
    bench.transition(ID, "INITIATE_CALENDLY_SCHEDULING")
    event = bench.schedule("pathway-30", booking_id=ID)
    data = {"calendlyEventUri": event.event_uri, "calendlyInviteeUri": event.invitee_uri}

    missing = bench.transition(ID, "SCHEDULE_EVENT")
    unknown = bench.transition(
        ID,
        "SCHEDULE_EVENT",
        {name: uri.replace("scheduled_events/", "scheduled_events/0") for name, uri in data.items()},
    )
    done = bench.transition(ID, "SCHEDULE_EVENT", data)

    assert (missing.status, unknown.status, done.status) == (400, 404, 200)
    assert done.body["currentState"] == "CALENDLY_EVENT_SCHEDULED"
    assert bench.booking(ID)["calendlyInviteeUri"] == event.invitee_uri


def test_a_free_booking_is_confirmed_when_it_is_scheduled_by_transition(bench: Bench) -> None:
    begun(bench, "intro-call")
    bench.transition(ID, "INITIATE_CALENDLY_SCHEDULING")
    event = bench.schedule("intro-call", booking_id=ID)

    answer = bench.transition(
        ID, "SCHEDULE_EVENT", {"calendlyEventUri": event.event_uri, "calendlyInviteeUri": event.invitee_uri}
    )

    assert answer.body["currentState"] == "BOOKING_CONFIRMED"


def test_cancelling_by_transition_does_the_whole_of_it_once(bench: Bench) -> None:
    event = bench.schedule("intro-call", booking_id=ID)
    bench.create("intro-call", event, ID, by="client")

    answer = bench.transition(ID, "REQUEST_CANCELLATION", {"reason": "ill"})

    assert answer.body["currentState"] == "CANCELLATION_COMPLETED"
    assert bench.calendly.event(event.event_uri)["status"] == "canceled"
    assert bench.transition(ID, "REQUEST_CANCELLATION").code == "illegal_transition"


def stopped(bench: Bench) -> str:
    """A booking that stopped in ERROR; its recovery token."""
    begun(bench)
    bench.execute(
        """UPDATE "Booking" SET "currentState" = 'ERROR', "lastTransition" = '2030-03-04 09:00', """
        """"stateData" = '{"stateBeforeError": "SESSION_TYPE_SELECTED"}' WHERE "id" = %s""",
        (ID,),
    )
    return str(bench.read(ID, by="client").body["recoveryToken"])


def recover(bench: Bench, token: str) -> Any:
    return bench.call("POST", "scheduling/bookings/recover", {"token": token})


def test_recovery_leads_back_to_the_state_before_the_error_once(bench: Bench) -> None:
    token, second = stopped(bench), bench.read(ID, by="client").body["recoveryToken"]

    answer = recover(bench, token)

    assert answer.body == {"success": True, "bookingId": ID, "state": "SESSION_TYPE_SELECTED"}
    assert "stateBeforeError" not in (bench.booking(ID)["stateData"] or {})
    assert recover(bench, token).code == "recovery_token_used"
    assert recover(bench, second).code == "recovery_token_used"


def test_a_used_recovery_token_never_works_again_even_in_the_same_state(bench: Bench) -> None:
    token = stopped(bench)
    recover(bench, token)
    bench.execute(
        """UPDATE "Booking" SET "currentState" = 'ERROR', "lastTransition" = '2030-03-04 09:00' WHERE "id" = %s""",
        (ID,),
    )

    assert recover(bench, token).code == "recovery_token_used"
    assert bench.booking(ID)["currentState"] == "ERROR"


def test_a_recovery_token_of_an_earlier_error_does_not_fit_a_later_one(bench: Bench) -> None:
    token = stopped(bench)
    bench.execute("""UPDATE "Booking" SET "lastTransition" = '2030-03-04 09:05' WHERE "id" = %s""", (ID,))

    assert recover(bench, token).code == "recovery_token_used"


def test_a_recovery_token_ends_and_no_other_token_recovers(bench: Bench) -> None:
    token = stopped(bench)
    assert recover(bench, bench.token("client")).status == 401
    assert recover(bench, Tokens().for_booking(ID, bench.settings, bench.clock())).status == 401
    assert recover(bench, token + "x").status == 401
    bench.clock.advance(hours=1)

    assert recover(bench, token).code == "invalid_recovery_token"


def test_a_recovery_token_is_given_only_to_who_may_move_and_only_in_error(bench: Bench) -> None:
    stopped(bench)

    assert "recoveryToken" not in bench.read(ID, by="other-client").text
    bench.execute("""UPDATE "Booking" SET "currentState" = 'SESSION_TYPE_SELECTED' WHERE "id" = %s""", (ID,))
    assert "recoveryToken" not in bench.read(ID, by="client").body


def test_nobody_makes_an_anonymous_booking_a_paid_one(bench: Bench) -> None:
    bench.initialize("intro-call", ID)
    bench.execute("""UPDATE "Booking" SET "currentState" = 'IDLE' WHERE "id" = %s""", (ID,))

    answer = bench.transition(ID, "SELECT_SESSION_TYPE", {"sessionTypeId": SESSIONS["pathway-30"]["id"]}, by="builder")

    assert answer.status == 403
    assert bench.booking(ID)["sessionTypeId"] == SESSIONS["intro-call"]["id"]


def test_another_session_type_brings_its_own_title_and_price(bench: Bench) -> None:
    begun(bench, "intro-call")
    bench.execute("""UPDATE "Booking" SET "currentState" = 'IDLE' WHERE "id" = %s""", (ID,))

    bench.transition(ID, "SELECT_SESSION_TYPE", {"sessionTypeId": SESSIONS["pathway-60"]["id"], "pathway": "play"})

    row = bench.booking(ID)
    assert (row["title"], str(row["amount"]), row["pathway"]) == (SESSIONS["pathway-60"]["title"], "100.00", "play")
