"""What holds the child processes of an audit: where it is let go of, or whoever holds it dies, they end and leave nothing.

A pipe, since no signal tells a child that its parent was killed. They read it, and nothing is ever written. Nothing else ends
them: a signal for a whole group, or for all of a service, would end them before they have cleaned up.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["Held", "Leash", "end_when_let_go"]

_PATIENCE_S = 5.0


class Held:
    """The end of a leash for one child: `theirs` is its standard input."""

    def __init__(self, theirs: int, let_go: Callable[[], None]) -> None:
        self.theirs = theirs
        self.let_go = let_go


class Leash:
    """Holds children of several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: set[int] = set()
        self._gone = False

    @contextmanager
    def end(self) -> Iterator[Held]:
        """The end for one child."""
        theirs, ours = os.pipe()
        with self._lock:
            self._held.add(ours)
        if self._gone:
            self._drop(ours)
        try:
            yield Held(theirs, lambda: self._drop(ours))
        finally:
            os.close(theirs)
            self._drop(ours)

    def let_go(self) -> None:
        """Every child ends, and each that comes later."""
        self._gone = True
        for each in tuple(self._held):
            self._drop(each)

    def _drop(self, ours: int) -> None:
        with self._lock:
            if ours in self._held:
                self._held.remove(ours)
                os.close(ours)


def end_when_let_go(scratch: Path) -> None:
    """In a child: makes `scratch`, its own folder. From now on it ends when it is let go of, with its kernel, and removes it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _unheard)
    scratch.mkdir(mode=0o700)

    def wait() -> None:
        while os.read(0, 1):
            pass
        _end_children()
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _unheard(*_: object) -> None:
    """A function, and not SIG_IGN, which a kernel would inherit: it could not be interrupted."""


def _end_children() -> None:
    import psutil  # comes with the kernel

    for each in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            each.kill()  # one that still starts would make its folder anew
            each.wait(_PATIENCE_S)
