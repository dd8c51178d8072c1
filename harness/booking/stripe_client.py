"""Stripe through its official client, over `requests`: checkout sessions, refunds, the signature of webhooks.

The client is imported when the first visitor pays: it is a quarter of what the application imports.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import requests

from .refusals import Refusal, provider_failed, sign_in_needed
from .settings import Settings

if TYPE_CHECKING:
    import stripe

__all__ = ["StripeClient", "StripeRefused", "StripeSignature", "minor_units", "payable"]

T = TypeVar("T")
PROVIDER = "stripe"
DIGITS = re.compile(r"[0-9]{1,12}")
WITHOUT_DECIMALS = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"]
)

WITH_THREE_DECIMALS = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])


class StripeRefused(Exception):
    """Stripe understood and said no; `code` is Stripe's own word for it."""

    def __init__(self, code: str) -> None:
        super().__init__(f"Stripe refused: {code}")
        self.code = code


class StripeClient:
    """The calls that the flow makes. Amounts are in minor units. Close it with the application."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _http(self) -> stripe.RequestsClient:
        import stripe

        return stripe.RequestsClient(timeout=self._settings.provider_timeout)

    @cached_property
    def _client(self) -> stripe.StripeClient:
        import stripe

        return stripe.StripeClient(
            self._settings.stripe_key,
            http_client=self._http,
            base_addresses={"api": self._settings.stripe_base.rstrip("/")},
            max_network_retries=0,
        )

    def open_checkout(self, params: Mapping[str, Any], key: str) -> dict[str, Any]:
        """A new payment page. The same `key` again gives the same page."""
        sessions = self._client.v1.checkout.sessions
        given: Any = dict(params)
        return _made(self._ask(lambda: sessions.create(params=given, options={"idempotency_key": key}).to_dict()))

    def checkout(self, session_id: str) -> dict[str, Any]:
        """A payment page as it stands."""
        return self._ask(lambda: self._client.v1.checkout.sessions.retrieve(session_id).to_dict())

    def close_checkout(self, session_id: str) -> None:
        """Closes a payment page, so that nobody pays there any more."""
        self._ask(lambda: self._client.v1.checkout.sessions.expire(session_id))

    def refund(self, payment_intent: str, amount: int, metadata: Mapping[str, str], key: str) -> dict[str, Any]:
        """Pays back `amount`. The same `key` again pays back once."""
        refunds = self._client.v1.refunds
        given: Any = {"payment_intent": payment_intent, "amount": amount, "metadata": dict(metadata)}
        return _made(self._ask(lambda: refunds.create(params=given, options={"idempotency_key": key}).to_dict()))

    def close(self) -> None:
        """Closes the connections, if any were opened."""
        if "_http" in vars(self):
            self._http.close()  # type: ignore[no-untyped-call]  # Stripe left it without types

    def _ask(self, call: Callable[[], T]) -> T:
        import stripe

        try:
            return call()
        except stripe.APIConnectionError as error:
            raise self._unreachable(error) from None
        except (stripe.AuthenticationError, stripe.PermissionError):
            raise provider_failed(502, PROVIDER, "refused_our_key") from None
        except stripe.RateLimitError:
            raise provider_failed(503, PROVIDER, "busy") from None
        except (stripe.InvalidRequestError, stripe.CardError, stripe.IdempotencyError) as error:
            raise StripeRefused(error.code or "invalid_request") from None
        except stripe.StripeError as error:
            raise provider_failed(503 if error.http_status == 503 else 502, PROVIDER, "failed") from None

    def _unreachable(self, error: stripe.APIConnectionError) -> Refusal:
        if isinstance(error.__cause__, requests.Timeout):
            return provider_failed(504, PROVIDER, "timeout")
        return provider_failed(502, PROVIDER, "unreachable")


def _made(answer: dict[str, Any]) -> dict[str, Any]:
    """What Stripe made has an id; an answer without one tells us nothing, and asking again with the same key does."""
    if not isinstance(answer.get("id"), str):
        raise provider_failed(502, PROVIDER, "answer_unreadable")
    return answer


class StripeSignature:
    """Verifies `Stripe-Signature` with the official check, and its age against our own clock."""

    def verify(self, header: str | None, raw: bytes, keys: Sequence[str], *, now: int, tolerance: int) -> None:
        """Nothing when the signature holds. Raises 401 otherwise; `now` and `tolerance` are seconds."""
        moment = moment_of(header) if header else None
        if header is None or moment is None:
            raise sign_in_needed("missing_signature", "The signature is missing or not of the form t=…,v1=….")
        if not self.is_fresh(moment, now, tolerance):
            raise sign_in_needed("stale_signature", "The signature is not of this moment.")
        if not any(self.matches(header, raw, key) for key in keys):
            raise sign_in_needed("wrong_signature", "The signature does not fit the body.")

    def is_fresh(self, moment: int, now: int, tolerance: int) -> bool:
        """Neither older nor newer than the tolerance."""
        return abs(now - moment) <= tolerance

    def matches(self, header: str, raw: bytes, key: str) -> bool:
        """Stripe's own check, without its clock."""
        import stripe

        try:
            return bool(stripe.WebhookSignature.verify_header(raw.decode(), header, key, tolerance=None))
        except (stripe.SignatureVerificationError, UnicodeDecodeError):
            return False


def moment_of(header: str) -> int | None:
    """The one `t` of the header, None where there is none or more than one.

    Stripe's check takes the first `t` and reads it as Python reads numbers (`+1`, `1_0`, spaces): a second one beside it
    would be the time that we look at, and an old event would pass for a new one.
    """
    items = [item.partition("=") for item in header.split(",")]
    moments = [value for name, _, value in items if name.strip() == "t"]
    is_one = header.isascii() and len(moments) == 1 and DIGITS.fullmatch(moments[0])
    return int(moments[0]) if is_one else None


def minor_units(amount: Decimal, currency: str) -> int:
    """An amount as Stripe counts it: pence for GBP, yen for JPY, fils for KWD."""
    return int(amount * 10 ** _decimals(currency))


def payable(amount: Decimal, currency: str) -> Decimal:
    """`amount` rounded to what can be paid in that currency and kept here: whole yen, and never more than two decimals."""
    return amount.quantize(Decimal(1).scaleb(-min(2, _decimals(currency))), ROUND_HALF_UP)


def _decimals(currency: str) -> int:
    code = currency.upper()
    return 0 if code in WITHOUT_DECIMALS else 3 if code in WITH_THREE_DECIMALS else 2
