"""The endpoints: one table, from which both the routes and the OpenAPI description are made (DOMAIN.md 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import request
from pydantic import BaseModel

from .asking import Asking
from .bookings import Bookings
from .calendly_webhooks import CalendlyWebhooks
from .offers import Offers
from .requests_read import AvailableTimes, Create, Initialize

__all__ = ["ROUTES", "Endpoints", "Route"]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: `name` is the method of `Endpoints` that answers, `answer` the schema of its body."""

    method: str
    path: str
    name: str
    summary: str
    answer: str
    statuses: tuple[int, ...]
    body: type[BaseModel] | None = None
    query: tuple[str, ...] = ()
    signed: str | None = None


ROUTES = (
    Route(
        "POST",
        "/scheduling/bookings/initialize",
        "initialize",
        "Begin a booking, signed in or not",
        "Outcome",
        (400, 401, 403, 404, 409, 413, 429),
        Initialize,
    ),
    Route(
        "POST",
        "/scheduling/bookings/create",
        "create",
        "Create the booking of a scheduled Calendly event",
        "Outcome",
        (400, 401, 403, 404, 409, 413, 429, 502, 503, 504),
        Create,
    ),
    Route(
        "GET",
        "/scheduling/bookings/<booking_id>",
        "read",
        "Read a booking",
        "BookingAnswer",
        (400, 401, 403, 404),
        query=("token", "inviteeUri"),
    ),
    Route(
        "GET",
        "/scheduling/session-types",
        "session_types",
        "What this visitor may book, in groups",
        "SessionTypes",
        (400, 401),
        query=("builderId",),
    ),
    Route(
        "GET",
        "/scheduling/sessions/available",
        "sessions_available",
        "What this visitor may book, in groups",
        "SessionTypes",
        (400, 401),
        query=("builderId",),
    ),
    Route(
        "POST",
        "/scheduling/calendly/available-times",
        "available_times",
        "Calendly's free times for a session type",
        "AvailableTimesAnswer",
        (400, 401, 403, 404, 413, 502, 503, 504),
        AvailableTimes,
    ),
    Route(
        "POST",
        "/webhooks/calendly",
        "webhooks_calendly",
        "A delivery from Calendly",
        "Delivered",
        (400, 401, 413),
        signed="Calendly-Webhook-Signature",
    ),
)


class Endpoints:
    """What each endpoint does with the request at hand."""

    def __init__(self, asking: Asking, bookings: Bookings, offers: Offers, calendly: CalendlyWebhooks) -> None:
        self._asking = asking
        self._bookings = bookings
        self._offers = offers
        self._calendly = calendly

    def initialize(self) -> Mapping[str, Any]:
        """POST scheduling/bookings/initialize."""
        return self._bookings.initialize(self._asking.caller(), self._asking.read(Initialize))

    def create(self) -> Mapping[str, Any]:
        """POST scheduling/bookings/create."""
        return self._bookings.create(self._asking.caller(), self._asking.read(Create))

    def read(self, booking_id: str) -> Mapping[str, Any]:
        """GET scheduling/bookings/{id}."""
        return self._bookings.read(self._asking.caller(), self._asking.booking_id(booking_id))

    def session_types(self) -> Mapping[str, Any]:
        """GET scheduling/session-types."""
        return self._offers.session_types(self._asking.caller(), self._asking.query("builderId"))

    def sessions_available(self) -> Mapping[str, Any]:
        """GET scheduling/sessions/available: production's other name for the same."""
        return self.session_types()

    def available_times(self) -> Mapping[str, Any]:
        """POST scheduling/calendly/available-times."""
        return self._offers.available_times(self._asking.caller(), self._asking.read(AvailableTimes))

    def webhooks_calendly(self) -> Mapping[str, Any]:
        """POST webhooks/calendly."""
        return self._calendly.receive(request.headers.get("Calendly-Webhook-Signature"), self._asking.raw())
