"""Signals that ask a process to end: what they become, and how they are kept back where they would do harm."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["AskedToEnd", "uninterrupted"]


class AskedToEnd(SystemExit):
    """A signal asks this process to end: not what a user's code raises that calls `sys.exit`, which is a mistake of its own."""


_ASKING_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C and its like take effect after this block; for imports, which a signal leaves half done and Python in doubt.

    An exception that a signal raises within a callback of an import is lost, or ends the process without its clean-up.
    """
    kept: list[int] = []

    def keep(number: int, _: FrameType | None) -> None:
        kept.append(number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        heard = (number for number in _ASKING_TO_END if signal.getsignal(number) not in {signal.SIG_IGN, None})
        before = {number: signal.signal(number, keep) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if kept:
            signal.raise_signal(kept[0])
