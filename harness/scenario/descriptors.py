"""The descriptors of standard output and error, for as long as programs write to them that a verb of a project's own starts.

Python's streams are not all: a program, or a library in C, writes to the descriptor itself. Each leads through a pipe
then, which a thread of its own empties, masked. The pipe stays for good: a program that goes on when its verb has ended
must not be killed by what it writes.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from contextlib import suppress

from harness.redaction import MASK

__all__ = ["Descriptor"]

_QUIET = 200  # milliseconds after which a line that was begun is shown: it may be a question
_LONGEST = 1 << 20  # bytes of a line that are waited for
_PATIENCE = 2.0  # seconds that a verb's end waits for what was written


class Descriptor:
    """One descriptor of this process. `lead` and `restore` are called in turns."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._lock = threading.Lock()
        self._mask: Callable[[str], str] = str
        self._original: int | None = None  # while it leads through the pipe: where it led before
        self._pipe: tuple[int, int] | None = None
        self._process = 0  # whose thread empties the pipe
        self._seen = threading.Event()
        self._mark = b""

    def lead(self, mask: Callable[[str], str]) -> None:
        """What is written to it from now on goes out masked."""
        try:
            original = os.dup(self._number)
        except OSError:  # it is closed, so nothing comes of it
            return
        if self._process != os.getpid():
            self._begin()
        assert self._pipe is not None  # begun
        with self._lock:
            self._mask = mask
            self._original = original
        os.dup2(self._pipe[1], self._number)

    def restore(self) -> None:
        """It leads where it led before; what was written until now is out."""
        if self._original is None or self._pipe is None:
            return
        self._seen.clear()
        with suppress(OSError):
            os.write(self._pipe[1], self._mark)
            self._seen.wait(_PATIENCE)
        with self._lock:
            os.dup2(self._original, self._number)
            os.close(self._original)
            self._original = None

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()  # in a fork, the thread that held it may be another process's
        self._mark = b"\0" + os.urandom(16).hex().encode() + b"\0"
        self._pipe = os.pipe()
        name = f"masked descriptor {self._number}"
        threading.Thread(target=self._empty, args=(self._pipe[0],), name=name, daemon=True).start()

    def _empty(self, source: int) -> None:
        begun = b""
        waiting = select.poll()
        waiting.register(source, select.POLLIN)
        while True:
            if not waiting.poll(_QUIET if begun else None):
                begun = self._out(begun)
                continue
            content = os.read(source, 1 << 16)
            if not content:
                return
            begun += content
            before, mark, after = begun.partition(self._mark)
            if mark:
                self._out(before)
                self._seen.set()
                begun = after
            whole, end, rest = begun.rpartition(b"\n")
            if end or len(begun) > _LONGEST:
                self._out(whole + end if end else begun)
                begun = rest if end else b""

    def _out(self, content: bytes) -> bytes:
        """Writes it, masked; nothing is left of it."""
        try:
            text = self._mask(content.decode("utf-8", "surrogateescape"))
        except Exception:  # noqa: BLE001 - were this thread to end, whoever writes would wait for ever
            text = f"{MASK}\n"
        left = memoryview(text.encode("utf-8", "surrogateescape"))
        with self._lock, suppress(OSError):  # who read it has gone
            while left:
                left = left[os.write(self._original if self._original is not None else self._number, left) :]
        return b""
