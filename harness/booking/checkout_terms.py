"""What a payment page asks for: the session type's own price, in its own currency, for this booking (R15, W13)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .records import Booking, SessionType
from .settings import Settings
from .stripe_client import minor_units

__all__ = ["CheckoutTerms"]


class CheckoutTerms:
    """The terms of a payment page; nothing of it comes from the visitor."""

    def params(self, booking: Booking, session: SessionType | None, settings: Settings) -> dict[str, Any]:
        """Stripe's parameters of a checkout session."""
        base, metadata = settings.public_url.rstrip("/"), self.metadata(booking)
        currency = self.currency(booking, session)
        price = {
            "currency": currency.lower(),
            "unit_amount": self.amount(booking, currency),
            "product_data": {"name": booking.title},
        }
        return {
            "mode": "payment",
            "client_reference_id": booking.id,
            "metadata": metadata,
            "payment_intent_data": {"metadata": metadata},
            "line_items": [{"quantity": 1, "price_data": price}],
            "success_url": f"{base}/?booking={booking.id}&payment=done",
            "cancel_url": f"{base}/?booking={booking.id}&payment=left",
        }

    def metadata(self, booking: Booking) -> dict[str, str]:
        """What Stripe carries along, so that its events name the booking."""
        return {"bookingId": booking.id}

    def amount(self, booking: Booking, currency: str) -> int:
        """The price that the booking was made at, in minor units."""
        return minor_units(booking.amount or Decimal(0), currency)

    def currency(self, booking: Booking, session: SessionType | None) -> str:
        """The currency of the session type; after the first page, the one that it asked for."""
        known = booking.data.get("payment", {}).get("currency")
        return str(known or (session.currency if session else "GBP"))
