"""What the simulated providers can do, for the loader: the webhooks that they send, the faults that they take."""

from __future__ import annotations

from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any

from harness.errors import InputError
from harness.scenario.suggest import did_you_mean

if TYPE_CHECKING:
    from harness.provider import Provider

__all__ = ["known_event", "takes_fault"]


def known_event(text: str) -> str:
    """`text`, when it is the name of a webhook, or a glob that fits one.

    Raises:
        ValueError: no provider sends such a webhook; with a remedy.
    """
    events = _events()
    if not any(fnmatchcase(event, text) for event in events):
        raise ValueError(f"No webhook is called {text}. {did_you_mean(text, events, noun='webhooks')}")
    return text


def takes_fault(provider: str, on: str, do: str, **rest: Any) -> None:
    """Try a fault on a provider of that name, as a scenario would set it.

    Raises:
        ValueError: it could never strike, or nobody knows what it does; with a remedy.
    """
    simulator = _trial(provider)
    try:
        simulator.add_fault(on, do, **rest)
    except InputError as error:
        raise ValueError(f"{error.what[:1].upper()}{error.what[1:]} {error.remedy}") from None
    finally:
        simulator.clear_faults()


@cache
def _events() -> tuple[str, ...]:
    from harness.calendly.webhooks import EVENT_SCOPES
    from harness.stripe.ledger import EVENTS

    return (*EVENT_SCOPES, *EVENTS)


@cache
def _trial(name: str) -> Provider:
    """A provider that nobody uses: its endpoints and kinds of faults are those of every scenario's."""
    from harness import calendly, stripe

    def clock() -> datetime:
        return datetime(2030, 1, 1, tzinfo=UTC)

    return calendly.Simulator(clock=clock) if name == "calendly" else stripe.Simulator(clock=clock)
