"""The journal: every request that an application made to a provider, and what it got."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct, field

__all__ = ["Call", "Candidate", "explain_unmatched"]


class Candidate(Struct, frozen=True):
    """An endpoint that an unexpected request might have meant, and why it did not match."""

    endpoint: str
    why: str

    def __str__(self) -> str:
        return f"{self.endpoint}: {self.why}"


class Call(Struct, frozen=True):
    """One request, in order from 1. `status` is None when no answer came; `error` then names the reason.

    `fault` is the injected fault that struck. `matched` is False when no endpoint of the provider fits; `candidates`
    then lists the nearest ones. Credentials in headers are not kept.
    """

    number: int
    method: str
    url: str
    request_body: str | None
    status: int | None
    response_body: str | None
    fault: str | None
    matched: bool
    at: datetime
    candidates: tuple[Candidate, ...] = ()
    endpoint: str | None = None
    error: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    duration_us: int = 0


def explain_unmatched(call: Call) -> str:
    """The text for a request that nothing in the simulator answers, with the nearest endpoints."""
    lines = [f"unexpected request: {call.method} {call.url}", "what would have matched:"]
    lines += [f"  - {candidate}" for candidate in call.candidates] or ["  (nothing comes near)"]
    return "\n".join(lines)
