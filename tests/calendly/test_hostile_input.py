"""Whatever is sent, the answer is a clear refusal in Calendly's shape, and the simulator goes on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.calendly import Options, Request, Simulator
from harness.calendly.conformance import Conformance
from harness.calendly.embed_page import embed_page

PEOPLE = {"name": "Sam", "email": "sam@example.test", "timezone": "UTC"}
texts = st.one_of(st.text(max_size=20), st.sampled_from(["\x00", "\ud800", "' OR 1=1 --", "<script>", "é" * 300, "2030-03-06T10:00:00Z",
                                                          "https://api.calendly.com/users/x"]))  # fmt: skip
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)
POSTS = {
    "/invitees": [
        "event_type",
        "start_time",
        "invitee",
        "location",
        "questions_and_answers",
        "tracking",
        "event_guests",
    ],
    "/webhook_subscriptions": ["url", "events", "organization", "scope", "user", "group", "signing_key"],
    "/invitee_no_shows": ["invitee"],
    "/scheduling_links": ["max_event_count", "owner", "owner_type"],
    "/shares": ["event_type"],
}
GETS = {
    "/event_types": ["user", "organization", "active", "sort", "count", "page_token", "admin_managed"],
    "/event_type_available_times": ["event_type", "start_time", "end_time"],
    "/scheduled_events": [
        "user",
        "organization",
        "group",
        "invitee_email",
        "status",
        "min_start_time",
        "sort",
        "count",
    ],
    "/webhook_subscriptions": ["organization", "scope", "user", "sort"],
    "/sample_webhook_data": ["event", "organization", "scope"],
    "/organization_memberships": ["user", "organization", "email", "count"],
}
quick = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _check(simulator: Simulator, conformance: Conformance) -> None:
    call = simulator.calls[-1]
    assert call.status is not None
    assert call.status < 500
    assert conformance.of_call(call) == []


@pytest.fixture(scope="module")
def judge(schemas: Path) -> Conformance:
    return Conformance(schemas)


@pytest.fixture(scope="module")
def furnished() -> Any:
    simulator = Simulator(
        clock=lambda: datetime(2030, 3, 4, 9, tzinfo=UTC), options=Options(rate_limits=False, journal_limit=10)
    )
    kind = simulator.add_event_type(name="Intro", slug="intro", questions=["Booking ID"])
    simulator.subscribe("https://app.example.test/", signing_key="k")
    good = {
        "event_type": kind, "start_time": "2030-03-06T10:00:00Z", "invitee": PEOPLE, "owner": kind,
        "organization": simulator.organization_uri, "user": simulator.owner_uri, "scope": "organization",
        "url": "https://x.test/", "events": ["invitee.created"], "max_event_count": 1, "owner_type": "EventType",
        "end_time": "2030-03-07T00:00:00Z", "event": "invitee.created",
    }  # fmt: skip
    return simulator, good


@quick
@given(data=st.data())
def test_any_body_is_answered(furnished: Any, judge: Conformance, data: Any) -> None:
    simulator, good = furnished
    path = data.draw(st.sampled_from(sorted(POSTS)))
    body = {key: good[key] for key in POSTS[path] if key in good}
    body.update(data.draw(st.dictionaries(st.sampled_from(POSTS[path]), values, max_size=3)))
    sent = json.dumps(body).encode()
    simulator.handle(Request("POST", simulator.base_url + path, {"Authorization": "Bearer t"}, sent))
    _check(simulator, judge)


@quick
@given(data=st.data())
def test_any_query_is_answered(furnished: Any, judge: Conformance, data: Any) -> None:
    simulator, good = furnished
    path = data.draw(st.sampled_from(sorted(GETS)))
    query = {key: good[key] for key in GETS[path] if key in good and key != "user"}
    query.update(data.draw(st.dictionaries(st.sampled_from(GETS[path]), texts, max_size=3)))
    pairs = "&".join(f"{key}={quote(str(value), errors='replace')}" for key, value in query.items())
    simulator.handle(Request("GET", f"{simulator.base_url}{path}?{pairs}", {"Authorization": "Bearer t"}))
    _check(simulator, judge)


@quick
@given(body=st.dictionaries(st.sampled_from(["start_time", "invitee", "answers", "utm", "guests", "location"]), values))
def test_any_submission_of_the_embed_is_answered(furnished: Any, body: dict[str, Any]) -> None:
    simulator, _ = furnished
    sent = {"start_time": "2030-03-06T11:00:00Z", "invitee": PEOPLE, **body}
    request = Request("POST", f"{simulator.base_url}/embed/olive-owner/intro/book", {"Content-Type": "application/json"},
                      json.dumps(sent).encode())  # fmt: skip
    answer = embed_page(simulator, request)
    assert answer is not None
    assert answer.status in (201, 409)


@quick
@given(path=st.text(max_size=40), method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"]))
def test_any_path_is_answered(furnished: Any, path: str, method: str) -> None:
    simulator, _ = furnished
    simulator.handle(Request(method, f"https://api.calendly.com/{path}", {"Authorization": "Bearer t"}))
    assert simulator.calls[-1].status < 500
