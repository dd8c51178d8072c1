"""Work beside the kernel's own thread, so that its widgets go on answering."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["in_background"]


def in_background(work: Callable[[], None]) -> threading.Thread:
    """Start `work` in a thread that does not keep the kernel alive."""
    thread = threading.Thread(target=work, name="control-room", daemon=True)
    thread.start()
    return thread
