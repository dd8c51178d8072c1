"""The steps of `scenario.feature` for pytest-bdd."""

from __future__ import annotations

import os
from typing import Any

import pytest
import requests
import rows
from pytest_bdd import scenarios, then, when

URL, BUILDER, SESSION = (os.environ[name] for name in ("FLOW_URL", "FLOW_BUILDER", "FLOW_SESSION"))
BOOKINGS = f"{URL}/api/scheduling/bookings"

scenarios("flow.feature")


@pytest.fixture(scope="session")
def client() -> requests.Session:
    return requests.Session()


@pytest.fixture
def visit() -> dict[str, Any]:
    return {}


@when("the visitor looks at the sessions")
def looks(client: requests.Session) -> None:
    answer = client.get(f"{URL}/api/scheduling/session-types")
    assert answer.status_code == 200
    assert answer.json()["success"] is True


@when("the visitor begins a booking")
def begins(client: requests.Session, visit: dict[str, Any]) -> None:
    answer = client.post(f"{BOOKINGS}/initialize", json={"builderId": BUILDER, "sessionTypeId": SESSION})
    assert answer.status_code == 200
    body = answer.json()
    assert body["success"] is True
    assert body["state"] == "SESSION_TYPE_SELECTED"
    visit["id"], visit["token"] = body["bookingId"], body["bookingToken"]


@when("the visitor reads it")
def reads(client: requests.Session, visit: dict[str, Any]) -> None:
    answer = client.get(f"{BOOKINGS}/{visit['id']}", params={"token": visit["token"]})
    assert answer.status_code == 200
    assert answer.json()["booking"]["id"] == visit["id"]
    assert answer.json()["booking"]["status"] == "PENDING"


@then("the booking is stored as anonymous and pending")
def stored(visit: dict[str, Any]) -> None:
    rows.booking_is_stored(booking=visit["id"])


@then("its transitions are stored")
def transitions(visit: dict[str, Any]) -> None:
    rows.transitions_are_stored(booking=visit["id"])


@then("no delivery is stored")
def no_delivery() -> None:
    rows.no_delivery_is_stored()
