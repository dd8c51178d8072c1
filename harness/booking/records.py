"""Rows as frozen records: what the rest of the flow reasons about.

Field names are those of the columns in snake case; times are naive UTC as PostgreSQL stores them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

__all__ = ["Booking", "SessionType", "changed"]


@dataclass(frozen=True, slots=True)
class SessionType:
    """A session type as the rules need it."""

    id: str
    builder_id: str
    title: str
    description: str | None
    duration_minutes: int
    price: Decimal
    currency: str
    is_active: bool
    color: str | None
    max_participants: int | None
    requires_auth: bool
    display_order: int
    event_type_category: str | None
    calendly_event_type_id: str | None
    calendly_event_type_uri: str | None
    builder_settings: Mapping[str, Any] | None = None
    builder_name: str | None = None

    @property
    def is_free(self) -> bool:
        """R15: payment is asked for exactly when the price is above zero."""
        return self.price <= 0

    @property
    def amount(self) -> Decimal:
        """What a booking of it costs: a free one nothing, also where the price lies below zero (DOMAIN.md 4)."""
        return max(self.price, Decimal(0))

    @property
    def is_group(self) -> bool:
        """Several invitees may share one event."""
        return (self.max_participants or 1) > 1


@dataclass(frozen=True, slots=True)
class Booking:
    """One row of `"Booking"`."""

    id: str
    builder_id: str
    client_id: str | None
    session_type_id: str | None
    title: str
    description: str | None
    start_time: datetime
    end_time: datetime
    status: str
    payment_status: str
    amount: Decimal | None
    stripe_session_id: str | None
    client_timezone: str | None
    builder_timezone: str | None
    pathway: str | None
    custom_question_response: Any
    calendly_event_id: str | None
    calendly_event_uri: str | None
    calendly_invitee_uri: str | None
    current_state: str | None
    state_data: Mapping[str, Any] | None = field(repr=False)
    last_transition: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def data(self) -> Mapping[str, Any]:
        """`stateData`, empty when the row has none."""
        return self.state_data if isinstance(self.state_data, Mapping) else {}

    @property
    def is_free(self) -> bool:
        """Nothing is to be paid for it."""
        return self.amount is None or self.amount <= 0


def changed(booking: Booking, values: Mapping[str, Any]) -> Booking:
    """A copy of `booking` with `values` (attribute names) set."""
    return replace(booking, **values)
