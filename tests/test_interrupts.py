"""Signals kept back come when the block ends, once, and to whom they would have gone."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from harness.interrupts import uninterrupted

heard: list[int] = []


def hear(number: int, _: FrameType | None) -> None:
    heard.append(number)


@pytest.fixture(autouse=True)
def own_handlers() -> Iterator[None]:
    heard.clear()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_ctrl_c_comes_when_the_block_ends() -> None:
    done = []

    def block() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append("the rest of it")

    with pytest.raises(KeyboardInterrupt):
        block()
    assert done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_hears_of_many_once() -> None:
    signal.signal(signal.SIGTERM, hear)
    with uninterrupted():
        for _ in range(3):
            signal.raise_signal(signal.SIGTERM)
        assert not heard
    assert heard == [signal.SIGTERM]


def test_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with uninterrupted():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


def test_an_error_of_the_block_is_told_where_no_signal_came() -> None:
    with pytest.raises(ValueError, match="its own"), uninterrupted():
        raise ValueError("its own")


def test_another_thread_has_no_signals_to_keep() -> None:
    found: list[object] = []

    def work() -> None:
        with uninterrupted():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]
