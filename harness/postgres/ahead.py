"""A server that starts while the caller is busy with something else, such as importing what will use it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Self

from harness.errors import InputError
from harness.postgres.choice import parse_choice
from harness.postgres.endings import arm
from harness.postgres.engine import engine_listens
from harness.postgres.opening import open_server
from harness.postgres.server import Server

if TYPE_CHECKING:
    from harness.postgres.kept import Keep

__all__ = ["HeadStart", "quick_to_start"]


def quick_to_start(choice: str) -> bool:
    """Whether the server that `choice` names is there in a moment and gone as fast, so that one for nothing costs little."""
    try:
        kind = parse_choice(choice).kind
    except InputError:
        return False  # whoever opens it says what is wrong
    return kind == "embedded" or (kind == "auto" and not engine_listens())


class HeadStart:
    """`open_server(choice, keep=keep())` begun at once, in a thread; a server that nobody has taken is closed at the end of the block.

    Enter it in the main thread: a signal that ends the process then closes the server too.
    """

    def __init__(self, choice: str, keep: Callable[[], Keep | None] = lambda: None) -> None:
        self._choice = choice
        self._keep = keep
        self._taken = False

    def __enter__(self) -> Self:
        arm()
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._server = self._thread.submit(lambda: open_server(self._choice, keep=self._keep()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()
        if not self._taken and self._server.exception() is None:
            self._server.result().close()

    def take(self) -> Server:
        """The server, which the caller closes. Raises what `open_server` raises."""
        server = self._server.result()
        self._taken = True  # only now: whoever is interrupted while it waits has nothing to close
        return server
