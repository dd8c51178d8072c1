"""One HTTP/1.1 connection that is kept open (RFC 9112): a socket, and llhttp to read what comes.

A scenario sends a handful of requests, so what a request costs the harness itself counts: a seventh of what
`http.client` takes, whose parser is the one of e-mail (docs/decisions/0008).
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Mapping
from typing import Any

import httptools

from harness.errors import InputError
from harness.scenario.exchange import LARGEST, NoAnswer, joined

__all__ = ["HttpConnection"]

_PIECE = 65_536  # bytes read at once


class _Answer:
    """The answer as far as it has come; the methods are those that the parser calls."""

    def __init__(self, method: str) -> None:
        self._bodiless = method == "HEAD"
        self.parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.fields: list[tuple[str, str]] = []
        self.pieces: list[bytes] = []
        self.begun = False  # the headers are here
        self.complete = False
        self.more = False  # something follows that nobody asked for
        self.stays = False  # the connection does; the parser knows only until the answer is complete

    def on_message_begin(self) -> None:
        self.more = self.complete

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.complete:
            self.fields.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if not self.complete:
            self.begun, self.status = True, self.parser.get_status_code()
            self.complete = self._bodiless and self.status >= 200
            self.stays = self.parser.should_keep_alive()

    def on_body(self, piece: bytes) -> None:
        if not self.complete:
            self.pieces.append(piece)

    def on_message_complete(self) -> None:
        if self.status >= 200:
            self.complete = True
        else:  # 100 Continue, 103 Early Hints: the answer itself is still to come
            self.fields.clear()
            self.begun = False

    def read_to_the_end(self) -> bool:
        """Whether the end of the connection is the end of the answer (RFC 9112 section 6.3)."""
        names = {name.lower() for name, _ in self.fields}
        return self.begun and not names & {"content-length", "transfer-encoding"}

    def length(self) -> int:
        return sum(map(len, self.pieces))


class HttpConnection:
    """Connects when first asked, and again when the other side has hung up between two requests.

    Not for two threads at once. A request is sent once: what becomes of one that got no answer is not known.
    """

    def __init__(self, host: str, port: int, *, secure: bool = False, timeout: float = 30.0) -> None:
        self._address = (host, port)
        name = f"[{host}]" if ":" in host else host
        self._host = name if port == (443 if secure else 80) else f"{name}:{port}"
        self._secure = secure
        self._timeout = timeout
        self._socket: socket.socket | None = None

    def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer.

        Raises:
            NoAnswer: none came, or not the whole of it in time, or it is too large.
            InputError: a header that cannot be sent.
        """
        head = self._head(method, target, headers, len(body))
        try:
            answer = self._exchange(method, head, body)
        except (OSError, httptools.HttpParserError) as error:
            self.close()
            raise NoAnswer(f"{type(error).__name__}: {error}") from error
        except BaseException:  # Ctrl-C in the middle: the rest of the answer must not be the next one's beginning
            self.close()
            raise
        del answer.parser  # they hold each other, and nobody should have to look for such cycles
        return answer.status, joined(answer.fields), b"".join(answer.pieces)

    def _exchange(self, method: str, head: bytes, body: bytes) -> _Answer:
        connected = self._connected()
        connected.settimeout(self._timeout)
        try:
            connected.sendall(head + body if len(body) < _PIECE else head)
            if len(body) >= _PIECE:
                connected.sendall(body)
        except (BrokenPipeError, ConnectionResetError):
            # One who refuses a body need not have read it (RFC 9112 section 9.5).
            answer = self._read(connected, method)
            self.close()
            return answer
        return self._read(connected, method)

    def _read(self, connected: socket.socket, method: str) -> _Answer:
        answer, read, until = _Answer(method), 0, time.monotonic() + self._timeout
        while not answer.complete:
            piece = self._piece(connected, answer, until)
            if not piece:
                self.close()
                if answer.read_to_the_end():
                    return answer
                raise ConnectionError(_torn(answer))
            answer.parser.feed_data(piece)
            read += len(piece)
            if read > LARGEST:
                raise NoAnswer(f"the answer is larger than {LARGEST >> 20} MiB")
        if answer.more or not answer.stays:
            self.close()
        return answer

    def _piece(self, connected: socket.socket, answer: _Answer, until: float) -> bytes:
        """What came next. In time the whole answer must be here: one may come for ever, in a stream or byte by byte."""
        try:
            if (left := until - time.monotonic()) <= 0:
                raise TimeoutError
            connected.settimeout(left)
            return connected.recv(_PIECE)
        except TimeoutError as error:
            late = f"no whole answer within {self._timeout:g} s"
            so_far = f", after {answer.length()} bytes of its body" if answer.begun else ""
            raise TimeoutError(late + so_far) from error

    def _head(self, method: str, target: str, headers: Mapping[str, str], length: int) -> bytes:
        given = {name.lower() for name in headers}
        lines = [f"{method} {target} HTTP/1.1"]
        if "host" not in given:
            lines.append(f"Host: {self._host}")
        if not given & {"content-length", "transfer-encoding"}:
            lines.append(f"Content-Length: {length}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        text = "\r\n".join(lines)
        if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1 or "\0" in text:
            raise InputError("A header cannot be sent with a line break in it.")
        try:
            return text.encode("latin-1") + b"\r\n\r\n"
        except UnicodeEncodeError as error:
            raise InputError(f"A header cannot be sent with {text[error.start]!r} in it: it is not Latin-1.") from error

    def _connected(self) -> socket.socket:
        if self._socket is not None and _hung_up(self._socket):
            self.close()
        if self._socket is None:
            made: Any = socket.create_connection(self._address, timeout=self._timeout)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = _wrapped(made, self._address[0]) if self._secure else made
        return self._socket

    def close(self) -> None:
        """Hang up; the next request connects again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _torn(answer: _Answer) -> str:
    if not answer.begun:
        return "the connection ended before an answer came"
    return f"the connection ended within the answer, after {answer.length()} bytes of its body"


def _wrapped(connected: socket.socket, host: str) -> socket.socket:
    import ssl

    return ssl.create_default_context().wrap_socket(connected, server_hostname=host)


def _hung_up(connected: socket.socket) -> bool:
    """Whether the other side closed a connection that was kept open: nothing was asked, so nothing else is readable.

    Node closes after five idle seconds. A request sent into that would end as an unknown outcome, which it is not.
    """
    poll = select.poll()
    poll.register(connected, select.POLLIN)
    return bool(poll.poll(0))
