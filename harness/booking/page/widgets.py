"""Where Calendly's widget of each session is: Calendly's API says so, and the answer is kept for a while."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from harness.booking.calendly_client import CalendlyRefused
from harness.booking.calendly_uris import last_segment
from harness.booking.context import Context
from harness.booking.page.policy import origin_of
from harness.booking.refusals import Refusal

__all__ = ["Widgets"]

KEPT = timedelta(minutes=15)


class Widgets:
    """The scheduling pages of event types, by the URI of the event type."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._origin = origin_of(context.settings.calendly_embed_base)
        self._kept: dict[str, tuple[datetime, str]] = {}

    def of(self, offered: dict[str, Any]) -> dict[str, str]:
        """Session type id → address of its widget, for every session of `offered` (the body of session-types).

        A session without one is left out, and so is what Calendly could not be asked about.
        """
        found: dict[str, str] = {}
        for group in offered["sessionTypes"].values():
            for session in group:
                try:
                    address = self._address(session["calendlyEventTypeUri"])
                except Refusal:  # Calendly does not answer: asking for the others would only take longer
                    return found
                if address:
                    found[session["id"]] = address
        return found

    def _address(self, uri: str | None) -> str | None:
        if not uri:
            return None
        now = self._context.now()
        kept = self._kept.get(uri)
        if kept and now - kept[0] < KEPT:
            return kept[1]
        address = self._ask(uri)
        if address:
            self._kept[uri] = (now, address)
        return address

    def _ask(self, uri: str) -> str | None:
        """Only an address at the widget's own origin can be shown, and believed (F04)."""
        try:
            address = self._context.calendly.event_type(last_segment(uri)).get("scheduling_url")
        except CalendlyRefused:
            return None
        return address if isinstance(address, str) and origin_of(address) == self._origin else None
