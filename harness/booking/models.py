"""The tables with production's names (DOMAIN.md 3); the schema itself comes from SQL migrations only.

Tables of SQLAlchemy Core, which is all that the store uses: its object mapper would take a seventh of a run's imports. Columns
have their database names. Times are UTC without zone.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Enum,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

__all__ = [
    "BOOKING",
    "BOOKING_TRANSITION",
    "BUILDER_PROFILE",
    "METADATA",
    "REFUND",
    "SESSION_TYPE",
    "USED_TOKEN",
    "USER",
    "WEBHOOK_DELIVERY",
]

Cascade: dict[str, Any] = {"onupdate": "CASCADE", "ondelete": "CASCADE"}
SetNull: dict[str, Any] = {"onupdate": "CASCADE", "ondelete": "SET NULL"}


METADATA = MetaData()
"""All of them; a test compares it with the migrated schema."""


def _time(name: str, *, required: bool = True, default: bool = False) -> Column[Any]:
    stamp = TIMESTAMP(precision=3)
    return Column(name, stamp, nullable=not required, server_default=text("CURRENT_TIMESTAMP") if default else None)


def _text(name: str, *, required: bool = False, **options: Any) -> Column[Any]:
    return Column(name, Text, nullable=not required, **options)


def _reference(name: str, column: str, options: dict[str, Any], *, required: bool = True) -> Column[Any]:
    return Column(name, Text, ForeignKey(column, **options), nullable=not required)


USER = Table(
    "User",
    METADATA,
    Column("id", Text, primary_key=True),
    _text("name"),
    _text("email", required=True),
    _text("clerkId"),
    Column(
        "roles",
        ARRAY(Enum("CLIENT", "BUILDER", "ADMIN", "SUBSCRIBER", name="UserRole", create_type=False)),
        server_default=text("""ARRAY['CLIENT']::"UserRole"[]"""),
    ),
    _time("createdAt", default=True),
    _time("updatedAt"),
    Index("User_email_key", "email", unique=True),
    Index("User_clerkId_key", "clerkId", unique=True),
)
"""A person who can sign in; `clerkId` is the sign-in provider's id, never a foreign key (Z2)."""

BUILDER_PROFILE = Table(
    "BuilderProfile",
    METADATA,
    Column("id", Text, primary_key=True),
    _reference("userId", "User.id", Cascade),
    _text("slug"),
    _text("displayName"),
    Column("schedulingSettings", JSONB),
    _time("createdAt", default=True),
    _time("updatedAt"),
    Index("BuilderProfile_userId_key", "userId", unique=True),
    Index("BuilderProfile_slug_key", "slug", unique=True),
)
"""Who offers sessions; belongs to one user."""

SESSION_TYPE = Table(
    "SessionType",
    METADATA,
    Column("id", Text, primary_key=True),
    _reference("builderId", "BuilderProfile.id", Cascade),
    _text("title", required=True),
    _text("description"),
    Column("durationMinutes", Integer, nullable=False),
    Column("price", Numeric(10, 2), nullable=False),
    _text("currency", required=True, server_default=text("'GBP'")),
    Column("isActive", Boolean, nullable=False, server_default=text("true")),
    _text("color"),
    Column("maxParticipants", Integer),
    Column("requiresAuth", Boolean, nullable=False, server_default=text("true")),
    Column("displayOrder", Integer, nullable=False, server_default=text("999")),
    _text("eventTypeCategory"),
    _text("calendlyEventTypeId"),
    _text("calendlyEventTypeUri"),
    _time("createdAt", default=True),
    _time("updatedAt"),
)
"""Something that can be booked."""

BOOKING = Table(
    "Booking",
    METADATA,
    Column("id", Text, primary_key=True),
    _reference("builderId", "BuilderProfile.id", Cascade),
    _reference("clientId", "User.id", Cascade, required=False),
    _reference("sessionTypeId", "SessionType.id", SetNull, required=False),
    _text("title", required=True),
    _text("description"),
    _time("startTime"),
    _time("endTime"),
    Column(
        "status",
        Enum("PENDING", "CONFIRMED", "CANCELLED", "COMPLETED", name="BookingStatus", create_type=False),
        nullable=False,
        server_default=text("""'PENDING'::"BookingStatus\""""),
    ),
    Column(
        "paymentStatus",
        Enum("UNPAID", "PAID", "REFUNDED", "CANCELLED", name="PaymentStatus", create_type=False),
        nullable=False,
        server_default=text("""'UNPAID'::"PaymentStatus\""""),
    ),
    Column("amount", Numeric(10, 2)),
    _text("stripeSessionId"),
    _text("clientTimezone"),
    _text("builderTimezone"),
    _text("pathway"),
    Column("customQuestionResponse", JSONB(none_as_null=True)),
    _text("calendlyEventId"),
    _text("calendlyEventUri"),
    _text("calendlyInviteeUri"),
    _text("currentState"),
    Column("stateData", JSONB(none_as_null=True)),
    _time("lastTransition", required=False),
    _time("createdAt", default=True),
    _time("updatedAt"),
    Index(
        "Booking_active_calendlyInviteeUri_key",
        "calendlyInviteeUri",
        unique=True,
        postgresql_where=text("""status <> 'CANCELLED'::"BookingStatus\""""),
    ),
    Index("Booking_builderId_startTime_idx", "builderId", "startTime"),
    Index("Booking_clientId_idx", "clientId"),
)
"""One booking and where its state machine stands. `clientId` is NULL for an anonymous visitor (R04)."""

BOOKING_TRANSITION = Table(
    "BookingTransition",
    METADATA,
    Column("id", BigInteger, Identity(always=False), primary_key=True),
    _reference("bookingId", "Booking.id", Cascade),
    _text("fromState", required=True),
    _text("event", required=True),
    _text("toState", required=True),
    _text("actor", required=True),
    _time("createdAt"),
    Index("BookingTransition_bookingId_id_idx", "bookingId", "id"),
)
"""One transition of one booking (B18)."""

WEBHOOK_DELIVERY = Table(
    "WebhookDelivery",
    METADATA,
    Column("id", Text, primary_key=True),
    _text("provider", required=True),
    _text("key", required=True),
    _text("event", required=True),
    _text("outcome", required=True),
    _text("reason"),
    _reference("bookingId", "Booking.id", SetNull, required=False),
    _text("namedBookingId"),
    _text("inviteeUri"),
    Column("payload", JSONB(none_as_null=True)),
    _time("occurredAt"),
    _time("receivedAt"),
    _time("appliedAt", required=False),
    CheckConstraint("outcome IN ('applied', 'parked', 'flagged', 'ignored')", "WebhookDelivery_outcome_check"),
    Index("WebhookDelivery_provider_key_key", "provider", "key", unique=True),
    Index("WebhookDelivery_bookingId_idx", "bookingId"),
    Index(
        "WebhookDelivery_parked_namedBookingId_idx",
        "namedBookingId",
        postgresql_where=text("outcome = 'parked'::text"),
    ),
    Index("WebhookDelivery_parked_inviteeUri_idx", "inviteeUri", postgresql_where=text("outcome = 'parked'::text")),
)
"""One webhook that was taken: applied, parked until its booking comes, flagged for a person, or ignored."""

REFUND = Table(
    "Refund",
    METADATA,
    Column("id", Text, primary_key=True),
    _reference("bookingId", "Booking.id", Cascade),
    Column("amount", Numeric(10, 2), nullable=False),
    _text("currency", required=True),
    Column("percent", Integer, nullable=False),
    _text("reason", required=True),
    _text("status", required=True),
    _text("paymentIntent"),
    _text("stripeRefundId"),
    _time("createdAt"),
    _time("updatedAt"),
    CheckConstraint("status IN ('required', 'processing', 'succeeded', 'failed')", "Refund_status_check"),
    Index("Refund_bookingId_idx", "bookingId"),
    Index("Refund_stripeRefundId_key", "stripeRefundId", unique=True),
)
"""Money owed back after a cancellation (W12), and how far it has got."""

USED_TOKEN = Table(
    "UsedToken",
    METADATA,
    Column("id", Text, primary_key=True),
    _reference("bookingId", "Booking.id", Cascade),
    _time("usedAt"),
    Index("UsedToken_bookingId_idx", "bookingId"),
)
"""A recovery token that was used (B17)."""
