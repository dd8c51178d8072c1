"""Idempotency keys: the same key with the same parameters gets the first answer again, for 24 hours."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from harness.provider import Request, Response
from harness.stripe.refusals import Refusal

__all__ = ["Idempotency"]

_KEPT = timedelta(hours=24)


class _Kept(Struct, frozen=True):
    path: str
    body: bytes
    response: Response
    at: datetime


class Idempotency:
    """Remembers answers by key. Answers to requests that failed validation are not kept, as at Stripe."""

    def __init__(self) -> None:
        self._answers: dict[str, _Kept] = {}

    def replay(self, key: str | None, request: Request, now: datetime) -> Response | None:
        """The kept answer. Raises Refusal when the key was used with other parameters."""
        kept = self._answers.get(key) if key else None
        if kept is None or now - kept.at >= _KEPT:
            return None
        if kept.path != request.path or kept.body != request.body:
            text = (
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request."
            )
            raise Refusal(400, text, kind="idempotency_error")
        headers = {**kept.response.headers, "Idempotent-Replayed": "true"}
        return Response(kept.response.status, headers, kept.response.body)

    def keep(self, key: str | None, request: Request, response: Response, now: datetime) -> None:
        if key:
            self._answers[key] = _Kept(request.path, request.body, response, now)
