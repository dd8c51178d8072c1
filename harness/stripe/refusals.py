"""Stripe's error answers: `{"error": {type, code?, message, param?}}`."""

from __future__ import annotations

from typing import Any

__all__ = ["Refusal", "missing_parameter", "no_such", "unknown_parameter"]

_TYPES = {401: "invalid_request_error", 402: "card_error", 409: "idempotency_error"}


class Refusal(Exception):
    """An endpoint says no. `kept` answers are replayed for the same idempotency key."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str | None = None,
        kept: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.kind = kind or _TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
        self.kept = kept

    def shown(self) -> dict[str, Any]:
        error: dict[str, Any] = {"message": self.message, "type": self.kind}
        if self.code:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param:
            error["param"] = self.param
        return {"error": error}


def missing_parameter(name: str) -> Refusal:
    return Refusal(400, f"Missing required param: {name}.", code="parameter_missing", param=name)


def unknown_parameter(name: str) -> Refusal:
    return Refusal(400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def no_such(what: str, identifier: str, param: str = "id", status: int = 404) -> Refusal:
    return Refusal(status, f"No such {what}: '{identifier}'", code="resource_missing", param=param)
