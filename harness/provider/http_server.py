"""The HTTP transport: a threaded server over a stage, in the standard library.

Network faults become what a socket can do: a timeout holds the connection open without answering, a reset or a refusal
cuts it (a listening port cannot refuse one request only).
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from harness.errors import MachineError
from harness.provider.messages import Request, Response, TransportFault
from harness.provider.startable import Startable

__all__ = ["HttpServer"]

_LARGEST_BODY = 1_000_000
_HOLD_SECONDS = 120.0
_CUT = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: close sends RST
Handle = Callable[[Request], Response]


class HttpServer(Startable):
    """Listens from construction on; `start` serves in a thread of its own, `stop` ends it and every connection.

    `port` 0 takes a free one. Raises MachineError when the port is busy or the address is not this machine's.
    """

    def __init__(self, handle: Handle, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._stopping = threading.Event()
        try:
            self._server = _Listener((host, port), _Handler, handle, self._stopping)
        except OSError as error:
            remedy = f"Stop what listens on port {port}, or choose another with --port (0 takes a free one)."
            raise MachineError(f"cannot listen on {host}:{port}: {error.strerror or error}.", remedy) from error
        except OverflowError as error:
            raise MachineError(f"{port} is not a port.", "Use 0 to 65535.") from error
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.host = host
        self.port = int(self._server.server_address[1])

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stops listening and closes every open connection. May be called twice."""
        self._stopping.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(timeout=10)
        self._server.server_close()
        self._server.close_connections()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    allow_reuse_address = True

    def __init__(
        self, address: tuple[str, int], handler: type[_Handler], handle: Handle, stopping: threading.Event
    ) -> None:
        self.answer = handle
        self.stopping = stopping
        self._connections: set[socket.socket] = set()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news; anything else is shown as the base class shows it."""
        import sys

        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def close_connections(self) -> None:
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "simulator"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout: ClassVar[float] = 75.0
    server: _Listener

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """The journal of calls says more than a line on standard error."""

    def serve(self) -> None:
        body = self._body()
        if body is None:
            return
        host = self.headers.get("Host", "localhost")
        url = self.path if self.path.startswith("http") else f"http://{host}{self.path}"
        request = Request(self.command, url, dict(self.headers.items()), body)
        try:
            response = self.server.answer(request)
        except TransportFault as fault:
            self._swallow(fault)
            return
        if response.delay:
            self.server.stopping.wait(response.delay)
        self._send(response)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = serve  # noqa: N815 - the base class's names

    def _body(self) -> bytes | None:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._chunks()
        announced = self.headers.get("Content-Length", "0")
        if not (announced.isascii() and announced.isdigit()):
            self._refuse(400, "Content-Length is not a number")
            return None
        if int(announced) > _LARGEST_BODY:
            self._refuse(413, f"a body may have {_LARGEST_BODY} bytes")
            return None
        return self.rfile.read(int(announced))

    def _chunks(self) -> bytes | None:
        parts, total = [], 0
        while True:
            line = self.rfile.readline(64).split(b";")[0].strip()
            try:
                size = int(line, 16)
            except ValueError:
                self._refuse(400, "a chunk has no size")
                return None
            total += size
            if total > _LARGEST_BODY:
                self._refuse(413, f"a body may have {_LARGEST_BODY} bytes")
                return None
            parts.append(self.rfile.read(size))
            self.rfile.readline(3)
            if size == 0:
                return b"".join(parts)

    def _refuse(self, status: int, message: str) -> None:
        self.close_connection = True
        self._send(Response.of_json(status, {"message": message}))

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        headers = dict(response.headers)
        announced = headers.pop("Content-Length", None)
        for name, value in headers.items():
            self.send_header(name, value)
        if response.status != 204:
            self.send_header("Content-Length", announced or str(len(response.body)))
        if announced is not None and announced != str(len(response.body)):
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)
        self.wfile.flush()

    def _swallow(self, fault: TransportFault) -> None:
        self.close_connection = True
        if fault.kind == "timeout":
            self._hold()
        else:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CUT)
            self.connection.close()

    def _hold(self) -> None:
        """Says nothing until the client gives up, the server stops, or two minutes are over."""
        waited = 0.0
        while waited < _HOLD_SECONDS and not self.server.stopping.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.1)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                return
            waited += 0.1
