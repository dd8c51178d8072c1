"""Reading Calendly's webhooks (W02): the flat v2 invitee of CALENDLY.md 4, as one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .answers import BookingIds
from .calendly_uris import CANONICAL, InviteeUri, invitee_uri
from .confirmation import read_scheduled, text_or_none
from .instants import parse_instant
from .refusals import Refusal, invalid
from .rows import Scheduled

__all__ = ["CANCELED", "CREATED", "KNOWN", "NO_SHOW", "NO_SHOW_REMOVED", "CalendlyReader", "News"]

CREATED, CANCELED = "invitee.created", "invitee.canceled"
NO_SHOW, NO_SHOW_REMOVED = "invitee_no_show.created", "invitee_no_show.deleted"
KNOWN = (CREATED, CANCELED, NO_SHOW, NO_SHOW_REMOVED)


@dataclass(frozen=True, slots=True)
class News:
    """What one delivery says. `named` are the booking ids in it, from the answer and from utm_content, in that order."""

    event: str
    key: str
    occurred_at: datetime
    invitee: InviteeUri
    scheduled: Scheduled
    named: tuple[str, ...] = ()
    old_invitee_uri: str | None = None
    new_invitee_uri: str | None = None
    is_rescheduled: bool = False
    canceled_by: str | None = None
    reason: str | None = field(default=None, repr=False)

    @property
    def invitee_uris(self) -> tuple[str, ...]:
        """The invitees whose booking this is about: itself and, in a reschedule, the one before or after it."""
        return tuple(uri for uri in (self.invitee.uri, self.old_invitee_uri, self.new_invitee_uri) if uri)


class CalendlyReader:
    """Reads envelopes."""

    def event(self, envelope: Mapping[str, Any]) -> tuple[str, datetime]:
        """The name of the event and when Calendly sent it. Raises 400."""
        name, created = envelope.get("event"), envelope.get("created_at")
        if not isinstance(name, str) or not isinstance(created, str) or not name:
            raise unreadable()
        try:
            return name[:100], parse_instant(created)
        except ValueError:
            raise unreadable() from None

    def read(self, envelope: Mapping[str, Any], ids: BookingIds, base: str = CANONICAL) -> News:
        """The news in an envelope of a known event. Raises 400 when it is not of the v2 form."""
        event, occurred_at = self.event(envelope)
        payload = envelope.get("payload")
        if not isinstance(payload, Mapping):
            raise unreadable()
        invitee = self._uri(payload.get("uri"), base)
        scheduled = self._scheduled(invitee, payload)
        cancellation = payload.get("cancellation")
        cancellation = cancellation if isinstance(cancellation, Mapping) else {}
        return News(
            event=event,
            key=self.key(event, invitee.uri, occurred_at),
            occurred_at=occurred_at,
            invitee=invitee,
            scheduled=scheduled,
            named=self.named(scheduled, ids),
            old_invitee_uri=self._optional(payload.get("old_invitee"), base),
            new_invitee_uri=self._optional(payload.get("new_invitee"), base),
            is_rescheduled=payload.get("rescheduled") is True,
            canceled_by=text_or_none(cancellation.get("canceler_type")),
            reason=text_or_none(cancellation.get("reason")),
        )

    def named(self, scheduled: Scheduled, ids: BookingIds) -> tuple[str, ...]:
        """The booking ids that the invitee carries (W03)."""
        found = (ids.from_answers(scheduled.answers), ids.as_id(scheduled.utm_content))
        return tuple(dict.fromkeys(booking_id for booking_id in found if booking_id))

    def key(self, event: str, uri: str, occurred_at: datetime) -> str:
        """What makes two deliveries the same: no id is sent (CALENDLY.md 6.2). A no-show can come and go again."""
        again = f" {occurred_at.isoformat()}" if event in (NO_SHOW, NO_SHOW_REMOVED) else ""
        return f"{event} {uri}{again}"

    def _uri(self, text: object, base: str) -> InviteeUri:
        found = invitee_uri(text, base) if isinstance(text, str) else None
        if found is None:
            raise unreadable()
        return found

    def _optional(self, text: object, base: str) -> str | None:
        return None if text is None else self._uri(text, base).uri

    def _scheduled(self, invitee: InviteeUri, payload: Mapping[str, Any]) -> Scheduled:
        event = payload.get("scheduled_event")
        if not isinstance(event, dict):
            raise unreadable()
        try:
            return read_scheduled(invitee, event, dict(payload))
        except Refusal:
            raise unreadable() from None


def unreadable() -> Refusal:
    """400: signed by Calendly, and not what we know how to read; it will be sent again."""
    return invalid("unreadable_delivery", "This delivery is not of the form that is read here.")
