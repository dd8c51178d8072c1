"""Every answer that is not a success, as one exception with one shape.

    Refusal                 {"error": {"type", "message", "code"}} and a status (DOMAIN.md 5)

`message` is written by us for the caller: never database text, never what the caller sent.
"""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "TYPES",
    "Refusal",
    "conflict",
    "forbidden",
    "invalid",
    "not_found",
    "provider_failed",
    "sign_in_needed",
]

TYPES: dict[int, str] = {
    400: "invalid_request",
    401: "authentication_required",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "payload_too_large",
    429: "rate_limited",
    500: "internal_error",
    502: "provider_error",
    503: "unavailable",
    504: "provider_timeout",
}


class Refusal(Exception):
    """The request is answered with `status` and an error body; nothing was changed."""

    default_type: ClassVar[str] = "invalid_request"

    def __init__(self, status: int, code: str, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after

    @property
    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        kind = TYPES.get(self.status, self.default_type)
        return {"error": {"type": kind, "message": self.message, "code": self.code}}


def invalid(code: str, message: str) -> Refusal:
    """400: the request itself is wrong."""
    return Refusal(400, code, message)


def sign_in_needed(code: str = "sign_in_required", message: str = "Sign in to do this.") -> Refusal:
    """401: who is calling is not known."""
    return Refusal(401, code, message)


def forbidden(code: str, message: str) -> Refusal:
    """403: the caller may not do this."""
    return Refusal(403, code, message)


def not_found(code: str, message: str) -> Refusal:
    """404: there is no such thing."""
    return Refusal(404, code, message)


def conflict(code: str, message: str) -> Refusal:
    """409: it does not fit how things stand."""
    return Refusal(409, code, message)


def provider_failed(status: int, provider: str, what: str, *, retry_after: int | None = None) -> Refusal:
    """502, 503 or 504: Calendly or Stripe did not do its part; `what` ends the code."""
    message = f"{provider.capitalize()} could not be asked just now. Nothing was changed; try again."
    return Refusal(status, f"{provider}_{what}", message, retry_after=retry_after)
