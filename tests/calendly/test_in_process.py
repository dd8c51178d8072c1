"""The transport over `requests` and `responses`, and requests that nobody expected."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from harness.calendly import Simulator
from harness.calendly.in_process import ResponsesTransport, UnexpectedRequest

BASE = "https://api.calendly.com"


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def transport(world: Any, slept: list[float]) -> Iterator[ResponsesTransport]:
    with ResponsesTransport({BASE: lambda: world.simulator}, sleep=slept.append) as active:
        yield active


@pytest.mark.usefixtures("transport")
def test_requests_reach_the_simulator(world: Any, session: requests.Session) -> None:
    made = session.post(f"{BASE}/invitees", json=world.request())
    assert made.status_code == 201
    assert made.headers["X-RateLimit-Limit"] == "500"
    assert session.get(made.json()["resource"]["uri"]).json() == made.json()
    call = world.simulator.calls[0]
    assert (call.method, call.url, call.status, call.endpoint) == ("POST", f"{BASE}/invitees", 201, "POST /invitees")
    assert "token" not in str(call.headers)


def test_the_simulator_is_asked_for_at_each_request(make_world: Any, session: requests.Session) -> None:
    worlds = [make_world(seed=1), make_world(seed=2)]
    with ResponsesTransport({BASE: lambda: worlds[0].simulator}):
        first = session.get(f"{BASE}/users/me").json()
        worlds.reverse()
        assert session.get(f"{BASE}/users/me").json() != first


@pytest.mark.parametrize(
    ("do", "error"),
    [
        ("timeout", requests.ReadTimeout),
        ("reset", requests.ConnectionError),
        ("refuse", requests.ConnectionError),
        ("truncated", requests.exceptions.ChunkedEncodingError),
    ],
)
@pytest.mark.usefixtures("transport")
def test_a_network_fault_is_what_requests_would_raise(world: Any, session: Any, do: str, error: Any) -> None:
    world.simulator.add_fault("GET /users/me", do)
    with pytest.raises(error, match="simulated"):
        session.get(f"{BASE}/users/me", timeout=5)
    assert session.get(f"{BASE}/users/me", timeout=5).ok


@pytest.mark.usefixtures("transport")
def test_a_delay_waits_or_times_out_by_the_callers_patience(world: Any, session: Any, slept: list[float]) -> None:
    world.simulator.add_fault("POST /invitees", "delay", seconds=3)
    assert session.post(f"{BASE}/invitees", json=world.request(), timeout=10).status_code == 201
    world.simulator.add_fault("GET /users/me", "delay", seconds=3, times=2)
    for timeout in (2, (5, 2)):
        with pytest.raises(requests.ReadTimeout):
            session.get(f"{BASE}/users/me", timeout=timeout)
    assert slept == [3, 2, 2]


@pytest.mark.usefixtures("transport")
def test_a_malformed_answer_is_not_json(world: Any, session: requests.Session) -> None:
    world.simulator.add_fault("GET /users/me", "malformed")
    with pytest.raises(requests.JSONDecodeError):
        session.get(f"{BASE}/users/me").json()


def test_an_unknown_host_never_reaches_the_network(world: Any, transport: Any, session: requests.Session) -> None:
    with pytest.raises(UnexpectedRequest) as caught:
        session.post("https://api.elsewhere.test/users", data="x")
    assert "unexpected request: POST https://api.elsewhere.test/users" in str(caught.value)
    assert "https://api.calendly.com/**: host is api.elsewhere.test" in str(caught.value)
    assert transport.unexpected == world.simulator.calls
    assert world.simulator.calls[0].matched is False


@pytest.mark.usefixtures("transport")
def test_an_unknown_path_is_404_and_says_what_would_have_matched(world: Any, session: requests.Session) -> None:
    assert session.patch(f"{BASE}/scheduled_events/x/invitee").status_code == 404
    call = world.simulator.calls[0]
    assert (call.matched, call.endpoint) == (False, None)
    reasons = {candidate.endpoint: candidate.why for candidate in call.candidates}
    assert reasons["GET /scheduled_events/{uuid}/invitees"] == (
        "method is PATCH, this endpoint takes GET; segment 'invitee' where 'invitees' was expected"
    )
    assert len(reasons) == 5


def test_the_right_path_with_the_wrong_method_is_the_first_candidate(world: Any) -> None:
    world.api.send("PUT", "/webhook_subscriptions/x")
    first = world.simulator.calls[0].candidates[0]
    assert first.endpoint in ("GET /webhook_subscriptions/{uuid}", "DELETE /webhook_subscriptions/{uuid}")
    assert first.why.startswith("method is PUT, this endpoint takes ")


def test_a_host_that_is_let_through_is_left_alone(world: Any, session: requests.Session) -> None:
    class Hello(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Hello)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"127.0.0.1:{server.server_port}"
    try:
        with ResponsesTransport({BASE: lambda: world.simulator}, passthrough=frozenset({host})):
            assert session.get(f"http://{host}/").status_code == 204
        assert world.simulator.calls == []
    finally:
        server.shutdown()
        server.server_close()


def test_whoever_listens_hears_of_every_call_once(world: Any) -> None:
    heard: list[Any] = []
    world.simulator.on_call = heard.append
    world.simulator.add_fault("GET /users/me", "503")
    for path in ("/users/me", "/users/me", "/nowhere"):
        world.api.get(path)
    assert heard == world.simulator.calls
    assert [call.status for call in heard] == [503, 200, 404]


def test_a_journal_can_be_bounded(make_world: Any) -> None:
    from harness.calendly import Options

    world = make_world(Options(journal_limit=50, rate_limits=False))
    for _ in range(400):
        world.api.get("/users/me")
    assert 50 <= len(world.simulator.calls) <= 150
    assert world.simulator.calls[-1].number == 400


def test_twenty_threads_book_one_slot_once(world: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    simulator: Simulator = world.simulator
    kinds = [simulator.add_event_type(name="Enterprise")]

    def book(_: int) -> int:
        status: int = world.api.post("/invitees", world.request(event_type=kinds[0])).status
        return status

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(book, range(20)))
    assert statuses.count(201) == 1
    assert set(statuses) == {201, 400}


def test_transports_that_stop_in_another_order_leave_nothing_behind() -> None:
    before = requests.adapters.HTTPAdapter.send
    made: dict[str, Any] = {"https://api.calendly.com": Simulator}
    first, second = (ResponsesTransport(made) for _ in range(2))
    first.start()
    second.start()
    first.stop()
    second.stop()
    second.stop()
    assert requests.adapters.HTTPAdapter.send is before
