"""Webhook subscriptions and sample data (CALENDLY.md 2.6, 4)."""

from __future__ import annotations

from urllib.parse import urlsplit

from harness.calendly.core import Context
from harness.calendly.endpoints.reply import Reply, collection, resource
from harness.calendly.endpoints.samples import sample_payload
from harness.calendly.entities import Scope, Subscription
from harness.calendly.parameters import Fields
from harness.calendly.refusals import Refusal, denied, invalid, not_found
from harness.calendly.webhooks import EVENT_SCOPES
from harness.provider import Route

__all__ = ["ROUTES"]

_SCOPES: tuple[Scope, ...] = ("organization", "user", "group")
_UPGRADE = "Please upgrade your Calendly account to Standard"


def create_subscription(context: Context) -> Reply:
    if context.caller.organization.stage == "free":
        raise denied(_UPGRADE)
    fields = Fields.of_body(context.request)
    url = _callback(fields)
    scope, organization, user, group = _audience(context, fields)
    events = _events(fields, scope)
    if any(s.callback_url == url for s in context.store.subscriptions.values()):
        raise Refusal(409)
    subscription = Subscription(
        id=context.core.new_id(),
        callback_url=url,
        events=tuple(events),
        scope=scope,
        organization=organization,
        user=user,
        group=group,
        creator=context.caller.user.id,
        created_at=context.now,
        updated_at=context.now,
        signing_key=_signing_key(context, fields),
    )
    context.store.subscriptions[subscription.id] = subscription
    shown = context.show.subscription(subscription)
    return Reply(201, {"resource": shown}, {"Location": shown["uri"]})


def list_subscriptions(context: Context) -> Reply:
    fields = Fields.of_query(context.request)
    scope, organization, user, group = _audience(context, fields)

    def keep(row: Subscription) -> bool:
        same = row.organization == organization and row.scope == scope
        return same and (scope != "user" or row.user == user) and (scope != "group" or row.group == group)

    (_, descending), *_ = fields.sort("created_at:asc", ("created_at",))
    rows = list(context.store.subscriptions.values())
    ordered = rows[::-1] if descending else rows
    show = context.show.subscription
    return collection(context.core.pages.page(context.request, fields, ordered, key=_id, show=show, keep=keep))


def read_subscription(context: Context) -> Reply:
    return resource(context.show.subscription(_found(context)))


def delete_subscription(context: Context) -> Reply:
    subscription = _found(context)
    del context.store.subscriptions[subscription.id]
    context.core.webhooks.forget(subscription.id)
    return Reply(204)


def sample_data(context: Context) -> Reply:
    """A delivery as it would look, bare: no `resource` around it."""
    fields = Fields.of_query(context.request)
    event = fields.needed("event")
    scope, _, _, _ = _audience(context, fields)
    _check_event(event, scope, "event")
    payload = sample_payload(context, event)
    return Reply(200, context.core.webhooks.envelope(event, payload, context.caller.user.id, context.now))


def _signing_key(context: Context, fields: Fields) -> str | None:
    """An OAuth application has one key for all its subscriptions."""
    own = fields.text("signing_key")
    return context.core.options.app_signing_key if context.caller.token.kind == "oauth" else own


def _callback(fields: Fields) -> str:
    url = fields.needed("url")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise invalid("url", "must be a valid URL")
    return url


def _events(fields: Fields, scope: str) -> list[str]:
    events = fields.texts("events")
    if not events:
        raise invalid("events", "is missing" if not fields.has("events") else "must be filled")
    for number, event in enumerate(events):
        _check_event(event, scope, f"events[{number}]")
    return events


def _check_event(event: str, scope: str, parameter: str) -> None:
    if event not in EVENT_SCOPES:
        raise invalid(parameter, f"must be one of: {', '.join(EVENT_SCOPES)}")
    if scope not in EVENT_SCOPES[event]:
        raise invalid(parameter, f"{event} is not allowed for the scope {scope}")


def _audience(context: Context, fields: Fields) -> tuple[Scope, str, str | None, str | None]:
    """(scope, organization, user, group) of a request; organization is always required."""
    organization = fields.needed_uri("organization")
    fields.needed("scope")
    scope = fields.choice("scope", _SCOPES)
    assert scope is not None  # it was needed
    context.core.access.demand_organization(context.caller, organization)
    user = fields.needed_uri("user") if scope == "user" else None
    group = fields.needed_uri("group") if scope == "group" else None
    if user is not None:
        context.core.access.demand_user(context.caller, user)
    elif not context.caller.administers:
        raise denied()
    return scope, organization, user, group


def _found(context: Context) -> Subscription:
    subscription = context.store.subscriptions.get(context.values["uuid"])
    if subscription is None:
        raise not_found()
    context.core.access.demand_organization(context.caller, subscription.organization)
    if subscription.creator != context.caller.user.id and not context.caller.administers:
        raise denied()
    return subscription


def _id(subscription: Subscription) -> str:
    return subscription.id


_READ, _WRITE = ("webhooks:read",), ("webhooks:write",)
ROUTES = (
    Route("POST", "/webhook_subscriptions", create_subscription, _WRITE),
    Route("GET", "/webhook_subscriptions", list_subscriptions, _READ),
    Route("GET", "/webhook_subscriptions/{uuid}", read_subscription, _READ),
    Route("DELETE", "/webhook_subscriptions/{uuid}", delete_subscription, _WRITE),
    Route("GET", "/sample_webhook_data", sample_data, _READ),
)
