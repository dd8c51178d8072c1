"""Endpoints of webhook endpoints; the secret is shown once, when one is made."""

from __future__ import annotations

from urllib.parse import urlsplit

from harness.provider import Route
from harness.stripe.context import Context
from harness.stripe.objects import Shown, webhook_endpoint
from harness.stripe.refusals import Refusal, missing_parameter, no_such

__all__ = ["ROUTES"]


def create(context: Context) -> Shown:
    given = context.parameters
    given.only(("url", "enabled_events", "description", "metadata", "api_version", "connect", "expand"))
    url = given.needed("url")
    if urlsplit(url).scheme not in ("http", "https"):
        raise Refusal(400, "Invalid URL: An explicit scheme (such as https) must be provided.", param="url")
    events = given.texts("enabled_events")
    if not events:
        raise missing_parameter("enabled_events")
    made = webhook_endpoint(
        context.ledger.new_id("we"),
        created=int(context.now.timestamp()),
        url=url,
        events=events,
        api_version=context.ledger.options.api_version,
    )
    secret = context.ledger.new_id("whsec", 32)
    context.ledger.secrets[made["id"]] = secret
    return {**context.ledger.add(made), "secret": secret}


def retrieve(context: Context) -> Shown:
    return _found(context)


def list_endpoints(context: Context) -> Shown:
    return context.page(context.ledger.of_kind("webhook_endpoint"))


def delete(context: Context) -> Shown:
    found = _found(context)
    context.ledger.remove(found)
    return {"id": found["id"], "object": "webhook_endpoint", "deleted": True}


def _found(context: Context) -> Shown:
    found = context.ledger.find("webhook_endpoint", context.values["id"])
    if found is None:
        raise no_such("webhook endpoint", context.values["id"], "webhook_endpoint")
    return found


ROUTES = (
    Route("POST", "/v1/webhook_endpoints", create),
    Route("GET", "/v1/webhook_endpoints", list_endpoints),
    Route("GET", "/v1/webhook_endpoints/{id}", retrieve),
    Route("DELETE", "/v1/webhook_endpoints/{id}", delete),
)
