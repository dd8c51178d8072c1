"""How a visitor's request reaches the target: a WSGI call in this process, or a socket.

Both take the same request and give the same answer, so that a scenario cannot tell them apart.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, unquote, urlsplit

from harness.interrupts import AskedToEnd
from harness.scenario.exchange import HttpAnswer, HttpRequest, NoAnswer, decoded, joined

if TYPE_CHECKING:
    from harness.scenario.connection import HttpConnection

__all__ = ["HttpAnswer", "HttpRequest", "InProcess", "NoAnswer", "Socket", "Transport"]

TIMEOUT_S = 30.0
_UNSENDABLE = re.compile(r"[^\x21-\x7e]+")


class Transport(Protocol):
    """Sends one request; raises `NoAnswer` when the outcome is unknown."""

    def send(self, request: HttpRequest) -> HttpAnswer: ...

    def close(self) -> None: ...


WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class InProcess:
    """A WSGI application called directly, as PEP 3333 has it: no client library, no socket."""

    def __init__(self, application: WsgiApplication) -> None:
        self._application = application

    def send(self, request: HttpRequest) -> HttpAnswer:
        status = 0
        headers: list[tuple[str, str]] = []
        written: list[bytes] = []

        def start_response(line: str, fields: list[tuple[str, str]], _: object = None) -> Callable[[bytes], None]:
            nonlocal status
            status = int(line[:3])
            headers[:] = fields
            return written.append

        try:
            chunks = self._application(self._environ(request), start_response)
        except AskedToEnd:
            raise
        except (Exception, SystemExit):  # noqa: BLE001 - what escapes an application is a 500, as every WSGI server has it
            return HttpAnswer(500, {"Content-Type": "text/plain"}, b"Internal Server Error")
        try:
            written.extend(chunks)
        finally:
            close = getattr(chunks, "close", None)
            if close:
                close()
        fields = joined(headers)
        return HttpAnswer(status, fields, decoded(fields, b"".join(written)))

    @staticmethod
    def _environ(request: HttpRequest) -> dict[str, Any]:
        path, _, query = _on_the_wire(request.path).partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(path, "latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": "booking.test",
            "SERVER_PORT": "443",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": request.caller,
            "HTTP_HOST": "booking.test",
            "CONTENT_LENGTH": str(len(request.body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https",
            "wsgi.input": io.BytesIO(request.body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in request.headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = value
        return environ

    def close(self) -> None:
        """Nothing is held open."""


class Socket:
    """A deployment behind a URL; a connection a thread is kept open."""

    def __init__(self, base: str) -> None:
        import threading

        parts = urlsplit(base)
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._secure else 80)
        self._prefix = parts.path.rstrip("/")
        self._local = threading.local()

    def send(self, request: HttpRequest) -> HttpAnswer:
        target = self._prefix + _on_the_wire(request.path)
        status, fields, content = self._connection().ask(request.method, target, request.headers, request.body)
        return HttpAnswer(status, fields, decoded(fields, content))

    def _connection(self) -> HttpConnection:
        from harness.scenario.connection import HttpConnection

        found: HttpConnection | None = getattr(self._local, "connection", None)
        if found is None:
            found = HttpConnection(self._host, self._port, secure=self._secure, timeout=TIMEOUT_S)
            self._local.connection = found
        return found

    def close(self) -> None:
        if found := getattr(self._local, "connection", None):
            found.close()


def _on_the_wire(path: str) -> str:
    """A path as a browser sends it: what is no printable ASCII is percent-encoded."""
    return _UNSENDABLE.sub(lambda found: quote(found[0].encode("utf-8", "surrogatepass")), path)
