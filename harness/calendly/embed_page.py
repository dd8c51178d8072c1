"""The embed's page, served from an origin of its own: day and time, details, the real messages (CALENDLY.md 5).

/embed/{user}                       the user's event types
/embed/{user}/{slug}                book; /times and /book beside it are the page's own
/embed/cancellations/{invitee}      cancel; /cancel beside it
/embed/reschedulings/{invitee}      move; posts no event_scheduled, as the real one
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from harness.calendly.entities import EventType, Invitee
from harness.calendly.parameters import is_email, is_timezone
from harness.calendly.rendering import TRACKING_KEYS
from harness.calendly.simulator import Simulator
from harness.errors import InputError
from harness.provider import Request, Response
from harness.provider.times import parse_instant, seconds

__all__ = ["PREFIX", "embed_page"]

PREFIX = "/embed/"
_DAYS_AHEAD = 60
Body = Mapping[str, Any]


class _Page(Struct, frozen=True):
    """What a path of the embed means."""

    mode: str
    path: str
    kind: EventType
    invitee: Invitee | None
    act: str
    link: str | None = None


def embed_page(simulator: Simulator, request: Request) -> Response | None:
    """The answer of the embed, or None when the path is not its own."""
    if not request.path.startswith(PREFIX):
        return None
    with simulator.lock:
        profile = _profile(simulator, request.path.removeprefix(PREFIX).strip("/"))
        if profile is not None:
            return _html(200, profile)
        page = _find(simulator, request.path)
        if page is None:
            return _html(404, "<!doctype html><title>Not found</title><h1>This page does not exist</h1>")
        try:
            return _answer(simulator, page, request)
        except InputError as error:
            return Response.of_json(409, {"message": error.what})


def _answer(simulator: Simulator, page: _Page, request: Request) -> Response:
    if request.method == "GET" and not page.act:
        return _html(200, _document(simulator, page))
    if request.method == "GET" and page.act == "times":
        return Response.of_json(200, {"times": _times(simulator, page.kind, request.query)})
    kind = (request.header("Content-Type") or "").partition(";")[0]
    if request.method != "POST" or kind != "application/json":
        return Response.of_json(405, {"message": "POST JSON."})
    act = _ACTS.get((page.mode, page.act))
    if act is None:
        return Response.of_json(404, {"message": "This page has no such action."})
    return Response.of_json(201, act(simulator, page, _submitted(request)))


def _profile(simulator: Simulator, slug: str) -> str | None:
    """The page of a user: a link to each event type that is not secret."""
    name = simulator.user_name(slug)
    if name is None:
        return None
    links = "".join(
        f'<li><a href="{PREFIX}{slug}/{kind.slug}">{html.escape(kind.name)}</a></li>'
        for kind in simulator.public_event_types(slug)
    )
    values = {"TITLE": html.escape(f"{name} - Calendly (simulated)"), "NAME": html.escape(name), "TYPES": links}
    return _filled("profile.html", {**values, "STYLE": _file("embed.css")})


def _find(simulator: Simulator, path: str) -> _Page | None:
    parts = path.removeprefix(PREFIX).strip("/").split("/")
    link = parts.pop(2) if parts[0] == "d" and len(parts) > 2 else None
    if len(parts) not in (2, 3):
        return None
    owner, name, act = (*parts, "")[:3]
    own = f"{PREFIX}{owner}/{name}" + (f"/{link}" if link else "")
    mode = {"cancellations": "cancel", "reschedulings": "reschedule"}.get(owner)
    if mode is not None:
        invitee = simulator.find_invitee(name)
        return _Page(mode, own, simulator.event_type_of(invitee), invitee, act) if invitee else None
    found = simulator.find_event_type(owner, name)
    return _Page("schedule", own, found, None, act, name if link else None) if found else None


def _document(simulator: Simulator, page: _Page) -> str:
    kind = page.kind
    done = {"schedule": "You are scheduled", "reschedule": "Your event is rescheduled", "cancel": "Canceled"}[page.mode]
    description = f"<p>{html.escape(kind.description_plain)}</p>" if kind.description_plain else ""
    values = {
        "TITLE": html.escape(f"{kind.name} - Calendly (simulated)"),
        "STYLE": _file("embed.css"),
        "HOST": html.escape(simulator.host_name(kind)),
        "NAME": html.escape(kind.name),
        "DURATION": str(kind.duration),
        "DESCRIPTION": description,
        "DONE": done,
        "CONFIG": _safe_json(_config(simulator, page)),
        "SCRIPT": _file("embed.js"),
    }
    return _filled("embed.html", values)


def _config(simulator: Simulator, page: _Page) -> dict[str, Any]:
    now = simulator.clock()
    starts = simulator.free_starts(simulator.event_type_uri(page.kind), now, now + timedelta(days=_DAYS_AHEAD))
    first = starts[0] if starts else now
    questions = [q for q in page.kind.questions if q.enabled]
    return {
        "mode": page.mode,
        "path": page.path,
        "names": page.kind.names,
        "group": page.kind.capacity > 1,
        "today": f"{now:%Y-%m-%d}",
        "first_day": f"{first:%Y-%m-%d}",
        "tracking": list(TRACKING_KEYS),
        "questions": [
            {"name": q.name, "type": q.type, "required": q.required, "answer_choices": list(q.answer_choices)}
            for q in questions
        ],
    }


def _times(simulator: Simulator, kind: EventType, query: Mapping[str, str]) -> list[dict[str, Any]]:
    zone_name = query.get("timezone", "UTC")
    try:
        day = date.fromisoformat(query.get("date", ""))
    except ValueError:
        raise InputError("That is not a date.") from None
    zone = ZoneInfo(zone_name if is_timezone(zone_name) else "UTC")
    opens = datetime.combine(day, time(), zone).astimezone(UTC)
    uri = simulator.event_type_uri(kind)
    free = simulator.free_starts(uri, max(opens, simulator.clock()), opens + timedelta(days=1))
    return [
        {"start_time": seconds(moment), "invitees_remaining": simulator.places_left(kind, moment)} for moment in free
    ]


def _book(simulator: Simulator, page: _Page, body: Body) -> Body:
    kind, location, guests = page.kind, body.get("location"), body.get("guests") or []
    if not isinstance(guests, list) or not all(isinstance(guest, str) and is_email(guest) for guest in guests):
        raise InputError("A guest is an e-mail address.")
    if location is not None and not isinstance(location, str):
        raise InputError("A location is a text.")
    place = {"kind": kind.locations[0]["kind"], "location": location} if location and kind.locations else None
    made = simulator.schedule(
        simulator.event_type_uri(kind),
        _start(body),
        _texts(body, "invitee"),
        answers=_texts(body, "answers"),
        utm=_texts(body, "utm"),
        guests=guests,
        location=place,
        check="offered",
    )
    if page.link:
        simulator.use_link(page.link)
    return {"message": made.message, "summary": _summary(kind, made.start)}


def _submitted(request: Request) -> Body:
    try:
        body = json.loads(request.body)
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise InputError("The page sent what it should not.") from None
    if not isinstance(body, dict):
        raise InputError("The page sent what it should not.")
    return body


def _texts(body: Body, key: str) -> dict[str, str]:
    given = body.get(key) or {}
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise InputError(f"The page sent no texts as {key}.")
    return given


def _move(simulator: Simulator, page: _Page, body: Body) -> Body:
    """The real embed posts no event_scheduled for a rescheduling."""
    moved = simulator.reschedule(simulator.uri_of(_whose(page)), _start(body))
    return {"message": None, "summary": _summary(page.kind, moved.start)}


def _cancel(simulator: Simulator, page: _Page, body: Body) -> Body:
    reason = body.get("reason") or None
    if reason is not None and not isinstance(reason, str):
        raise InputError("A reason is a text.")
    simulator.cancel(simulator.uri_of(_whose(page)), reason=reason)
    return {"message": None, "summary": "The event is canceled."}


def _whose(page: _Page) -> Invitee:
    if page.invitee is None:
        raise InputError("This page belongs to no booking.")
    return page.invitee


def _start(body: Body) -> datetime:
    moment = parse_instant(str(body.get("start_time")))
    if moment is None:
        raise InputError("Choose a time first.")
    return moment


def _summary(kind: EventType, start: datetime) -> str:
    return f"{kind.name}, {start:%A %d %B %Y, %H:%M} UTC"


def _html(status: int, document: str) -> Response:
    return Response(
        status, {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"}, document.encode()
    )


def _safe_json(value: Any) -> str:
    return json.dumps(value).replace("<", "\\u003c")


def _filled(template: str, values: Mapping[str, str]) -> str:
    """One pass, so that a value which looks like a placeholder stays as it is."""
    return re.sub(r"__([A-Z]+)__", lambda found: values.get(found[1], found[0]), _file(template))


@cache
def _file(name: str) -> str:
    return (resources.files("harness.calendly") / "pages" / name).read_text(encoding="utf-8")


_ACTS: dict[tuple[str, str], Callable[[Simulator, _Page, Body], Body]] = {
    ("schedule", "book"): _book,
    ("reschedule", "book"): _move,
    ("cancel", "cancel"): _cancel,
}
