"""What holds the child processes of an audit: where it is let go of, or whoever holds it dies, they end and leave nothing.

A pipe, since no signal tells a child that its parent was killed. They read it, and nothing is ever written.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["Leash", "end_when_let_go"]

_PATIENCE_S = 5.0


class Leash:
    """Holds children of several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: set[int] = set()
        self._gone = False

    @contextmanager
    def end(self) -> Iterator[int]:
        """The end for one child, as its standard input."""
        theirs, ours = os.pipe()
        with self._lock:
            self._held.add(ours)
        if self._gone:
            self._drop(ours)
        try:
            yield theirs
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


def end_when_let_go(scratch: str) -> None:
    """In a child: from now on it ends when it is let go of, with its kernel, and removes `scratch`."""
    import psutil  # comes with the kernel

    def wait() -> None:
        while os.read(0, 1):
            pass
        for each in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                each.kill()  # one that still starts would make its folder anew
                each.wait(_PATIENCE_S)
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
