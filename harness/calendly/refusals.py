"""Calendly's error answers with their exact texts (CALENDLY.md 2.9 and 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

__all__ = ["TITLES", "Detail", "Refusal", "denied", "invalid", "not_found", "unauthenticated"]

TITLES = {
    400: "Invalid Argument",
    401: "Unauthenticated",
    403: "Permission Denied",
    404: "Resource Not Found",
    409: "Already Exists",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
MESSAGES = {
    400: "The supplied parameters are invalid.",
    401: "The access token is invalid",
    403: "You do not have permission to access this resource.",
    404: "The server could not find the requested resource.",
    409: "Hook with this url already exists",
    429: "Rate limit exceeded",  # the body of a 429 is undocumented
    500: "The server encountered an unexpected condition that prevented it from fulfilling the request.",
    503: "The server is currently unavailable.",
}


class Detail(Struct, frozen=True):
    """One entry of `details`; `parameter` and `code` are absent when None."""

    parameter: str | None
    message: str
    code: str | None = None

    def shown(self) -> dict[str, str]:
        pairs = {"parameter": self.parameter, "message": self.message, "code": self.code}
        return {key: value for key, value in pairs.items() if value is not None}


class Refusal(Exception):
    """An endpoint says no; becomes the answer `{title, message, details?}`."""

    def __init__(
        self,
        status: int,
        message: str | None = None,
        *,
        title: str | None = None,
        details: Sequence[Detail] = (),
        required_scopes: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.title = title or TITLES.get(status, "Error")
        self.message = message or MESSAGES.get(status, self.title)
        self.details = tuple(details)
        self.required_scopes = tuple(required_scopes)

    def shown(self) -> dict[str, Any]:
        body: dict[str, Any] = {"title": self.title, "message": self.message}
        if self.details:
            body["details"] = [detail.shown() for detail in self.details]
        if self.required_scopes:
            body["required_scopes"] = list(self.required_scopes)
        return body


def invalid(parameter: str, message: str, code: str | None = None) -> Refusal:
    return Refusal(400, details=[Detail(parameter, message, code)])


def denied(message: str | None = None) -> Refusal:
    return Refusal(403, message)


def not_found() -> Refusal:
    return Refusal(404)


def unauthenticated(why: str = "invalid") -> Refusal:
    verb = {"invalid": "is invalid", "expired": "expired", "revoked": "was revoked"}[why]
    return Refusal(401, f"The access token {verb}")
