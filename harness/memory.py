"""How memory is looked after where much is made at once."""

from __future__ import annotations

import atexit
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
    """Search for cycles after two hundred thousand new objects, not seven hundred, and not when the process ends.

    What a command imports stays anyway: importing the application's stack takes a tenth less time
    (`make bench ARGS=limits`). Looking through all of it once more before leaving took half a second after the last line.
    """
    gc.set_threshold(200_000, 20, 20)
    atexit.register(gc.freeze)
