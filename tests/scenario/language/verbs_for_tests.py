"""Verbs that look like the harness's own and do nothing: the language is tested without its runner."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from harness.scenario.registry import Compare, Duration, Instant, Steps, Value, verb


@dataclass(frozen=True)
class SelectArgs:
    session: Annotated[str, "the key of a session type in the catalogue"]


@dataclass(frozen=True)
class NoArgs:
    pass


@dataclass(frozen=True)
class Invitee:
    name: str
    email: str
    timezone: str = "Europe/London"


@dataclass(frozen=True)
class ScheduleArgs:
    at: Instant
    invitee: Invitee
    answers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CreateArgs:
    overrides: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class HttpArgs:
    GET: str | None = None
    POST: str | None = None
    PATCH: str | None = None
    body: Value = None
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = [method for method in ("GET", "POST", "PATCH") if getattr(self, method) is not None]
        if len(given) != 1:
            raise ValueError(f"http needs one method; here are {len(given)}.")


@dataclass(frozen=True)
class SqlArgs:
    query: str


@dataclass(frozen=True)
class ClockArgs:
    by: Duration | None = None
    to: Instant | None = None


@dataclass(frozen=True)
class Strike:
    on: str
    do: Literal["timeout", "reset", "refuse", "500", "503", "429"]
    times: int = 1
    after_effect: bool = False


@dataclass(frozen=True)
class FaultArgs:
    calendly: Strike | None = None
    stripe: Strike | None = None


@dataclass(frozen=True)
class DeliverArgs:
    event: str | None = None
    times: int = 1
    order: Literal["as-is", "reversed", "shuffled"] = "as-is"
    delay: Duration | None = None


@dataclass(frozen=True)
class ParallelArgs:
    branches: list[Steps]
    outcomes: Compare = None


@dataclass(frozen=True)
class CancelArgs:
    reason: str | None = None


@verb("select_session", shorthand="session")
def select_session(world: Any, args: SelectArgs) -> None:
    """Chooses a session type."""


@verb("initialize")
def initialize(world: Any, args: NoArgs) -> None:
    """Asks the server for a booking id."""


@verb("schedule", shorthand="at")
def schedule(world: Any, args: ScheduleArgs) -> None:
    """Picks a time in Calendly's page."""


@verb("create")
def create(world: Any, args: CreateArgs) -> None:
    """Creates the booking."""


@verb("cancel", shorthand="reason")
def cancel(world: Any, args: CancelArgs) -> None:
    """Cancels the booking."""


@verb("deliver", shorthand="event", kind="provider")
def deliver(world: Any, args: DeliverArgs) -> None:
    """Delivers webhooks that are due."""


@verb("http", kind="low")
def http(world: Any, args: HttpArgs) -> None:
    """Sends a request as it stands."""


@verb("sql", shorthand="query", kind="low")
def sql(world: Any, args: SqlArgs) -> None:
    """Runs a statement."""


@verb("clock", shorthand="by", kind="low")
def clock(world: Any, args: ClockArgs) -> None:
    """Moves the scenario's time."""


@verb("fault", kind="low")
def fault(world: Any, args: FaultArgs) -> None:
    """Makes a provider fail."""


@verb("parallel", shorthand="branches", kind="low", beside=("outcomes",))
def parallel(world: Any, args: ParallelArgs) -> None:
    """Runs branches at the same time."""
