"""Everything of the flow that can be replaced: one small named object for each policy.

The defaults are the reference. A variant is `dataclasses.replace(Parts(), rows=MyRows())`; nothing else in the
package decides what these decide. Every part without state may be shared between applications.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .access import Access
from .answers import BookingIds
from .calendly_client import CalendlyClient
from .calendly_effects import CalendlyEffects
from .calendly_news import CalendlyReader
from .cancellation import Cancellation
from .checkout_terms import CheckoutTerms
from .claims import Claims
from .confirmation import Confirmation
from .confirming import FreeConfirmation
from .deliveries import Deliveries
from .event_rights import EventRights
from .failures import FailureMap
from .finder import Finder
from .identity import Identity
from .instants import utc_now
from .journal import Journal, Redaction
from .json_body import JsonReader
from .limits import RateLimiter, Windows
from .machine import Machine
from .machine_table import MACHINE
from .presenter import Presenter
from .progress import TransitionLog
from .refunding import RefundPolicy
from .requests_read import RequestReader
from .rows import RowBuilder
from .rules import SessionRules, TimeRules
from .settings import Settings
from .signatures import CalendlySignature
from .store import Store
from .stripe_client import StripeClient, StripeSignature
from .stripe_effects import PaymentMatcher, StripeEffects
from .stripe_news import StripeReader
from .tokens import Tokens

__all__ = ["Parts", "random_id"]


def random_id() -> str:
    """A new UUID, lower case."""
    return str(uuid.uuid4())


@dataclass(frozen=True)
class Parts:
    """The replaceable parts; each names the rules that it alone keeps."""

    clock: Callable[[], datetime] = utc_now  # aware UTC
    new_id: Callable[[], str] = random_id
    machine: Machine = MACHINE  # section 4, B11, B12, B20
    json: JsonReader = field(default_factory=JsonReader)  # 400 on hostile bodies
    requests: RequestReader = field(
        default_factory=RequestReader
    )  # types of requests; R04, B01: whose a new booking is
    identity: Identity = field(default_factory=Identity)  # B01, Z2
    access: Access = field(default_factory=Access)  # R03, R06, B15, B16
    tokens: Tokens = field(default_factory=Tokens)  # B16, B17
    booking_ids: BookingIds = field(default_factory=BookingIds)  # R07, B05, B08
    cancellation: Cancellation = field(default_factory=Cancellation)  # W07, M5 to M7
    checkout_terms: CheckoutTerms = field(default_factory=CheckoutTerms)  # R15
    confirming: FreeConfirmation = field(default_factory=FreeConfirmation)  # P11
    claims: Claims = field(default_factory=Claims)  # B06, B07
    session_rules: SessionRules = field(default_factory=SessionRules)  # R15, R16, B02, B03, B04
    time_rules: TimeRules = field(default_factory=TimeRules)  # B09
    confirmation: Confirmation = field(default_factory=Confirmation)  # F04
    event_rights: EventRights = field(default_factory=EventRights)  # B11, B12
    rows: RowBuilder = field(default_factory=RowBuilder)  # R08, R09, B10
    store: Store = field(default_factory=Store)  # SQL; B14
    transition_log: TransitionLog = field(default_factory=TransitionLog)  # B18
    presenter: Presenter = field(default_factory=Presenter)  # bodies of answers
    failures: FailureMap = field(default_factory=FailureMap)  # error shape, W11
    journal: Callable[[Callable[[Mapping[str, Any]], dict[str, Any]]], Journal] = Journal  # R05, B18
    redaction: Callable[[Mapping[str, Any]], dict[str, Any]] = field(default_factory=Redaction)  # B19
    rate_limiter: RateLimiter = field(default_factory=RateLimiter)  # B21
    windows: Windows | None = None  # where the limiter counts; None: each application has its own
    calendly: Callable[[Settings], CalendlyClient] = CalendlyClient
    calendly_signature: CalendlySignature = field(default_factory=CalendlySignature)  # W01
    calendly_reader: CalendlyReader = field(default_factory=CalendlyReader)  # W02
    calendly_effects: CalendlyEffects = field(default_factory=CalendlyEffects)  # W06 to W09
    finder: Finder = field(default_factory=Finder)  # W03
    deliveries: Deliveries = field(default_factory=Deliveries)  # W04, W05, W10
    stripe: Callable[[Settings], StripeClient] = StripeClient
    stripe_signature: StripeSignature = field(default_factory=StripeSignature)  # W01 for Stripe
    stripe_reader: StripeReader = field(default_factory=StripeReader)
    stripe_effects: StripeEffects = field(default_factory=StripeEffects)  # what a payment does
    payment_matcher: PaymentMatcher = field(default_factory=PaymentMatcher)  # W13
    refunds: RefundPolicy = field(default_factory=RefundPolicy)  # W12
