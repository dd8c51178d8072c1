"""Injected faults: what goes wrong, on which endpoint, how often, before the provider's effect or after it."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from harness.errors import InputError
from harness.provider.messages import Request
from harness.provider.routes import Router

__all__ = ["NETWORK_FAULTS", "SPOILT", "Fault", "FaultBook", "FaultError", "FaultMistake", "hollowed"]

NETWORK_FAULTS: dict[str, str] = {
    "timeout": "no answer within the caller's patience",
    "reset": "the connection is cut",
    "refuse": "the connection is refused",
    "delay": "the answer comes `seconds` late",
    "malformed": "the answer is complete but not JSON",
    "truncated": "the answer stops in the middle",
    "empty": "the answer is JSON with nothing in it",
    "hollow": "the answer has its parts, with nothing in them",
}

SPOILT = frozenset({"delay", "malformed", "truncated", "empty", "hollow"})
"""The faults that strike the answer: the provider did its work."""


@dataclass
class Fault:
    """One fault. `on` is `METHOD /path` where `*` is one segment (or any method) and `**` any number of segments.

    `times` None means always; `skip` lets that many matching calls through first; `since`/`until` bound it in time.
    With `after_effect` the provider does its work and only the answer is lost or spoilt.
    """

    on: str
    do: str
    times: int | None = 1
    after_effect: bool = False
    probability: float = 1.0
    skip: int = 0
    since: datetime | None = None
    until: datetime | None = None
    seconds: float = 5.0
    struck: int = 0
    met: int = field(default=0, repr=False)

    @property
    def never_struck(self) -> bool:
        """True when the fault was of no use; a fault left to chance need only have met a call that it could strike."""
        return self.chances == 0 if self.probability < 1 else self.struck == 0

    @property
    def spared(self) -> bool:
        """True when chance kept the fault from striking, though it could have."""
        return self.struck == 0 and not self.never_struck

    @property
    def chances(self) -> int:
        """How many calls it could have struck."""
        return max(0, self.met - self.skip)

    def __str__(self) -> str:
        extras = [f"times {self.times}" if self.times is not None else "always"]
        extras += ["after the effect"] if self.after_effect else []
        extras += [f"probability {self.probability}"] if self.probability < 1 else []
        return f"{self.on}: {self.do} ({', '.join(extras)})"


class FaultMistake(NamedTuple):
    """What is wrong with one field of a fault, and what to do."""

    field: str
    what: str
    remedy: str = ""
    choices: tuple[str, ...] = ()  # what may stand there by name

    def __str__(self) -> str:
        return f"{self.what[:1].upper()}{self.what[1:]} {self.remedy}".strip()


class FaultError(InputError):
    """A fault that could never strike, or that nobody knows; every mistake of it."""

    def __init__(self, mistakes: list[FaultMistake]) -> None:
        first, *rest = mistakes
        super().__init__(first.what, " ".join([first.remedy, *map(str, rest)]).strip())
        self.mistakes = tuple(mistakes)


class FaultBook:
    """The faults of one provider, in the order in which they were added; the first that applies strikes."""

    def __init__(self, router: Router, kinds: Iterable[str], chance: random.Random) -> None:
        self.faults: list[Fault] = []
        self._router = router
        self._kinds = (*NETWORK_FAULTS, *kinds)
        self._chance = chance

    def add(self, fault: Fault) -> Fault:
        """Adds a fault. Raises InputError when it could never strike or nobody knows what it does."""
        self._check(fault)
        self.faults.append(fault)
        return fault

    def strike(self, request: Request, now: datetime) -> Fault | None:
        return next((fault for fault in self.faults if self._strikes(fault, request, now)), None)

    def unstruck(self) -> list[Fault]:
        return [fault for fault in self.faults if fault.never_struck]

    def clear(self) -> None:
        self.faults.clear()

    def _check(self, fault: Fault) -> None:
        found = list(self._mistakes(fault))
        if found:
            raise FaultError(found)

    def _mistakes(self, fault: Fault) -> Iterator[FaultMistake]:
        """Everything that keeps a fault from striking."""
        is_status = fault.do.isascii() and fault.do.isdigit() and 400 <= int(fault.do) <= 599
        if fault.do not in self._kinds and not is_status:
            known = ", ".join(self._kinds)
            remedy = f"Use one of {known}, or a status from 400 to 599."
            yield FaultMistake("do", f"unknown fault {fault.do!r}.", remedy, self._kinds)
        if fault.times is not None and fault.times < 1:
            yield FaultMistake("times", f"a fault that strikes {fault.times} times never strikes.", "Use 1 or more.")
        if fault.skip < 0:
            yield FaultMistake("skip", f"skip {fault.skip} is less than 0.", "Use 0 or more.")
        if not 0 < fault.probability <= 1:
            yield FaultMistake(
                "probability",
                f"probability {fault.probability:g} is not above 0 and at most 1.",
                "Use for example 0.5.",
            )
        if not 0 <= fault.seconds < math.inf:
            yield FaultMistake("seconds", f"an answer cannot be {fault.seconds:g} seconds late.", "Use 0 or more.")
        if fault.since and fault.until and fault.until <= fault.since:
            yield FaultMistake("until", "it ends before it begins, so it never strikes.", "Let until be after from.")
        try:
            method, path = _split(fault.on)
        except InputError as error:
            yield FaultMistake("on", error.what, error.remedy)
            return
        if next(self._router.unifying(method, path), None) is None:
            near = ", ".join(c.endpoint for c in self._router.candidates(method, path, 3))
            yield FaultMistake(
                "on", f"no endpoint matches {fault.on!r}, so the fault can never strike.", f"Near: {near}."
            )

    def _strikes(self, fault: Fault, request: Request, now: datetime) -> bool:
        if fault.times is not None and fault.struck >= fault.times:
            return False
        if (fault.since and now < fault.since) or (fault.until and now >= fault.until):
            return False
        if not _covers(fault.on, request):
            return False
        fault.met += 1
        if fault.met <= fault.skip or (fault.probability < 1 and self._chance.random() >= fault.probability):
            return False
        fault.struck += 1
        return True


def hollowed(body: bytes) -> bytes:
    """`body` (JSON) as somebody answers whose API has changed: the parts have their names, and nothing in them."""
    value = json.loads(body or b"{}")
    return json.dumps({name: _hollow(part) for name, part in value.items()} if isinstance(value, dict) else {}).encode()


def _hollow(part: Any) -> Any:
    if isinstance(part, dict):
        return {}
    return [_hollow(item) for item in part] if isinstance(part, list) else part


def _split(on: str) -> tuple[str, str]:
    method, space, path = on.strip().partition(" ")
    if not space or not path.strip().startswith(("/", "*")):
        raise InputError(f"a fault strikes on METHOD /path, not on {on!r}.", 'For example "GET /scheduled_events/*".')
    return method.upper(), path.strip()


def _covers(on: str, request: Request) -> bool:
    method, path = _split(on)
    return method in ("*", request.method) and _glob(path.strip("/").split("/"), request.path.strip("/").split("/"))


def _glob(pattern: list[str], parts: list[str]) -> bool:
    if pattern and pattern[0] == "**":
        return any(_glob(pattern[1:], parts[i:]) for i in range(len(parts) + 1))
    if not pattern or not parts:
        return not pattern and not parts
    return pattern[0] in ("*", parts[0]) and _glob(pattern[1:], parts[1:])
