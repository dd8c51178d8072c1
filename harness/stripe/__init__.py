"""Stripe's small twin beside Calendly: checkout sessions, payment intents, refunds, signed webhooks."""

from __future__ import annotations

from harness.provider import Answer, Attempt, Call, Delivery, Fault, Request, Response, RetryPolicy, TransportFault
from harness.stripe.options import Options
from harness.stripe.simulator import RefundEnd, Simulator

__all__ = [
    "Answer",
    "Attempt",
    "Call",
    "Delivery",
    "Fault",
    "Options",
    "RefundEnd",
    "Request",
    "Response",
    "RetryPolicy",
    "Simulator",
    "TransportFault",
]
