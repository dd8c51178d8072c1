"""The endpoints: one table, from which both the routes and the OpenAPI description are made (DOMAIN.md 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request

from .asking import Asking
from .openapi import describe
from .refusals import invalid
from .requests_read import AvailableTimes, Cancel, Checkout, Create, Initialize, Recover, Transition
from .routes import Route
from .services import Services

__all__ = ["ROUTES", "Endpoints"]


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
        "PATCH",
        "/scheduling/bookings/<booking_id>",
        "cancel",
        "Cancel a booking",
        "Outcome",
        (400, 401, 403, 404, 409, 413, 502, 503, 504),
        Cancel,
    ),
    Route(
        "POST",
        "/scheduling/bookings/<booking_id>/transition",
        "transition",
        "Fire an event of the state machine",
        "Transitioned",
        (400, 401, 403, 404, 409, 413, 502, 503, 504),
        Transition,
    ),
    Route(
        "POST",
        "/scheduling/bookings/recover",
        "recover",
        "Bring a booking back to the state before its error",
        "Outcome",
        (400, 401, 404, 409, 413),
        Recover,
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
        "/stripe/checkout/create",
        "checkout_create",
        "Open the payment page of a booking",
        "CheckoutAnswer",
        (400, 401, 403, 404, 409, 413, 502, 503, 504),
        Checkout,
    ),
    Route(
        "GET",
        "/stripe/checkout/status",
        "checkout_status",
        "How the payment of a booking stands",
        "CheckoutStatus",
        (400, 401, 403, 404, 502, 503, 504),
        query=("bookingId", "sessionId"),
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
    Route(
        "POST",
        "/webhooks/stripe",
        "webhooks_stripe",
        "An event from Stripe",
        "Delivered",
        (400, 401, 413),
        signed="Stripe-Signature",
    ),
    Route("GET", "/openapi.json", "openapi", "This description", "OpenApi", ()),
)


class Endpoints:
    """What each endpoint does with the request at hand."""

    def __init__(self, asking: Asking, services: Services) -> None:
        self._asking = asking
        self._services = services

    def initialize(self) -> Mapping[str, Any]:
        """POST scheduling/bookings/initialize."""
        return self._services.bookings.initialize(self._asking.caller(), self._asking.read(Initialize))

    def create(self) -> Mapping[str, Any]:
        """POST scheduling/bookings/create."""
        return self._services.bookings.create(self._asking.caller(), self._asking.read(Create))

    def read(self, booking_id: str) -> Mapping[str, Any]:
        """GET scheduling/bookings/{id}."""
        return self._services.bookings.read(self._asking.caller(), self._asking.booking_id(booking_id))

    def cancel(self, booking_id: str) -> Mapping[str, Any]:
        """PATCH scheduling/bookings/{id}."""
        caller, booking_id = self._asking.caller(), self._asking.booking_id(booking_id)
        return self._services.cancelling.patch(caller, booking_id, self._asking.read(Cancel))

    def transition(self, booking_id: str) -> Mapping[str, Any]:
        """POST scheduling/bookings/{id}/transition."""
        caller, booking_id = self._asking.caller(), self._asking.booking_id(booking_id)
        return self._services.transitions.fire(caller, booking_id, self._asking.read(Transition))

    def recover(self) -> Mapping[str, Any]:
        """POST scheduling/bookings/recover."""
        return self._services.transitions.recover(self._asking.read(Recover).token)

    def session_types(self) -> Mapping[str, Any]:
        """GET scheduling/session-types."""
        return self._services.offers.session_types(self._asking.caller(), self._asking.query("builderId"))

    def sessions_available(self) -> Mapping[str, Any]:
        """GET scheduling/sessions/available: production's other name for the same."""
        return self.session_types()

    def available_times(self) -> Mapping[str, Any]:
        """POST scheduling/calendly/available-times."""
        return self._services.offers.available_times(self._asking.caller(), self._asking.read(AvailableTimes))

    def webhooks_calendly(self) -> Mapping[str, Any]:
        """POST webhooks/calendly."""
        return self._services.calendly.receive(
            request.headers.get("Calendly-Webhook-Signature"), self._asking.delivery()
        )

    def checkout_create(self) -> Mapping[str, Any]:
        """POST stripe/checkout/create."""
        return self._services.payments.open(self._asking.caller(), self._asking.read(Checkout))

    def checkout_status(self) -> Mapping[str, Any]:
        """GET stripe/checkout/status?bookingId= or ?sessionId=."""
        caller = self._asking.caller()
        booking_id, session_id = self._asking.query("bookingId"), self._asking.query("sessionId")
        if booking_id is None and session_id is None:
            raise invalid("missing_field", "bookingId or sessionId is needed.")
        checked = self._asking.booking_id(booking_id) if booking_id is not None else None
        return self._services.payments.status(caller, checked, session_id)

    def webhooks_stripe(self) -> Mapping[str, Any]:
        """POST webhooks/stripe."""
        return self._services.stripe.receive(request.headers.get("Stripe-Signature"), self._asking.delivery())

    def openapi(self) -> Mapping[str, Any]:
        """GET openapi.json."""
        return describe(ROUTES)
