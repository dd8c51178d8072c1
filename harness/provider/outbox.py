"""Webhooks on their way: what is queued, what was attempted, what is retried, what is given up.

The outbox sends nothing itself: `deliver` hands each message to a `send` function, so the same messages can go to a
WSGI application in this process, over a socket, or nowhere.
"""

from __future__ import annotations

import fnmatch
import random
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from harness.errors import InputError
from harness.provider.messages import Answer, TransportFault
from harness.provider.signatures import sign_as

__all__ = ["Attempt", "Delivery", "Order", "Outbox", "RetryPolicy", "Selector", "Send"]

Order = Literal["as-is", "reversed", "shuffled"]
State = Literal["pending", "delivered", "lost", "abandoned"]
AttemptOutcome = Literal["delivered", "refused", "lost", "timeout", "held"]


class Attempt(Struct, frozen=True):
    """One attempt. `status` is None when no answer came; `outcome` says what the provider made of it."""

    delivery: str
    event: str
    number: int
    at: datetime
    url: str
    headers: dict[str, str]
    body: bytes
    status: int | None
    response_body: bytes
    outcome: AttemptOutcome
    duration_us: int


@dataclass
class Delivery:
    """One message for one subscription. `due` is when it may be sent (again); times in UTC.

    `id` is the simulator's own: Calendly sends no delivery id. `headers` are complete, signature included, on the copy
    that a `send` function gets; before the first attempt they are signed for the moment of queueing.
    """

    id: str
    event: str
    url: str
    body: bytes
    headers: dict[str, str]
    due: datetime
    subscription: str
    created_at: datetime
    retry_from: datetime | None = None
    key: str | None = field(default=None, repr=False)
    attempts: list[Attempt] = field(default_factory=list)
    state: State = "pending"
    first_signed: datetime | None = field(default=None, repr=False)


class RetryPolicy(Struct, frozen=True):
    """When a failed message is sent again: `first`, then `factor` times longer each time, at most `ceiling` apart.

    After `window` from the first attempt (or from `Delivery.retry_from` when that is set) it is given up. `resign`: a
    retry carries a fresh timestamp and signature. `read_timeout` in seconds. Calendly documents the 24 hours and the
    15 seconds, not the steps (CALENDLY.md 4).
    """

    first: timedelta = timedelta(minutes=1)
    factor: float = 2.0
    ceiling: timedelta = timedelta(hours=4)
    window: timedelta = timedelta(hours=24)
    resign: bool = True
    read_timeout: float = 15.0

    def wait(self, failures: int) -> timedelta:
        """How long to wait after this many failed attempts (from 1)."""
        longest = self.ceiling / self.first
        return self.first * min(self.factor ** min(failures - 1, 64), longest)


Send = Callable[[Delivery], Answer]
Selector = str | int | Delivery | Callable[[Delivery], bool] | Iterable["str | int | Delivery"]


class Outbox:
    """The messages of one provider, in the order in which they were queued."""

    def __init__(
        self,
        *,
        header: str,
        policy: RetryPolicy,
        lock: AbstractContextManager[object],
        chance: random.Random,
        give_up: Callable[[Delivery, datetime], None] | None = None,
        retrying: Callable[[Delivery, datetime], None] | None = None,
    ) -> None:
        self.deliveries: list[Delivery] = []
        self._waiting: dict[str, Delivery] = {}
        self.policy = policy
        self._header = header
        self._lock = lock
        self._chance = chance
        self._give_up = give_up
        self._retrying = retrying

    @property
    def pending(self) -> list[Delivery]:
        with self._lock:
            return list(self._waiting.values())

    def idle(self, now: datetime) -> bool:
        """Whether nothing is due; cheap, for a poll many times a second."""
        with self._lock:
            return all(delivery.due > now for delivery in self._waiting.values())

    def put(self, delivery: Delivery) -> Delivery:
        signed = sign_as("valid", delivery.key, delivery.body, delivery.created_at)
        delivery.headers = self._headers(delivery, signed.header)
        with self._lock:
            self.deliveries.append(delivery)
            self._waiting[delivery.id] = delivery
        return delivery

    def due(self, now: datetime) -> list[Delivery]:
        """What may be sent now, in queue order. What has been retried for too long is given up first."""
        with self._lock:
            for delivery in self.pending:
                if delivery.attempts and now >= self._deadline(delivery):
                    self._abandon(delivery, now)
            return [delivery for delivery in self.pending if delivery.due <= now]

    def deliver(
        self,
        send: Send,
        *,
        now: datetime,
        which: Selector | None = None,
        times: int = 1,
        order: Order = "as-is",
        sign: str = "valid",
        key: str | None = None,
    ) -> list[Attempt]:
        """Sends the chosen messages, each `times` times, in `order`, signed as `sign` says (with `key` if given).

        `which` None takes what is due; an event name (globs allowed), a number in the queue (from 0), an id, a
        `Delivery`, a test, or several of these choose without regard to `due`. A name that is nowhere pending chooses
        the messages of that name already sent (a replay). Raises InputError when an explicit choice finds nothing.
        """
        chosen = self.due(now) if which is None else self._select(which)
        sequence = self._ordered([delivery for delivery in chosen for _ in range(times)], order)
        return [self._attempt(delivery, send, now, sign, key) for delivery in sequence]

    def lose(self, which: Selector | None = None) -> list[Delivery]:
        """The messages never arrive and are not sent again."""
        chosen = self.pending if which is None else self._select(which)
        for delivery in chosen:
            self._leave(delivery, "lost")
        return chosen

    def delay(self, by: timedelta, which: Selector | None = None) -> list[Delivery]:
        """Holds the messages back for `by` from when they were due."""
        chosen = self.pending if which is None else self._select(which)
        for delivery in chosen:
            delivery.due += by
        return chosen

    def abandon_subscription(self, subscription: str) -> None:
        """Nothing more is sent to it."""
        for delivery in self.pending:
            if delivery.subscription == subscription:
                self._leave(delivery, "abandoned")

    def _leave(self, delivery: Delivery, state: State) -> None:
        with self._lock:
            delivery.state = state
            self._waiting.pop(delivery.id, None)

    def _select(self, which: Selector) -> list[Delivery]:
        found = self._find(which)
        if not found:
            queued = ", ".join(f"{d.event} ({d.id})" for d in self.pending) or "nothing"
            raise InputError(f"no delivery fits {which!r}.", f"Pending: {queued}.")
        return found

    def _find(self, which: Selector) -> list[Delivery]:
        if isinstance(which, Delivery):
            return [which]
        if isinstance(which, int):
            pending = self.pending
            return [pending[which]] if -len(pending) <= which < len(pending) else []
        if isinstance(which, str):
            by_id = [d for d in self.deliveries if d.id == which]
            named = [d for d in self.deliveries if fnmatch.fnmatchcase(d.event, which)]
            return by_id or [d for d in named if d.state == "pending"] or named
        if callable(which):
            return [d for d in self.pending if which(d)]
        return [delivery for each in which for delivery in self._select(each)]

    def _ordered(self, deliveries: Sequence[Delivery], order: Order) -> list[Delivery]:
        sequence = list(deliveries)
        if order == "reversed":
            sequence.reverse()
        elif order == "shuffled":
            self._chance.shuffle(sequence)
        elif order != "as-is":
            raise InputError(f"unknown order {order!r}.", "Use as-is, reversed or shuffled.")
        return sequence

    def _attempt(self, delivery: Delivery, send: Send, now: datetime, how: str, key: str | None) -> Attempt:
        first = delivery.first_signed or now
        signed = sign_as(how, key or delivery.key, delivery.body, now if self.policy.resign else first)
        message = replace(delivery, body=signed.body, headers=self._headers(delivery, signed.header))
        started = time.perf_counter()
        status, answered, outcome = self._send(send, message)
        duration = int((time.perf_counter() - started) * 1_000_000)
        with self._lock:
            delivery.first_signed = first
            attempt = Attempt(
                delivery.id, delivery.event, len(delivery.attempts) + 1, now, delivery.url,
                message.headers, message.body, status, answered, outcome, duration,
            )  # fmt: skip
            delivery.attempts.append(attempt)
            self._settle(delivery, outcome, now)
        return attempt

    def _send(self, send: Send, message: Delivery) -> tuple[int | None, bytes, AttemptOutcome]:
        try:
            answer = send(message)
        except TransportFault as fault:
            return None, b"", "timeout" if fault.kind == "timeout" else "lost"
        if answer.elapsed > self.policy.read_timeout:
            return None, b"", "timeout"
        return answer.status, answer.body, "delivered" if 200 <= answer.status < 300 else "refused"

    def _settle(self, delivery: Delivery, outcome: AttemptOutcome, now: datetime) -> None:
        if outcome == "delivered":
            self._leave(delivery, "delivered")
        elif delivery.state == "pending":
            failures = sum(1 for attempt in delivery.attempts if attempt.outcome != "delivered")
            delivery.due = min(now + self.policy.wait(failures), self._deadline(delivery))
            if self._retrying:
                self._retrying(delivery, now)

    def _deadline(self, delivery: Delivery) -> datetime:
        return (delivery.retry_from or delivery.attempts[0].at) + self.policy.window

    def _abandon(self, delivery: Delivery, now: datetime) -> None:
        self._leave(delivery, "abandoned")
        if self._give_up:
            self._give_up(delivery, now)

    def _headers(self, delivery: Delivery, signature: str | None) -> dict[str, str]:
        headers = {key: value for key, value in delivery.headers.items() if key != self._header}
        return headers if signature is None else {**headers, self._header: signature}
