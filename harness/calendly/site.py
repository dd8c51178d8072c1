"""Calendly on a port: API, embed pages, and what people do there as named acts of the control API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import asdict, replace

from harness.calendly.embed_page import embed_page
from harness.calendly.options import Options
from harness.calendly.parameters import last_segment
from harness.calendly.simulator import DEFAULTS, Scheduled, Simulator
from harness.errors import InputError
from harness.provider import Provider, Request, Response
from harness.provider.stage import Site
from harness.provider.times import Clock, micros, parse_instant

__all__ = ["Prepare", "calendly_site"]

Body = Mapping[str, Any]
Prepare = Callable[[Simulator], None]


def calendly_site(
    own_url: str,
    *,
    options: Options = DEFAULTS,
    own_uris: bool = True,
    prepare: Prepare | None = None,
) -> Site:
    """The site under `own_url`. `own_uris`: resource URIs name the server itself, so that an application which follows
    them comes back here; else they read https://api.calendly.com. `prepare` furnishes every fresh simulator."""
    served = replace(options, public_url=f"{own_url}/embed", base_url=own_url if own_uris else options.base_url)

    def build(clock: Clock, seed: int) -> Provider:
        simulator = Simulator(clock=clock, seed=seed, options=served)
        if prepare is not None:
            prepare(simulator)
        return simulator

    return Site("calendly", build, _claims, _pages, _ACTS)


def _claims(path: str) -> bool:
    return not path.startswith("/v1/")


def _pages(provider: Provider, request: Request) -> Response | None:
    return embed_page(provider, request) if isinstance(provider, Simulator) else None


def _instant(body: Body, key: str = "start") -> datetime:
    moment = parse_instant(str(body.get(key)))
    if moment is None:
        raise InputError(f"{key} must be an instant, not {body.get(key)!r}.", "Write 2030-03-06T10:00:00Z.")
    return moment


def _shown(scheduled: Scheduled) -> Body:
    return {**asdict(scheduled), "start": micros(scheduled.start), "end": micros(scheduled.end)}


def _schedule(simulator: Simulator, body: Body) -> Any:
    known = {key: body[key] for key in ("answers", "utm", "location", "guests", "duration", "check") if key in body}
    return _shown(simulator.schedule(body["event_type"], _instant(body), body["invitee"], **known))


def _cancel(simulator: Simulator, body: Body) -> Any:
    simulator.cancel(body["invitee"], by=body.get("by", "invitee"), reason=body.get("reason"))
    return simulator.invitee(body["invitee"])


def _reschedule(simulator: Simulator, body: Body) -> Any:
    return _shown(simulator.reschedule(body["invitee"], _instant(body), by=body.get("by", "invitee")))


def _mark(simulator: Simulator, body: Body) -> Any:
    return {"uri": simulator.mark_no_show(body["invitee"])}


def _unmark(simulator: Simulator, body: Body) -> Any:
    simulator.unmark_no_show(body["invitee"])
    return simulator.invitee(body["invitee"])


def _add_event_type(simulator: Simulator, body: Body) -> Any:
    values = dict(body)
    if "minimum_notice_minutes" in values:
        values["minimum_notice"] = timedelta(minutes=float(values.pop("minimum_notice_minutes")))
    uri = simulator.add_event_type(**values)
    return {"uri": uri, "page": simulator.page_of(uri)}


def _add_user(simulator: Simulator, body: Body) -> Any:
    return {"uri": simulator.add_user(**body)}


def _add_token(simulator: Simulator, body: Body) -> Any:
    simulator.add_token(**body)
    return {"token": body["text"]}


def _add_busy(simulator: Simulator, body: Body) -> Any:
    simulator.add_busy(_instant(body, "start"), _instant(body, "end"), user=body.get("user"))
    return {"busy": True}


def _subscribe(simulator: Simulator, body: Body) -> Any:
    return simulator.subscription(simulator.subscribe(**body))


def _state(simulator: Simulator, body: Body) -> Any:
    del body
    return {
        "organization": simulator.organization_uri,
        "owner": simulator.owner_uri,
        "event_types": {uri: simulator.page_of(uri) for uri in simulator.event_type_uris()},
    }


def _subscription(simulator: Simulator, body: Body) -> Any:
    return simulator.subscription(last_segment(body["uri"]))


_ACTS: dict[str, Callable[[Any, Body], Any]] = {
    "schedule": _schedule,
    "cancel": _cancel,
    "reschedule": _reschedule,
    "mark_no_show": _mark,
    "unmark_no_show": _unmark,
    "add_event_type": _add_event_type,
    "add_user": _add_user,
    "add_token": _add_token,
    "add_busy": _add_busy,
    "subscribe": _subscribe,
    "state": _state,
    "subscription": _subscription,
}
