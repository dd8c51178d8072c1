"""Visitors: who acts in a scenario, each with a browser (the flow) and, if signed in, a token."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.errors import InputError
from harness.scenario.exchange import HttpRequest, jsonable
from harness.scenario.suggest import did_you_mean

if TYPE_CHECKING:
    from harness.booking.flow import Flow
    from harness.scenario.world import World

__all__ = ["ANONYMOUS", "Visitor", "Visitors"]

ANONYMOUS = "anonymous"


@dataclass
class Visitor:
    """One visitor. `token` is None when not signed in; `caller` is the address that the server sees."""

    name: str
    role: str
    token: str | None
    caller: str
    user: dict[str, Any]
    flow: Flow = field(init=False)  # it sends as this visitor, so the visitor is made first

    def headers(self, token: str | None = None) -> dict[str, str]:
        """The headers of this visitor's requests; `token` replaces the own one, empty text sends none."""
        bearer = self.token if token is None else token
        return {"Authorization": f"Bearer {bearer}"} if bearer else {}


class Visitors:
    """The visitors of one scenario, made when they are first named, in an order that does not change their addresses."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[str, Visitor] = {}

    def named(self, name: str | None) -> Visitor:
        """The visitor called `name`: an actor of the scenario, or a role; None is the first actor.

        Raises:
            InputError: the catalogue has no such user.
        """
        given = self._world.case.given
        name = name or given.actor
        if name not in self._known:
            self._known[name] = self._made(name, given.role(name), list(given.actors))
        return self._known[name]

    def leave(self) -> None:
        """Let go of the flows, which send as the visitors that have them."""
        for visitor in self._known.values():
            del visitor.flow

    def _made(self, name: str, role: str, actors: list[str]) -> Visitor:
        world = self._world
        users = world.catalogue.rows("User")
        if role != ANONYMOUS and role not in users:
            remedy = did_you_mean(role, [ANONYMOUS, *users], noun="roles")
            raise InputError(f"The catalogue {world.catalogue.name} has no user {role!r}.", remedy)
        user = dict(users.get(role, {}))
        place = actors.index(name) if name in actors else len(actors) + len(self._known)
        visitor = Visitor(name, role, self._token(user), f"192.0.2.{place + 1}", user)
        visitor.flow = world.stage.target.flow(
            _sender(world, visitor),
            signed_in=role != ANONYMOUS,
            new_id=world.stage.ids,
            profile="legacy" if world.stage.target.profile == "legacy" else "reference",
        )
        return visitor

    def _token(self, user: dict[str, Any]) -> str | None:
        if not user:
            return None
        from datetime import timedelta

        from harness.booking import issue_token
        from harness.scenario.application import settings_for

        return issue_token(user["clerkId"], settings_for(""), self._world.clock(), timedelta(days=365))


def _sender(world: World, visitor: Visitor) -> Any:
    """How a flow reaches the server: as this visitor, over the scenario's transport."""
    from harness.booking.flow import Answer

    def send(method: str, path: str, payload: Any = None) -> Answer:
        headers = {"Accept": "application/json", **visitor.headers()}
        content = b""
        if payload is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(payload, ensure_ascii=False, default=jsonable).encode()
        answer = world.send(HttpRequest(method, path, headers, content, visitor.caller), visitor.name)
        return Answer(answer.status, answer.json, dict(answer.headers))

    return send
