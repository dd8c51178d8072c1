"""What verbs of a project's own change about the process that they share with every other scenario is put back.

At the end of their scenario, so that its later steps still find it: the table is `_kept`. What cannot be put back (a
module patched, a thread that goes on) is theirs; of threads the scenario's result tells.
"""

from __future__ import annotations

import locale
import logging
import os
import random
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from harness.scenario.ownoutput import masked_output

__all__ = ["OwnProcess", "staying"]

_SIGNALS = (
    *(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM),
    *(signal.SIGPIPE, signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2),
)
"""Those that programs handle: asking for all that there are costs more than all the rest."""


class OwnProcess:
    """The process while verbs of a project's own run, in the main thread or in branches of `parallel`.

    `mask` is for what they print; `listen` hears the application's log again, whatever a verb set up.
    """

    def __init__(self, mask: Callable[[str], str], listen: Callable[[], None]) -> None:
        self._mask, self._listen = mask, listen
        self._lock = threading.Lock()
        self._kept: ExitStack | None = None
        self._threads: set[threading.Thread] = set()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Within this block a verb runs; what it finds is kept, if it is the scenario's first."""
        with masked_output(self._mask):
            with self._lock:
                if self._kept is None:
                    self._kept, self._threads = _kept(), set(threading.enumerate())
            try:
                yield
            finally:
                self._listen()

    def put_back(self) -> list[str]:
        """Everything as the scenario's first verb found it; says what goes on all the same."""
        kept, self._kept = self._kept, None
        if kept is None:
            return []
        kept.close()
        going_on = len([each for each in threading.enumerate() if each not in self._threads])
        self._threads = set()
        if not going_on:
            return []
        which = "a thread goes" if going_on == 1 else f"{going_on} threads go"
        return [f"{which} on that a verb of one's own started: what it does now falls into other scenarios"]


def staying() -> ExitStack:
    """A block after which the working directory and the umask are as before: they are what a run writes its files by."""
    kept = ExitStack()
    kept.callback(_return_to, _here())
    kept.callback(os.umask, _umask())
    return kept


def _kept() -> ExitStack:
    """What puts each of these back as it is now."""
    kept = staying()
    kept.callback(_set_environment, dict(os.environ))
    kept.callback(locale.setlocale, locale.LC_ALL, locale.setlocale(locale.LC_ALL))
    kept.callback(sys.setrecursionlimit, sys.getrecursionlimit())
    kept.callback(_set_search_path, list(sys.path))
    kept.callback(random.setstate, random.getstate())
    kept.callback(socket.setdefaulttimeout, socket.getdefaulttimeout())
    kept.callback(_set_logging, logging.root.level, list(logging.root.handlers), logging.root.manager.disable)
    kept.callback(_set_signals, {number: signal.getsignal(number) for number in _SIGNALS})
    kept.callback(_set_alarm, *signal.getitimer(signal.ITIMER_REAL), since=time.monotonic())
    kept.enter_context(warnings.catch_warnings())
    return kept


def _here() -> Path | None:
    with suppress(OSError):  # a folder that is gone
        return Path.cwd()
    return None


def _return_to(directory: Path | None) -> None:
    if directory is not None:
        with suppress(OSError):
            os.chdir(directory)


def _set_environment(before: Mapping[str, str]) -> None:
    if os.environ == before:
        return
    other_zone = os.environ.get("TZ") != before.get("TZ")
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
    if other_zone:
        time.tzset()


def _set_search_path(before: list[str]) -> None:
    sys.path[:] = before


def _umask() -> int:
    """Which only setting it tells."""
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def _set_logging(level: int, handlers: list[logging.Handler], disabled: int) -> None:
    logging.root.setLevel(level)
    logging.root.handlers[:] = handlers
    logging.disable(disabled)


def _set_signals(before: Mapping[int, Any]) -> None:
    """The handlers that differ, where they can be set: in the main thread, the only one that could change them."""
    if threading.current_thread() is threading.main_thread():
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)


def _set_alarm(left: float, interval: float, *, since: float) -> None:
    """The alarm that was on, or none: one that a verb left would end the process in the middle of another scenario."""
    signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - since), 0.001) if left else 0, interval)
