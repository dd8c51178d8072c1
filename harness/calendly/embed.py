"""The embed's messages: `{event, payload}`, posted to the parent window (CALENDLY.md 5)."""

from __future__ import annotations

from typing import Any

__all__ = ["MESSAGES", "scheduled_message"]

MESSAGES = (
    "calendly.profile_page_viewed",
    "calendly.event_type_viewed",
    "calendly.date_and_time_selected",
    "calendly.event_scheduled",
    "calendly.page_height",
)


def scheduled_message(event_uri: str, invitee_uri: str) -> dict[str, Any]:
    """Two URIs and nothing else: no time, no name, no e-mail."""
    return {
        "event": "calendly.event_scheduled",
        "payload": {"event": {"uri": event_uri}, "invitee": {"uri": invitee_uri}},
    }
