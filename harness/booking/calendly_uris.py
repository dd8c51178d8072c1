"""Calendly's URIs: resources are known by the last segments of theirs (CALENDLY.md 1 and 5)."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["CANONICAL", "InviteeUri", "event_uri", "invitee_uri", "last_segment"]

CANONICAL = "https://api.calendly.com"
SEGMENT = r"[A-Za-z0-9_-]{1,64}"
HOST = r"https?://[A-Za-z0-9.:-]{1,255}(?:/api/v2)?"
EVENT = re.compile(rf"(?P<base>{HOST})/scheduled_events/(?P<event>{SEGMENT})")
INVITEE = re.compile(rf"(?P<base>{HOST})/scheduled_events/(?P<event>{SEGMENT})/invitees/(?P<invitee>{SEGMENT})")
OLD_BASE = "https://calendly.com/api/v2"


@dataclass(frozen=True, slots=True)
class InviteeUri:
    """An invitee's URI in its one spelling, and the ids in it."""

    uri: str
    event_uri: str
    event_id: str
    invitee_id: str


def event_uri(text: str, base: str = CANONICAL) -> str | None:
    """`text` as the URI of a scheduled event at Calendly in its one spelling, else None."""
    match = EVENT.fullmatch(text)
    return f"{CANONICAL}/scheduled_events/{match['event']}" if match and _is_known(match["base"], base) else None


def invitee_uri(text: str, base: str = CANONICAL) -> InviteeUri | None:
    """`text` as the URI of an invitee at Calendly, else None."""
    match = INVITEE.fullmatch(text)
    if not match or not _is_known(match["base"], base):
        return None
    event = f"{CANONICAL}/scheduled_events/{match['event']}"
    return InviteeUri(f"{event}/invitees/{match['invitee']}", event, match["event"], match["invitee"])


def last_segment(uri: str) -> str:
    """The id at the end of a resource's URI."""
    return uri.rstrip("/").rpartition("/")[2]


def _is_known(found: str, base: str) -> bool:
    return found in (CANONICAL, OLD_BASE, base.rstrip("/"))
