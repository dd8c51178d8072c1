"""The application on a port, behind a server that may face the internet; ends by SIGTERM when its requests are done."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any, NoReturn

from waitress.server import create_server
from waitress.task import ThreadedTaskDispatcher

from .application import Application
from .database import NotReady

__all__ = ["serve"]

LONGEST_REQUEST = 30.0  # seconds: two calls of a provider that takes its time
LARGEST_BODY = 4 * 1024 * 1024  # beyond it the server refuses by itself; below, the application does in its own words
LARGEST_HEADER = 32 * 1024


class Patient(ThreadedTaskDispatcher):  # type: ignore[misc]  # waitress has no types
    """Lets the requests at work end before the process does."""

    def shutdown(self, cancel_pending: bool = True, timeout: float = LONGEST_REQUEST) -> Any:
        """See `ThreadedTaskDispatcher.shutdown`."""
        return super().shutdown(cancel_pending, timeout)


def serve(
    app: Application, *, host: str, port: int, threads: int, ready: Callable[[str], object] = lambda url: None
) -> None:
    """Answers until SIGTERM or SIGINT. `ready` is told the address once requests are taken. Raises NotReady: port busy."""
    dispatcher = Patient()
    dispatcher.set_thread_count(threads)
    try:
        server = create_server(
            app,
            host=host,
            port=port,
            threads=threads,
            ident=None,  # names no server
            clear_untrusted_proxy_headers=False,  # how far proxies are believed is `Settings.forwarded_proxies`
            max_request_body_size=LARGEST_BODY,
            max_request_header_size=LARGEST_HEADER,
            channel_timeout=60,
            connection_limit=1000,
            asyncore_use_poll=True,
            _dispatcher=dispatcher,
        )
    except (OSError, ValueError) as error:
        dispatcher.shutdown()
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise NotReady(
            f"{host}:{port} cannot be listened on: {why}.", "Choose another with --host and --port."
        ) from None
    previous = {number: signal.signal(number, _end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        ready(_address(server, host, port))
        server.run()
    finally:
        server.close()
        for number, handler in previous.items():
            signal.signal(number, handler)


def _end(*_: object) -> NoReturn:
    raise SystemExit(0)


def _address(server: Any, host: str, port: int) -> str:
    """Where it listens; of several (localhost by both families) the first."""
    found = getattr(server, "effective_listen", None) or [(host, getattr(server, "effective_port", port))]
    name = f"[{found[0][0]}]" if ":" in str(found[0][0]) else found[0][0]
    return f"http://{name}:{found[0][1]}"
