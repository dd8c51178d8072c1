"""Low verbs: raw HTTP, the clock, faults."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from msgspec import Struct, field

from harness.errors import InputError
from harness.jsontext import written
from harness.scenario.clock import EARLIER, moved
from harness.scenario.exchange import HttpAnswer, HttpRequest, NoAnswer, jsonable
from harness.scenario.instants import show_duration
from harness.scenario.matchers import ABSENT
from harness.scenario.providing import fault_mistakes
from harness.scenario.registry import Duration, Instant, Value, verb
from harness.scenario.scope import inserted
from harness.scenario.structures import Misplaced
from harness.scenario.world import World

__all__ = ["ClockArgs", "FaultArgs", "HttpArgs", "ProviderFault", "clock", "fault", "http"]

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


class HttpArgs(Struct, frozen=True):
    """One request. Exactly one of the methods names its path."""

    GET: Annotated[str | None, "path to GET"] = None
    POST: Annotated[str | None, "path to POST to"] = None
    PUT: Annotated[str | None, "path to PUT"] = None
    PATCH: Annotated[str | None, "path to PATCH"] = None
    DELETE: Annotated[str | None, "path to DELETE"] = None
    HEAD: Annotated[str | None, "path to HEAD"] = None
    OPTIONS: Annotated[str | None, "path to ask the options of"] = None
    query: Annotated[dict[str, Value], "query parameters"] = field(default_factory=dict)
    headers: Annotated[dict[str, str], "headers besides the visitor's own"] = field(default_factory=dict)
    body: Annotated[Value, "a JSON body"] = ABSENT
    text: Annotated[str | None, "a body as it stands, instead of JSON"] = None
    size: Annotated[int | None, "a text body of this many bytes, instead of writing it out"] = None
    token: Annotated[str | None, "a bearer token instead of the visitor's own; empty for none"] = None
    caller: Annotated[str | None, "the caller's IP address"] = None

    def __post_init__(self) -> None:
        named = [method for method in METHODS if getattr(self, method) is not None]
        if len(named) != 1:
            raise ValueError(f"http needs exactly one of {', '.join(METHODS)} with a path; found {len(named)}.")
        if (self.body is not ABSENT) + (self.text is not None) + (self.size is not None) > 1:
            raise ValueError("http takes one of body, text and size.")
        if not getattr(self, named[0]).startswith("/"):
            wrong = f"A path begins with a slash; found {getattr(self, named[0])!r}. Write for example {named[0]}: /api/scheduling/session-types."
            raise Misplaced({(named[0],): wrong})

    @property
    def method(self) -> str:
        """The method that names the path."""
        return next(method for method in METHODS if getattr(self, method) is not None)


@verb("http", kind="low")
def http(world: World, args: HttpArgs) -> Any:
    """Send a request as it stands, with the visitor's own token unless told otherwise.

    Gives `{status, headers, body}` of the answer, or null when none came.
    """
    visitor = world.visitor
    headers = {"Accept": "application/json", **visitor.headers(args.token)}
    content = b""
    if args.body is not ABSENT:
        headers["Content-Type"] = "application/json"
        content = _json(args.body).encode("utf-8", "surrogatepass")
    elif args.text is not None or args.size is not None:
        headers["Content-Type"] = "application/json"
        content = (args.text if args.text is not None else "x" * (args.size or 0)).encode("utf-8", "surrogatepass")
    headers.update(args.headers)
    path: str = getattr(args, args.method)
    if args.query:
        path += ("&" if "?" in path else "?") + _query(args.query)
    request = HttpRequest(args.method, path, headers, content, args.caller or visitor.caller)
    try:
        return shown(world.send(request, visitor.name))
    except NoAnswer:
        return None


def _json(body: Any) -> str:
    try:
        return written(body, jsonable)
    except ValueError as error:  # a value of a verb of one's own
        raise InputError(f"This body cannot be sent as JSON: {error}.", "Send a part of it.") from None


def _query(values: Mapping[str, Any]) -> str:
    """Query parameters, each value as it reads inside text; a list gives its name several times."""
    pairs = [(name, value if isinstance(value, list | tuple) else [value]) for name, value in values.items()]
    return urlencode([(name, inserted(each)) for name, every in pairs for each in every])


def shown(answer: HttpAnswer) -> dict[str, Any]:
    """An answer as a capture holds it."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return {"status": answer.status, "headers": headers, "body": answer.json, "text": answer.text}


class ClockArgs(Struct, frozen=True):
    """Where time goes: on by a duration, or to an instant."""

    by: Annotated[Duration | None, "move on by this: +15m"] = None
    to: Annotated[Instant | None, "move to this instant"] = None

    def __post_init__(self) -> None:
        if (self.by is None) == (self.to is None):
            raise ValueError("clock takes one of by and to: `clock: +15m`, or `clock: {to: 2030-03-05T09:00Z}`.")
        if self.by is not None and self.by < timedelta():
            raise Misplaced({("by",): f"Time does not go back: {show_duration(self.by)}. {EARLIER}"})


@verb("clock", shorthand="by", kind="low")
def clock(world: World, args: ClockArgs) -> None:
    """Move the scenario's time; what falls due (retries of webhooks, expiries) happens."""
    world.move_clock(moved(world.clock(), by=args.by, to=args.to))
    world.tell(clock=world.clock().isoformat())


class ProviderFault(Struct, frozen=True):
    """What goes wrong, on which endpoint, how often, before the provider's effect or after it."""

    on: Annotated[str, 'METHOD /path; * is one segment, ** any: "GET /scheduled_events/*"']
    do: Annotated[
        Value,
        "timeout, reset, refuse, delay, malformed, truncated, empty, hollow, a status from 400 to 599, or the provider's own: already_filled…",
    ]
    times: Annotated[int | None, "how often; null: always"] = 1
    skip: Annotated[int, "let this many matching calls through first"] = 0
    after_effect: Annotated[bool, "the provider did its work, only the answer is lost or spoilt"] = False
    probability: Annotated[
        Decimal, "strike with this chance, by the seed; never to have struck is then a note, not a failure"
    ] = Decimal(1)
    from_: Annotated[Instant | None, "from this moment on"] = None
    until: Annotated[Instant | None, "until this moment"] = None
    seconds: Annotated[Decimal, "how late a delayed answer comes"] = Decimal(5)

    def when(self) -> dict[str, Any]:
        """When and how often it strikes, as `Provider.add_fault` takes it."""
        return {
            "times": self.times,
            "after_effect": self.after_effect,
            "probability": float(self.probability),
            "skip": self.skip,
            "since": self.from_,
            "until": self.until,
            "seconds": float(self.seconds),
        }


_WRITTEN = {"since": "from"}
"""How a scenario writes a field of a fault, where it is not the field's name."""


class FaultArgs(Struct, frozen=True):
    """A fault of one provider, or of both."""

    calendly: Annotated[ProviderFault | None, "a fault at Calendly"] = None
    stripe: Annotated[ProviderFault | None, "a fault at Stripe"] = None

    def __post_init__(self) -> None:
        if self.calendly is None and self.stripe is None:
            raise ValueError("fault takes calendly or stripe.")
        wrong: dict[tuple[str, ...], str] = {
            (name, _WRITTEN.get(each.field, each.field)): str(each)
            for name, wanted in self.named()
            for each in fault_mistakes(name, wanted.on, str(wanted.do), **wanted.when())
        }
        if wrong:
            raise Misplaced(wrong)

    def named(self) -> list[tuple[Literal["calendly", "stripe"], ProviderFault]]:
        """The faults asked for, each with its provider's name."""
        both: list[tuple[Literal["calendly", "stripe"], ProviderFault | None]]
        both = [("calendly", self.calendly), ("stripe", self.stripe)]
        return [(name, wanted) for name, wanted in both if wanted is not None]


@verb("fault", kind="low")
def fault(world: World, args: FaultArgs) -> None:
    """From now on something goes wrong at a provider. A fault that never strikes fails the scenario.

    One with a `probability` fails it only where no call came that it could strike; where chance alone spared it, the
    result has a note, and another seed may strike.
    """
    for name, wanted in args.named():
        added = world.provider(name).add_fault(wanted.on, str(wanted.do), **wanted.when())
        world.tell(fault=f"{name}: {added}")
