"""A client's booking on its way to being paid, for the tests of paying and of cancelling."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .conftest import SLOT, Answer, Bench

ID = "aaaaaaaa-0000-4000-8000-000000000001"


def scheduled(bench: Bench, session: str = "pathway-30", start: datetime = SLOT) -> str:
    """A client's booking that waits for its payment; the invitee's URI."""
    bench.initialize(session, ID, by="client", pathway="pivot")
    event = bench.schedule(session, start, booking_id=ID)
    assert bench.create(session, event, ID, by="client").body["state"] == "CALENDLY_EVENT_SCHEDULED"
    return event.invitee_uri


def checkout(bench: Bench, by: str | None = "client", **more: Any) -> Answer:
    return bench.call("POST", "stripe/checkout/create", {"bookingId": ID, **more}, by=by)


def paid(bench: Bench, session: str = "pathway-30", start: datetime = SLOT) -> str:
    invitee = scheduled(bench, session, start)
    bench.stripe.pay(checkout(bench).body["sessionId"])
    bench.deliver("stripe")
    assert bench.booking(ID)["currentState"] == "BOOKING_CONFIRMED"
    return invitee
