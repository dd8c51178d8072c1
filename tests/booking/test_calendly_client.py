"""Whatever stands where Calendly should be answers with: one of our refusals, and no fault of ours (W11, S3)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from harness.booking.calendly_client import CalendlyClient
from harness.booking.refusals import Refusal
from harness.booking.settings import Settings


class Anything(BaseHTTPRequestHandler):
    answer: tuple[int, dict[str, str], bytes] = (200, {}, b"")

    def do_GET(self) -> None:
        status, headers, body = self.answer
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def client() -> Iterator[CalendlyClient]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Anything) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        keys: dict[str, Any] = {"calendly_webhook_keys": ("a",), "stripe_key": "b", "stripe_webhook_keys": ("c",)}
        base = f"http://127.0.0.1:{server.server_port}"
        made = CalendlyClient(
            Settings(database_url="", token_key="k" * 32, calendly_token="t", calendly_base=base, **keys)
        )
        yield made
        made.close()
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "headers", "body", "code"),
    [
        (200, {}, b"[" * 100_000, "calendly_answer_unreadable"),
        (200, {}, b'{"resource":' * 5_000 + b"1" + b"}" * 5_000, "calendly_answer_unreadable"),
        (200, {}, b'{"resource":[]}', "calendly_answer_unreadable"),
        (200, {"Content-Encoding": "gzip"}, b"not packed", "calendly_unreachable"),
        (302, {"Location": "http://[bad"}, b"", "calendly_answer_unreadable"),
        (302, {"Location": "http://elsewhere.example.test/"}, b"", "calendly_answer_unreadable"),
        (429, {"X-RateLimit-Reset": "9" * 5_000}, b"", "calendly_busy"),
        (429, {"X-RateLimit-Reset": "soon"}, b"", "calendly_busy"),
        (429, {}, b"", "calendly_busy"),
    ],
)
def test_what_cannot_be_read_is_calendlys_failure(
    client: CalendlyClient,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    headers: dict[str, str],
    body: bytes,
    code: str,
) -> None:
    monkeypatch.setattr(Anything, "answer", (status, headers, body))
    with pytest.raises(Refusal) as refused:
        client.event("e")
    assert (refused.value.code, refused.value.retry_after) == (code, None)


def test_when_calendly_says_how_long_to_wait_it_is_handed_on(
    client: CalendlyClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Anything, "answer", (429, {"X-RateLimit-Reset": "42"}, b""))
    with pytest.raises(Refusal) as refused:
        client.event("e")
    assert refused.value.retry_after == 42
