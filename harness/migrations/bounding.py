"""A statement that loops for ever is cancelled, and told: no check hangs on what it rehearses."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg

__all__ = ["Endless", "bounded"]

_AGAIN = 1.0  # seconds after which a block that went on all the same is cancelled once more


class Endless(psycopg.errors.QueryCanceled):
    """The statement had not ended in the time that the check gives it; SQLSTATE 57014."""

    sqlstate = "57014"


@contextmanager
def bounded(connection: psycopg.Connection[Any], seconds: float) -> Iterator[None]:
    """Cancel what runs on `connection` inside once it takes longer than `seconds` (0: no bound), and raise Endless."""
    if not seconds:
        yield
        return
    run = _Run(connection, time.monotonic() + seconds)
    _WATCH.begin(run)
    try:
        yield
    except psycopg.errors.QueryCanceled as problem:
        if run.late:
            raise Endless(f"it had not ended after {seconds:g} s, and the check cancelled it") from problem
        raise
    finally:
        _WATCH.end(run)


@dataclass(eq=False, slots=True)
class _Run:
    """A statement under way; `ending` is held while it is cancelled, so that no later statement is."""

    connection: psycopg.Connection[Any]
    due: float
    late: bool = False
    over: bool = False
    ending: threading.Lock = field(default_factory=threading.Lock)

    def cancel(self) -> None:
        with self.ending:
            if not self.over:
                self.late, self.due = True, time.monotonic() + _AGAIN  # a block may catch one cancellation and go on
                with suppress(psycopg.OperationalError):  # the session has ended: nothing is left to cancel
                    self.connection.cancel_safe(timeout=10)


class _Watch:
    """One thread for all of them: a file may have thousands of statements, each run a dozen times."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.runs: set[_Run] = set()
        self.wakes = 0.0  # when the thread looks next, if nobody tells it anything
        self.thread: threading.Thread | None = None

    def begin(self, run: _Run) -> None:
        with self.changed:
            self.runs.add(run)
            if self.thread is None or not self.thread.is_alive():
                self.thread = threading.Thread(target=self._look, daemon=True)
                self.wakes = run.due
                self.thread.start()
            elif run.due < self.wakes:
                self.changed.notify()

    def end(self, run: _Run) -> None:
        with self.changed:
            self.runs.discard(run)
        with run.ending:
            run.over = True

    def _look(self) -> None:
        while True:
            with self.changed:
                self.wakes = min((run.due for run in self.runs), default=self.wakes)
                left = self.wakes - time.monotonic()
                if not self.runs and left <= 0:
                    self.thread = None  # nothing runs any more: the next one begins anew
                    return
                if left > 0:
                    self.changed.wait(left)
                late = [run for run in self.runs if run.due <= time.monotonic()]
            for run in late:
                run.cancel()


_WATCH = _Watch()
