"""Flow verbs: what a visitor does in the browser, decided by the same client side as the page's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from msgspec import Struct, field

from harness.booking.flow import Answer, NotAllowed
from harness.errors import InputError
from harness.scenario.exchange import NoAnswer
from harness.scenario.invitees import Invitee, saying_anyway
from harness.scenario.registry import Instant, Value, verb
from harness.scenario.suggest import did_you_mean
from harness.scenario.world import Refusal, World

__all__ = [
    "CancelArgs",
    "PayArgs",
    "RescheduleArgs",
    "ScheduleArgs",
    "SelectArgs",
    "SentArgs",
]

EMBED_ORIGIN = "https://calendly.com"

PAGE_FAILED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a mistake in the page raises. The page is part of the product, so it is a result and no fault of the harness."""


class NoArgs(Struct, frozen=True):
    """Nothing."""


@verb("sessions")
def sessions(world: World, args: NoArgs) -> Any:
    """Look at the page: ask the server what may be booked, and see what the page then shows.

    Gives `{keys, titles}` of the sessions shown, in their order.
    """
    answer = _ask(lambda: world.visitor.flow.sessions())
    shown = world.visitor.flow.shown_sessions if answer is not None else []
    keys = {row["id"]: key for key, row in world.catalogue.rows("SessionType").items()}
    return {"keys": [keys.get(each["id"], each["id"]) for each in shown], "titles": [each["title"] for each in shown]}


class SelectArgs(Struct, frozen=True):
    """Which session, and how it was reached."""

    session: Annotated[str, "a session type: its key in the catalogue, or an id"]
    pathway: Annotated[str | None, "accelerate, pivot or play, where the session asks for it"] = None
    by_url: Annotated[bool, "by opening the page with ?sessionTypeId="] = False
    hidden: Annotated[bool, "though the page does not show it, as somebody with developer tools would"] = False


@verb("select_session", shorthand="session")
def select_session(world: World, args: SelectArgs) -> Any:
    """Choose a session type. For an anonymous visitor this asks nothing of the server (R10).

    The page refuses what it would not show (R16, F01, F02); `expect: {refused: …}` says so.
    """
    flow = world.visitor.flow
    session = _session(world, args.session)
    signed_in, flow.signed_in = flow.signed_in, flow.signed_in or args.hidden
    try:
        named = session["id"] if args.by_url and not args.hidden else session
        return _ask(lambda: flow.select_session(named, pathway=args.pathway, by_url=args.by_url))
    finally:
        flow.signed_in = signed_in


def _session(world: World, named: str) -> Mapping[str, Any]:
    rows = world.catalogue.rows("SessionType")
    found = rows.get(named) or next((row for row in rows.values() if row["id"] == named), None)
    if found is None:
        remedy = did_you_mean(named, rows, noun="session types")
        raise InputError(f"The catalogue {world.catalogue.name} has no session type {named!r}.", remedy)
    return found


class SentArgs(Struct, frozen=True):
    """What the page sends beyond what it knows."""

    body: Annotated[dict[str, Value], "fields to send beside (or instead of) the page's own"] = field(
        default_factory=dict
    )


@verb("initialize")
def initialize(world: World, args: SentArgs) -> Any:
    """Tell the server that a signed-in visitor begins (R13); gives what it answered."""
    return _ask(lambda: world.visitor.flow.initialize(**args.body))


class ScheduleArgs(Struct, frozen=True):
    """When, and who the visitor says to be."""

    at: Annotated[Instant, "when the session begins"]
    invitee: Invitee = field(default_factory=dict)
    answers: Annotated[dict[str, str], "answers to Calendly's questions beside (or instead of) the page's own"] = field(
        default_factory=dict
    )
    utm: Annotated[dict[str, str], "utm_content and the like instead of the page's own"] = field(default_factory=dict)
    origin: Annotated[str, "where the embed's message comes from"] = EMBED_ORIGIN
    message: Annotated[bool, "false: the embed's message never reaches the page"] = True


@verb("schedule", shorthand="at")
def schedule(world: World, args: ScheduleArgs) -> Any:
    """Choose a time in Calendly's widget. Calendly books, queues its webhook, and posts its message to the page.

    Gives `{event_uri, invitee_uri, start, end}`. A time that the widget would not offer (past, taken) is a mistake of the scenario: for what
    the server says to one, book it with `calendly: {schedule: …, anyway: true}`, or send it with `create: {body: {startTime: …}}`.
    """
    flow, visitor = world.visitor.flow, world.visitor
    embed = _ask(flow.embed)
    user = visitor.user
    person = {"name": user.get("name", "Sam Visitor"), "email": user.get("email", "sam@example.test"), **args.invitee}
    with saying_anyway():
        booked = world.calendly.schedule(
            embed["event_type_uri"],
            args.at,
            person,
            answers={**embed["answers"], **args.answers},
            utm={**embed["utm"], **args.utm},
        )
    world.tell(scheduled={"event_uri": booked.event_uri, "invitee_uri": booked.invitee_uri})
    if args.message:
        try:
            flow.on_message(args.origin, booked.message)
        except NotAllowed as refused:
            world.refuse(refused.code)  # the event stands at Calendly all the same
        except PAGE_FAILED as error:
            world.refuse(f"the page failed: {type(error).__name__}")
    return {
        "event_uri": booked.event_uri,
        "invitee_uri": booked.invitee_uri,
        "start": booked.start,
        "end": booked.end,
        "message": booked.message,
    }


@verb("create")
def create(world: World, args: SentArgs) -> Any:
    """Create the booking after Calendly's event (R06, R12), as the page does.

    Gives `{id, state, …}` of the answer.
    """
    return _ask(lambda: world.visitor.flow.create(**args.body))


class PayArgs(Struct, frozen=True):
    """How the payment goes."""

    outcome: Annotated[
        Literal["paid", "unpaid", "failed", "expired", "none"], "what happens at Stripe; none: the page is only opened"
    ] = "paid"
    deliver: Annotated[bool, "false: Stripe's webhooks wait for a deliver step"] = True


@verb("pay", shorthand="outcome")
def pay(world: World, args: PayArgs) -> Any:
    """Open Stripe's checkout from the page and pay there; Stripe's webhooks then arrive.

    Gives `{id, url, …}` of the checkout session.
    """
    value = _ask(lambda: world.visitor.flow.pay())
    if value is None or args.outcome == "none" or "sessionId" not in value:
        return value
    world.stripe.pay(value["sessionId"], outcome=args.outcome)
    if args.deliver:
        world.stage.post.deliver(world, "stripe")
    return value


class CancelArgs(Struct, frozen=True):
    """Why."""

    reason: Annotated[str | None, "what the visitor writes"] = None


@verb("cancel", shorthand="reason")
def cancel(world: World, args: CancelArgs) -> Any:
    """Cancel the booking from the page; gives what the server answered."""
    return _ask(lambda: world.visitor.flow.cancel(reason=args.reason))


class RescheduleArgs(Struct, frozen=True):
    """To when."""

    at: Annotated[Instant, "the new time"]


@verb("reschedule", shorthand="at")
def reschedule(world: World, args: RescheduleArgs) -> Any:
    """Move the session on Calendly's page, by the invitee's link. Its pair of webhooks is queued.

    Gives the new `{event_uri, invitee_uri, start, end}`. The embed posts no message then (CALENDLY.md 5).
    """
    link = world.visitor.flow.invitee_uri
    if link is None:
        raise Refusal("nothing_scheduled")
    booked = world.calendly.reschedule(link, args.at)
    return {"event_uri": booked.event_uri, "invitee_uri": booked.invitee_uri, "start": booked.start, "end": booked.end}


@verb("resume")
def resume(world: World, args: NoArgs) -> Any:
    """Reload the page: it asks the server where the booking stands and goes on from there (F08)."""
    return _ask(lambda: world.visitor.flow.resume())


@verb("confirm")
def confirm(world: World, args: NoArgs) -> Any:
    """Look at the page's confirmation: it asks the server how the booking stands and shows that (F09)."""
    return _ask(lambda: world.visitor.flow.confirm())


def _ask(act: Callable[[], Any]) -> Any:
    """Do something in the browser. The page's own refusal becomes the step's result; a lost answer is unknown."""
    try:
        value = act()
    except NotAllowed as refused:
        raise Refusal(refused.code) from refused
    except NoAnswer:
        return None
    except PAGE_FAILED as error:
        raise Refusal(f"the page failed: {type(error).__name__}") from error
    return _captured(value)


def _captured(value: Any) -> Any:
    """What a step gives to `as`: the answer's body, its id under `id` too."""
    if not isinstance(value, Answer):
        return value
    body = value.body if isinstance(value.body, dict) else {}
    named = {"id": body["bookingId"]} if "bookingId" in body else {}
    return {**named, **body, "status": value.status}
