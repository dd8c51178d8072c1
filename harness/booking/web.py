"""HTTP in, HTTP out; nothing is decided here (DOMAIN.md 5)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from .context import Context
from .endpoints import ROUTES, Endpoints
from .failures import place_of

__all__ = ["blueprint", "json_response", "register_failures"]

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def blueprint(endpoints: Endpoints) -> Blueprint:
    """Every endpoint of `ROUTES` under /api."""
    api = Blueprint("booking_api", __name__, url_prefix="/api")
    for route in ROUTES:
        answer: Callable[..., Any] = getattr(endpoints, route.name)
        api.add_url_rule(
            route.path, route.name, _handler(answer), methods=[route.method], provide_automatic_options=False
        )
    return api


def register_failures(app: Flask, context: Context, elsewhere: Callable[[HTTPException], Response]) -> None:
    """Answers every exception under /api with the one shape of errors, and a wrong address of the page by `elsewhere`."""

    def fail(error: Exception) -> Response:
        here = f"{request.path}/".startswith("/api/")
        response = elsewhere(error) if isinstance(error, HTTPException) and not here else answer(error)
        if isinstance(error, MethodNotAllowed):  # RFC 9110 section 15.5.6
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return response

    def answer(error: Exception) -> Response:
        refusal = context.parts.failures.refusal(error)
        is_ours = refusal.status == 500 or refusal.code == "database_unavailable"
        say = context.journal.error if is_ours else context.journal.warning
        endpoint = request.endpoint.rpartition(".")[2] if request.endpoint else None
        detail = {"error": type(error).__name__, "at": place_of(error)} if is_ours else {}
        say("request.refused", status=refusal.status, code=refusal.code, endpoint=endpoint, **detail)
        response = json_response(refusal.body, refusal.status)
        if refusal.retry_after is not None:
            response.headers["Retry-After"] = str(refusal.retry_after)
        return response

    app.register_error_handler(Exception, fail)


def json_response(body: Mapping[str, Any], status: int = 200) -> Response:
    """`body` as an answer that nobody caches."""
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return Response(text, status, HEADERS, mimetype="application/json")


def _handler(answer: Callable[..., Mapping[str, Any]]) -> Callable[..., Response]:
    def handle(**values: str) -> Response:
        return json_response(answer(**values))

    return handle
