"""The services of one application, wired once."""

from __future__ import annotations

from dataclasses import dataclass

from .bookings import Bookings
from .calendly_webhooks import CalendlyWebhooks
from .cancelling import Cancelling
from .context import Context
from .housekeeping import Housekeeping
from .offers import Offers
from .paying_back import PayingBack
from .payments import Payments
from .scheduling import SchedulingService
from .stripe_webhooks import StripeWebhooks
from .transitions import Transitions

__all__ = ["Services", "wire"]


@dataclass(frozen=True)
class Services:
    """What the endpoints call."""

    bookings: Bookings
    transitions: Transitions
    cancelling: Cancelling
    payments: Payments
    offers: Offers
    calendly: CalendlyWebhooks
    stripe: StripeWebhooks
    housekeeping: Housekeeping


def wire(context: Context) -> Services:
    """The services over one context."""
    scheduling, paying_back = SchedulingService(context), PayingBack(context)
    cancelling = Cancelling(context, paying_back)
    return Services(
        bookings=Bookings(context, scheduling),
        transitions=Transitions(context, scheduling, cancelling),
        cancelling=cancelling,
        payments=Payments(context),
        offers=Offers(context),
        calendly=CalendlyWebhooks(context, cancelling),
        stripe=StripeWebhooks(context, paying_back),
        housekeeping=Housekeeping(context, paying_back),
    )
