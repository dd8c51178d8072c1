"""The switches of the simulator: everything Calendly leaves undocumented, and everything an account can be."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from msgspec import Struct, field

from harness.provider import RetryPolicy

__all__ = ["IdForm", "Options", "Plan", "Stage"]

Plan = Literal["basic", "essentials", "professional", "teams", "enterprise"]
Stage = Literal["trial", "free", "paid"]
IdForm = Literal["uuid", "legacy", "mixed"]


class Options(Struct, frozen=True, kw_only=True):
    """Defaults are what CALENDLY.md takes as the likely behaviour; `[?]` there is a field here."""

    base_url: str = "https://api.calendly.com"  # what resource URIs begin with
    public_url: str = "https://calendly.com"  # what booking pages begin with
    id_form: IdForm = "uuid"  # current ids, old 16-character ones, or by turns (CALENDLY.md 1)
    token: str | None = None  # the owner's token; None: any non-empty bearer token is the owner's
    plan: Plan = "professional"
    stage: Stage = "paid"
    rate_limits: bool = True  # 429 by plan; the headers come in any case
    window_days: int = 31  # of available times; 7 before 2026-07-09
    slot_taken_status: Literal[400, 404, 409] = 400  # sources conflict (CALENDLY.md 3)
    reschedule_order: Literal["canceled_first", "created_first"] = "canceled_first"
    carry_answers: bool = True  # a reschedule keeps answers and tracking
    google_meet_ready: bool = False  # False: a Meet location is still `processing` at booking
    webhook_latency: timedelta = timedelta(0)  # from the act to the first attempt
    retry_until: Literal["first_attempt", "booked", "event_start"] = "first_attempt"  # what the 24 hours count from
    app_signing_key: str | None = None  # an OAuth application signs all its subscriptions with one key
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    journal_limit: int | None = None  # keep this many calls; None keeps all

    @property
    def free(self) -> bool:
        return self.stage == "free"
