"""Who asks, and what they may: tokens, scopes, roles (CALENDLY.md 1)."""

from __future__ import annotations

from msgspec import Struct

from harness.calendly.entities import Event, Organization, Token, User
from harness.calendly.options import Options
from harness.calendly.refusals import Refusal, denied, unauthenticated
from harness.calendly.store import Store
from harness.provider import Request, Route

__all__ = ["Access", "Caller"]


class Caller(Struct, frozen=True):
    user: User
    organization: Organization
    role: str
    token: Token

    @property
    def administers(self) -> bool:
        return self.role in ("admin", "owner")


class Access:
    """Answers for every request: whose it is and whether the token reaches far enough."""

    def __init__(self, store: Store, options: Options) -> None:
        self._store = store
        self._options = options
        self.owner = ""  # whose any unknown token is, when any token is good

    def caller(self, request: Request) -> Caller:
        """Raises Refusal 401 without a token that is known and valid."""
        kind, _, text = (request.header("authorization") or "").partition(" ")
        if kind.lower() != "bearer" or not text.strip():
            raise unauthenticated()
        token = self._token(text.strip())
        if token.state != "valid":
            raise unauthenticated(token.state)
        user = self._store.users[token.user]
        return Caller(user, self._store.organizations[user.organization], self._store.role(user.id), token)

    def demand_scope(self, caller: Caller, route: Route) -> None:
        """One of the route's scopes is enough; `:write` includes `:read`."""
        held = caller.token.scopes
        if held is None or not route.scopes:
            return
        reach = held | {scope.removesuffix(":write") + ":read" for scope in held if scope.endswith(":write")}
        if not reach.intersection(route.scopes):
            text = "The access token does not have the required scope."
            raise Refusal(403, text, title="Insufficient scope", required_scopes=route.scopes)

    def demand_view(self, caller: Caller, event: Event, message: str) -> None:
        """Hosts see their events; admins and owners see those of their organization."""
        same = event.organization == caller.organization.id
        if not same or not (caller.administers or caller.user.id in event.hosts):
            raise denied(message)

    def demand_organization(self, caller: Caller, organization: str) -> None:
        if organization != caller.organization.id:
            raise denied()

    def demand_user(self, caller: Caller, user: str, message: str | None = None) -> None:
        """Oneself, or for admins and owners anyone in the organization."""
        if user == caller.user.id:
            return
        known = self._store.users.get(user)
        if not caller.administers or known is None or known.organization != caller.organization.id:
            raise denied(message)

    def _token(self, text: str) -> Token:
        known = self._store.tokens.get(text)
        if known is not None:
            return known
        if self._options.token is None:
            return Token(text, self.owner)
        raise unauthenticated()
