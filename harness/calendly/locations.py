"""Where a meeting takes place: from an event type's choice (`kind`) to a booked event's location (`type`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.calendly.entities import EventType
from harness.calendly.refusals import Refusal, invalid
from harness.provider import Ids

__all__ = ["LOCATION_KINDS", "NEEDS_TEXT", "booked_location", "chosen_location"]

LOCATION_KINDS = (
    "ask_invitee", "custom", "google_conference", "gotomeeting_conference", "inbound_call",
    "microsoft_teams_conference", "outbound_call", "physical", "webex_conference", "zoom_conference",
)  # fmt: skip
NEEDS_TEXT = frozenset({"physical", "outbound_call", "ask_invitee", "custom"})
Shown = dict[str, Any]


def chosen_location(kind: EventType, asked: Mapping[str, Any] | None, *, strict: bool) -> Mapping[str, Any] | None:
    """The event type's location that `asked` means. `strict` (the API) refuses what disagrees with the event type.

    A person at the booking page need not choose: the first configured place is taken.
    """
    places = kind.locations or ()
    if asked is None:
        if strict and places and kind.pooling_type != "round_robin":
            raise invalid("location", "is missing")
        return places[0] if places else None
    match = next((place for place in places if place["kind"] == asked.get("kind")), None)
    if match is None:
        raise invalid("location.kind", "is not a location of this event type")
    text = asked.get("location")
    if strict and asked["kind"] in NEEDS_TEXT and not text:
        raise invalid("location.location", "is missing")
    return {**match, **({"location": text} if text else {})}


def booked_location(
    place: Mapping[str, Any] | None, *, event_id: str, ids: Ids, public_url: str, meet_ready: bool
) -> Shown | None:
    """The location of a booked event (CALENDLY.md 2.4), with what real traffic shows for Zoom and Meet."""
    if place is None:
        return None
    kind, text = place["kind"], place.get("location")
    if kind in ("physical", "inbound_call"):
        return {
            "type": kind,
            "location": text or place.get("phone_number"),
            "additional_info": place.get("additional_info"),
        }
    if kind in ("outbound_call", "custom", "ask_invitee"):
        return {"type": kind, "location": text}
    if kind == "zoom_conference":
        return _zoom(ids)
    if kind == "google_conference":
        url = f"{public_url}/events/{event_id}/google_meet"
        return {"type": kind, "status": "pushed" if meet_ready else "processing", "join_url": url}
    if kind in LOCATION_KINDS:
        return _conference(kind, ids)
    raise Refusal(500)


def _zoom(ids: Ids) -> Shown:
    number = ids.number(80_000_000_000, 89_999_999_999)
    password = ids.text(6, "0123456789")
    return {
        "type": "zoom",
        "status": "pushed",
        "join_url": f"https://us02web.zoom.us/j/{number}?pwd={ids.text(32)}",
        "data": {
            "id": number,
            "settings": {"global_dial_in_numbers": []},
            "extra": None,
            "password": password,
        },
    }


def _conference(kind: str, ids: Ids) -> Shown:
    hosts = {
        "microsoft_teams_conference": "https://teams.microsoft.com/l/meetup-join/",
        "gotomeeting_conference": "https://global.gotomeeting.com/join/",
        "webex_conference": "https://meet.webex.com/meet/",
    }
    identifier = ids.text(12)
    return {"type": kind, "status": "pushed", "join_url": hosts[kind] + identifier, "data": {"id": identifier}}
