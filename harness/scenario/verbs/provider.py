"""Provider verbs: webhooks on their way, and what people do at Calendly and at Stripe."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from msgspec import Struct, field

from harness.errors import InputError
from harness.provider import Delivery, Signing
from harness.scenario.credentials import CALENDLY_WEBHOOK_KEYS, STRIPE_WEBHOOK_KEYS
from harness.scenario.invitees import Invitee, saying_anyway
from harness.scenario.matching import Comparison
from harness.scenario.providing import known_event
from harness.scenario.registry import Duration, Instant, Value, verb
from harness.scenario.world import World
from harness.stripe import RefundEnd

__all__ = ["CalendlyArgs", "DeliverArgs", "StripeArgs", "calendly", "deliver", "stripe"]


class DeliverArgs(Struct, frozen=True):
    """Which webhooks go out now, and how."""

    event: Annotated[str | list[str] | None, "event names, globs allowed; default: everything that is due"] = None
    provider: Annotated[Literal["calendly", "stripe"] | None, "whose; default: whoever has such an event"] = None
    times: Annotated[int, "how often each"] = 1
    order: Annotated[Literal["as-is", "reversed", "shuffled"], "in which order"] = "as-is"
    sign: Annotated[Signing, "how they are signed"] = "valid"
    key: Annotated[Literal["new", "old"], "with which of the two keys: the subscription's, or the one it replaced"] = (
        "new"
    )
    age: Annotated[Duration | None, "how long ago they were signed; negative: in the future"] = None
    of: Annotated[str | None, "only messages whose body contains this text, such as an invitee's URI"] = None
    altered: Annotated[
        dict[str, Value], "what an extra message says instead, by path: payload.tracking.utm_content; it is signed so"
    ] = field(default_factory=dict)
    without: Annotated[list[str], "what an extra message does not say at all, by path"] = field(default_factory=list)
    lose: Annotated[bool, "they never arrive"] = False
    delay: Annotated[Duration | None, "hold them back instead of sending them"] = None

    def __post_init__(self) -> None:
        if self.times < 1:
            raise ValueError(f"deliver: times is 1 or more; found {self.times}.")
        for event in [self.event] if isinstance(self.event, str) else self.event or ():
            known_event(event)


_KEYS = {"calendly": CALENDLY_WEBHOOK_KEYS, "stripe": STRIPE_WEBHOOK_KEYS}


@verb("deliver", shorthand="event", kind="provider")
def deliver(world: World, args: DeliverArgs) -> Any:
    """Deliver webhooks to the application: all that are due, or those of an event; once or more, in any order.

    Gives the attempts as `[{event, status, outcome}]`. Without `expect` an answer of 400 or more is no failure here: see
    the check `deliveries`. Where none is due, or none of those named was ever sent, the step fails: it would deliver nothing.
    """
    attempts = []
    for name in _providers(world, args):
        provider = world.provider(name)
        which = _which(args, provider.deliveries)
        if args.altered or args.without:
            which = [_extra(message, args) for message in which or provider.due()]
        if args.lose:
            provider.lose(which)
        elif args.delay is not None:
            provider.delay(args.delay, which)
        else:
            key = _KEYS[name][1] if args.key == "old" else None
            signed = None if args.age is None else world.clock() - args.age
            attempts += world.stage.post.deliver(
                world, name, which=which, times=args.times, order=args.order, sign=args.sign, key=key, now=signed
            )
    return [{"event": a.event, "status": a.status, "outcome": a.outcome} for a in attempts]


def _providers(world: World, args: DeliverArgs) -> list[Literal["calendly", "stripe"]]:
    both: list[Literal["calendly", "stripe"]] = ["calendly", "stripe"]
    names = both if args.provider is None else [args.provider]
    waiting = [d.event for name in names for d in world.provider(name).outbox]
    if args.event is None and args.of is None:
        due = [name for name in names if world.provider(name).due()]
        if not waiting:
            _none(world, "a webhook")
        elif not due and args.delay is None and not args.lose:
            _none(world, "a webhook", f"none due: {', '.join(waiting)} held back")
        return due or names[:1]
    queued = {name: world.provider(name).deliveries for name in names}
    for pattern in _wanted(args):
        if not any(_fitting(pattern, args, deliveries) for deliveries in queued.values()):
            _none(world, _told(pattern, args), f"never queued; waiting: {', '.join(waiting) or 'nothing'}")
    return [name for name in names if _chosen(args, queued[name])]


def _none(world: World, wanted: str, got: str = "none queued") -> None:
    """Fails the step: it would deliver nothing, and it may be the application that never did what sends a webhook."""
    world.found([Comparison("$.deliver", "queued", wanted, got, False, world.position)])


def _which(args: DeliverArgs, deliveries: list[Delivery]) -> list[Delivery] | None:
    if args.event is None and args.of is None:
        return None
    return _chosen(args, deliveries)


def _chosen(args: DeliverArgs, deliveries: list[Delivery]) -> list[Delivery]:
    """The messages meant: those still waiting, else (a replay) those already sent."""
    fitting = [message for pattern in _wanted(args) for message in _fitting(pattern, args, deliveries)]
    return [message for message in fitting if message.state == "pending"] or fitting


def _wanted(args: DeliverArgs) -> list[str]:
    return [args.event] if isinstance(args.event, str) else args.event or ["*"]


def _told(pattern: str, args: DeliverArgs) -> str:
    return repr(pattern if args.event is not None else args.of) + (
        f" with {args.of!r} in it" if args.event is not None and args.of is not None else ""
    )


def _fitting(pattern: str, args: DeliverArgs, deliveries: list[Delivery]) -> list[Delivery]:
    from fnmatch import fnmatchcase

    return [
        message
        for message in deliveries
        if fnmatchcase(message.event, pattern) and (args.of is None or args.of.encode() in message.body)
    ]


def _extra(message: Delivery, args: DeliverArgs) -> Delivery:
    """Another message like `message` that says something else. The genuine one stays as it was."""
    body = json.loads(message.body)
    for path, value in args.altered.items():
        inner, key = _at(body, path)
        if isinstance(inner, list):
            _there(inner, key, path)
        inner[key] = value
    for path in args.without:
        inner, key = _at(body, path)
        _there(inner, key, path)
        del inner[key]
    content = json.dumps(body, separators=(",", ":"), ensure_ascii=False, default=_sendable).encode()
    return replace(message, id=f"{message.id}, altered", body=content, attempts=[], state="pending")


def _at(body: Any, path: str) -> tuple[Any, str | int]:
    """The map or list that holds what `path` names, and under which key."""
    *parents, last = path.split(".")
    for part in parents:
        try:
            body = body[int(part) if isinstance(body, list) else part]
        except (KeyError, IndexError, ValueError, TypeError):
            raise InputError(f"The message has no {path}: there is no {part}.") from None
    if not isinstance(body, dict | list):
        raise InputError(f"The message has no {path}.")
    return body, int(last) if isinstance(body, list) and last.isdecimal() else last


def _there(inner: Any, key: str | int, path: str) -> None:
    """Refuses a key that a map has not, or a place that a list has not."""
    places = inner if isinstance(inner, dict) else range(len(inner))
    if key not in places:
        raise InputError(f"The message has no {path}: there is no {key}.")


def _sendable(value: Any) -> Any:
    from datetime import datetime
    from decimal import Decimal

    from harness.scenario.instants import show_instant

    if isinstance(value, datetime):
        return show_instant(value)
    if isinstance(value, Decimal):
        return float(value)
    raise InputError(f"{value!r} cannot be part of a message.")


class CalendlyArgs(Struct, frozen=True):
    """Something a person does at Calendly, away from the page. Exactly one."""

    cancel: Annotated[str | None, "the invitee's URI"] = None
    reschedule: Annotated[str | None, "the invitee's URI"] = None
    no_show: Annotated[str | None, "the invitee's URI: the host marks the person as absent"] = None
    undo_no_show: Annotated[str | None, "the invitee's URI: the mark is taken back"] = None
    schedule: Annotated[str | None, "an event type's URI: somebody books at Calendly itself"] = None
    busy: Annotated[str | None, "a Calendly user's URI: their own calendar is taken from `at`, for `for`"] = None
    at: Annotated[Instant | None, "when the session begins"] = None
    for_: Annotated[Duration | None, "how long"] = None
    by: Annotated[Literal["invitee", "host"], "who does it"] = "invitee"
    anyway: Annotated[bool, "schedule although the time is taken or past, as Calendly's page would not let anybody"] = (
        False
    )
    reason: Annotated[str | None, "the reason given"] = None
    invitee: Invitee = field(default_factory=dict)
    answers: Annotated[dict[str, str], "answers by question"] = field(default_factory=dict)
    utm: Annotated[dict[str, str], "utm_content and the like"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        acts = [act for act in _CALENDLY if getattr(self, act) is not None]
        if len(acts) != 1:
            raise ValueError(f"calendly does exactly one of {', '.join(_CALENDLY)}; found {len(acts)}.")
        if acts[0] in {"schedule", "reschedule", "busy"} and self.at is None:
            raise ValueError(f"calendly: {acts[0]} needs at: an instant.")


@verb("calendly", kind="provider")
def calendly(world: World, args: CalendlyArgs) -> Any:
    """Something a person does at Calendly, away from the page. Its webhooks are queued.

    `schedule` and `reschedule` give `{event_uri, invitee_uri, start, end}`.
    """
    act = next(name for name in _CALENDLY if getattr(args, name) is not None)
    return _CALENDLY[act](world, args, getattr(args, act))


def _cancel(world: World, args: CalendlyArgs, uri: str) -> Any:
    return world.calendly.cancel(uri, by=args.by, reason=args.reason)


def _reschedule(world: World, args: CalendlyArgs, uri: str) -> Any:
    return world.calendly.reschedule(uri, args.at, by=args.by, reason=args.reason)


def _no_show(world: World, _: CalendlyArgs, uri: str) -> Any:
    return world.calendly.mark_no_show(uri)


def _undo_no_show(world: World, _: CalendlyArgs, uri: str) -> Any:
    return world.calendly.unmark_no_show(uri)


def _schedule(world: World, args: CalendlyArgs, uri: str) -> Any:
    person = {"name": "Somebody", "email": "somebody@example.test", **args.invitee}
    check = "none" if args.anyway else "free"
    with saying_anyway():
        return world.calendly.schedule(uri, args.at, person, answers=args.answers, utm=args.utm, check=check)


def _busy(world: World, args: CalendlyArgs, uri: str) -> Any:
    from datetime import timedelta

    assert args.at is not None  # checked when the arguments were made
    return world.calendly.add_busy(args.at, args.at + (args.for_ or timedelta(hours=1)), user=uri)


_CALENDLY: Mapping[str, Callable[[World, CalendlyArgs, str], Any]] = {
    "cancel": _cancel,
    "reschedule": _reschedule,
    "no_show": _no_show,
    "undo_no_show": _undo_no_show,
    "schedule": _schedule,
    "busy": _busy,
}


class StripeArgs(Struct, frozen=True):
    """Something that happens at Stripe, away from the page. Exactly one of pay, settle and end_refund."""

    pay: Annotated[str | None, "the checkout session's id"] = None
    outcome: Annotated[Literal["paid", "unpaid", "failed", "expired"], "how it goes"] = "paid"
    discount: Annotated[int, "taken off before paying, in the currency's smallest unit"] = 0
    settle: Annotated[str | None, "the id of a session left unpaid: its slow money comes, or does not"] = None
    arrives: Annotated[bool, "false: the slow money never comes"] = True
    slow_refunds: Annotated[bool, "with pay: what is paid back stays pending until end_refund"] = False
    end_refund: Annotated[
        str | None, "the id of a session that is slowly paid back: the money arrives, or does not"
    ] = None
    status: Annotated[RefundEnd, "how a refund ends"] = "succeeded"

    def __post_init__(self) -> None:
        if sum(each is not None for each in (self.pay, self.settle, self.end_refund)) != 1:
            raise ValueError("stripe does exactly one of pay, settle and end_refund.")


@verb("stripe", shorthand="pay", kind="provider")
def stripe(world: World, args: StripeArgs) -> Any:
    """Something that happens at Stripe, away from the page. Its webhooks are queued."""
    if args.settle is not None:
        return world.stripe.settle(args.settle, succeeded=args.arrives)
    if args.end_refund is not None:
        return world.stripe.end_refund(args.end_refund, args.status)
    return world.stripe.pay(args.pay, outcome=args.outcome, discount=args.discount, slow_refunds=args.slow_refunds)
