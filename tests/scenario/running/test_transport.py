"""The socket to a deployment: connections that are kept, and those that the other side has closed meanwhile."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.errors import InputError
from harness.interrupts import AskedToEnd
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
                self.talk(connection)
            self.closed.set()

    def talk(self, connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(self.answer)


@pytest.fixture
def listening() -> Iterator[Listening]:
    server = Listening(ANSWER)
    yield server
    server.socket.close()


class Keeping(Listening):
    """A server that answers every request of a connection."""

    def talk(self, connection: socket.socket) -> None:
        while connection.recv(65536):
            connection.sendall(self.answer)


@pytest.mark.parametrize(
    ("method", "answer", "connections"),
    [
        ("GET", ANSWER, 1),
        ("POST", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 1),
        ("POST", b"HTTP/1.1 204 No Content\r\n\r\n", 1),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", 1),
        ("GET", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}", 1),
        ("POST", b"HTTP/1.1 103 Early Hints\r\n\r\n" + ANSWER, 1),
        ("GET", b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", 4),
        ("GET", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", 4),
    ],
    ids=["length", "chunked", "no content", "head", "old but kept", "after a hint", "close", "old"],
)
def test_a_connection_is_kept_as_long_as_the_answers_say(method: str, answer: bytes, connections: int) -> None:
    server = Keeping(answer)
    transport = Socket(server.url)
    try:
        statuses = [transport.send(HttpRequest(method, "/x")).status for _ in range(4)]
        assert set(statuses) <= {200, 204}
        assert server.connections == connections
    finally:
        transport.close()
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
    with pytest.raises(NoAnswer, match="within the answer, after 2 bytes"):
        transport.send(HttpRequest("POST", "/x", body=b"{}"))
    server.socket.close()
    transport.close()


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}", 201, b"{}"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + ANSWER, 200, b"{}"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", 200, b"{}"),
        (b"HTTP/1.0 200 OK\r\n\r\n{}", 200, b"{}"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, b""),
    ],
)
def test_an_answer_ends_where_rfc_9112_says(answer: bytes, status: int, body: bytes) -> None:
    server = Listening(answer)
    transport = Socket(server.url)
    found = transport.send(HttpRequest("POST", "/x", body=b"{}"))
    assert (found.status, found.content) == (status, body)
    assert "Link" not in found.headers
    server.socket.close()
    transport.close()


def test_what_follows_an_answer_unasked_is_not_the_next_ones() -> None:
    server = Listening(ANSWER + b"HTTP/1.1 500 Oops\r\nX-Evil: 1\r\nContent-Length: 4\r\n\r\nevil")
    transport = Socket(server.url)
    for _ in range(2):
        found = transport.send(HttpRequest("GET", "/x"))
        assert (found.status, found.content, "X-Evil" in found.headers) == (200, b"{}", False)
    assert server.connections == 2
    server.socket.close()
    transport.close()


def test_an_answer_to_head_has_no_body_whatever_its_length_says() -> None:
    server = Listening(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n")
    transport = Socket(server.url)
    assert transport.send(HttpRequest("HEAD", "/x")).content == b""
    server.socket.close()
    transport.close()


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: x\r\n\r\n"]
)
def test_what_is_no_answer_is_an_unknown_outcome_and_the_next_request_begins_afresh(answer: bytes) -> None:
    server = Listening(answer)
    transport = Socket(server.url)
    with pytest.raises(NoAnswer):
        transport.send(HttpRequest("GET", "/x"))
    server.answer = ANSWER
    assert transport.send(HttpRequest("GET", "/x")).content == b"{}"
    server.socket.close()
    transport.close()


class Refusing(Listening):
    """Answers when the headers are here and closes, whatever is still on its way."""

    def serve(self) -> None:
        connection, _ = self.socket.accept()
        with connection:
            connection.recv(1)
            connection.sendall(self.answer)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 20):
                pass


def test_a_body_that_is_refused_while_it_is_sent_has_an_answer() -> None:
    server = Refusing(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
    transport = Socket(server.url)
    assert transport.send(HttpRequest("POST", "/x", body=b"x" * 20_000_000)).status == 413
    server.socket.close()
    transport.close()


@pytest.mark.parametrize("headers", [{"X-A": "1\r\nX-B: 2"}, {"X-A: 1\nX-B": "2"}, {"X-A": "\u65e5"}, {"X-A": "\0"}])
def test_a_header_that_would_be_another_is_a_mistake_of_the_scenario(
    headers: dict[str, str], listening: Listening
) -> None:
    transport = Socket(listening.url)
    with pytest.raises(InputError, match="header cannot be sent"):
        transport.send(HttpRequest("GET", "/x", headers))
    assert not listening.connections


def test_headers_that_the_scenario_gives_are_sent_instead_of_our_own(listening: Listening) -> None:
    heard: list[bytes] = []

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            heard.append(connection.recv(65536))
            connection.sendall(ANSWER)

    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, daemon=True).start()
    transport = Socket(f"http://127.0.0.1:{server.getsockname()[1]}/base/")
    given = {"HOST": "other.test", "content-length": "0"}
    assert transport.send(HttpRequest("PUT", "/x?y=1", given)).status == 200
    lines = heard[0].decode().lower().split("\r\n")
    assert lines[0] == "put /base/x?y=1 http/1.1"
    assert (
        sum(line.startswith("host:") for line in lines)
        == sum(line.startswith("content-length:") for line in lines)
        == 1
    )
    server.close()
    transport.close()


def test_an_application_that_leaves_the_process_has_failed_and_one_that_a_signal_ends_has_not() -> None:
    def leaving(error: BaseException) -> InProcess:
        def application(environ: object, start_response: object) -> list[bytes]:
            raise error

        return InProcess(application)

    assert leaving(SystemExit(0)).send(HttpRequest("GET", "/")).status == 500
    with pytest.raises(AskedToEnd):
        leaving(AskedToEnd(143)).send(HttpRequest("GET", "/"))


def test_a_header_that_comes_several_times_is_seen_whole() -> None:
    fields = b"Set-Cookie: a=1; Path=/\r\nX-One: 1\r\nset-cookie: b=2\r\n"
    server = Listening(b"HTTP/1.1 200 OK\r\n" + fields + b"Content-Length: 2\r\n\r\n{}")
    transport = Socket(server.url)
    answered = transport.send(HttpRequest("GET", "/"))
    transport.close()
    server.socket.close()
    assert {**answered.headers} == {"Set-Cookie": "a=1; Path=/, b=2", "X-One": "1", "Content-Length": "2"}

    def application(_: Any, start: Any) -> list[bytes]:
        start("200 OK", [("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2")])
        return [b"{}"]

    assert InProcess(application).send(HttpRequest("GET", "/")).headers == {"Set-Cookie": "a=1; Path=/, b=2"}
