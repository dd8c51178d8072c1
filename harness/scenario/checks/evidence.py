"""Checks on what was recorded: the answer, calls to providers, deliveries, logs."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from msgspec.structs import replace

from harness import records
from harness.jsontext import parse
from harness.scenario.checks.columns import refuse_unlike
from harness.scenario.checks.quantified import Element, Hold, Quantified, hold
from harness.scenario.equality import equal
from harness.scenario.matchers import ABSENT
from harness.scenario.matching import Comparison, compare
from harness.scenario.recorder import Kept
from harness.scenario.registry import check
from harness.scenario.values import Literal, MapPattern, Pattern

if TYPE_CHECKING:
    from harness.scenario.exchange import HttpAnswer
    from harness.scenario.world import World

__all__ = ["calls", "deliveries", "logs", "response", "shown_answer"]


@check("response")
def response(world: World, pattern: Pattern, within_step: bool) -> list[Comparison]:
    """The answer to the step's last request, or the page's own refusal."""
    return compare_answer(world, pattern)


def compare_answer(world: World, pattern: Pattern) -> list[Comparison]:
    """Hold the last answer against `status` alone or a map."""
    actual = {**shown_answer(world.answer, world.refusal), "gives": world.value}
    found: list[Comparison] = []
    scope, now = world.scope, world.clock()
    if not isinstance(pattern, MapPattern):
        found = compare(pattern, actual.get("status"), scope, "$.status", now=now)
    for key, inner in pattern.items() if isinstance(pattern, MapPattern) else ():
        path = "$" if key == "body" else f"$.{key}"
        wanted = _lower(inner) if key == "headers" else inner
        of_key = compare(wanted, actual.get(key, ABSENT), scope, path, now=now)
        if key == "body" and world.answer is not None and "body" not in actual:
            of_key = [each if each.passed else replace(each, actual="a text that is no JSON") for each in of_key]
        found += of_key
    return found if world.refusal is None else [_without_answer(each, world.refusal) for each in found]


def _without_answer(comparison: Comparison, refusal: str) -> Comparison:
    """Why there is nothing to compare, where something was expected: the page sent no request."""
    if comparison.passed or comparison.path in {"$.refused", "$.gives"}:
        return comparison
    return replace(comparison, actual=f"no answer: the page refused ({refusal})")


def _lower(pattern: Pattern) -> Pattern:
    """Header names in any case of letters."""
    if not isinstance(pattern, MapPattern):
        return pattern
    return MapPattern({name.lower(): value for name, value in pattern.items()}, pattern.position, pattern.exact)


def shown_answer(answer: HttpAnswer | None, refusal: str | None) -> dict[str, Any]:
    """An answer as `expect` sees it: status, headers, body (if it is JSON), text, outcome; or `refused` alone."""
    if refusal is not None:
        return {"refused": refusal}
    if answer is None:
        return {"outcome": "unknown"}
    return {
        "status": answer.status,
        "headers": {name.lower(): value for name, value in answer.headers.items()},
        **({"body": answer.json} if answer.is_json else {}),
        "text": answer.text,
        "outcome": "answered",
    }


@check("calls")
def calls(world: World, pattern: Pattern, within_step: bool) -> list[Comparison]:
    """What the application asked of the providers."""
    elements = [_call(kept) for kept in world.recorder.kept(records.CalendlyCall, _step(world, within_step))]
    return Quantified(elements, _glob(world, "request"), "calls", world.scope, world.clock()).compare(pattern)


def _call(kept: Kept[records.CalendlyCall]) -> dict[str, Any]:
    call, raw = kept.record, kept.raw
    url = raw.get("url", call.url)
    parts = urlsplit(url)
    return {
        "request": f"{call.method} {parts.path}",
        "provider": call.provider,
        "method": call.method,
        "path": parts.path,
        "url": url,
        "query": dict(parse_qsl(parts.query, keep_blank_values=True)),
        "body": _parsed(raw.get("request")),
        "status": call.status,
        "response": _parsed(raw.get("response")),
        "fault": call.fault,
    }


@check("deliveries")
def deliveries(world: World, pattern: Pattern, within_step: bool) -> list[Comparison]:
    """Attempts to deliver webhooks."""
    elements = [_delivery(kept) for kept in world.recorder.kept(records.Delivery, _step(world, within_step))]
    return Quantified(elements, _glob(world, "event"), "deliveries", world.scope, world.clock()).compare(pattern)


def _delivery(kept: Kept[records.Delivery]) -> dict[str, Any]:
    delivery, raw = kept.record, kept.raw
    return {
        "event": delivery.event,
        "provider": delivery.provider,
        "status": delivery.status,
        "outcome": delivery.outcome,
        "attempt": delivery.delivery_attempt,
        "url": delivery.url,
        "body": _parsed(raw.get("request")),
        "response": _parsed(raw.get("response")),
    }


@check("logs")
def logs(world: World, pattern: Pattern, within_step: bool) -> list[Comparison]:
    """What the application logged; its structured fields stand beside level, logger and message."""
    elements = [_Logged(kept.raw) for kept in world.recorder.kept(records.Log, _step(world, within_step))]
    refuse_unlike({key for kept in world.recorder.kept(records.Log) for key in kept.raw}, pattern)
    return Quantified(elements, hold(world.scope, world.clock()), "logs", world.scope, world.clock()).compare(pattern)


class _Logged(dict[str, Any]):
    """A log record; under `text` it is found as a whole, without being shown twice."""

    def get(self, key: str, default: Any = None) -> Any:
        if key == "text" and "text" not in self:
            return json.dumps(self, default=str, ensure_ascii=False)
        return super().get(key, default)


def _glob(world: World, name: str) -> Hold:
    """An element is held as a map, or as text: `GET /scheduled_events/*`, `invitee.created`."""
    plain = hold(world.scope, world.clock())

    def compared(pattern: Pattern, element: Element, path: str) -> list[Comparison]:
        if isinstance(pattern, Literal) and isinstance(pattern.value, str):
            actual = str(element[name])
            passed = fnmatchcase(actual, pattern.value) or equal(pattern.value, actual)
            return [Comparison(path, "text", pattern.value, actual, passed, pattern.position)]
        return plain(pattern, element, path)

    return compared


def _parsed(text: str | None) -> Any:
    """A body as checks see it: JSON, else a form, else text."""
    if not text:
        return None
    try:
        return parse(text)
    except ValueError:
        return dict(parse_qsl(text, keep_blank_values=True)) or text


def _step(world: World, within_step: bool) -> int | None:
    return world.recorder.step if within_step else None
