"""Who is calling (B01): the bearer token alone says so, and the database says which user that is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from .refusals import Refusal, sign_in_needed
from .settings import Settings
from .store import Store
from .tokens import TokenInvalid, Tokens

__all__ = ["ANONYMOUS", "Caller", "Identity"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling. `user_id` is `User.id`, None for an anonymous visitor; `token` is a booking token, if sent."""

    user_id: str | None = None
    roles: frozenset[str] = frozenset()
    builder_id: str | None = None
    address: str = ""
    token: str | None = None
    invitee_uri: str | None = None

    @property
    def is_authenticated(self) -> bool:
        """Whether the caller is signed in."""
        return self.user_id is not None

    @property
    def is_admin(self) -> bool:
        """Whether the caller may see and move every booking."""
        return "ADMIN" in self.roles

    @property
    def name(self) -> str:
        """How logs and transitions name the caller (R05)."""
        return self.user_id or "anonymous"


ANONYMOUS = Caller()


class Identity:
    """Reads the caller from the `Authorization` header."""

    def caller(
        self,
        connection: Connection,
        header: str | None,
        *,
        store: Store,
        tokens: Tokens,
        settings: Settings,
        now: datetime,
    ) -> Caller:
        """The caller. No header: anonymous. Raises a 401 Refusal for a header that is not a valid token of a known user."""
        if header is None:
            return ANONYMOUS
        clerk_id = self._clerk_id(header, tokens, settings, now)
        found = store.user(connection, clerk_id)
        if found is None:
            raise sign_in_needed("unknown_user", "This account is not known here.")
        return Caller(user_id=found.id, roles=found.roles, builder_id=found.builder_id)

    def _clerk_id(self, header: str, tokens: Tokens, settings: Settings, now: datetime) -> str:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise invalid_token()
        try:
            return tokens.sign_in(token.strip(), settings, now)
        except TokenInvalid:
            raise invalid_token() from None


def invalid_token() -> Refusal:
    """401: a token was sent, and it does not count."""
    return sign_in_needed("invalid_token", "The sign-in has expired or is not valid. Sign in again.")
