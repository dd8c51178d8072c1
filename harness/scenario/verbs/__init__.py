"""The verbs: what a step can do. `flow` is what a visitor's browser does, `provider` what happens at Calendly and
Stripe, `low` what a tester reaches for beneath both."""

from __future__ import annotations

from harness.scenario.verbs import database, flow, low, parallel, provider

__all__ = ["database", "flow", "low", "parallel", "provider"]
