"""A statement that loops for ever is cancelled, and told: no check hangs on what it rehearses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    over, late = threading.Event(), threading.Event()

    def watch() -> None:
        if over.wait(seconds):
            return
        late.set()
        while not over.is_set():  # a block may catch one cancellation and go on
            with suppress(psycopg.OperationalError):  # the session has ended: nothing is left to cancel
                connection.cancel_safe(timeout=10)
            over.wait(_AGAIN)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    except psycopg.errors.QueryCanceled as problem:
        if late.is_set():
            raise Endless(f"it had not ended after {seconds:g} s, and the check cancelled it") from problem
        raise
    finally:
        over.set()
        watcher.join()
