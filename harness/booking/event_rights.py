"""Which events a visitor may fire, and what they may bring (B11, B12; Z4, Z5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .machine import EventFacts, Machine, Who
from .refusals import forbidden, invalid

__all__ = ["EventRights"]


class EventRights:
    """Decides before the booking is even looked at."""

    def check(self, machine: Machine, event: str, data: Mapping[str, Any]) -> None:
        """Raises 400 for an unknown event or data that it does not own, 403 for an event of the system."""
        facts = machine.events.get(event)
        if facts is None:
            raise invalid("unknown_event", "There is no such event.")
        self.check_who(facts)
        self.check_data(facts, data)

    def check_who(self, facts: EventFacts) -> None:
        """Events of the system are refused from everybody outside (B11)."""
        if Who.VISITOR not in facts.by:
            raise forbidden("system_event", "Only the system fires this event.")

    def check_data(self, facts: EventFacts, data: Mapping[str, Any]) -> None:
        """Never status, payment, owner or ids: only what the event owns (B12)."""
        if set(data) - facts.owns:
            owned = ", ".join(sorted(facts.owns)) or "nothing"
            raise invalid("data_not_allowed", f"With this event, data may hold: {owned}.")
