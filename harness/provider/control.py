"""The control API under /_simulator/: reset, seed, clock, faults, journal, deliveries, what people do.

Off unless asked for. It answers only requests whose Host is the server's own and, for a POST, whose body is declared
JSON: a web page of another origin can then neither read nor drive it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from msgspec import to_builtins

from harness.errors import InputError
from harness.provider.courier import Courier, post
from harness.provider.messages import Request, Response
from harness.provider.outbox import Attempt, Delivery
from harness.provider.provider import Provider
from harness.provider.stage import Stage
from harness.provider.times import micros, parse_instant

__all__ = ["PREFIX", "Control"]

PREFIX = "/_simulator/"
Body = Mapping[str, Any]


class Control:
    """Answers requests under `PREFIX`; mistakes are 400 with a text that says what to do."""

    def __init__(self, stage: Stage, courier: Courier, hosts: frozenset[str]) -> None:
        self._stage = stage
        self._courier = courier
        self._hosts = hosts
        self._endpoints: dict[str, Callable[[Body], Any]] = {
            "GET ": self._about,
            "POST reset": self._reset,
            "GET clock": self._clock,
            "POST clock": self._set_clock,
            "GET faults": self._faults,
            "POST faults": self._add_fault,
            "DELETE faults": self._clear_faults,
            "GET calls": self._calls,
            "DELETE calls": self._clear_calls,
            "GET deliveries": self._deliveries,
            "POST deliver": self._deliver,
            "POST courier": self._steer,
        }

    def handle(self, request: Request) -> Response:
        try:
            self._guard(request)
            name = request.path.removeprefix(PREFIX).strip("/")
            body = _body(request)
            endpoint = self._endpoints.get(f"{request.method} {name}")
            if endpoint is not None:
                return Response.of_json(200, endpoint(body))
            return Response.of_json(200, self._act(request.method, name, body))
        except InputError as error:
            return Response.of_json(400, {"error": str(error)})
        except (TypeError, KeyError, ValueError) as error:
            return Response.of_json(400, {"error": f"{request.method} {request.path}: {error}"})

    def _guard(self, request: Request) -> None:
        host = urlsplit(f"//{request.header('Host') or ''}").hostname
        if host not in self._hosts:
            raise InputError(f"the control API is not served to the host {host!r}.")
        kind = (request.header("Content-Type") or "").partition(";")[0].strip()
        if request.method == "POST" and kind != "application/json":
            raise InputError("send a POST with Content-Type: application/json.")

    # ---- the stage ------------------------------------------------------------------------------------------------

    def _about(self, body: Body) -> Any:
        del body
        providers = {
            name: {
                "base_url": provider.base_url,
                "calls": len(provider.calls),
                "pending_deliveries": len(provider.outbox),
                "unstruck_faults": [str(fault) for fault in provider.unstruck_faults()],
                "endpoints": [route.name for route in provider.router.routes],
                "acts": sorted(self._stage.sites[name].acts),
            }
            for name, provider in self._stage.providers().items()
        }
        control = [f"{key.split(' ')[0]} {PREFIX}{key.split(' ')[1]}" for key in self._endpoints]
        return {
            "seed": self._stage.seed,
            "now": micros(self._stage.clock()),
            "control": control,
            "providers": providers,
        }

    def _reset(self, body: Body) -> Any:
        self._stage.reset(int(body.get("seed", self._stage.seed)))
        return {"seed": self._stage.seed, "now": micros(self._stage.clock())}

    def _clock(self, body: Body) -> Any:
        del body
        return {"now": micros(self._stage.clock())}

    def _set_clock(self, body: Body) -> Any:
        """`{"now": instant}` stops it there, `{"advance": seconds}` moves it, `{"real": true}` lets it run."""
        if "now" in body:
            moment = parse_instant(str(body["now"]))
            if moment is None:
                raise InputError(f"{body['now']!r} is not an instant.", "Write 2030-03-04T09:00:00Z.")
            self._stage.clock.freeze(moment)
        elif "advance" in body:
            self._stage.clock.advance(timedelta(seconds=float(body["advance"])))
        elif body.get("real"):
            self._stage.clock.release()
        else:
            raise InputError("say now, advance or real.")
        return self._clock({})

    # ---- one provider ---------------------------------------------------------------------------------------------

    def _one(self, body: Body) -> Provider:
        return self._stage.provider(str(body.get("provider", next(iter(self._stage.sites)))))

    def _faults(self, body: Body) -> Any:
        return {"faults": [_fault(fault) for fault in self._one(body).faults]}

    def _add_fault(self, body: Body) -> Any:
        values = {key: value for key, value in body.items() if key not in ("provider", "on", "do")}
        for key in ("since", "until"):
            if key in values:
                values[key] = parse_instant(str(values[key]))
        return _fault(self._one(body).add_fault(str(body["on"]), str(body["do"]), **values))

    def _clear_faults(self, body: Body) -> Any:
        self._one(body).clear_faults()
        return {"faults": []}

    def _calls(self, body: Body) -> Any:
        """The journal; `since` leaves out the calls up to that number."""
        since = int(body.get("since", 0))
        calls = [call for call in list(self._one(body).calls) if call.number > since]
        return {"calls": [{**to_builtins(call), "at": micros(call.at)} for call in calls]}

    def _clear_calls(self, body: Body) -> Any:
        self._one(body).calls.clear()
        return {"calls": []}

    def _deliveries(self, body: Body) -> Any:
        return {"deliveries": [_delivery(delivery) for delivery in list(self._one(body).deliveries)]}

    def _deliver(self, body: Body) -> Any:
        """Sends now: `which` (event, id or number), `times`, `order`, `sign`; `"lose": true` or `"delay": seconds`."""
        provider, which = self._one(body), body.get("which")
        if body.get("lose"):
            return {"lost": [delivery.id for delivery in provider.lose(which)]}
        if "delay" in body:
            held = provider.delay(timedelta(seconds=float(body["delay"])), which)
            return {"held": [delivery.id for delivery in held]}
        options = {key: body[key] for key in ("times", "order", "sign", "key") if key in body}
        return {"attempts": [_attempt(attempt) for attempt in provider.deliver(post, which=which, **options)]}

    def _steer(self, body: Body) -> Any:
        """`{"paused": true}` stops automatic deliveries, false starts them again."""
        if bool(body["paused"]):
            self._courier.paused.set()
        else:
            self._courier.paused.clear()
        return {"paused": self._courier.paused.is_set()}

    def _act(self, method: str, name: str, body: Body) -> Any:
        """`POST /_simulator/calendly/schedule` and the like."""
        site_name, _, act_name = name.partition("/")
        site = self._stage.sites.get(site_name)
        act = site.acts.get(act_name) if site and method == "POST" else None
        if act is None:
            acts = [f"POST {PREFIX}{s.name}/{a}" for s in self._stage.sites.values() for a in s.acts]
            known = [f"{key.split(' ')[0]} {PREFIX}{key.split(' ')[1]}" for key in self._endpoints]
            raise InputError(f"no control {method} {PREFIX}{name}.", f"There are: {', '.join(known + acts)}.")
        return act(self._stage.provider(site_name), body)


def _body(request: Request) -> Body:
    if not request.body:
        return request.query
    parsed = json.loads(request.body)
    if not isinstance(parsed, dict):
        raise InputError("the body must be a JSON object.")
    return parsed


def _fault(fault: Any) -> dict[str, Any]:
    values = asdict(fault)
    return {key: micros(value) if isinstance(value, datetime) else value for key, value in values.items()}


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "event": delivery.event,
        "url": delivery.url,
        "state": delivery.state,
        "due": micros(delivery.due),
        "body": delivery.body.decode(),
        "attempts": [_attempt(attempt) for attempt in delivery.attempts],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "delivery": attempt.delivery,
        "event": attempt.event,
        "number": attempt.number,
        "at": micros(attempt.at),
        "status": attempt.status,
        "outcome": attempt.outcome,
        "response_body": attempt.response_body.decode(errors="replace"),
    }
