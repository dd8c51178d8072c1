"""The OpenAPI description of the endpoints, made from the same table as the routes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from .machine_table import Event, State
from .presenter import GROUPS
from .refusals import TYPES
from .requests_read import FORMATS, Request
from .routes import Route

__all__ = ["describe"]

Schema = dict[str, Any]
ID: Schema = {"type": "string", "format": "uuid"}
TEXT: Schema = {"type": "string"}
MAYBE: Schema = {"type": ["string", "null"]}
STATE: Schema = {"type": "string", "enum": [state.value for state in State]}
REASONS = {
    400: "The request is not valid",
    401: "Sign-in, a token or a signature is needed",
    403: "Not allowed to this caller",
    404: "Unknown",
    409: "It does not fit how things stand",
    413: "The body is too large",
    429: "Too many anonymous bookings",
    500: "We failed",
    502: "A provider failed",
    503: "A provider or the database is busy",
    504: "A provider did not answer in time",
}


def _schemas(kinds: Iterable[type[Request]]) -> Mapping[str, Schema]:
    _, components = msgspec.json.schema_components(kinds, schema_hook=lambda kind: {"type": "string", **FORMATS[kind]})
    return components


def _object(properties: Schema, *, optional: Sequence[str] = ()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def _success(**properties: Schema) -> Schema:
    return {"success": {"const": True}, **properties}


BOOKING = _object(
    {
        "id": ID,
        "builderId": TEXT,
        "clientId": MAYBE,
        "sessionTypeId": MAYBE,
        "title": TEXT,
        "startTime": {"type": "string", "format": "date-time"},
        "endTime": {"type": "string", "format": "date-time"},
        "status": {"enum": ["PENDING", "CONFIRMED", "CANCELLED", "COMPLETED"]},
        "paymentStatus": {"enum": ["UNPAID", "PAID", "REFUNDED", "CANCELLED"]},
        "amount": MAYBE,
        "pathway": MAYBE,
        "currentState": MAYBE,
    }
)
SESSION = _object(
    {
        "id": TEXT,
        "builderId": TEXT,
        "builderName": MAYBE,
        "title": TEXT,
        "durationMinutes": {"type": "integer"},
        "price": TEXT,
        "currency": TEXT,
        "isFree": {"type": "boolean"},
        "requiresAuth": {"type": "boolean"},
        "calendlyEventTypeUri": MAYBE,
    }
)
OUTCOME = _success(bookingId=ID, state=STATE, bookingToken=TEXT)
TIME = _object({"startTime": {"type": "string", "format": "date-time"}, "status": MAYBE})
ANSWERS: dict[str, Schema] = {
    "Outcome": _object(OUTCOME, optional=["bookingToken"]),
    "BookingAnswer": _object(
        _success(bookingId=ID, state=MAYBE, recoveryToken=TEXT, booking=BOOKING), optional=["recoveryToken"]
    ),
    "Transitioned": _object(
        _success(
            previousState=STATE,
            currentState=STATE,
            timestamp={"type": "string", "format": "date-time"},
            event={"type": "string", "enum": [event.value for event in Event]},
        )
    ),
    "SessionTypes": _object(
        _success(sessionTypes=_object({name: {"type": "array", "items": SESSION} for name in GROUPS}))
    ),
    "AvailableTimesAnswer": _object(_success(times={"type": "array", "items": TIME})),
    "CheckoutAnswer": _object(_success(bookingId=ID, state=STATE, sessionId=TEXT, url=MAYBE)),
    "CheckoutStatus": _object(
        _success(bookingId=ID, state=MAYBE, paymentStatus=TEXT, sessionId=MAYBE, sessionStatus=MAYBE)
    ),
    "Delivered": _object(
        _success(outcome={"type": "string", "enum": ["applied", "parked", "flagged", "ignored", "duplicate"]})
    ),
    "OpenApi": {"type": "object", "required": ["openapi", "paths"]},
}
ERROR = _object(
    {"error": _object({"type": {"type": "string", "enum": sorted(TYPES.values())}, "message": TEXT, "code": TEXT})}
)


def describe(routes: Sequence[Route]) -> Schema:
    """The OpenAPI 3.1 document of `routes`, all under /api."""
    paths: dict[str, Schema] = {}
    for route in routes:
        path = "/api" + re.sub(r"<(\w+)>", r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route)
    bodies = _schemas({route.body for route in routes if route.body})
    return {
        "openapi": "3.1.0",
        "info": {"title": "Booking", "version": "1", "description": "Sessions with builders: book, pay, cancel."},
        "paths": paths,
        "components": {
            "schemas": {**ANSWERS, **bodies, "Error": ERROR},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _operation(route: Route) -> Schema:
    operation: Schema = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": _parameters(route),
        "responses": {"200": _response("Done", route.answer)}
        | {str(status): _response(REASONS[status], "Error") for status in (*route.statuses, 500)},
    }
    if not route.signed:
        operation["security"] = [{}, {"bearer": []}]
    content = _reference(route.body.__name__) if route.body else {"type": "object"}
    if route.body or route.signed:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": content}}}
    return operation


def _parameters(route: Route) -> list[Schema]:
    names = [(name, "path", ID) for name in re.findall(r"<(\w+)>", route.path)]
    names += [(name, "query", {**TEXT, "maxLength": 512}) for name in route.query]
    if route.signed:
        names.append((route.signed, "header", TEXT))
    return [{"name": name, "in": place, "required": place == "path", "schema": schema} for name, place, schema in names]


def _response(description: str, schema: str) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": _reference(schema)}}}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
