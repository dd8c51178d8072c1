"""The simulator: one object, all state; the API for applications and the acts of people at Calendly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal, cast

from msgspec import Struct
from msgspec.structs import replace

from harness.calendly import setting_up
from harness.calendly.access import Access
from harness.calendly.account import Account
from harness.calendly.asking import answered, person_of, tracked
from harness.calendly.availability import Availability
from harness.calendly.core import Context, Core
from harness.calendly.embed import scheduled_message
from harness.calendly.endpoints import ROUTER
from harness.calendly.endpoints.booking import slot_taken
from harness.calendly.endpoints.reply import Reply
from harness.calendly.entities import EventType, Invitee, NoShow, Token
from harness.calendly.limits import Limits
from harness.calendly.locations import chosen_location
from harness.calendly.options import Options
from harness.calendly.paging import Pages
from harness.calendly.parameters import last_segment
from harness.calendly.refusals import Refusal
from harness.calendly.rendering import Rendering
from harness.calendly.scheduling import Booking, NewId, NotOffered, Scheduling, SlotTaken
from harness.calendly.store import Store
from harness.calendly.webhooks import SIGNATURE_HEADER, Webhooks
from harness.errors import InputError
from harness.provider import Delivery, Match, Request, Response

__all__ = ["DEFAULTS", "Scheduled", "Simulator"]

DEFAULTS = Options()


class Scheduled(Struct, frozen=True):
    """A booking as the person sees it. `message` is what the embed posts to its parent page; times in UTC."""

    event_uri: str
    invitee_uri: str
    message: dict[str, Any]
    start: datetime
    end: datetime


class Simulator(Account):
    """Calendly, simulated (CALENDLY.md). Knows nothing of the application that is tested against it.

    An organization with its owner exists from the start: `organization_uri`, `owner_uri`.
    """

    name: ClassVar[str] = "calendly"
    signature_header: ClassVar[str] = SIGNATURE_HEADER
    fault_kinds: ClassVar[dict[str, str]] = {
        "already_filled": "the slot was taken in between",
        "expired_token": "401: the access token expired",
        "revoked_token": "401: the access token was revoked",
        "insufficient_scope": "403 with the scopes that the endpoint needs",
        "free_plan": "403: the plan does not include this",
    }

    def __init__(self, *, clock: Callable[[], datetime], seed: int = 0, options: Options = DEFAULTS) -> None:
        super().__init__(
            clock=clock, seed=seed, router=ROUTER, base_url=options.base_url, retry=options.retry,
            journal_limit=options.journal_limit,
        )  # fmt: skip
        self.options = options
        self._core = core = self._wired(options)
        now = clock()
        organization = setting_up.make_organization(
            core, now, name="Organization", plan=options.plan, stage=options.stage, uri=None
        )
        owner = setting_up.make_user(
            core, now, name="Olive Owner", email="owner@example.test", timezone="Europe/London",
            organization=organization.id, role="owner", slug=None, hours=None, uri=None,
        )  # fmt: skip
        core.access.owner = owner.id
        self.organization_uri = core.rendering.uri("organizations", organization.id)
        self.owner_uri = core.rendering.uri("users", owner.id)
        if options.token is not None:
            core.store.tokens[options.token] = Token(options.token, owner.id)

    def _wired(self, options: Options) -> Core:
        store = Store()
        new_id = NewId(self.ids, options.id_form)
        rendering = Rendering(store, options, self.base_url)
        availability = Availability(store)
        webhooks = Webhooks(store, rendering, self.post, self.ids, options)
        scheduling = Scheduling(store, availability, webhooks, ids=self.ids, new_id=new_id, options=options)
        return Core(
            options, store, self.ids, new_id, rendering, availability, webhooks, scheduling,
            Access(store, options), Limits(), Pages(self.base_url),
        )  # fmt: skip

    # ---- what people do -------------------------------------------------------------------------------------------

    def schedule(
        self,
        event_type: str,
        start: datetime,
        invitee: Mapping[str, str | None],
        *,
        answers: Mapping[str, str] | None = None,
        utm: Mapping[str, str | None] | None = None,
        location: Mapping[str, Any] | None = None,
        guests: Sequence[str] = (),
        duration: int | None = None,
        payment: Mapping[str, Any] | None = None,
        check: Literal["free", "offered", "none"] = "free",
    ) -> Scheduled:
        """A person books at the booking page or in the embed; queues `invitee.created`.

        `invitee`: name (or first_name, last_name), email, timezone. `answers` by question text. `check`: the start
        must be `free` and not past, or also `offered` by the host's hours, or anything goes (`none`).
        Raises InputError when Calendly's page would not let the person do this.
        """
        with self.lock:
            now = self.clock()
            kind = self._event_type(event_type)
            start = start.astimezone(UTC)
            booking = Booking(
                kind, start, person_of(invitee), answered(kind, answers or {}), tracked(utm or {}),
                chosen_location(kind, location, strict=False), guests, duration,
                payment=dict(payment) if payment else None,
            )  # fmt: skip
            if check != "none":
                self._check_start(kind, start, now, offered=check == "offered")
            try:
                made = self._core.scheduling.book(booking, now, check=check != "none")
            except SlotTaken as taken:
                raise self._taken(kind, start, now) from taken
            return self._scheduled(made)

    def cancel(self, invitee: str, by: Literal["invitee", "host"] = "invitee", reason: str | None = None) -> None:
        """One booking is canceled by the person or by the host; queues `invitee.canceled`."""
        with self.lock:
            found = self._active(invitee)
            self._core.scheduling.cancel(found, by, reason, self.clock())

    def reschedule(
        self, invitee: str, start: datetime, by: Literal["invitee", "host"] = "invitee", reason: str | None = None
    ) -> Scheduled:
        """The booking moves: a new event and a new invitee; queues the pair. The embed posts no event_scheduled."""
        with self.lock:
            found = self._active(invitee)
            now = self.clock()
            start = start.astimezone(UTC)
            kind = self._core.store.event_types[self._core.store.events[found.event].event_type]
            self._check_start(kind, start, now, offered=False)
            try:
                return self._scheduled(self._core.scheduling.reschedule(found, start, by, reason, now))
            except SlotTaken as taken:
                raise self._taken(kind, start, now) from taken

    def mark_no_show(self, invitee: str) -> str:
        """The host marks the person as absent; queues `invitee_no_show.created`; returns the no-show's URI."""
        with self.lock:
            found = self._invitee(invitee)
            if found.no_show is not None:
                raise InputError(f"{invitee} is already marked as a no-show.")
            made = self._core.scheduling.mark_no_show(found, self.clock())
            return self._core.rendering.uri("invitee_no_shows", made.id)

    def unmark_no_show(self, uri: str) -> None:
        """Takes the mark back; `uri` is the no-show's or the invitee's; queues `invitee_no_show.deleted`."""
        with self.lock:
            self._core.scheduling.unmark_no_show(self._no_show(uri), self.clock())

    # ---- reading --------------------------------------------------------------------------------------------------

    def event(self, uri: str) -> dict[str, Any]:
        """The scheduled event as the API would show it now; also takes an invitee's URI."""
        with self.lock:
            parts = uri.rstrip("/").split("/")
            identifier = parts[-3] if "invitees" in parts else parts[-1]
            found = self._core.store.events.get(identifier)
            if found is None:
                raise InputError(f"no scheduled event {uri}.")
            return self._core.rendering.event(found)

    def invitee(self, uri: str) -> dict[str, Any]:
        """The invitee as the API would show it now."""
        with self.lock:
            return self._core.rendering.invitee(self._invitee(uri))

    def subscription(self, uri: str) -> dict[str, Any]:
        with self.lock:
            return self._core.rendering.subscription(self._core.store.subscriptions[last_segment(uri)])

    def find_event_type(self, owner_slug: str, slug: str) -> EventType | None:
        """The event type behind a booking page `/{owner}/{slug}` or a single-use link `/d/{link}`."""
        store = self._core.store
        if owner_slug == "d":
            link = store.links.get(slug)
            return store.event_types[link.event_type] if link and not link.used else None
        for kind in store.event_types.values():
            if kind.slug == slug and store.users[kind.owner].slug == owner_slug and kind.active:
                return kind
        return None

    def use_link(self, link: str) -> None:
        """A single-use link has done its work."""
        used = self._core.store.links[link]
        self._core.store.links[link] = replace(used, used=True)

    def find_invitee(self, identifier: str) -> Invitee | None:
        return self._core.store.invitees.get(identifier)

    def event_type_of(self, invitee: Invitee) -> EventType:
        return self._core.store.event_types[self._core.store.events[invitee.event].event_type]

    def uri_of(self, invitee: Invitee) -> str:
        return self._core.rendering.invitee_uri(invitee)

    def event_type_uri(self, kind: EventType) -> str:
        return self._core.rendering.uri("event_types", kind.id)

    def event_type_uris(self) -> list[str]:
        return [self.event_type_uri(kind) for kind in self._core.store.event_types.values()]

    def page_of(self, event_type: str) -> str:
        """The URL of the booking page."""
        return self._core.rendering.booking_page(self._event_type(event_type))

    def name_of(self, event_type: str) -> str:
        return self._event_type(event_type).name

    def host_name(self, kind: EventType) -> str:
        return self._core.store.users[kind.owner].name

    def user_name(self, slug: str) -> str | None:
        return next((user.name for user in self._core.store.users.values() if user.slug == slug), None)

    def public_event_types(self, slug: str) -> list[EventType]:
        """What the profile page of a user lists."""
        store = self._core.store
        kinds = [kind for kind in store.event_types.values() if store.users[kind.owner].slug == slug]
        return [kind for kind in kinds if kind.active and not kind.secret]

    def places_left(self, kind: EventType, moment: datetime) -> int:
        return self._core.availability.remaining(kind, moment)

    def free_starts(self, event_type: str, start: datetime, end: datetime) -> list[datetime]:
        """The starts that the booking page offers, UTC."""
        with self.lock:
            kind = self._event_type(event_type)
            free = self._core.availability.free_starts(kind, start.astimezone(UTC), end.astimezone(UTC), self.clock())
            return [moment for moment, _ in free]

    # ---- the API --------------------------------------------------------------------------------------------------

    def answer(self, request: Request, match: Match | None, now: datetime) -> Response:
        headers: dict[str, str] = {}
        try:
            caller = self._core.access.caller(request)
            within = self._core.limits.spend(caller, now)
            headers = self._core.limits.headers(caller, now)
            if not within and self.options.rate_limits:
                raise Refusal(429)
            if match is None:
                raise Refusal(404)
            self._core.access.demand_scope(caller, match.route)
            context = Context(self._core, caller, request, match.values, now)
            reply = cast("Reply", match.route.handler(context))
        except Refusal as refusal:
            return Response.of_json(refusal.status, refusal.shown(), headers)
        if reply.payload is None:
            return Response(reply.status, {**headers, **reply.headers})
        return Response.of_json(reply.status, reply.payload, {**headers, **reply.headers})

    def failure(self, status: int) -> Response:
        headers = {}
        if status == 429:
            headers = {"X-RateLimit-Limit": "500", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "60"}
        return Response.of_json(status, Refusal(status).shown(), headers)

    def special(self, kind: str, request: Request) -> Response:
        match = self.router.find(request.method, request.path)
        refusals = {
            "already_filled": slot_taken(self.options.slot_taken_status),
            "expired_token": Refusal(401, "The access token expired"),
            "revoked_token": Refusal(401, "The access token was revoked"),
            "insufficient_scope": Refusal(
                403,
                "The access token does not have the required scope.",
                title="Insufficient scope",
                required_scopes=match.route.scopes if match else (),
            ),
            "free_plan": Refusal(403, "Upgrade your plan to access this feature."),
        }
        return Response.of_json(refusals[kind].status, refusals[kind].shown())

    def on_give_up(self, delivery: Delivery, now: datetime) -> None:
        """After 24 hours the subscription is disabled; nobody is told (CALENDLY.md 4)."""
        subscription = self._core.store.subscriptions.get(delivery.subscription)
        if subscription is not None and subscription.state == "active":
            subscription.state = "disabled"
            subscription.updated_at = now
            self.post.abandon_subscription(subscription.id)

    def on_retrying(self, delivery: Delivery, now: datetime) -> None:
        subscription = self._core.store.subscriptions.get(delivery.subscription)
        if subscription is not None and subscription.retry_started_at is None:
            subscription.retry_started_at = now

    # ---- helpers --------------------------------------------------------------------------------------------------

    def _scheduled(self, invitee: Invitee) -> Scheduled:
        event = self._core.store.events[invitee.event]
        event_uri = self._core.rendering.uri("scheduled_events", event.id)
        invitee_uri = self._core.rendering.invitee_uri(invitee)
        return Scheduled(event_uri, invitee_uri, scheduled_message(event_uri, invitee_uri), event.start, event.end)

    def _invitee(self, uri: str) -> Invitee:
        invitee = self._core.store.invitees.get(last_segment(uri))
        if invitee is None:
            raise InputError(f"no invitee {uri}.")
        return invitee

    def _active(self, uri: str) -> Invitee:
        invitee = self._invitee(uri)
        if invitee.status == "canceled":
            raise InputError(f"{uri} is already canceled.")
        return invitee

    def _no_show(self, uri: str) -> NoShow:
        marked = self._core.store.no_shows.get(last_segment(uri))
        marked = marked or (self._invitee(uri).no_show if "/invitees/" in uri else None)
        if marked is None:
            raise InputError(f"{uri} is not marked as a no-show.")
        return marked

    def _check_start(self, kind: EventType, start: datetime, now: datetime, *, offered: bool) -> None:
        if start <= now:
            stands = f"{start:%Y-%m-%dT%H:%MZ} is not after {now:%Y-%m-%dT%H:%MZ}, where the clock stands"
            raise NotOffered(f"Calendly offers no time that is past: {stands}.", "Pick a later start.")
        if offered and not self._core.availability.is_offered(kind, start, now):
            raise self._taken(kind, start, now)

    def _taken(self, kind: EventType, start: datetime, now: datetime) -> NotOffered:
        day = start - timedelta(hours=12)
        free = self._core.availability.free_starts(kind, day, day + timedelta(days=1), now)
        near = sorted((moment for moment, _ in free), key=lambda moment: abs(moment - start))[:3]
        hint = ", ".join(f"{moment:%Y-%m-%dT%H:%MZ}" for moment in near)
        remedy = f"Free near it: {hint}." if near else "Nothing is free within 12 hours of it."
        return NotOffered(f"Calendly does not offer {start:%Y-%m-%dT%H:%MZ} for {kind.name}: filled.", remedy)
