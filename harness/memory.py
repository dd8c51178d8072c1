"""How memory is looked after where much is made at once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collect_rarely", "uncollected"]


@contextmanager
def uncollected() -> Iterator[None]:
    """No search for cycles meanwhile: among things made by the hundred thousand, and to stay, it is a tenth to a quarter of the work."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def collect_rarely() -> None:
    """Search for cycles after two hundred thousand new objects, not seven hundred: what a command imports stays anyway.

    Importing the application's stack takes a tenth less time (`make bench ARGS=limits`).
    """
    gc.set_threshold(200_000, 20, 20)
