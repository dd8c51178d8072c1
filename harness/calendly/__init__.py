"""Calendly, simulated: state and API in one object, knowing nothing of who calls it. See docs/calendly.md."""

from __future__ import annotations

from harness.calendly.entities import Hours, Question
from harness.calendly.options import Options
from harness.calendly.simulator import Scheduled, Simulator
from harness.provider import Answer, Attempt, Call, Delivery, Fault, Request, Response, RetryPolicy, TransportFault

__all__ = [
    "Answer",
    "Attempt",
    "Call",
    "Delivery",
    "Fault",
    "Hours",
    "Options",
    "Question",
    "Request",
    "Response",
    "RetryPolicy",
    "Scheduled",
    "Simulator",
    "TransportFault",
]
