"""Users, organizations and memberships (CALENDLY.md 2.1)."""

from __future__ import annotations

from harness.calendly.core import Context
from harness.calendly.endpoints.reply import Reply, collection, resource
from harness.calendly.entities import Membership
from harness.calendly.parameters import Fields
from harness.calendly.refusals import denied, invalid, not_found
from harness.provider import Route

__all__ = ["ROUTES"]


def read_user(context: Context) -> Reply:
    identifier = context.values["uuid"]
    if identifier == "me":
        return resource(context.show.user(context.caller.user))
    user = context.store.users.get(identifier)
    if user is None:
        raise not_found()
    if user.organization != context.caller.organization.id:
        raise denied()
    return resource(context.show.user(user))


def read_organization(context: Context) -> Reply:
    organization = context.store.organizations.get(context.values["uuid"])
    if organization is None:
        raise not_found()
    context.core.access.demand_organization(context.caller, organization.id)
    return resource(context.show.organization(organization))


def list_memberships(context: Context) -> Reply:
    fields = Fields.of_query(context.request)
    user, organization, email = fields.uri("user"), fields.uri("organization"), fields.text("email")
    if user is None and organization is None:
        raise invalid("organization", "is missing")
    if organization is not None:
        context.core.access.demand_organization(context.caller, organization)
    if user is not None:
        context.core.access.demand_user(context.caller, user)
    elif not context.caller.administers:
        raise denied()

    def keep(row: Membership) -> bool:
        known = context.store.users[row.user]
        fits_user = user is None or row.user == user
        return fits_user and (organization is None or row.organization == organization) and email in (None, known.email)

    rows = list(context.store.memberships.values())
    show = context.show.membership
    return collection(context.core.pages.page(context.request, fields, rows, key=_id, show=show, keep=keep))


def read_membership(context: Context) -> Reply:
    membership = context.store.memberships.get(context.values["uuid"])
    if membership is None:
        raise not_found()
    context.core.access.demand_user(context.caller, membership.user)
    return resource(context.show.membership(membership))


def _id(membership: Membership) -> str:
    return membership.id


_READ = ("users:read",)
_READ_ORGANIZATION = ("organizations:read", "users:read")
ROUTES = (
    Route("GET", "/users/{uuid}", read_user, _READ),
    Route("GET", "/organizations/{uuid}", read_organization, _READ_ORGANIZATION),
    Route("GET", "/organization_memberships", list_memberships, _READ_ORGANIZATION),
    Route("GET", "/organization_memberships/{uuid}", read_membership, _READ_ORGANIZATION),
)
