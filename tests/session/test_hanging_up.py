"""A browser that hangs up in the middle of an answer leaves no file open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.session.serving import _listen


class Answer:
    """An answer's body, and whether it was closed."""

    closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield from (b"a", b"b")

    def close(self) -> None:
        self.closed = True


def test_an_answer_is_read_whole_and_closed_before_it_is_sent() -> None:
    answer = Answer()
    listening: Any = _listen(0)
    listening.set_app(lambda environ, start_response: answer)
    try:
        assert list(listening._call({}, None)) == [b"ab"]
        assert answer.closed
    finally:
        listening.server_close()
