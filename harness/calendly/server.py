"""Calendly on a real port, for a program that wants it there: `with serve() as served: … served.url`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from harness.calendly.options import Options
from harness.calendly.simulator import DEFAULTS, Simulator
from harness.calendly.site import Prepare, calendly_site
from harness.provider.serving import Served, SiteMaker

__all__ = ["Served", "serve", "simulator_of"]


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    control: bool = False,
    seed: int = 0,
    deliver: bool = True,
    options: Options = DEFAULTS,
    own_uris: bool = True,
    prepare: Prepare | None = None,
    beside: Sequence[SiteMaker] = (),
) -> Served:
    """A server, not yet started (use `with`, or `start` and `stop`). `beside`: further sites, `stripe_site` for one.

    Raises MachineError when the port is busy, InputError for a control API that others could reach.
    """

    def make(own_url: str) -> object:
        return calendly_site(own_url, options=options, own_uris=own_uris, prepare=prepare)

    makers = [cast("SiteMaker", make), *beside]
    return Served(makers, host=host, port=port, control=control, seed=seed, deliver=deliver)


def simulator_of(served: Served) -> Simulator:
    """The Calendly simulator of the moment (a reset replaces it)."""
    return cast("Simulator", served.stage.provider("calendly"))
