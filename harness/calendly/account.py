"""The account: what an owner sets up at Calendly before anybody books."""

from __future__ import annotations

import difflib
from abc import ABC
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from msgspec.structs import replace

from harness.calendly import setting_up
from harness.calendly.core import Core
from harness.calendly.entities import Busy, EventType, Hours, Subscription, Token
from harness.calendly.parameters import last_segment
from harness.calendly.webhooks import EVENT_SCOPES
from harness.errors import InputError
from harness.provider import Provider

__all__ = ["Account"]

_DEFAULT_EVENTS = ("invitee.created", "invitee.canceled", "invitee_no_show.created", "invitee_no_show.deleted")


class Account(Provider, ABC):
    """The settings half of the simulator: people, event types, tokens, other calendars, subscriptions."""

    _core: Core
    organization_uri: str
    owner_uri: str

    def add_user(
        self,
        *,
        name: str,
        email: str,
        timezone: str = "Europe/London",
        role: Literal["user", "admin", "owner"] = "user",
        slug: str | None = None,
        hours: Hours | None = None,
        organization: str | None = None,
        uri: str | None = None,
    ) -> str:
        """Adds a member of the organization (the first one unless given); returns the user's URI."""
        with self.lock:
            user = setting_up.make_user(
                self._core, self.clock(), name=name, email=email, timezone=timezone, role=role, slug=slug, hours=hours,
                organization=last_segment(organization or self.organization_uri), uri=uri,
            )  # fmt: skip
            return self._core.rendering.uri("users", user.id)

    def add_organization(
        self, *, name: str, plan: str = "professional", stage: str = "paid", uri: str | None = None
    ) -> str:
        """Adds another organization, of strangers; returns its URI."""
        with self.lock:
            made = setting_up.make_organization(self._core, self.clock(), name=name, plan=plan, stage=stage, uri=uri)
            return self._core.rendering.uri("organizations", made.id)

    def add_event_type(
        self,
        *,
        name: str,
        duration: int = 30,
        owner: str | None = None,
        hosts: Sequence[str] = (),
        capacity: int = 1,
        pooling_type: Literal["round_robin", "collective", "multi_pool"] | None = None,
        locations: Sequence[Mapping[str, Any]] | None = None,
        questions: Sequence[setting_up.QuestionLike] = (),
        slug: str | None = None,
        before_buffer: int = 0,
        after_buffer: int = 0,
        start_time_increment: int = 30,
        minimum_notice: timedelta = timedelta(0),
        hours: Hours | None = None,
        uri: str | None = None,
        **fields: Any,
    ) -> str:
        """Adds an event type and returns its URI. Minutes throughout; `capacity` above 1 makes a group event.

        `hosts` (user URIs) share a pooled one; `owner` is the first of them, by default the account's owner.
        `fields` are further fields of `EventType`: `active`, `secret`, `is_paid`, `color`, `description_plain`, …
        """
        with self.lock:
            people = [last_segment(uri) for uri in hosts] or [last_segment(owner or self.owner_uri)]
            kind = setting_up.make_event_type(
                self._core, self.clock(), name=name, duration=duration, hosts=people, capacity=capacity,
                pooling_type=pooling_type, locations=locations, questions=questions, slug=slug,
                before_buffer=before_buffer, after_buffer=after_buffer, start_time_increment=start_time_increment,
                minimum_notice=minimum_notice, hours=hours, uri=uri, fields=fields,
            )  # fmt: skip
            self._core.webhooks.event_type("event_type.created", kind, self.clock())
            return self._core.rendering.uri("event_types", kind.id)

    def change_event_type(self, uri: str, **fields: Any) -> None:
        """Sets fields of an event type and announces it. Raises InputError for a field it does not have."""
        with self.lock:
            kind = self._event_type(uri)
            for name, value in fields.items():
                if name not in EventType.__struct_fields__:
                    raise InputError(
                        f"an event type has no {name!r}.", f"It has {', '.join(EventType.__struct_fields__)}."
                    )
                setattr(kind, name, value)
            kind.updated_at = self.clock()
            self._core.webhooks.event_type("event_type.updated", kind, self.clock())

    def delete_event_type(self, uri: str) -> None:
        """Deletes it: no longer listed, still readable."""
        with self.lock:
            kind = self._event_type(uri)
            kind.deleted_at = kind.updated_at = self.clock()
            kind.active = False
            self._core.webhooks.event_type("event_type.deleted", kind, self.clock())

    def add_token(
        self,
        text: str,
        *,
        user: str | None = None,
        scopes: Sequence[str] | None = None,
        state: Literal["valid", "expired", "revoked"] = "valid",
        kind: Literal["pat", "oauth"] = "pat",
    ) -> None:
        """Makes `text` a bearer token of `user` (the owner unless given); `scopes` None means full access."""
        with self.lock:
            reach = frozenset(scopes) if scopes is not None else None
            self._core.store.tokens[text] = Token(text, last_segment(user or self.owner_uri), kind, reach, state)

    def remove_user(self, uri: str) -> None:
        """A member leaves: tokens are revoked, user-scoped webhooks stop, organization-scoped ones go on."""
        if uri == self.owner_uri:
            raise InputError("the owner cannot leave the organization.")
        with self.lock:
            user, store = last_segment(uri), self._core.store
            for token in [token for token in store.tokens.values() if token.user == user]:
                store.tokens[token.text] = replace(token, state="revoked")
            for hook in store.active_subscriptions():
                if hook.scope == "user" and hook.user == user:
                    hook.state = "disabled"
                    self.post.abandon_subscription(hook.id)
            del store.memberships[store.membership(user).id]

    def add_group(self, uuid: str, members: Sequence[str]) -> str:
        """Makes a group of users; returns its URI."""
        with self.lock:
            self._core.store.groups[uuid] = frozenset(last_segment(member) for member in members)
            return self._core.rendering.uri("groups", uuid)

    def add_busy(self, start: datetime, end: datetime, *, user: str | None = None) -> None:
        """Time that another calendar of the user (the owner unless given) holds."""
        with self.lock:
            host = last_segment(user or self.owner_uri)
            self._core.store.busy[host].append(Busy(host, start.astimezone(UTC), end.astimezone(UTC)))

    def subscribe(
        self,
        url: str,
        *,
        events: Sequence[str] = _DEFAULT_EVENTS,
        signing_key: str | None = None,
        scope: Literal["organization", "user"] = "organization",
        user: str | None = None,
    ) -> str:
        """A webhook subscription as if made through the API; returns its URI. Without a key nothing is signed."""
        unknown = [event for event in events if event not in EVENT_SCOPES]
        if unknown:
            near = difflib.get_close_matches(unknown[0], EVENT_SCOPES, 1)
            hint = f"Did you mean {near[0]}?" if near else f"Use one of {', '.join(EVENT_SCOPES)}."
            raise InputError(f"unknown webhook event {unknown[0]!r}.", hint)
        with self.lock:
            now = self.clock()
            subscription = Subscription(
                self._core.new_id(), url, tuple(events), scope, last_segment(self.organization_uri),
                last_segment(user or self.owner_uri) if scope == "user" else None, None, last_segment(self.owner_uri),
                now, now, signing_key,
            )  # fmt: skip
            self._core.store.subscriptions[subscription.id] = subscription
            return self._core.rendering.uri("webhook_subscriptions", subscription.id)

    def _event_type(self, uri: str) -> EventType:
        kind = self._core.store.event_types.get(last_segment(uri))
        if kind is None:
            known = ", ".join(self._core.rendering.uri("event_types", i) for i in self._core.store.event_types)
            raise InputError(f"no event type {uri}.", f"There are: {known or 'none'}.")
        return kind
