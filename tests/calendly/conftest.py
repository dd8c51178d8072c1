"""A simulator on a clock that the test moves, and a small client that speaks to it without a network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from harness.calendly import Options, Request, Simulator
from harness.calendly.conformance import Conformance
from tests.support.clock import Clock

HEADERS = {"Authorization": "Bearer token"}
SCHEMAS = Path(__file__).parents[2] / "fixtures" / "calendly" / "schemas"


class Answered:
    def __init__(self, status: int, headers: dict[str, str], text: str) -> None:
        self.status, self.headers, self.text = status, headers, text

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def resource(self) -> Any:
        return self.json["resource"]

    @property
    def rows(self) -> list[Any]:
        rows: list[Any] = self.json["collection"]
        return rows


class Api:
    """What an application would send, straight into the simulator."""

    def __init__(self, simulator: Simulator, token: str | None = "token") -> None:
        self.simulator, self.token = simulator, token

    def send(self, method: str, path: str, body: Any = None, /, **query: Any) -> Answered:
        url = path if path.startswith("http") else self.simulator.base_url + path
        if query:
            url += "?" + urlencode(query)
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        response = self.simulator.handle(Request(method, url, headers, data))
        return Answered(response.status, dict(response.headers), response.text)

    def get(self, path: str, /, **query: Any) -> Answered:
        return self.send("GET", path, None, **query)

    def post(self, path: str, body: Any = None, /) -> Answered:
        return self.send("POST", path, body)

    def delete(self, path: str, /) -> Answered:
        return self.send("DELETE", path)


class World:
    """A simulator with one event type, and what the tests ask of it."""

    def __init__(self, options: Options | None = None, seed: int = 7) -> None:
        self.clock = Clock()
        self.simulator = Simulator(clock=self.clock, seed=seed, options=options or Options())
        self.api = Api(self.simulator)
        self.kind = self.simulator.add_event_type(name="Intro call", duration=30, questions=["Booking ID", "Notes"])

    def at(self, text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    def book(self, start: str = "2030-03-06T10:00", kind: str | None = None, **more: Any) -> Any:
        person = more.pop("invitee", {"name": "Sam Visitor", "email": "sam@example.test"})
        return self.simulator.schedule(kind or self.kind, self.at(start), person, **more)

    def request(self, **changes: Any) -> dict[str, Any]:
        """A good body for POST /invitees; None removes a key."""
        body: dict[str, Any] = {
            "event_type": self.kind,
            "start_time": "2030-03-06T10:00:00Z",
            "invitee": {"name": "Sam Visitor", "email": "sam@example.test", "timezone": "Europe/London"},
        }
        body.update(changes)
        return {key: value for key, value in body.items() if value is not None}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def make_world() -> type[World]:
    return World


@pytest.fixture
def make_api() -> type[Api]:
    return Api


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """A client over HTTP that signs in with the owner's token."""
    with requests.Session() as one:
        one.headers.update(HEADERS)
        yield one


@pytest.fixture(scope="session")
def schemas() -> Path:
    return SCHEMAS


@pytest.fixture
def conformance() -> Conformance:
    return Conformance(SCHEMAS)
