"""Who is calling, who may read, and what is shown and logged (B01, B15, B16, B18, B19)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest

from harness.booking.tokens import Tokens

from .conftest import EVERYBODY, SESSIONS, SLOT, USERS, Bench

ID = "aaaaaaaa-0000-4000-8000-000000000001"


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
    made: dict[str, Callable[[], str]] = {
        "key": lambda: bearer(bench, good, "another key, thirty-two bytes or more"),
        "expired": lambda: bearer(bench, good | {"exp": now}),
        "subject": lambda: bearer(bench, {"exp": now + 60}),
        "expiry": lambda: bearer(bench, {"sub": "user_client"}),
        "audience": lambda: bearer(bench, good | {"aud": "booking"}),
        "none": lambda: bearer(bench, good, "", "none"),
        "basic": lambda: "x",
        "unknown": lambda: bearer(bench, good | {"sub": "nobody"}),
        "garbage": lambda: "ä.ö.ü",
    }
    header = f"Bearer {made[trouble]()}"
    if trouble == "basic":
        header = "Basic Zm9vOmJhcg=="

    for method, path in (("GET", "scheduling/session-types"), ("GET", f"scheduling/bookings/{ID}")):
        assert bench.call(method, path, headers={"Authorization": header.encode().decode("latin-1")}).status == 401


def test_time_is_the_servers_clock_not_the_machines(bench: Bench) -> None:
    token = bench.token("client")
    bench.clock.advance(hours=2)

    assert bench.call("GET", "scheduling/session-types", headers={"Authorization": f"Bearer {token}"}).status == 401


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

    said = str(bench.logged.told())
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
