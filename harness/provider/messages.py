"""Requests and answers as a provider sees them, whichever transport carried them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal
from urllib.parse import SplitResult, parse_qsl, urlsplit

import msgspec
from msgspec import Struct, field

__all__ = ["Answer", "Request", "Response", "TransportFault", "TransportFaultKind"]

TransportFaultKind = Literal["timeout", "reset", "refused"]


class TransportFault(Exception):
    """No answer came: the connection timed out, was reset, or was refused.

    A fault of the simulated network, not of the harness; a transport turns it into what its client would see.
    """

    def __init__(self, kind: TransportFaultKind) -> None:
        super().__init__(kind)
        self.kind: TransportFaultKind = kind


class Request(Struct, frozen=True, dict=True):
    """One HTTP request; `url` is absolute, header names are looked up without regard to case."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @cached_property
    def parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def host(self) -> str:
        return self.parts.netloc

    @property
    def path(self) -> str:
        return self.parts.path or "/"

    @cached_property
    def query(self) -> dict[str, str]:
        """The query parameters; the last of a repeated name counts."""
        return dict(parse_qsl(self.parts.query, keep_blank_values=True))

    def header(self, name: str) -> str | None:
        wanted = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == wanted), None)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", errors="replace")


class Response(Struct, frozen=True):
    """One HTTP answer. `delay` (seconds) is how long a transport waits before it hands the answer on."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0

    @classmethod
    def of_json(cls, status: int, payload: Any, headers: Mapping[str, str] | None = None) -> Response:
        body = msgspec.json.encode(payload)
        return cls(status, {"Content-Type": "application/json", **(headers or {})}, body)

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", errors="replace")


class Answer(Struct, frozen=True):
    """What a receiver of a webhook answered; `elapsed` in seconds decides about the provider's read timeout."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    elapsed: float = 0.0
