"""The base of a simulated provider: one object, one lock, one way through for every request.

fault before the effect? → endpoint (authentication, limits, effect, answer) → fault after the effect? → journal
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from msgspec.structs import replace

from harness.provider.calls import Call, Candidate
from harness.provider.faults import SPOILT, Fault, FaultBook, hollowed
from harness.provider.ids import Ids
from harness.provider.messages import Request, Response, TransportFault
from harness.provider.outbox import Attempt, Delivery, Order, Outbox, RetryPolicy, Selector, Send
from harness.provider.routes import Match, Router

__all__ = ["Provider"]

_SECRET_HEADERS = frozenset({"authorization", "cookie", "x-api-key"})


class Provider(ABC):
    """All state of one provider. Safe to use from several threads. Knows nothing of who calls it."""

    name: ClassVar[str]
    signature_header: ClassVar[str]
    fault_kinds: ClassVar[dict[str, str]] = {}

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        seed: int,
        router: Router,
        base_url: str,
        retry: RetryPolicy,
        journal_limit: int | None = None,
    ) -> None:
        self.clock = clock
        self.seed = seed
        self.base_url = base_url.rstrip("/")
        self.ids = Ids(seed)
        self.lock = threading.RLock()
        self.router = router
        self.calls: list[Call] = []
        self.journal_limit = journal_limit
        self.on_call: Callable[[Call], None] | None = None
        """Told of every request once it is answered, in the thread that made it."""
        self._call_count = 0
        self._faults = FaultBook(self.router, self.fault_kinds, self.ids.chance)
        self.post = Outbox(
            header=self.signature_header, policy=retry, lock=self.lock, chance=self.ids.chance,
            give_up=self.on_give_up, retrying=self.on_retrying,
        )  # fmt: skip

    # ---- what each provider answers -------------------------------------------------------------------------------

    @abstractmethod
    def answer(self, request: Request, match: Match | None, now: datetime) -> Response:
        """The provider's own answer, effect included; `match` None means no endpoint fits."""

    @abstractmethod
    def failure(self, status: int) -> Response:
        """An answer of the provider's making with this error status, without any effect."""

    def special(self, kind: str, request: Request) -> Response:
        """The answer of a fault kind that only this provider knows (`fault_kinds`)."""
        raise KeyError(f"{self.name} declares {kind!r} for {request.method} and does not answer it")

    @abstractmethod
    def on_give_up(self, delivery: Delivery, now: datetime) -> None:
        """A message was retried for too long."""

    @abstractmethod
    def on_retrying(self, delivery: Delivery, now: datetime) -> None:
        """A message failed and will be retried."""

    # ---- requests -------------------------------------------------------------------------------------------------

    def handle(self, request: Request) -> Response:
        """Answers one request and records it in `calls`. Raises TransportFault when a fault swallows the answer."""
        started = time.perf_counter()
        with self.lock:
            now = self.clock()
            match = self.router.find(request.method, request.path)
            fault = self._faults.strike(request, now)
            call = self._call(request, now, match, fault)
            try:
                response = self._through(request, match, now, fault)
            except TransportFault as swallowed:
                self._keep(replace(call, error=swallowed.kind, duration_us=_micros_since(started)))
                raise
            spent = _micros_since(started)
            self._keep(replace(call, status=response.status, response_body=response.text, duration_us=spent))
            return response

    def record_unexpected(self, request: Request, candidates: Sequence[Candidate]) -> Call:
        """Records a request that never reached this provider's API (another host, say)."""
        with self.lock:
            call = replace(self._call(request, self.clock(), None, None), candidates=tuple(candidates))
            self._keep(call)
            return call

    def _through(self, request: Request, match: Match | None, now: datetime, fault: Fault | None) -> Response:
        if fault is None:
            return self.answer(request, match, now)
        if fault.after_effect or fault.do in SPOILT:
            return self._spoil(self.answer(request, match, now), request, fault)
        return self._instead(request, fault)

    def _instead(self, request: Request, fault: Fault) -> Response:
        if fault.do == "timeout":
            raise TransportFault("timeout")
        if fault.do == "reset":
            raise TransportFault("reset")
        if fault.do == "refuse":
            raise TransportFault("refused")
        if fault.do.isdigit():
            return self.failure(int(fault.do))
        return self.special(fault.do, request)

    def _spoil(self, response: Response, request: Request, fault: Fault) -> Response:
        half = response.body[: len(response.body) // 2]
        if fault.do == "delay":
            return replace(response, delay=fault.seconds)
        if fault.do == "malformed":
            return replace(response, body=half or b"<html>")
        if fault.do == "empty":
            return replace(response, body=b"{}")
        if fault.do == "hollow":
            return replace(response, body=hollowed(response.body))
        if fault.do == "truncated":
            return replace(
                response, headers={**response.headers, "Content-Length": f"{len(response.body) + 1}"}, body=half
            )
        return self._instead(request, fault)

    # ---- journal --------------------------------------------------------------------------------------------------

    def _call(self, request: Request, now: datetime, match: Match | None, fault: Fault | None) -> Call:
        self._call_count += 1
        return Call(
            number=self._call_count,
            method=request.method,
            url=request.url,
            request_body=request.text if request.body else None,
            status=None,
            response_body=None,
            fault=str(fault) if fault else None,
            matched=match is not None,
            at=now,
            candidates=() if match else self.router.candidates(request.method, request.path),
            endpoint=match.route.name if match else None,
            headers={k: v for k, v in request.headers.items() if k.lower() not in _SECRET_HEADERS},
        )

    def _keep(self, call: Call) -> None:
        self.calls.append(call)
        if self.on_call is not None:
            self.on_call(call)
        if self.journal_limit is not None and len(self.calls) > self.journal_limit + 100:
            del self.calls[:100]

    # ---- faults ---------------------------------------------------------------------------------------------------

    @property
    def faults(self) -> list[Fault]:
        return self._faults.faults

    def add_fault(
        self,
        on: str,
        do: str,
        *,
        times: int | None = 1,
        after_effect: bool = False,
        probability: float = 1.0,
        skip: int = 0,
        since: datetime | None = None,
        until: datetime | None = None,
        seconds: float = 5.0,
    ) -> Fault:
        """Adds a fault (see `harness.provider.faults.Fault`). Raises InputError when it could never strike."""
        fault = Fault(on, do, times, after_effect, probability, skip, since, until, seconds)
        with self.lock:
            return self._faults.add(fault)

    def unstruck_faults(self) -> list[Fault]:
        """The faults that were of no use; a scenario that has one has failed."""
        return self._faults.unstruck()

    def clear_faults(self) -> None:
        with self.lock:
            self._faults.clear()

    # ---- webhooks -------------------------------------------------------------------------------------------------

    @property
    def outbox(self) -> list[Delivery]:
        """What is still to be sent, in order; a new list."""
        return self.post.pending

    @property
    def deliveries(self) -> list[Delivery]:
        """Every message ever queued, whatever became of it."""
        return self.post.deliveries

    def due(self, now: datetime | None = None) -> list[Delivery]:
        return self.post.due(now or self.clock())

    def deliver(
        self,
        send: Send,
        *,
        which: Selector | None = None,
        times: int = 1,
        order: Order = "as-is",
        sign: str = "valid",
        key: str | None = None,
        now: datetime | None = None,
    ) -> list[Attempt]:
        """Sends messages; see `Outbox.deliver`. The lock is not held while `send` runs."""
        return self.post.deliver(
            send, now=now or self.clock(), which=which, times=times, order=order, sign=sign, key=key
        )

    def lose(self, which: Selector | None = None) -> list[Delivery]:
        """The chosen messages (all pending by default) never arrive."""
        return self.post.lose(which)

    def delay(self, by: timedelta, which: Selector | None = None) -> list[Delivery]:
        """The chosen messages are held back for `by`."""
        return self.post.delay(by, which)


def _micros_since(started: float) -> int:
    return int((time.perf_counter() - started) * 1_000_000)
