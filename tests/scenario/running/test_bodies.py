"""What comes back packed is seen unpacked; what is damaged, endless or too large is no answer, and said so."""

from __future__ import annotations

import gzip
import itertools
import socket
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from harness.scenario.exchange import LARGEST
from harness.scenario.transport import HttpAnswer, HttpRequest, InProcess, NoAnswer, Socket
from tests.scenario.running.test_transport import ANSWER, Listening

RAW = zlib.compressobj(wbits=-zlib.MAX_WBITS)
PACKED = {
    "gzip": gzip.compress(b'{"a": 1}', mtime=0),
    "X-GZip": gzip.compress(b'{"a": ', mtime=0) + gzip.compress(b"1}", mtime=0),
    "deflate": zlib.compress(b'{"a": 1}'),
    "Deflate": RAW.compress(b'{"a": 1}') + RAW.flush(),
    "deflate, gzip": gzip.compress(zlib.compress(b'{"a": 1}'), mtime=0),
    "identity": b'{"a": 1}',
}


def answering(coding: str, body: bytes) -> Iterator[Callable[[], HttpAnswer]]:
    """A deployment, and an application in this process, that answer with `body`, packed as they say."""
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    server = Listening(head + body)
    transport = Socket(server.url)
    yield lambda: transport.send(HttpRequest("GET", "/"))
    transport.close()
    server.socket.close()

    def application(_: Any, start: Any) -> list[bytes]:
        start("200 OK", [("content-encoding", coding)])
        return [body]

    yield lambda: InProcess(application).send(HttpRequest("GET", "/"))


@pytest.mark.parametrize(("coding", "body"), PACKED.items(), ids=PACKED)
def test_a_packed_body_is_seen_as_a_browser_sees_it(coding: str, body: bytes) -> None:
    for ask in answering(coding, body):
        answer = ask()
        assert answer.json == {"a": 1}
        assert coding in answer.headers.values()


@pytest.mark.parametrize(
    ("coding", "body"),
    [("gzip", b"{}"), ("gzip", PACKED["gzip"][:-4]), ("gzip", PACKED["gzip"][:12]), ("deflate", b"x{}"), ("deflate", b"xx")],
)  # fmt: skip
def test_a_packed_body_that_is_damaged_is_no_answer(coding: str, body: bytes) -> None:
    for ask in answering(coding, body):
        with pytest.raises(NoAnswer, match=f"the body is not the {coding} that its Content-Encoding says"):
            ask()


@pytest.mark.parametrize(("coding", "body"), [("gzip", b""), ("br", b"\x0b\x02\x80{}\x03"), ("", b"{}")])
def test_what_is_empty_or_packed_in_another_way_stays_as_it_came(coding: str, body: bytes) -> None:
    assert [ask().content for ask in answering(coding, body)] == [body, body]


def zeros(count: int) -> bytes:
    return zlib.compress(bytes(count), 1)


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", lambda: gzip.compress(bytes(2 * LARGEST), 1)),
        ("gzip", lambda: 3 * gzip.compress(bytes(LARGEST // 2), 1)),
        ("deflate", lambda: zeros(LARGEST + 1)),
        ("deflate, gzip", lambda: gzip.compress(zeros(LARGEST + 1), 1)),
    ],
    ids=["gzip", "members", "deflate", "twice"],
)
def test_what_unpacks_to_more_than_anybody_reads_is_no_answer(coding: str, pack: Callable[[], bytes]) -> None:
    for ask in answering(coding, pack()):
        with pytest.raises(NoAnswer, match=r"the body is larger than 64 MiB when its (gzip|deflate) is unpacked"):
            ask()


def test_what_unpacks_to_as_much_as_is_read_is_an_answer() -> None:
    for coding, packed in (("gzip", gzip.compress(bytes(LARGEST), 1)), ("deflate", zeros(LARGEST))):
        for ask in answering(coding, packed):
            assert len(ask().content) == LARGEST


def test_members_without_end_are_unpacked_in_the_time_that_they_take_each() -> None:
    began = time.monotonic()
    body = gzip.compress(b"", mtime=0) * 50_000 + bytes(10**6) + gzip.compress(b"{}", mtime=0) + bytes(7)
    assert [ask().json for ask in answering("gzip", body)] == [{}, {}]
    assert time.monotonic() - began < 5


class Streaming(Listening):
    """A server whose answer never ends: one piece after another, `pause` seconds apart."""

    def __init__(self, pieces: Iterable[bytes], pause: float = 0.0) -> None:
        self.pieces, self.pause = pieces, pause
        super().__init__(ANSWER)

    def talk(self, connection: socket.socket) -> None:
        connection.recv(65536)
        try:
            for piece in self.pieces:
                connection.sendall(piece)
                time.sleep(self.pause)
        except OSError:
            return  # the other side had enough


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
MIB = bytes(2**20)


@pytest.mark.parametrize(
    "pieces",
    [
        [CHUNKED, *itertools.repeat(b"100000\r\n" + MIB + b"\r\n", 80)],
        [HEAD + b"\r\n", *itertools.repeat(MIB, 80)],
        [HEAD + b"Content-Length: %d\r\n\r\n" % 2**40, *itertools.repeat(MIB, 80)],
        [HEAD, *itertools.repeat(b"X-More: " + MIB.replace(b"\0", b"x") + b"\r\n", 80)],
        [*itertools.repeat(b"HTTP/1.1 103 Early Hints\r\nX: " + MIB.replace(b"\0", b"x") + b"\r\n\r\n", 80)],
    ],
    ids=["chunks", "to the end", "length", "headers", "hints"],
)
def test_an_answer_larger_than_anybody_reads_is_no_answer(pieces: list[bytes]) -> None:
    server = Streaming(pieces)
    transport = Socket(server.url)
    with pytest.raises(NoAnswer, match="the answer is larger than 64 MiB"):
        transport.send(HttpRequest("GET", "/"))
    server.pieces = [ANSWER]
    assert transport.send(HttpRequest("GET", "/")).content == b"{}"  # nothing of it is left over
    transport.close()
    server.socket.close()


@pytest.mark.parametrize(
    ("first", "then", "said"),
    [
        (CHUNKED, b"1\r\nx\r\n", r", after \d+ bytes of its body"),
        (HEAD + b"\r\n", b"x", r", after \d+ bytes of its body"),
        (HEAD + b"Content-Length: 9999\r\n\r\n", b"x", r", after \d+ bytes of its body"),
        (HEAD, b"X: y\r\n", "$"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", "$"),
    ],
    ids=["chunks", "to the end", "length", "headers", "hints"],
)
def test_an_answer_that_comes_for_ever_is_waited_for_as_long_as_any(
    first: bytes, then: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.scenario.transport.TIMEOUT_S", 0.3)
    server = Streaming(itertools.chain([first], itertools.repeat(then)), pause=0.02)
    transport = Socket(server.url)
    began = time.monotonic()
    with pytest.raises(NoAnswer, match=f"TimeoutError: no whole answer within 0.3 s{said}"):
        transport.send(HttpRequest("GET", "/"))
    assert time.monotonic() - began < 3
    transport.close()
    server.socket.close()
