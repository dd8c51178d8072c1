"""Which endpoint a request means; and when none, which came near and why they did not match."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from harness.provider.calls import Candidate

__all__ = ["Match", "Route", "Router"]


class Route(Struct, frozen=True):
    """One endpoint: `GET /scheduled_events/{uuid}`. `scopes`: any one of them is enough."""

    method: str
    template: str
    handler: Callable[..., Any]
    scopes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.method} {self.template}"

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.template.strip("/").split("/"))


class Match(Struct, frozen=True):
    """A route and the values of its placeholders."""

    route: Route
    values: Mapping[str, str]


class Router:
    """Routes, indexed by method and number of segments."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._index: dict[tuple[str, int], list[tuple[tuple[str, ...], Route]]] = {}
        for route in self.routes:
            segments = route.segments
            self._index.setdefault((route.method, len(segments)), []).append((segments, route))

    def find(self, method: str, path: str) -> Match | None:
        parts = path.strip("/").split("/")
        for segments, route in self._index.get((method, len(parts)), ()):
            values = _values(segments, parts)
            if values is not None:
                return Match(route, values)
        return None

    def candidates(self, method: str, path: str, limit: int = 5) -> tuple[Candidate, ...]:
        """The routes nearest to the request, nearest first, each with the reason why it did not match."""
        parts = path.strip("/").split("/")
        scored = sorted(self.routes, key=lambda route: -_nearness(route, method, parts))
        return tuple(Candidate(route.name, "; ".join(_reasons(route, method, parts))) for route in scored[:limit])

    def unifying(self, method: str, pattern: str) -> Iterator[Route]:
        """The routes that some request fitting the glob `pattern` (`*` one segment, `**` the rest) can reach."""
        parts = pattern.strip("/").split("/")
        return (r for r in self.routes if method in ("*", r.method) and _unify(r.segments, parts))


def _values(segments: tuple[str, ...], parts: list[str]) -> dict[str, str] | None:
    values: dict[str, str] = {}
    for segment, part in zip(segments, parts, strict=True):
        if segment[:1] == "{":
            if not part:
                return None
            values[segment[1:-1]] = part
        elif segment != part:
            return None
    return values


def _unify(segments: tuple[str, ...], parts: list[str]) -> bool:
    if parts and parts[0] == "**":
        return any(_unify(segments[i:], parts[1:]) for i in range(len(segments) + 1))
    if not segments or not parts:
        return not segments and not parts
    fits = parts[0] == "*" or segments[0][:1] == "{" or segments[0] == parts[0]
    return fits and _unify(segments[1:], parts[1:])


def _nearness(route: Route, method: str, parts: list[str]) -> float:
    path = difflib.SequenceMatcher(a=[*route.segments], b=parts).ratio()
    letters = difflib.SequenceMatcher(a=route.template, b="/" + "/".join(parts)).ratio()
    fits = len(parts) == len(route.segments) and _values(route.segments, parts) is not None
    return path + letters + 2 * fits + 0.25 * (route.method == method)


def _reasons(route: Route, method: str, parts: list[str]) -> list[str]:
    reasons = [] if route.method == method else [f"method is {method}, this endpoint takes {route.method}"]
    segments = route.segments
    if len(segments) != len(parts):
        reasons.append(f"path has {len(parts)} segments, this endpoint has {len(segments)}")
    for segment, part in zip(segments, parts, strict=False):
        if segment[:1] != "{" and segment != part:
            reasons.append(f"segment {part!r} where {segment!r} was expected")
            break
    return reasons or ["an empty path segment"]
