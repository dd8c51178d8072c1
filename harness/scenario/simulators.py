"""The simulated providers of a scenario, furnished from its catalogue, behind one mock that lasts the whole run."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from harness import calendly, stripe
from harness.provider import Call, Request, Response
from harness.scenario.credentials import CALENDLY_TOKEN, CALENDLY_WEBHOOK_KEYS, STRIPE_KEY, STRIPE_WEBHOOK_KEYS

if TYPE_CHECKING:
    from harness.provider import Fault, Provider
    from harness.scenario.fixtures import Catalogue
    from harness.scenario.world import World

__all__ = ["CALLBACKS", "QUESTION", "ProviderName", "Providers", "Simulators", "furnish"]

ProviderName = Literal["calendly", "stripe"]
S = TypeVar("S", bound="Provider")

QUESTION = "Booking ID"
_QUESTIONS = (calendly.Question(QUESTION, type="string", required=False),)
"""The custom question through which the booking id travels (R17)."""

CALLBACKS = {
    "calendly": "https://booking.test/api/webhooks/calendly",
    "stripe": "https://booking.test/api/webhooks/stripe",
}


class Providers:
    """The providers of one scenario, each made and furnished when something first asks for it: many need only one."""

    def __init__(self, clock: Callable[[], datetime], seed: int, catalogue: Catalogue) -> None:
        self._clock = clock
        self._seed = seed
        self._catalogue = catalogue
        self._lock = threading.RLock()  # a deployment's calls, and branches of `parallel`, come in threads
        self._listen: Callable[[ProviderName], Callable[[Call], None]] | None = None
        self.made: dict[ProviderName, Provider] = {}

    def named(self, name: ProviderName) -> Any:
        """The provider called `calendly` or `stripe`."""
        with self._lock:
            return self.calendly if name == "calendly" else self.stripe

    @cached_property
    def calendly(self) -> calendly.Simulator:
        made = calendly.Simulator(clock=self._clock, seed=self._seed, options=calendly.Options(token=CALENDLY_TOKEN))
        furnish(made, self._catalogue)
        made.subscribe(CALLBACKS["calendly"], signing_key=CALENDLY_WEBHOOK_KEYS[0])
        return self._heard("calendly", made)

    @cached_property
    def stripe(self) -> stripe.Simulator:
        made = stripe.Simulator(clock=self._clock, seed=self._seed, options=stripe.Options(api_key=STRIPE_KEY))
        made.subscribe(CALLBACKS["stripe"], signing_key=STRIPE_WEBHOOK_KEYS[0])
        return self._heard("stripe", made)

    @property
    def faults(self) -> list[Fault]:
        """Every fault set so far."""
        return [fault for provider in self.made.values() for fault in provider.faults]

    def attach(self, listen: Callable[[ProviderName], Callable[[Call], None]]) -> None:
        """From now on every call to a provider is told to `listen(its name)`."""
        self._listen = listen
        for name, each in self.made.items():
            each.on_call = listen(name)

    def leave(self) -> None:
        """Nobody is told of calls any more."""
        self._listen = None
        for each in self.made.values():
            each.on_call = None

    def _heard(self, name: ProviderName, made: S) -> S:
        if self._listen is not None:
            made.on_call = self._listen(name)
        self.made[name] = made
        return made


class Simulators:
    """Makes the providers of each scenario and answers the application with those of the moment.

    An application in this process asks through `requests`, and is answered there; with `on_port` the same simulators
    listen on a port of this machine, `url`, for one in a process of its own.
    """

    def __init__(self, clock: Callable[[], datetime], *, on_port: bool = False) -> None:
        self._clock = clock
        self._on_port = on_port
        self.url = ""
        self._now: Providers | None = None
        self._transport: Any = None

    def start(self) -> None:
        """Put the mock in front of `requests` (from now on no request reaches the network), or listen on the port."""
        if self._on_port:
            from harness.provider.http_server import HttpServer

            self._transport = HttpServer(self._handle)
            self.url = self._transport.url
            self._transport.start()
            return
        from harness.provider.in_process import ResponsesTransport

        self._transport = ResponsesTransport(
            {
                "https://api.calendly.com": lambda: self._here.named("calendly"),
                "https://api.stripe.com": lambda: self._here.named("stripe"),
            },
            sleep=lambda seconds: None,  # the scenario's clock stands still; waiting would only cost time
        )
        self._transport.start()

    def stop(self) -> None:
        """Take the mock away."""
        if self._transport is not None:
            self._transport.stop()
            self._transport = None

    def _handle(self, request: Request) -> Response:
        """One port for both: Stripe's paths begin with /v1/."""
        answer: Response = self._here.named("stripe" if request.path.startswith("/v1/") else "calendly").handle(request)
        return answer

    @property
    def _here(self) -> Providers:
        assert self._now is not None  # a world is open
        return self._now

    @staticmethod
    def seed_of(seed: int, case_id: str) -> int:
        """A seed for one scenario's providers: follows from the run's and from which scenario it is."""
        return int.from_bytes(hashlib.sha256(f"{seed} {case_id}".encode()).digest()[:4], "big")

    def fresh(self, seed: int, catalogue: Catalogue) -> Providers:
        """Providers as they stand before anything happens."""
        self._now = Providers(self._clock, seed, catalogue)
        return self._now

    def attach(self, world: World) -> None:
        """Record every call to this world's providers."""
        world.providers.attach(lambda name: _listener(world, name))


def furnish(simulator: calendly.Simulator, catalogue: Catalogue) -> None:
    """What the builders have set up at Calendly: an account each, an event type a session, the question for the id."""
    owners: dict[str, str] = {}
    people = {row["id"]: row for row in catalogue.rows("User").values()}
    for profile in catalogue.rows("BuilderProfile").values():
        uri = profile["schedulingSettings"].get("calendlyUserUri")
        person = people[profile["userId"]]
        owners[profile["id"]] = simulator.add_user(
            name=person["name"], email=person["email"], timezone=profile["schedulingSettings"]["timezone"], uri=uri
        )
    for key, session in catalogue.rows("SessionType").items():
        if session.get("calendlyEventTypeUri"):
            simulator.add_event_type(
                name=session["title"],
                duration=int(session["durationMinutes"]),
                owner=owners.get(session["builderId"]),
                capacity=int(session.get("maxParticipants") or 1),
                questions=_QUESTIONS,
                slug=key,
                uri=session["calendlyEventTypeUri"],
            )


def _listener(world: World, name: ProviderName) -> Callable[[Call], None]:
    def listen(call: Call) -> None:
        recorder = world.recorder
        raw = {"request": call.request_body, "response": call.response_body, "url": call.url}
        recorder.call(
            raw,
            provider=name,
            method=call.method,
            url=recorder.text(call.url),
            request_body=recorder.body(call.request_body),
            status=call.status,
            response_body=recorder.body(call.response_body),
            fault=call.fault,
            matched=call.matched,
            duration_us=call.duration_us,
        )
        if not call.matched:
            near = "; ".join(str(candidate) for candidate in call.candidates)
            world.unexpected(f"{call.method} {call.url}", f" (near: {near})" if near else "")

    return listen
