"""What the simulated providers can do, for the loader: the webhooks that they send, the faults that they take."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any

from harness.scenario.suggest import did_you_mean, nearest

if TYPE_CHECKING:
    from harness.provider import FaultMistake, Provider

__all__ = ["fault_mistakes", "known_call", "known_event", "known_message", "known_path", "known_request"]

_PROVIDERS = ("calendly", "stripe")


_PLACEHOLDER = re.compile(r"\{[^}]*\}")


def known_event(text: str, *, globs: bool = True) -> str:
    """`text`, when it is the name of a webhook, or (`globs`) a glob that fits one.

    Raises:
        ValueError: no provider sends such a webhook; with a remedy.
    """
    events = _events()
    if text not in events and not (globs and any(fnmatchcase(event, text) for event in events)):
        raise ValueError(f"No webhook is called {text}. {did_you_mean(text, events, noun='webhooks')}")
    return text


def fault_mistakes(provider: str, on: str, do: str, **rest: Any) -> Sequence[FaultMistake]:
    """What keeps a fault from ever striking at a provider of that name, as a scenario would set it."""
    from harness.provider import FaultError

    simulator = _trial(provider)
    try:
        simulator.add_fault(on, do, **rest)
    except FaultError as error:
        return [_suggesting(each, {"on": on, "do": do}.get(each.field, "")) for each in error.mistakes]
    finally:
        simulator.clear_faults()
    return ()


def _suggesting(mistake: FaultMistake, written: str) -> FaultMistake:
    close = nearest(written, mistake.choices)
    return mistake._replace(remedy=f"Did you mean {close[0]}?") if close else mistake


def known_call(text: str) -> str:
    """`text`, when it is METHOD and path of a provider's endpoint, or a glob that fits one.

    Raises:
        ValueError: no endpoint is like it, so no call can be; with a remedy.
    """
    if "?" in text and "=" in text.partition("?")[2]:
        raise ValueError("A call is named without its query. Write {path: …, query: {…}} for that.")
    return _reaching(text, _endpoints(), "*?")


def known_request(named: Mapping[str, str]) -> None:
    """Refuses a provider, a method and a path (those of them that are named) which no endpoint has together.

    Raises:
        ValueError: what is wrong, and in a second line what to do.
    """
    path, method = named.get("path"), named.get("method")
    here = _endpoints(named.get("provider"))
    fitting = [
        name for name in here if path is None or _meets(path, _PLACEHOLDER.sub("\0", name.partition(" ")[2]), "")
    ]
    if path is not None and not fitting:
        raise ValueError(f"{named['provider']} has no endpoint {path}.\n{did_you_mean(path, here, noun='endpoints')}")
    methods = sorted({name.partition(" ")[0] for name in fitting})
    if method is not None and method not in methods:
        where = path or named.get("provider", "any provider")
        raise ValueError(f"No endpoint of {where} takes {method}.\nIt takes {', '.join(methods)}.")


def known_message(named: Mapping[str, str]) -> None:
    """Refuses a webhook of another provider than the one named.

    Raises:
        ValueError: what is wrong, and in a second line what to do.
    """
    provider, event = named.get("provider"), named.get("event")
    if provider is not None and event is not None and event not in _events(provider):
        whose = next(name for name in _PROVIDERS if event in _events(name))
        raise ValueError(f"{provider} sends no {event}.\n{whose} does.")


def known_path(text: str) -> str:
    """`text`, when it is the path of a provider's endpoint.

    Raises:
        ValueError: no endpoint has it, so no call can; with a remedy.
    """
    if "*" in text:
        raise ValueError('A path has no globs: write <re …> or <contains …>, or "METHOD /path" instead of the map.')
    return _reaching(text, [name.partition(" ")[2] for name in _endpoints()], "")


def _reaching(text: str, names: Sequence[str], wild: str) -> str:
    if not ("[" in text and wild) and not any(_meets(text, _PLACEHOLDER.sub("\0", name), wild) for name in names):
        raise ValueError(f"No endpoint is {text}. {did_you_mean(text, names, noun='endpoints')}")
    return text


def _meets(glob: str, name: str, wild: str) -> bool:
    """Whether a text fits both: `glob`, whose `*` and `?` (if `wild`) stand for any, and `name`, whose NUL for a segment."""
    places = {0}  # where in `name` the glob may stand so far
    for sign in glob:
        if sign == "*" and wild:
            places = set(range(min(places), len(name) + 1))
            continue
        segment = {at for at in places if name[at : at + 1] == "\0" and sign != "/"}
        places = {at + 1 for at in places if name[at : at + 1] == sign or (sign == "?" and wild and at < len(name))}
        places |= segment | {at + 1 for at in segment}
        if not places:
            return False
    return len(name) in places


@cache
def _endpoints(provider: str | None = None) -> tuple[str, ...]:
    names = _PROVIDERS if provider is None else (provider,)
    return tuple(route.name for name in names for route in _trial(name).router.routes)


@cache
def _events(provider: str | None = None) -> tuple[str, ...]:
    from harness.calendly.webhooks import EVENT_SCOPES
    from harness.stripe.ledger import EVENTS

    every = {"calendly": tuple(EVENT_SCOPES), "stripe": tuple(EVENTS)}
    return (*every["calendly"], *every["stripe"]) if provider is None else every[provider]


@cache
def _trial(name: str) -> Provider:
    """A provider that nobody uses: its endpoints and kinds of faults are those of every scenario's."""
    from harness import calendly, stripe

    def clock() -> datetime:
        return datetime(2030, 1, 1, tzinfo=UTC)

    return calendly.Simulator(clock=clock) if name == "calendly" else stripe.Simulator(clock=clock)
