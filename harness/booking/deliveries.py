"""Webhooks that were taken (W04, W05): seen once, kept until their booking comes, or kept for a person to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from .models import WEBHOOK_DELIVERY as D

__all__ = ["APPLIED", "FLAGGED", "IGNORED", "PARKED", "Deliveries", "Outcome", "Parked"]

APPLIED, PARKED, FLAGGED, IGNORED = "applied", "parked", "flagged", "ignored"

TAKE = insert(D).on_conflict_do_nothing(index_elements=[D.c.provider, D.c.key]).returning(D.c.id)
WAITING = (
    select(D.c.id, D.c.payload)
    .where(
        D.c.outcome == PARKED,
        or_(
            D.c.namedBookingId == bindparam("booking"),
            D.c.inviteeUri == bindparam("invitee"),
            D.c.payload["payload"]["old_invitee"].astext == bindparam("invitee"),
        ),
    )
    .order_by(D.c.occurredAt, D.c.event.desc(), D.c.id)
    .with_for_update()
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a delivery; `reason` is one of our own words."""

    outcome: str
    reason: str | None = None
    booking_id: str | None = None


@dataclass(frozen=True, slots=True)
class Parked:
    """A delivery that waits, with the envelope it brought."""

    id: str
    envelope: Mapping[str, Any]


class Deliveries:
    """The table of deliveries. A delivery counts as seen when the transaction that took it commits, not before."""

    def take(
        self,
        connection: Connection,
        *,
        delivery_id: str,
        provider: str,
        key: str,
        event: str,
        occurred_at: datetime,
        now: datetime,
    ) -> bool:
        """Whether this is the first time; a second one at the same moment waits for the first to end."""
        values = {
            "id": delivery_id,
            "provider": provider,
            "key": key,
            "event": event,
            "outcome": IGNORED,
            "occurredAt": occurred_at,
            "receivedAt": now,
        }
        return connection.execute(TAKE, values).first() is not None

    def conclude(
        self,
        connection: Connection,
        delivery_id: str,
        outcome: Outcome,
        now: datetime,
        *,
        named: str | None = None,
        invitee: str | None = None,
        envelope: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes what became of it. What it said is kept only while somebody still has to act on it."""
        waits = outcome.outcome in (PARKED, FLAGGED)
        values: dict[str, Any] = {
            "outcome": outcome.outcome,
            "reason": outcome.reason,
            "bookingId": outcome.booking_id,
            "payload": dict(envelope) if waits and envelope is not None else None,
            "appliedAt": now if outcome.outcome == APPLIED else None,
        }
        if waits and (named or invitee):
            values |= {"namedBookingId": named, "inviteeUri": invitee}
        connection.execute(update(D).where(D.c.id == delivery_id), values)

    def waiting(self, connection: Connection, booking_id: str, invitee_uri: str | None) -> Sequence[Parked]:
        """The deliveries that wait for this booking, in the order in which they happened."""
        rows = connection.execute(WAITING, {"booking": booking_id, "invitee": invitee_uri})
        return [Parked(row.id, row.payload or {}) for row in rows]

    def forget(self, connection: Connection, before: datetime) -> int:
        """Ends the waiting of what came before then. The number of deliveries."""
        waiting = update(D).where(D.c.outcome == PARKED, D.c.receivedAt <= before)
        return connection.execute(waiting, {"outcome": IGNORED, "reason": "never_came", "payload": None}).rowcount
