"""What every simulated provider shares: messages, routes, faults, calls, webhooks, transports.

A provider (Calendly, Stripe) is one object that holds all its state. This room knows nothing of either; it imports
only `harness.errors`. Heavy transports (`responses`, the HTTP server) live in modules of their own.
"""

from __future__ import annotations

from harness.provider.calls import Call, Candidate
from harness.provider.faults import Fault, FaultBook, FaultError, FaultMistake
from harness.provider.ids import Ids
from harness.provider.messages import Answer, Request, Response, TransportFault
from harness.provider.outbox import Attempt, Delivery, Outbox, RetryPolicy
from harness.provider.provider import Provider
from harness.provider.routes import Match, Route, Router
from harness.provider.signatures import Signing, sign

__all__ = [
    "Answer",
    "Attempt",
    "Call",
    "Candidate",
    "Delivery",
    "Fault",
    "FaultBook",
    "FaultError",
    "FaultMistake",
    "Ids",
    "Match",
    "Outbox",
    "Provider",
    "Request",
    "Response",
    "RetryPolicy",
    "Route",
    "Router",
    "Signing",
    "TransportFault",
    "sign",
]
