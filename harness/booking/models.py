"""The tables with production's names (DOMAIN.md 3); the schema itself comes from SQL migrations only.

Columns are declared by their database name and reached by a snake_case key. Times are UTC without zone.
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
    Numeric,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase

__all__ = [
    "Base",
    "Booking",
    "BookingTransition",
    "BuilderProfile",
    "Refund",
    "SessionType",
    "UsedToken",
    "User",
    "WebhookDelivery",
    "table_of",
]

Cascade: dict[str, Any] = {"onupdate": "CASCADE", "ondelete": "CASCADE"}
SetNull: dict[str, Any] = {"onupdate": "CASCADE", "ondelete": "SET NULL"}


class Base(DeclarativeBase):
    """Base of the models; `Base.metadata` is compared with the migrated schema by a test."""


def _time(name: str, *, required: bool = True, default: bool = False) -> Column[Any]:
    stamp = TIMESTAMP(precision=3)
    return Column(name, stamp, nullable=not required, server_default=text("CURRENT_TIMESTAMP") if default else None)


def _text(name: str, *, required: bool = False, **options: Any) -> Column[Any]:
    return Column(name, Text, nullable=not required, **options)


def _reference(name: str, column: str, options: dict[str, Any], *, required: bool = True) -> Column[Any]:
    return Column(name, Text, ForeignKey(column, **options), nullable=not required)


class User(Base):
    """A person who can sign in; `clerkId` is the sign-in provider's id, never a foreign key (Z2)."""

    __tablename__ = "User"
    id = Column("id", Text, primary_key=True)
    name = _text("name")
    email = _text("email", required=True)
    clerk_id = _text("clerkId")
    roles: Column[Any] = Column(
        "roles",
        ARRAY(Enum("CLIENT", "BUILDER", "ADMIN", "SUBSCRIBER", name="UserRole", create_type=False)),
        server_default=text("""ARRAY['CLIENT']::"UserRole"[]"""),
    )
    created_at = _time("createdAt", default=True)
    updated_at = _time("updatedAt")
    __table_args__ = (
        Index("User_email_key", "email", unique=True),
        Index("User_clerkId_key", "clerkId", unique=True),
    )


class BuilderProfile(Base):
    """Who offers sessions; belongs to one user."""

    __tablename__ = "BuilderProfile"
    id = Column("id", Text, primary_key=True)
    user_id = _reference("userId", "User.id", Cascade)
    slug = _text("slug")
    display_name = _text("displayName")
    scheduling_settings = Column("schedulingSettings", JSONB)
    created_at = _time("createdAt", default=True)
    updated_at = _time("updatedAt")
    __table_args__ = (
        Index("BuilderProfile_userId_key", "userId", unique=True),
        Index("BuilderProfile_slug_key", "slug", unique=True),
    )


class SessionType(Base):
    """Something that can be booked."""

    __tablename__ = "SessionType"
    id = Column("id", Text, primary_key=True)
    builder_id = _reference("builderId", "BuilderProfile.id", Cascade)
    title = _text("title", required=True)
    description = _text("description")
    duration_minutes = Column("durationMinutes", Integer, nullable=False)
    price = Column("price", Numeric(10, 2), nullable=False)
    currency = _text("currency", required=True, server_default=text("'GBP'"))
    is_active = Column("isActive", Boolean, nullable=False, server_default=text("true"))
    color = _text("color")
    max_participants = Column("maxParticipants", Integer)
    requires_auth = Column("requiresAuth", Boolean, nullable=False, server_default=text("true"))
    display_order = Column("displayOrder", Integer, nullable=False, server_default=text("999"))
    event_type_category = _text("eventTypeCategory")
    calendly_event_type_id = _text("calendlyEventTypeId")
    calendly_event_type_uri = _text("calendlyEventTypeUri")
    created_at = _time("createdAt", default=True)
    updated_at = _time("updatedAt")


class Booking(Base):
    """One booking and where its state machine stands. `clientId` is NULL for an anonymous visitor (R04)."""

    __tablename__ = "Booking"
    id = Column("id", Text, primary_key=True)
    builder_id = _reference("builderId", "BuilderProfile.id", Cascade)
    client_id = _reference("clientId", "User.id", Cascade, required=False)
    session_type_id = _reference("sessionTypeId", "SessionType.id", SetNull, required=False)
    title = _text("title", required=True)
    description = _text("description")
    start_time = _time("startTime")
    end_time = _time("endTime")
    status: Column[Any] = Column(
        "status",
        Enum("PENDING", "CONFIRMED", "CANCELLED", "COMPLETED", name="BookingStatus", create_type=False),
        nullable=False,
        server_default=text("""'PENDING'::"BookingStatus\""""),
    )
    payment_status: Column[Any] = Column(
        "paymentStatus",
        Enum("UNPAID", "PAID", "REFUNDED", "CANCELLED", name="PaymentStatus", create_type=False),
        nullable=False,
        server_default=text("""'UNPAID'::"PaymentStatus\""""),
    )
    amount = Column("amount", Numeric(10, 2))
    stripe_session_id = _text("stripeSessionId")
    client_timezone = _text("clientTimezone")
    builder_timezone = _text("builderTimezone")
    pathway = _text("pathway")
    custom_question_response = Column("customQuestionResponse", JSONB(none_as_null=True))
    calendly_event_id = _text("calendlyEventId")
    calendly_event_uri = _text("calendlyEventUri")
    calendly_invitee_uri = _text("calendlyInviteeUri")
    current_state = _text("currentState")
    state_data = Column("stateData", JSONB(none_as_null=True))
    last_transition = _time("lastTransition", required=False)
    created_at = _time("createdAt", default=True)
    updated_at = _time("updatedAt")
    __table_args__ = (
        Index(
            "Booking_active_calendlyInviteeUri_key",
            "calendlyInviteeUri",
            unique=True,
            postgresql_where=text("""status <> 'CANCELLED'::"BookingStatus\""""),
        ),
        Index("Booking_builderId_startTime_idx", "builderId", "startTime"),
        Index("Booking_clientId_idx", "clientId"),
    )


class BookingTransition(Base):
    """One transition of one booking (B18)."""

    __tablename__ = "BookingTransition"
    id = Column("id", BigInteger, Identity(always=False), primary_key=True)
    booking_id = _reference("bookingId", "Booking.id", Cascade)
    from_state = _text("fromState", required=True)
    event = _text("event", required=True)
    to_state = _text("toState", required=True)
    actor = _text("actor", required=True)
    created_at = _time("createdAt")
    __table_args__ = (Index("BookingTransition_bookingId_id_idx", "bookingId", "id"),)


class WebhookDelivery(Base):
    """One webhook that was taken: applied, parked until its booking comes, flagged for a person, or ignored."""

    __tablename__ = "WebhookDelivery"
    id = Column("id", Text, primary_key=True)
    provider = _text("provider", required=True)
    key = _text("key", required=True)
    event = _text("event", required=True)
    outcome = _text("outcome", required=True)
    reason = _text("reason")
    booking_id = _reference("bookingId", "Booking.id", SetNull, required=False)
    named_booking_id = _text("namedBookingId")
    invitee_uri = _text("inviteeUri")
    payload = Column("payload", JSONB(none_as_null=True))
    occurred_at = _time("occurredAt")
    received_at = _time("receivedAt")
    applied_at = _time("appliedAt", required=False)
    __table_args__ = (
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


class Refund(Base):
    """Money owed back after a cancellation (W12), and how far it has got."""

    __tablename__ = "Refund"
    id = Column("id", Text, primary_key=True)
    booking_id = _reference("bookingId", "Booking.id", Cascade)
    amount = Column("amount", Numeric(10, 2), nullable=False)
    currency = _text("currency", required=True)
    percent = Column("percent", Integer, nullable=False)
    reason = _text("reason", required=True)
    status = _text("status", required=True)
    payment_intent = _text("paymentIntent")
    stripe_refund_id = _text("stripeRefundId")
    created_at = _time("createdAt")
    updated_at = _time("updatedAt")
    __table_args__ = (
        CheckConstraint("status IN ('required', 'processing', 'succeeded', 'failed')", "Refund_status_check"),
        Index("Refund_bookingId_idx", "bookingId"),
        Index("Refund_stripeRefundId_key", "stripeRefundId", unique=True),
    )


class UsedToken(Base):
    """A recovery token that was used (B17)."""

    __tablename__ = "UsedToken"
    id = Column("id", Text, primary_key=True)
    booking_id = _reference("bookingId", "Booking.id", Cascade)
    used_at = _time("usedAt")
    __table_args__ = (Index("UsedToken_bookingId_idx", "bookingId"),)


def table_of(model: type[Base]) -> Table:
    """The Core table of a model."""
    table = model.__table__
    assert isinstance(table, Table)  # a mapped class maps a table here, never a join
    return table
