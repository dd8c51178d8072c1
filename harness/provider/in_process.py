"""The in-process transport: requests of the `requests` library are answered by simulators through `responses`.

One mock stays active for a whole run; the simulator is asked for at each request, so every scenario brings its own.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
import responses
from requests import PreparedRequest
from responses import registries

from harness.provider.calls import Call, Candidate, explain_unmatched
from harness.provider.messages import Request, Response, TransportFault
from harness.provider.provider import Provider
from harness.provider.startable import Startable

__all__ = ["ResponsesTransport", "UnexpectedRequest"]

ProviderSource = Callable[[], Provider]
_ANY = re.compile(".*")


class UnexpectedRequest(requests.ConnectionError):
    """The application asked a host that no simulator answers; the text lists what would have matched."""

    def __init__(self, call: Call, request: PreparedRequest) -> None:
        super().__init__(explain_unmatched(call), request=request)
        self.call = call


class ResponsesTransport(Startable):
    """Answers every request made through `requests` while active; none reaches the network.

    `providers` maps an API base URL to a function that returns the provider of the moment:
    `{"https://api.calendly.com": lambda: world.calendly}`. Hosts in `passthrough` (`127.0.0.1:8000`) are left alone.
    A delayed answer calls `sleep` with the seconds, unless the caller's read timeout is shorter: then it times out.
    """

    def __init__(
        self,
        providers: Mapping[str, ProviderSource],
        *,
        passthrough: frozenset[str] = frozenset(),
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._providers = {urlsplit(base).netloc: source for base, source in providers.items()}
        self._bases = tuple(providers)
        self._passthrough = passthrough
        self._sleep = sleep
        self.unexpected: list[Call] = []

    def start(self) -> None:
        _SWITCHBOARD.plug(self)

    def stop(self) -> None:
        """May be called twice, and in any order among several transports."""
        _SWITCHBOARD.unplug(self)

    def passes(self, request: PreparedRequest) -> bool:
        return urlsplit(str(request.url)).netloc in self._passthrough

    def answer(self, prepared: PreparedRequest) -> tuple[int, dict[str, str], bytes]:
        """What a `responses` callback returns. Raises the exceptions that `requests` would."""
        request = _request(prepared)
        source = self._providers.get(request.host)
        if source is None:
            raise self._refuse(request, prepared)
        try:
            response = source().handle(request)
        except TransportFault as fault:
            raise _as_seen_by_requests(fault, prepared) from fault
        self._wait(response, prepared)
        return _whole(response, prepared)

    def _refuse(self, request: Request, prepared: PreparedRequest) -> UnexpectedRequest:
        why = f"host is {request.host}, this provider is "
        candidates = [Candidate(f"{base}/**", why + urlsplit(base).netloc) for base in self._bases]
        witness = next(iter(self._providers.values()))()
        call = witness.record_unexpected(request, candidates)
        self.unexpected.append(call)
        return UnexpectedRequest(call, prepared)

    def _wait(self, response: Response, prepared: PreparedRequest) -> None:
        if not response.delay:
            return
        patience = _read_timeout(prepared)
        if patience is not None and response.delay > patience:
            self._sleep(patience)
            raise requests.ReadTimeout(f"read timed out after {patience} s", request=prepared)
        self._sleep(response.delay)


class _Switchboard:
    """The one patch of `requests` in this process, there while a transport is active; the latest one answers.

    Each transport with a patch of its own would leave one behind when they stop in another order than they started.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._plugged: list[ResponsesTransport] = []
        self._mock: responses.RequestsMock | None = None

    def plug(self, transport: ResponsesTransport) -> None:
        with self._lock:
            self._plugged.append(transport)
            if self._mock is None:
                self._mock = responses.RequestsMock(assert_all_requests_are_fired=False, registry=_registry(self))
                self._mock.start()

    def unplug(self, transport: ResponsesTransport) -> None:
        with self._lock:
            if transport in self._plugged:
                self._plugged.remove(transport)
            if not self._plugged and self._mock is not None:
                self._mock.stop(allow_assert=False)
                self._mock = None

    def current(self) -> ResponsesTransport:
        """The transport that answers now; what `responses` keeps of every request is dropped on the way."""
        with self._lock:
            if self._mock is not None:
                self._mock.calls.reset()  # the simulators have journals of their own
            return self._plugged[-1]


def _registry(switchboard: _Switchboard) -> type[registries.FirstMatchRegistry]:
    class EveryRequest(registries.FirstMatchRegistry):
        """Hands every request to the transport of the moment; a fresh response object each time keeps nothing alive."""

        def find(self, request: PreparedRequest) -> tuple[responses.BaseResponse | None, list[str]]:
            method, transport = str(request.method), switchboard.current()
            if transport.passes(request):
                return responses.PassthroughResponse(method, _ANY), []
            return responses.CallbackResponse(method, _ANY, transport.answer), []

    return EveryRequest


_SWITCHBOARD = _Switchboard()


def _request(prepared: PreparedRequest) -> Request:
    body: Any = prepared.body or b""
    content = body.encode() if isinstance(body, str) else bytes(body)
    headers = {str(key): str(value) for key, value in prepared.headers.items()}
    return Request(str(prepared.method), str(prepared.url), headers, content)


def _read_timeout(prepared: PreparedRequest) -> float | None:
    options: Mapping[str, Any] = getattr(prepared, "req_kwargs", {})
    timeout = options.get("timeout")
    if isinstance(timeout, tuple):
        return timeout[1] if len(timeout) > 1 else None
    return timeout if isinstance(timeout, int | float) else None


def _as_seen_by_requests(fault: TransportFault, prepared: PreparedRequest) -> requests.RequestException:
    if fault.kind == "timeout":
        return requests.ReadTimeout("read timed out (simulated)", request=prepared)
    if fault.kind == "refused":
        return requests.ConnectionError("connection refused (simulated)", request=prepared)
    return requests.ConnectionError("connection reset by peer (simulated)", request=prepared)


def _whole(response: Response, prepared: PreparedRequest) -> tuple[int, dict[str, str], bytes]:
    announced = response.headers.get("Content-Length")
    if announced is not None and int(announced) > len(response.body):
        missing = int(announced) - len(response.body)
        text = f"connection broken: {len(response.body)} bytes read, {missing} more expected (simulated)"
        raise requests.exceptions.ChunkedEncodingError(text, request=prepared)
    return response.status, dict(response.headers), response.body
