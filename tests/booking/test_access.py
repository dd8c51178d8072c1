"""Who is calling, who may read, who may move a booking (B01, B11 to B18)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jwt
import pytest

from harness.booking.tokens import Tokens

from .conftest import SESSIONS, SLOT, USERS, Bench

ID = "aaaaaaaa-0000-4000-8000-000000000001"
EVERYBODY = ("client", "other-client", "builder", "other-builder", "admin", None)


def begun(bench: Bench, session: str = "pathway-30") -> None:
    bench.initialize(session, ID, by="client", pathway="pivot")


def anonymous(bench: Bench) -> tuple[str, str]:
    """An anonymous booking: its token and its invitee."""
    event = bench.schedule("intro-call", booking_id=ID)
    return bench.create("intro-call", event, ID).body["bookingToken"], event.invitee_uri


@pytest.mark.parametrize(("by", "status"), list(zip(EVERYBODY, (200, 403, 200, 403, 200, 401), strict=True)))
def test_who_reads_a_clients_booking(bench: Bench, by: str | None, status: int) -> None:
    begun(bench)

    assert bench.read(ID, by=by).status == status


@pytest.mark.parametrize(("by", "status"), list(zip(EVERYBODY, (403, 403, 200, 403, 200, 401), strict=True)))
def test_who_reads_an_anonymous_booking(bench: Bench, by: str | None, status: int) -> None:
    anonymous(bench)

    assert bench.read(ID, by=by).status == status


def test_an_anonymous_booking_is_read_with_its_token_or_its_invitee(bench: Bench) -> None:
    token, invitee = anonymous(bench)

    by_header = bench.call("GET", f"scheduling/bookings/{ID}", headers={"X-Booking-Token": token})

    assert bench.read(ID, by=None, token=token).body == by_header.body
    assert bench.read(ID, by=None, inviteeUri=invitee).body == by_header.body
    assert by_header.body["booking"]["contact"]["email"] == "sam@example.test"


def test_wrong_proofs_read_nothing(bench: Bench) -> None:
    token, invitee = anonymous(bench)
    other = "bbbbbbbb-0000-4000-8000-000000000002"
    bench.create("intro-call", bench.schedule("intro-call", SLOT + timedelta(hours=1)), other)

    assert bench.read(other, by=None, token=token).status == 403
    assert bench.read(other, by=None, inviteeUri=invitee).status == 403
    assert bench.read(ID, by=None, token="nonsense").status == 403
    assert bench.read(ID, by=None, inviteeUri="").status == 401
    assert bench.read(ID, by=None, token=bench.token("admin")).status == 403


def test_a_booking_token_ends(bench: Bench) -> None:
    token, _ = anonymous(bench)
    bench.clock.advance(days=91)

    assert bench.read(ID, by=None, token=token).status == 403


def test_a_clients_booking_is_not_opened_by_a_booking_token_or_its_invitee(bench: Bench) -> None:
    event = bench.schedule("intro-call", booking_id=ID)
    bench.create("intro-call", event, ID, by="client")
    forged = Tokens().for_booking(ID, bench.settings, bench.clock())

    assert bench.read(ID, by=None, token=forged).status == 403
    assert bench.read(ID, by=None, inviteeUri=event.invitee_uri).status == 403


def test_an_anonymous_visitor_cancels_with_the_token_and_not_with_the_invitee(bench: Bench) -> None:
    token, invitee = anonymous(bench)

    by_invitee = bench.call("PATCH", f"scheduling/bookings/{ID}?inviteeUri={invitee}", {"action": "cancel"})
    by_token = bench.call("PATCH", f"scheduling/bookings/{ID}", {"action": "cancel", "bookingToken": token})

    assert by_invitee.status == 403
    assert (by_token.status, by_token.body["state"]) == (200, "CANCELLATION_COMPLETED")


@pytest.mark.parametrize("path", ["x", "00000000", "%00", "aaaaaaaa-0000-4000-8000-00000000000g", "'; DROP TABLE x"])
def test_an_id_that_is_no_uuid_is_a_400(bench: Bench, path: str) -> None:
    assert bench.call("GET", f"scheduling/bookings/{path}", by="client").status == 400


def test_an_unknown_booking_is_a_404_to_who_is_signed_in(bench: Bench) -> None:
    assert bench.read(ID, by="client").status == 404
    assert bench.read(ID, by=None).status == 401


def bearer(bench: Bench, claims: dict[str, Any], key: str | None = None, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, key if key is not None else bench.settings.token_key, algorithm)


@pytest.mark.parametrize(
    "trouble", ["key", "expired", "subject", "expiry", "audience", "none", "basic", "unknown", "garbage"]
)
def test_a_sign_in_that_does_not_count_is_a_401_everywhere(bench: Bench, trouble: str) -> None:
    now = int(bench.clock().timestamp())
    good = {"sub": "user_client", "exp": now + 60}
    header = (
        "Bearer "
        + {
            "key": lambda: bearer(bench, good, "another key, thirty-two bytes or more"),
            "expired": lambda: bearer(bench, good | {"exp": now}),
            "subject": lambda: bearer(bench, {"exp": now + 60}),
            "expiry": lambda: bearer(bench, {"sub": "user_client"}),
            "audience": lambda: bearer(bench, good | {"aud": "booking"}),
            "none": lambda: bearer(bench, good, "", "none"),
            "basic": lambda: "x",
            "unknown": lambda: bearer(bench, good | {"sub": "nobody"}),
            "garbage": lambda: "ä.ö.ü",
        }[trouble]()
    )
    if trouble == "basic":
        header = "Basic Zm9vOmJhcg=="

    for method, path in (("GET", "scheduling/session-types"), ("GET", f"scheduling/bookings/{ID}")):
        assert bench.call(method, path, headers={"Authorization": header.encode().decode("latin-1")}).status == 401


def test_time_is_the_servers_clock_not_the_machines(bench: Bench) -> None:
    token = bench.token("client")
    bench.clock.advance(hours=2)

    assert bench.call("GET", "scheduling/session-types", headers={"Authorization": f"Bearer {token}"}).status == 401


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


def test_every_transition_is_logged_with_who_from_and_to(bench: Bench) -> None:
    anonymous(bench)

    assert bench.logged.fields("booking.transition") == [
        {"bookingId": ID, "from": "IDLE", "event": "SCHEDULE_EVENT", "to": "CALENDLY_EVENT_SCHEDULED", "actor": "anonymous"},
        {"bookingId": ID, "from": "CALENDLY_EVENT_SCHEDULED", "event": "PAYMENT_SUCCEEDED", "to": "BOOKING_CONFIRMED", "actor": "anonymous"},
    ]  # fmt: skip


@pytest.mark.parametrize(("by", "user"), [(None, "anonymous"), ("client", USERS["client"]["id"])])
def test_the_log_tells_anonymous_and_authenticated_apart(bench: Bench, by: str | None, user: str) -> None:
    bench.initialize("intro-call", ID, by=by)

    fields = bench.logged.fields("booking.initialized")[0]
    assert (fields["userId"], fields["isAuthenticated"]) == (user, by is not None)


def test_logs_and_errors_hold_nothing_personal_and_no_secret(bench: Bench) -> None:
    token, invitee = anonymous(bench)
    bench.read(ID, by=None, token=token)
    bench.read(ID, by="other-client")
    bench.call("POST", "scheduling/bookings/create", {"clientEmail": "sam@example.test", "builderId": ["sam"]})
    bench.deliver()

    said = " ".join(f"{record.getMessage()} {record.fields}" for record in bench.logged.records)  # type: ignore[attr-defined]  # structured records carry them
    for secret in ("sam@example.test", "Sam", token, invitee, bench.settings.token_key, bench.settings.calendly_token):
        assert secret not in said


def test_sessions_are_shown_to_whom_they_are_for(bench: Bench) -> None:
    builder = SESSIONS["intro-call"]["builderId"]

    def groups(by: str | None, path: str = "scheduling/session-types") -> dict[str, int]:
        found = bench.call("GET", f"{path}?builderId={builder}", by=by).body["sessionTypes"]
        return {name: len(sessions) for name, sessions in found.items()}

    assert groups(None) == {"free": 3, "pathway": 0, "specialized": 0, "other": 0}
    assert groups("client") == {"free": 3, "pathway": 3, "specialized": 2, "other": 0}
    assert groups(None, "scheduling/sessions/available") == groups(None)
    everything = bench.call("GET", "scheduling/session-types").body["sessionTypes"]
    assert [session["title"] for session in everything["other"]] == ["Call with Otto"]


def test_available_times_are_of_our_own_event_types_only(bench: Bench) -> None:
    def ask(session: str | None, by: str | None = None, days: int = 7) -> Any:
        uri = SESSIONS[session]["calendlyEventTypeUri"] if session else "https://api.calendly.com/event_types/none"
        end = bench.clock() + timedelta(days=days)
        payload = {"eventTypeUri": uri, "startDate": bench.clock().isoformat(), "endDate": end.isoformat()}
        return bench.call("POST", "scheduling/calendly/available-times", payload, by=by)

    found = ask("intro-call")
    assert found.status == 200
    assert found.body["times"][0].keys() >= {"startTime", "schedulingUrl"}
    assert ask(None).status == 404
    assert ask("pathway-30").status == 403
    assert ask("pathway-30", by="client").status == 200
    assert ask("retired-call").status == 404
    assert ask("intro-call", days=32).code == "span_too_long"
    assert ask("intro-call", days=-1).code == "invalid_span"


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
