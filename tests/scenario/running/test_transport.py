"""The socket to a deployment: connections that are kept, and those that the other side has closed meanwhile."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.scenario.transport import HttpRequest, InProcess, NoAnswer, Socket

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Listening:
    """A server that answers one request a connection with `answer`, keeps quiet about closing it, and closes it."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.closed = threading.Event()
        self.connections = 0
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                connection.recv(65536)
                connection.sendall(self.answer)
            self.closed.set()


@pytest.fixture
def listening() -> Iterator[Listening]:
    server = Listening(ANSWER)
    yield server
    server.socket.close()


def test_a_kept_connection_that_was_closed_meanwhile_is_no_unknown_outcome(listening: Listening) -> None:
    transport = Socket(listening.url)
    for _ in range(3):
        listening.closed.clear()
        assert transport.send(HttpRequest("POST", "/x", body=b"{}")).status == 200
        assert listening.closed.wait(5)
    assert listening.connections == 3
    transport.close()


@pytest.mark.parametrize("path", ["/é", "/\u202e \x01", "/日?q=ü"])
def test_a_path_goes_out_as_a_browser_sends_it(listening: Listening, path: str) -> None:
    """The socket refuses what is no ASCII, and an application in this process must see the same bytes."""
    seen: list[str] = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        seen.append(environ["PATH_INFO"].encode("latin-1").decode())
        start_response("200 OK", [])
        return [b"{}"]

    assert InProcess(application).send(HttpRequest("GET", path)).status == 200
    assert seen == [path.partition("?")[0]]
    transport = Socket(listening.url)
    assert transport.send(HttpRequest("GET", path)).status == 200
    transport.close()


def test_an_answer_that_stops_halfway_is_unknown() -> None:
    server = Listening(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}")
    transport = Socket(server.url)
    with pytest.raises(NoAnswer, match="IncompleteRead"):
        transport.send(HttpRequest("POST", "/x", body=b"{}"))
    server.socket.close()
    transport.close()
