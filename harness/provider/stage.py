"""What a server serves: providers side by side on one clock and one seed, replaced together by a reset."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct, field

from harness.errors import InputError
from harness.provider.messages import Request, Response
from harness.provider.provider import Provider
from harness.provider.times import Clock, real_clock

__all__ = ["AdjustableClock", "Site", "Stage"]


class AdjustableClock:
    """Real time with an offset, or a moment that stands still until told otherwise."""

    def __init__(self) -> None:
        self._offset = timedelta(0)
        self._frozen: datetime | None = None

    def __call__(self) -> datetime:
        return self._frozen or real_clock() + self._offset

    def freeze(self, moment: datetime) -> None:
        self._frozen = moment.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        if self._frozen is not None:
            self._frozen += by
        else:
            self._offset += by

    def release(self) -> None:
        """Back to real time."""
        self._offset, self._frozen = timedelta(0), None


def _no_pages(provider: Provider, request: Request) -> Response | None:
    del provider, request
    return None


class Site(Struct, frozen=True):
    """How one provider is served.

    `build(clock, seed)` makes a fresh one. `claims(path)` says which API paths are its own. `pages` answers web pages
    beside the API. `acts` are what people do there, by name, each with the JSON object it was given.
    """

    name: str
    build: Callable[[Clock, int], Provider]
    claims: Callable[[str], bool]
    pages: Callable[[Provider, Request], Response | None] = _no_pages
    acts: Mapping[str, Callable[[Any, Mapping[str, Any]], Any]] = field(default_factory=dict)


class Stage:
    """The providers of one server. `provider(name)` is the one of the moment."""

    def __init__(self, sites: Sequence[Site], *, seed: int = 0, clock: AdjustableClock | None = None) -> None:
        self.sites = {site.name: site for site in sites}
        self.clock = clock or AdjustableClock()
        self.lock = threading.RLock()
        self.seed = seed
        self._providers: dict[str, Provider] = {}
        self.reset(seed)

    def reset(self, seed: int) -> None:
        """Forgets everything: fresh providers from `seed`, real time."""
        with self.lock:
            self.seed = seed
            self.clock.release()
            self._providers = {name: site.build(self.clock, seed) for name, site in self.sites.items()}

    def provider(self, name: str) -> Provider:
        """Raises InputError for a provider that is not served here."""
        try:
            return self._providers[name]
        except KeyError:
            raise InputError(f"no provider {name!r} here.", f"There are: {', '.join(self.sites)}.") from None

    def providers(self) -> dict[str, Provider]:
        return dict(self._providers)

    def handle(self, request: Request) -> Response:
        """A page, or the API of the provider that claims the path. May raise TransportFault."""
        for site in self.sites.values():
            page = site.pages(self._providers[site.name], request)
            if page is not None:
                return page
        for site in self.sites.values():
            if site.claims(request.path):
                return self._providers[site.name].handle(request)
        return Response.of_json(404, {"message": f"nothing here answers {request.path}"})
