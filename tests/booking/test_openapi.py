"""The application describes itself, and keeps to it whatever it is asked (property tests over the whole API)."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate

from .conftest import SESSIONS, SLOT, USERS, Answer, Bench

ID = "aaaaaaaa-0000-4000-8000-000000000001"
OTHER = "bbbbbbbb-0000-4000-8000-000000000002"
CALLERS = [None, "client", "other-client", "builder", "admin"]
Described = tuple[dict[str, Any], dict[str, list[Any]]]
QUIET: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


def document(bench: Bench) -> dict[str, Any]:
    return bench.call("GET", "openapi.json").body


def test_the_description_is_valid_openapi(bench: Bench) -> None:
    validate(document(bench))


def test_it_describes_exactly_what_is_served(bench: Bench) -> None:
    described = {
        (method.upper(), path.replace("{", "<").replace("}", ">"))
        for path, operations in document(bench)["paths"].items()
        for method in operations
    }
    served = {
        (method, rule.rule)
        for rule in bench.app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert described == served


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
EVENT = "https://api.calendly.com/scheduled_events"


def pool(bench: Bench, events: list[Any]) -> dict[str, list[Any]]:
    """Values that mean something, by field: so that requests get past the first check."""
    answers = [[{"question": "Booking ID", "answer": name, "position": 0}] for name in (ID, OTHER, "x", "")]
    times = [SLOT.isoformat(), "2030-03-06T10:30:00Z", "2001-01-01T00:00:00Z", "x"]
    return {
        "bookingId": [ID, OTHER, "x"],
        "builderId": [SESSIONS["intro-call"]["builderId"], SESSIONS["other-call"]["builderId"], "x"],
        "sessionTypeId": [session["id"] for session in SESSIONS.values()],
        "clientId": [None, "anonymous", "", USERS["client"]["id"]],
        "calendlyEventUri": [event.event_uri for event in events] + [f"{EVENT}/none"],
        "calendlyInviteeUri": [event.invitee_uri for event in events] + [f"{EVENT}/none/invitees/none"],
        "startTime": times,
        "endTime": times,
        "startDate": times,
        "endDate": times,
        "customQuestionResponse": answers,
        "clientTimezone": ["Europe/London", "Asia", "x"],
        "pathway": ["accelerate", "pivot", "play", "x"],
        "event": [*json.loads(json.dumps(list(bench.parts.machine.events))), "x"],
        "data": [{}, {"reason": "ill"}, {"status": "PAID"}, {"pathway": "play"}],
        "action": ["cancel", "confirm"],
        "status": ["CANCELLED", "CONFIRMED"],
        "eventTypeUri": [session["calendlyEventTypeUri"] for session in SESSIONS.values()],
        "token": [bench.token("client"), "x"],
    }


def request_of(bench: Bench, description: dict[str, Any], values: dict[str, list[Any]], data: st.DataObject) -> Answer:
    """One request that somebody might send."""
    path = data.draw(st.sampled_from(sorted(description["paths"])), label="path")
    method = data.draw(st.sampled_from(sorted(description["paths"][path])), label="method")
    operation = description["paths"][path][method]
    url = path.replace("{booking_id}", data.draw(st.sampled_from([ID, OTHER, "x", "%00", "a" * 300]), label="id"))
    query = {
        parameter["name"]: data.draw(st.sampled_from(values.get(parameter["name"], ["x"])) | st.text(max_size=40))
        for parameter in operation["parameters"]
        if parameter["in"] == "query" and data.draw(st.booleans())
    }
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    body = data.draw(body_of(description, content, values), label="body") if content else None
    by = data.draw(st.sampled_from(CALLERS), label="by")
    return check(
        description, operation, bench.call(method.upper(), url.removeprefix("/api/"), body, by=by, query_string=query)
    )


def body_of(
    description: dict[str, Any], content: dict[str, Any], values: dict[str, list[Any]]
) -> st.SearchStrategy[Any]:
    name = content.get("$ref", "").rpartition("/")[2]
    properties = description["components"]["schemas"].get(name, {}).get("properties", {})
    if not properties:
        return JSON
    likely = {field: st.sampled_from(values.get(field, ["x"])) for field in properties}
    mixed = {field: st.one_of([strategy] * 8 + [JSON]) for field, strategy in likely.items()}
    return st.one_of(
        [st.fixed_dictionaries({}, optional=mixed), st.fixed_dictionaries(likely), st.fixed_dictionaries(mixed), JSON]
    )


def check(description: dict[str, Any], operation: dict[str, Any], answer: Answer) -> Answer:
    """The status is one of those described and not a failure of ours; the body is of the described form."""
    described = operation["responses"].get(str(answer.status))
    assert described is not None, f"{operation['operationId']} does not describe {answer!r}"
    assert answer.status != 500, answer
    schema = described["content"]["application/json"]["schema"]
    jsonschema.validate(answer.body, schema | {"components": description["components"]})
    return answer


@pytest.fixture
def described(bench: Bench) -> Described:
    """The description, and likely values of each field: made once a test, whatever the number of examples."""
    bench.app = bench.build(anonymous_inserts=10**9)
    events = [bench.schedule(session, SLOT) for session in ("intro-call", "pathway-30", "group-class")]
    return document(bench), pool(bench, events)


@settings(max_examples=250, **QUIET)
@given(data=st.data())
def test_every_answer_is_as_described(bench: Bench, described: Described, data: st.DataObject) -> None:
    description, values = described
    bench.clock.advance(seconds=1)

    request_of(bench, description, values, data)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@settings(max_examples=20_000, **QUIET)
@given(data=st.data())
def test_no_failure_of_ours_in_twenty_thousand_requests(
    bench: Bench, described: Described, data: st.DataObject
) -> None:
    description, values = described
    bench.clock.advance(seconds=1)

    request_of(bench, description, values, data)


def test_an_answer_that_is_not_described_is_noticed(bench: Bench) -> None:
    description = document(bench)
    operation = description["paths"]["/api/scheduling/session-types"]["get"]
    answer = bench.call("GET", "scheduling/session-types")
    answer.body = {"success": True}

    with pytest.raises(jsonschema.ValidationError):
        check(description, operation, answer)
    answer.status = 418
    with pytest.raises(AssertionError, match="does not describe"):
        check(description, operation, answer)
