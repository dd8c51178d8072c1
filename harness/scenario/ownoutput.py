"""What a verb of a project's own prints is masked, as everything is that a run shows: it may print a secret that it was given.

So is what programs print that it starts: they write to the descriptors of this process. And what its threads print after
it has ended, and what it has printed when the process ends: the streams stay masked for all but the run's own lines.
"""

from __future__ import annotations

import atexit
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from harness.scenario.descriptors import Descriptor

__all__ = ["masked_output"]

_lock = threading.RLock()


class _Masked:
    """A stream that hands on whole lines, masked; where it is flushed, a begun one too. What the run itself prints goes out
    as it stands: its lines are masked by who makes them, and name things as their authors do."""

    def __init__(self, stream: TextIO, mask: Callable[[str], str]) -> None:
        self.stream = stream
        self._mask = mask
        self._begun = ""

    def write(self, text: str) -> int:
        with _lock:
            if not _process.masks():
                return self.stream.write(text)
            *whole, self._begun = (self._begun + text).split("\n")
            if whole:
                self.stream.write(self._mask("\n".join(whole)) + "\n")
        return len(text)

    def writelines(self, lines: Iterator[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        with _lock:
            begun, self._begun = self._begun, ""
            if begun:
                self.stream.write(self._mask(begun))
            self.stream.flush()

    def close(self) -> None:
        """The stream is the run's, which goes on printing: it stays open."""
        self.flush()

    @property
    def buffer(self) -> Any:
        """The same for whoever writes bytes."""
        return _Bytes(self) if _process.masks() else self.stream.buffer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class _Bytes:
    def __init__(self, text: _Masked) -> None:
        self._text = text
        self.flush = text.flush

    def write(self, content: bytes) -> int:
        self._text.write(bytes(content).decode("utf-8", "backslashreplace"))
        return len(content)


class _Process:
    """The streams of this process, while verbs run and after."""

    def __init__(self) -> None:
        self._verbs = 0  # branches of `parallel` run theirs at once
        self._masked: tuple[TextIO, TextIO] | None = None  # while verbs run
        self._descriptors = Descriptor(1), Descriptor(2)
        self._ends = False

    def masks(self) -> bool:
        """Whether who prints now is a verb, a thread that one left, or a function that one has called at the end."""
        return self._verbs > 0 or self._ends or threading.current_thread() is not threading.main_thread()

    def enter(self, mask: Callable[[str], str]) -> None:
        with _lock:
            self._verbs += 1
            if self._masked is None:
                _flush()
                for descriptor in self._descriptors:
                    descriptor.lead(mask)
                self._masked = sys.stdout, sys.stderr = _masked(sys.stdout, mask), _masked(sys.stderr, mask)

    def leave(self) -> None:
        with _lock:
            if self._verbs == 1 and self._masked is not None:
                _flush()
                (sys.stdout, sys.stderr), self._masked = self._masked, None
                _flush()
                for descriptor in self._descriptors:
                    descriptor.restore()
                atexit.unregister(self.end)
                atexit.register(self.end)  # the last to be registered is called first: before those of verbs
            self._verbs -= 1

    def end(self) -> None:
        """The run has printed its last line."""
        self._ends = True


def _masked(stream: TextIO, mask: Callable[[str], str]) -> Any:
    """The stream, masked. A process whose standard output is closed has none, and prints nothing."""
    return _Masked(stream.stream if isinstance(stream, _Masked) else stream, mask) if stream is not None else stream


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with suppress(OSError, ValueError):  # who read it has gone; a test closed it
                stream.flush()


_process = _Process()


@contextmanager
def masked_output(mask: Callable[[str], str]) -> Iterator[None]:
    """Within this block everything that this process prints is masked, loggers that nobody set up included."""
    _process.enter(mask)
    try:
        yield
    finally:
        _process.leave()
