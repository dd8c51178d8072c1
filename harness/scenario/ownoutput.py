"""What a verb of a project's own prints is masked, as everything is that a run shows: it may print a secret that it was given.

So is what programs print that it starts: they write to the descriptors of this process.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from harness.scenario.descriptors import Descriptor

__all__ = ["masked_output"]

_lock = threading.RLock()


class _Masked:
    """A stream that hands on whole lines, masked; where it is flushed, a begun one too."""

    def __init__(self, stream: TextIO, mask: Callable[[str], str]) -> None:
        self._stream = stream
        self._mask = mask
        self._begun = ""

    def write(self, text: str) -> int:
        with _lock:
            *whole, self._begun = (self._begun + text).split("\n")
            if whole:
                self._stream.write(self._mask("\n".join(whole)) + "\n")
        return len(text)

    def writelines(self, lines: Iterator[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        with _lock:
            begun, self._begun = self._begun, ""
            if begun:
                self._stream.write(self._mask(begun))
            self._stream.flush()

    def close(self) -> None:
        """The stream is the run's, which goes on printing: it stays open."""
        self.flush()

    @property
    def buffer(self) -> _Bytes:
        """The same for whoever writes bytes."""
        return _Bytes(self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


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
        self._before: tuple[TextIO, TextIO] | None = None
        self._descriptors = Descriptor(1), Descriptor(2)

    def enter(self, mask: Callable[[str], str]) -> None:
        with _lock:
            self._verbs += 1
            if self._before is None:
                self._before = sys.stdout, sys.stderr
                _flush()
                for descriptor in self._descriptors:
                    descriptor.lead(mask)
                sys.stdout, sys.stderr = _masked(sys.stdout, mask), _masked(sys.stderr, mask)

    def leave(self) -> None:
        with _lock:
            self._verbs -= 1
            if self._verbs == 0 and self._before is not None:
                _flush()
                (sys.stdout, sys.stderr), self._before = self._before, None
                for descriptor in self._descriptors:
                    descriptor.restore()


def _masked(stream: TextIO, mask: Callable[[str], str]) -> Any:
    """The stream, masked. A process whose standard output is closed has none, and prints nothing."""
    return _Masked(stream, mask) if stream is not None else stream


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
