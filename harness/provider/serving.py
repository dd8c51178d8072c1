"""A server with everything around it: pages and APIs, control, courier, and a clean end on a signal."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from types import FrameType

from harness.errors import InputError
from harness.provider.control import PREFIX, Control
from harness.provider.courier import Courier
from harness.provider.http_server import HttpServer
from harness.provider.messages import Request, Response
from harness.provider.stage import Site, Stage
from harness.provider.startable import Startable

__all__ = ["Served", "SiteMaker", "serve_until_signal"]

SiteMaker = Callable[[str], Site]
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Served(Startable):
    """Simulators on a port. `makers` get the server's own URL and make the sites, the first the default one.

    `control` opens /_simulator/, on a loopback address only. `deliver` False leaves webhooks in the outbox.
    Raises MachineError when the port is busy, InputError for control on an address that others can reach.
    """

    def __init__(
        self,
        makers: Sequence[SiteMaker],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        control: bool = False,
        seed: int = 0,
        deliver: bool = True,
    ) -> None:
        if control and host not in _LOOPBACK:
            raise InputError(f"the control API is not opened on {host}.", "Bind to 127.0.0.1, or leave control off.")
        self._server = HttpServer(self._answer, host=host, port=port)
        self.url = self._server.url
        self.stage = Stage([maker(self.url) for maker in makers], seed=seed)
        self.courier = Courier(self.stage)
        if not deliver:
            self.courier.paused.set()
        self._control = Control(self.stage, self.courier, _LOOPBACK | {host}) if control else None

    def start(self) -> None:
        self._server.start()
        self.courier.start()

    def stop(self) -> None:
        self._server.stop()
        self.courier.stop()

    def _answer(self, request: Request) -> Response:
        if request.path.startswith(PREFIX):
            if self._control is None:
                return Response.of_json(404, {"message": "the control API is off; start the server with --control"})
            return self._control.handle(request)
        return self.stage.handle(request)


def serve_until_signal(served: Served, *, ready: Callable[[Served], object]) -> None:
    """Serves until SIGINT or SIGTERM, then stops cleanly. `ready` is called once requests are answered."""
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop.set()

    previous = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with served:
            ready(served)
            stop.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
