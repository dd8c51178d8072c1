"""Creating a booking after Calendly: free and anonymous, or begun by a client."""

from __future__ import annotations

from decimal import Decimal

from .conftest import SESSIONS, SLOT, Bench

ID = "aaaaaaaa-0000-4000-8000-000000000001"


def test_a_free_session_is_booked_without_signing_in(bench: Bench) -> None:
    event = bench.schedule("intro-call", booking_id=ID)

    answer = bench.create("intro-call", event, ID)

    assert answer.status == 200
    assert answer.body["bookingId"] == ID
    assert answer.body["state"] == "BOOKING_CONFIRMED"
    row = bench.booking(ID)
    assert row["clientId"] is None
    assert (row["status"], row["paymentStatus"], row["amount"]) == ("CONFIRMED", "PAID", Decimal("0.00"))
    assert row["startTime"] == SLOT.replace(tzinfo=None)
    assert row["title"] == SESSIONS["intro-call"]["title"]
    assert row["stateData"]["contact"] == {"name": "Sam Sample", "email": "sam@example.test"}
    assert bench.path(ID) == ["IDLE", "CALENDLY_EVENT_SCHEDULED", "BOOKING_CONFIRMED"]


def test_a_client_begins_and_creates_the_same_booking(bench: Bench) -> None:
    begun = bench.initialize("pathway-30", ID, by="client", pathway="pivot")
    event = bench.schedule("pathway-30", booking_id=ID)

    answer = bench.create("pathway-30", event, ID, by="client")

    assert begun.body == {"success": True, "bookingId": ID, "state": "SESSION_TYPE_SELECTED"}
    assert answer.body["state"] == "CALENDLY_EVENT_SCHEDULED"
    assert bench.path(ID) == ["IDLE", "SESSION_TYPE_SELECTED", "CALENDLY_EVENT_SCHEDULED"]


def test_a_delivery_before_its_booking_waits_and_is_applied(bench: Bench) -> None:
    event = bench.schedule("intro-call", booking_id=ID)
    bench.deliver()
    parked = bench.rows("WebhookDelivery")[0]["outcome"]

    answer = bench.create("intro-call", event, ID)

    assert parked == "parked"
    assert answer.body["state"] == "BOOKING_CONFIRMED"
    assert [row["outcome"] for row in bench.rows("WebhookDelivery")] == ["applied"]
    assert bench.rows("WebhookDelivery")[0]["payload"] is None
