"""The flow before the update (R20): everything of the reference, except that a booking needs a signed-in client.

It runs on the schema before make_client_id_nullable.sql, where `clientId` is NOT NULL, and answers an anonymous
visitor as the original did: 401, before anything is looked at.
"""

from __future__ import annotations

from dataclasses import replace

from . import application
from .access import Access
from .application import Application
from .identity import Caller
from .parts import Parts
from .refusals import Refusal, sign_in_needed
from .settings import Settings

__all__ = ["ClientRequired", "create_app"]


class ClientRequired(Access):
    """Nobody begins or creates a booking without signing in."""

    def may_create(self, caller: Caller, owner: str | None) -> Refusal | None:
        """401 for whoever is not signed in."""
        return sign_in_needed() if owner is None or not caller.is_authenticated else None


def create_app(settings: Settings, parts: Parts | None = None) -> Application:
    """The application as it was. Other parts than the access policy are the caller's."""
    return application.create_app(settings, replace(parts or Parts(), access=ClientRequired()), profile="legacy")
