"""`harness calendly serve`: the simulator on a port, furnished so that a booking can be made at once."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from harness.calendly.availability import round_the_clock
from harness.calendly.options import Options
from harness.calendly.server import serve, simulator_of
from harness.calendly.simulator import Simulator
from harness.provider.serving import Served, SiteMaker, serve_until_signal

__all__ = ["furnish", "greeting", "serve_command"]

_STEP = timedelta(minutes=30)


def serve_command(
    port: int = 8008,
    host: str = "127.0.0.1",
    control: bool = False,
    seed: int = 0,
    events: int = 0,
    *,
    webhook_url: str | None = None,
    webhook_key: str | None = None,
    deliver: bool = True,
    canonical_uris: bool = False,
    rate_limits: bool = True,
    as_json: bool = False,
    beside: Sequence[SiteMaker] = (),
    out: Callable[[str], object] | None = None,
) -> None:
    """Serves until SIGINT or SIGTERM; returns when everything is closed.

    `events` bookings exist from the start. `webhook_url` is subscribed to every invitee event, signed with
    `webhook_key`. `canonical_uris`: resources are named https://api.calendly.com/… rather than by this server.
    `beside`: further sites on the same port (`harness.stripe.site.stripe_site`). `out` prints (standard output).
    Raises MachineError when the port is busy.
    """

    def prepare(simulator: Simulator) -> None:
        furnish(simulator, events)
        if webhook_url:
            simulator.subscribe(webhook_url, signing_key=webhook_key)

    options = Options(rate_limits=rate_limits, journal_limit=10_000)
    served = serve(
        host=host, port=port, control=control, seed=seed, deliver=deliver, options=options, own_uris=not canonical_uris,
        prepare=prepare, beside=beside,
    )  # fmt: skip
    say = out or _print
    serve_until_signal(served, ready=lambda running: say(greeting(running, control=control, as_json=as_json)))


def furnish(simulator: Simulator, events: int = 0) -> None:
    """An event type to book, and `events` bookings in another that is open round the clock."""
    simulator.add_event_type(name="Intro call", duration=30, questions=["Booking ID"], slug="intro-call")
    if not events:
        return
    kind = simulator.add_event_type(
        name="History", duration=30, slug="history", hours=round_the_clock(), questions=["Booking ID"]
    )
    start = _next_half_hour(simulator.clock()) + timedelta(days=60)
    for number in range(events):
        person = {"name": f"Visitor {number}", "email": f"visitor{number}@example.test"}
        simulator.schedule(kind, start + number * _STEP, person, answers={"Booking ID": f"{number}"})


def _next_half_hour(now: datetime) -> datetime:
    whole = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return whole + timedelta(hours=1)


def greeting(served: Served, *, control: bool, as_json: bool) -> str:
    """What is said once requests are answered: where, who, and what can be booked; or the same as JSON."""
    simulator = simulator_of(served)
    facts = {
        "url": served.url,
        "user": simulator.owner_uri,
        "organization": simulator.organization_uri,
        "event_types": {uri: simulator.page_of(uri) for uri in simulator.event_type_uris()},
        "providers": sorted(served.stage.sites),
        "control": f"{served.url}/_simulator/" if control else None,
    }
    if as_json:
        return json.dumps(facts)
    lines = [f"Calendly, simulated, on {served.url} (any bearer token is the owner's)", f"  user   {facts['user']}"]
    lines += [f"  page   {page}" for page in (simulator.page_of(uri) for uri in simulator.event_type_uris())]
    lines += [f"  beside {name}" for name in served.stage.sites if name != "calendly"]
    lines += [f"  control {facts['control']}"] if control else []
    return "\n".join([*lines, "Stop with Ctrl-C."])


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
