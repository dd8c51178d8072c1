"""The switches of the Stripe simulator."""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct, field

from harness.provider import RetryPolicy

__all__ = ["Options"]


def _three_days() -> RetryPolicy:
    return RetryPolicy(first=timedelta(minutes=1), factor=4.0, ceiling=timedelta(hours=12), window=timedelta(days=3))


class Options(Struct, frozen=True, kw_only=True):
    base_url: str = "https://api.stripe.com"
    checkout_url: str = "https://checkout.stripe.com/c/pay"  # what a session's payment page begins with
    api_version: str = "2026-10-28.endive"  # what events say
    api_key: str | None = None  # None: any key that is not empty
    webhook_latency: timedelta = timedelta(0)
    retry: RetryPolicy = field(default_factory=_three_days)
    journal_limit: int | None = None
