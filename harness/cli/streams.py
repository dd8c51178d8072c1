"""The streams that the command line writes to: a reader that goes away ends nothing and changes no exit code."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

__all__ = ["given_up", "outlive_readers", "outliving"]


def outlive_readers() -> None:
    """Have standard output and error outlive whoever reads them (`| head`), and take any text; a closed one goes nowhere.

    A file opened later would get the number of a closed one, and what a child prints.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, outliving(number))
        elif isinstance(stream, io.TextIOWrapper):
            with suppress(OSError, ValueError):  # of no file, as a test's
                stream.flush()
                setattr(sys, name, outliving(stream.fileno(), like=stream))


def given_up() -> OSError | None:
    """Write what is left to be written; what a full disk keeps from it is given up, and why is the answer.

    Python would try once more at its very end, and tell that with a traceback and an exit code of its own.
    """
    lost = None
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except ValueError:  # somebody closed it
            continue
        except OSError as error:
            lost = error
            _to_nowhere(number)
            with suppress(OSError):
                stream.flush()
    return lost


def _to_nowhere(number: int) -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, number)
    os.close(nothing)


def outliving(number: int, *, like: io.TextIOWrapper | None = None) -> TextIO:
    """The open file `number` to write text to, encoded as `like` or in UTF-8; it stays open when the stream is closed."""
    raw = io.BufferedWriter(_Outliving(number))
    if like is None:
        return io.TextIOWrapper(raw, encoding="utf-8", errors=_ANY)
    return io.TextIOWrapper(
        raw, encoding=like.encoding, errors=_ANY, line_buffering=like.line_buffering, write_through=like.write_through
    )


_ANY = "backslashreplace"  # a name of a file may be no text, and a terminal may not know a character


class _Outliving(io.FileIO):
    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)
        self._gone = {errno.EPIPE, errno.EIO} if self.isatty() else {errno.EPIPE}  # EIO: the terminal was closed

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in self._gone:
                raise
            _to_nowhere(self.fileno())
            return memoryview(data).nbytes
