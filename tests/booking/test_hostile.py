"""Hostile callers: whatever is sent, the answer is a clear 4xx in the one shape, and nothing changes."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import sqlalchemy

from harness.booking import ConfigurationError, Settings, create_app

from .conftest import SESSIONS, Answer, Bench, settings_for

ID = "aaaaaaaa-0000-4000-8000-000000000001"
CREATE = "scheduling/bookings/create"
HOSTILE = [
    '\'; DROP TABLE "Booking"; --',
    "<script>alert(1)</script>",
    "${7*7}",
    "../../etc/passwd",
    "' OR '1'='1",
    "💥" * 20,
]


def is_clear(answer: Answer) -> bool:
    return set(answer.body) == {"error"} and set(answer.body["error"]) == {"type", "message", "code"}


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"nul", b"null", b"[]", b'"x"', b"1", b"\xff\xfe", b"{'a': 1}", b'{"a": NaN}', b'{"a": Infinity}',
        b'{"a": 1e999}', b'{"a": ' + b"9" * 5000 + b"}", b'{"a": 123456789012345678901234567890}',
        b'{"a":' * 17 + b"1" + b"}" * 17, b"[" * 30000 + b"]" * 30000, b'{"a": "\\u0000"}', b'{"a": "\\ud800"}',
        b'{"\\u0007": 1}', b'{"a": "\\u009f"}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", [CREATE, "scheduling/bookings/recover", f"scheduling/bookings/{ID}/transition"])
def test_a_body_that_is_no_decent_json_object_is_a_400(bench: Bench, raw: bytes, path: str) -> None:
    answer = bench.call("POST", path, data=raw, by="client")

    assert answer.status == 400
    assert is_clear(answer)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_huge_body_is_a_413(bench: Bench, chunked: bool) -> None:
    raw = b'{"a": "' + b"x" * 70_000 + b'"}'
    options: dict[str, Any] = {"data": raw}
    if chunked:
        options = {"input_stream": io.BytesIO(raw), "environ_overrides": {"wsgi.input_terminated": True}}

    answer = bench.call("POST", CREATE, **options)

    assert (answer.status, answer.code) == (413, "body_too_large")


@pytest.mark.parametrize("path", ["webhooks/calendly", "webhooks/stripe"])
def test_an_unsigned_webhook_is_not_even_read(bench: Bench, path: str) -> None:
    assert bench.call("POST", path, data=b"{").status == 401


@pytest.mark.parametrize("text", HOSTILE)
def test_every_text_is_kept_as_text(bench: Bench, text: str) -> None:
    event = bench.schedule("intro-call")
    answers = [{"question": text, "answer": text, "position": 0}]

    answer = bench.create(
        "intro-call", event, ID, by="client", clientName=text, customQuestionResponse=answers, bookingId=ID
    )

    assert answer.status == 200
    assert bench.booking(ID)["customQuestionResponse"] == answers
    assert len(bench.rows("SessionType")) == len(SESSIONS)


@pytest.mark.parametrize(
    "field",
    [
        "builderId",
        "sessionTypeId",
        "calendlyEventUri",
        "calendlyInviteeUri",
        "clientEmail",
        "clientTimezone",
        "pathway",
        "bookingId",
        "startTime",
    ],
)
@pytest.mark.parametrize("value", [*HOSTILE, 1, True, [], {}, "x" * 5000, ""])
def test_wrong_values_are_refused_without_an_echo(bench: Bench, field: str, value: Any) -> None:
    payload = bench.creation("intro-call", bench.schedule("intro-call")) | {field: value}

    answer = bench.call("POST", CREATE, payload)

    assert 400 <= answer.status < 500
    assert is_clear(answer)
    assert not isinstance(value, str) or len(value) < 3 or value not in answer.text
    assert bench.rows("Booking") == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "nowhere", 404), ("GET", CREATE, 400), ("DELETE", CREATE, 405), ("PUT", "scheduling/session-types", 405),
        ("OPTIONS", "openapi.json", 405), ("FOO", "openapi.json", 405), ("GET", "", 404), ("GET", "/openapi.json", 404),
        ("GET", "openapi.json/", 404), ("GET", "%2e%2e/openapi.json", 404), ("GET", "x" * 9000, 404), ("GET", "%ff%00", 404),
    ],
)  # fmt: skip
def test_paths_and_methods_that_do_not_exist(bench: Bench, method: str, path: str, status: int) -> None:
    answer = bench.call(method, path)

    assert answer.status == status
    assert is_clear(answer)
    assert ("Allow" in answer.headers) == (status == 405)


def test_a_method_that_a_path_does_not_take_is_told_which_it_takes(bench: Bench) -> None:
    assert bench.call("PUT", "scheduling/session-types").headers["Allow"] == "GET, HEAD"
    with bench.app.test_client() as client:
        assert client.post("/").headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize(
    "email",
    ["a@.", "a@b.", "a@b..c", "<a@b.c>", "a@b.c\n", "a@b.c\r\nBcc: d@e.f", "a@b.c, d@e.f", "a@-b.c", "@b.c", "a b@c.d"],
)
def test_what_is_no_one_mailbox_is_refused(bench: Bench, email: str) -> None:
    answer = bench.create("intro-call", bench.schedule("intro-call"), ID, clientEmail=email)

    assert (answer.status, answer.code) == (400, "invalid_field")


@pytest.mark.parametrize("zone", ["localtime", "Factory", "europe/london", "../../etc/passwd", "posix/Europe/London"])
def test_what_is_nobodys_time_zone_is_refused(bench: Bench, zone: str) -> None:
    assert bench.initialize("intro-call", ID, clientTimezone=zone).status == 400


@pytest.mark.parametrize("query", ["builderId=%00", "builderId=" + "x" * 300, "builderId=%F0%9F", "builderId=%0a"])
def test_hostile_queries(bench: Bench, query: str) -> None:
    assert bench.call("GET", f"scheduling/session-types?{query}").status in (200, 400)


@pytest.mark.parametrize("proof", ["token=%00", "inviteeUri=%00", "token=" + "x" * 3000, "inviteeUri=%F0%9F"])
def test_hostile_proofs(bench: Bench, proof: str) -> None:
    bench.create("intro-call", bench.schedule("intro-call"), ID)

    assert bench.call("GET", f"scheduling/bookings/{ID}?{proof}").status == 403


def test_answers_are_not_cached(bench: Bench) -> None:
    assert bench.call("GET", "scheduling/session-types").headers["Cache-Control"] == "no-store"


def test_no_database_text_leaves(bench: Bench) -> None:
    bench.execute('ALTER TABLE "Booking" ADD CONSTRAINT "secret_constraint" CHECK ("title" <> \'Introductory call\')')

    answer = bench.initialize("intro-call", ID)

    assert (answer.status, answer.code) == (500, "internal_error")
    assert "secret" not in answer.text
    failed = bench.logged.fields("request.refused")[0]
    assert failed["error"] == "IntegrityError"
    assert "secret" not in str(failed)


def test_a_database_that_is_away_is_a_503(bench: Bench) -> None:
    bench.app = bench.build(database_url="postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=1")

    answer = bench.call("GET", "scheduling/session-types")

    assert (answer.status, answer.code) == (503, "database_unavailable")


@pytest.mark.parametrize("calls", [300, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.timeout(600)
def test_a_flood_of_anonymous_inserts_stores_no_more_than_the_limit(bench: Bench, calls: int) -> None:
    bench.app = bench.build(anonymous_inserts=30)
    payload = json.dumps(
        {"builderId": SESSIONS["intro-call"]["builderId"], "sessionTypeId": SESSIONS["intro-call"]["id"]}
    )
    with bench.app.test_client() as client:
        answers = [client.post("/api/scheduling/bookings/initialize", data=payload) for _ in range(calls)]

    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(200), statuses.count(429)) == (30, calls - 30)
    assert {answer.headers["Retry-After"] for answer in answers[30:]} == {"60"}
    assert len(bench.rows("Booking")) == 30


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_thousand_anonymous_inserts_from_everywhere_expire_and_hold_no_time(bench: Bench) -> None:
    bench.app = bench.build(anonymous_inserts=1, forwarded_proxies=1)
    payload = json.dumps(
        {"builderId": SESSIONS["intro-call"]["builderId"], "sessionTypeId": SESSIONS["intro-call"]["id"]}
    )
    with bench.app.test_client() as client:
        for number in range(10_000):
            address = {"X-Forwarded-For": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"}
            assert client.post("/api/scheduling/bookings/initialize", data=payload, headers=address).status_code == 200

    event = bench.schedule("intro-call", booking_id=ID)
    assert bench.create("intro-call", event, ID, by="client").status == 200, "nobody waits for a flood"
    bench.clock.advance(minutes=31)
    assert bench.app.expire() == 10_000
    assert bench.sandbox.query('SELECT "status"::text, count(*) AS n FROM "Booking" GROUP BY 1 ORDER BY 2') == [
        {"status": "CONFIRMED", "n": 1},
        {"status": "CANCELLED", "n": 10_000},
    ]


@pytest.mark.parametrize(
    "changed",
    [{"token_key": ""}, {"token_key": "short"}, {"calendly_webhook_keys": ()}, {"stripe_webhook_keys": ("",)}],
)
def test_without_keys_the_server_does_not_start(changed: dict[str, Any]) -> None:
    from dataclasses import replace

    with pytest.raises(ConfigurationError):
        create_app(replace(settings_for("postgresql://x"), **changed))


def test_settings_come_from_the_environment() -> None:
    environ = {
        "DATABASE_URL": "postgresql://localhost/x",
        "BOOKING_TOKEN_KEY": "k" * 32,
        "BOOKING_CALENDLY_TOKEN": "t",
        "BOOKING_CALENDLY_WEBHOOK_KEYS": "new, old",
        "BOOKING_STRIPE_KEY": "sk",
        "BOOKING_STRIPE_WEBHOOK_KEYS": "whsec",
        "BOOKING_ANONYMOUS_WINDOW": "90",
        "BOOKING_POOL_SIZE": "7",
    }

    settings = Settings.from_env(environ)

    assert settings.calendly_webhook_keys == ("new", "old")
    assert (settings.anonymous_window.total_seconds(), settings.pool_size) == (90, 7)
    assert "sk" not in repr(settings)
    with pytest.raises(ConfigurationError, match="BOOKING_STRIPE_KEY"):
        Settings.from_env({name: value for name, value in environ.items() if name != "BOOKING_STRIPE_KEY"})
    with pytest.raises(ConfigurationError, match="not a number"):
        Settings.from_env(environ | {"BOOKING_POOL_SIZE": "many"})


def test_the_application_reads_settings_of_any_spelling(bench: Bench) -> None:
    url = sqlalchemy.make_url(bench.settings.database_url).set(drivername="postgresql")

    app = bench.build(database_url=url.render_as_string(hide_password=False))

    assert bench.call("GET", "scheduling/session-types", app=app).status == 200
