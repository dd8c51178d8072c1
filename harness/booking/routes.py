"""What is said about one endpoint, for routing and for the OpenAPI description."""

from __future__ import annotations

from dataclasses import dataclass

from .requests_read import Request

__all__ = ["Route"]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: `name` is the method of `Endpoints` that answers, `answer` the schema of its body."""

    method: str
    path: str
    name: str
    summary: str
    answer: str
    statuses: tuple[int, ...]
    body: type[Request] | None = None
    query: tuple[str, ...] = ()
    signed: str | None = None
