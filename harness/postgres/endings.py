"""However the process ends, servers are closed: normally, by an error, by Ctrl-C or by SIGTERM.

(SIGKILL leaves no time for anything; the next start sweeps then.) SIGTERM would end Python without running any
clean-up, so where nobody else handles it, it becomes AskedToEnd, a SystemExit: reports are finished and contexts left in order.
"""

from __future__ import annotations

import atexit
import signal
import threading
from multiprocessing import util
from types import FrameType
from typing import Protocol

from harness.interrupts import AskedToEnd

__all__ = ["Closable", "arm", "close_at_the_end", "forget"]


class Closable(Protocol):
    """What has to be closed."""

    def close(self) -> None:
        """Close it; more than once is fine."""


_open: list[Closable] = []
_lock = threading.RLock()
_armed = False


def close_at_the_end(thing: Closable) -> None:
    """Remember `thing`; it is closed when the process ends."""
    with _lock:
        _open.append(thing)
        arm()


def forget(thing: Closable) -> None:
    """`thing` is closed."""
    with _lock:
        if thing in _open:
            _open.remove(thing)


def arm() -> None:
    """From now on the end of this process is seen to; by the main thread before another one opens something."""
    global _armed  # noqa: PLW0603 - one process has one end
    if not _armed:
        _armed = True
        atexit.register(_close_all)
    util.Finalize(None, _close_all, exitpriority=10)  # children of multiprocessing skip atexit
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _leave)


def _leave(number: int, _frame: FrameType | None) -> None:
    raise AskedToEnd(128 + number)


def _close_all() -> None:
    while _open:
        _open.pop().close()
