"""The simulator: one object, all state; the API for applications and the acts of people who pay."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal, cast

from harness.errors import InputError
from harness.provider import Delivery, Match, Provider, Request, Response, Router
from harness.stripe import checkout, listeners, money
from harness.stripe.context import Context
from harness.stripe.expanding import expanded
from harness.stripe.forms import parse_form
from harness.stripe.idempotency import Idempotency
from harness.stripe.ledger import Ledger
from harness.stripe.objects import Shown, webhook_endpoint
from harness.stripe.options import Options
from harness.stripe.parameters import Parameters
from harness.stripe.payments import Payments
from harness.stripe.refusals import Refusal

__all__ = ["DEFAULTS", "Outcome", "RefundEnd", "Simulator"]

Outcome = Literal["paid", "unpaid", "failed", "expired"]
RefundEnd = Literal["succeeded", "failed", "canceled"]
DEFAULTS = Options()
ROUTER = Router((*checkout.ROUTES, *money.ROUTES, *listeners.ROUTES))
_MESSAGES = {
    429: ("Request rate limit exceeded.", "rate_limit"),
    500: ("An unknown error occurred", None),
    503: ("Stripe is temporarily unavailable", None),
}


class Simulator(Provider):
    """Stripe, as far as a booking flow needs it. Knows nothing of the application that is tested against it."""

    name: ClassVar[str] = "stripe"
    signature_header: ClassVar[str] = "Stripe-Signature"
    fault_kinds: ClassVar[dict[str, str]] = {"invalid_key": "401: the API key is wrong"}

    def __init__(self, *, clock: Callable[[], datetime], seed: int = 0, options: Options = DEFAULTS) -> None:
        super().__init__(
            clock=clock, seed=seed, router=ROUTER,
            base_url=options.base_url, retry=options.retry, journal_limit=options.journal_limit,
        )  # fmt: skip
        self.options = options
        self._ledger = Ledger(self.ids, self.post, options)
        self._payments = Payments(self._ledger)
        self._idempotency = Idempotency()

    # ---- what people do -------------------------------------------------------------------------------------------

    def subscribe(self, url: str, *, events: Sequence[str] = ("*",), signing_key: str | None = None) -> str:
        """A webhook endpoint with this secret (or one of the simulator's making); returns its id."""
        with self.lock:
            endpoint = webhook_endpoint(
                self._ledger.new_id("we"), created=int(self.clock().timestamp()), url=url, events=list(events),
                api_version=self.options.api_version,
            )  # fmt: skip
            self._ledger.add(endpoint)
            self._ledger.secrets[endpoint["id"]] = signing_key or self._ledger.new_id("whsec", 32)
            return str(endpoint["id"])

    def pay(
        self,
        session_id: str,
        outcome: Outcome = "paid",
        *,
        email: str = "payer@example.test",
        discount: int = 0,
        slow_refunds: bool = False,
    ) -> dict[str, Any]:
        """A person finishes at the payment page; returns the session as it then is. Events are queued.

        `paid`: charged · `unpaid`: a slow method, the money is still to come (see `settle`) · `failed`: the card is
        declined, the session stays open · `expired`: nobody pays. `discount` (minor units) is taken off first. With
        `slow_refunds` what is paid back stays pending until `end_refund`.
        Raises InputError when the session is not open.
        """
        with self.lock:
            now = self.clock()
            self._expire_overdue(now)
            session = self._session(session_id)
            if session["status"] != "open":
                raise InputError(f"checkout session {session_id} is {session['status']}, not open.")
            self._take_off(session, discount)
            if outcome == "paid":
                self._payments.pay(session, now, email)
            elif outcome == "unpaid":
                self._payments.promise(session, now, email)
            elif outcome == "failed":
                self._payments.decline(session, now)
            elif outcome == "expired":
                self._payments.expire(session, now)
            else:
                raise InputError(f"unknown outcome {outcome!r}.", "Use paid, unpaid, failed or expired.")
            if slow_refunds and session["payment_intent"]:
                self._ledger.slow_to_refund.add(session["payment_intent"])
            return dict(session)

    def settle(self, session_id: str, *, succeeded: bool = True) -> dict[str, Any]:
        """The money of an `unpaid` session comes, or does not. Raises InputError when none is on its way."""
        with self.lock:
            session = self._session(session_id)
            if session["status"] != "complete" or session["payment_status"] != "unpaid":
                raise InputError(f"no payment is on its way for {session_id}.", "Pay it with outcome unpaid first.")
            self._payments.settle(session, self.clock(), succeeded=succeeded)
            return dict(session)

    def end_refund(self, session_id: str, status: RefundEnd = "succeeded") -> dict[str, Any]:
        """What is being paid back for a session arrives, or does not; returns the refund. Raises InputError without one."""
        with self.lock:
            session = self._session(session_id)
            pending = [each for each in self._ledger.of_kind("refund") if each["status"] == "pending"]
            made = next((each for each in pending if each["payment_intent"] == session["payment_intent"]), None)
            if made is None:
                raise InputError(f"no refund is on its way for {session_id}.", "Pay it with slow_refunds first.")
            self._payments.end_refund(made, self.clock(), status)
            return dict(made)

    # ---- reading --------------------------------------------------------------------------------------------------

    def session(self, session_id: str) -> dict[str, Any]:
        """The checkout session as the API would show it now."""
        with self.lock:
            return dict(self._session(session_id))

    def line_items(self, session_id: str) -> list[dict[str, Any]]:
        with self.lock:
            return list(self._ledger.line_items[self._session(session_id)["id"]])

    def list_objects(self, kind: str) -> list[dict[str, Any]]:
        """Every `checkout.session`, `payment_intent`, `charge`, `refund` or `event`, newest first."""
        with self.lock:
            return [dict(shown) for shown in self._ledger.of_kind(kind)]

    def due(self, now: datetime | None = None) -> list[Delivery]:
        """What may be sent now; sessions whose time is over expire first."""
        with self.lock:
            self._expire_overdue(now or self.clock())
        return super().due(now)

    # ---- the API --------------------------------------------------------------------------------------------------

    def answer(self, request: Request, match: Match | None, now: datetime) -> Response:
        headers = {"Request-Id": self._ledger.new_id("req", 14), "Stripe-Version": self.options.api_version}
        key = request.header("Idempotency-Key") if request.method == "POST" else None
        try:
            self._demand_key(request)
            if match is None:
                text = f"Unrecognized request URL ({request.method}: {request.path})."
                raise Refusal(404, text)
            replayed = self._idempotency.replay(key, request, now)
            if replayed is not None:
                return replayed
            self._expire_overdue(now)
            shown = self._run(request, match, now, {"id": headers["Request-Id"], "idempotency_key": key})
        except Refusal as refusal:
            return Response.of_json(refusal.status, refusal.shown(), headers)
        response = Response.of_json(200, shown, headers)
        self._idempotency.keep(key, request, response, now)
        return response

    def failure(self, status: int) -> Response:
        message, code = _MESSAGES.get(status, ("The request failed", None))
        return Response.of_json(status, Refusal(status, message, code=code).shown())

    def special(self, kind: str, request: Request) -> Response:
        assert kind in self.fault_kinds, request.method
        return Response.of_json(401, Refusal(401, "Invalid API Key provided").shown())

    def on_give_up(self, delivery: Delivery, now: datetime) -> None:
        """Nothing is disabled; the event can still be read through the API."""

    def on_retrying(self, delivery: Delivery, now: datetime) -> None:
        """Nothing changes: Stripe shows attempts in its dashboard only."""

    # ---- helpers --------------------------------------------------------------------------------------------------

    def _run(self, request: Request, match: Match, now: datetime, origin: dict[str, Any]) -> Shown:
        text = request.text if request.method == "POST" else request.parts.query
        parameters = Parameters(parse_form(text))
        context = Context(self._ledger, self._payments, parameters, match.values, request.path, now, origin)
        paths = parameters.texts("expand")
        shown = cast("Shown", match.route.handler(context))
        return expanded(shown, paths, self._ledger)

    def _demand_key(self, request: Request) -> None:
        key = _key_of(request.header("Authorization") or "")
        if not key:
            text = "You did not provide an API key. You need to provide your API key in the Authorization header."
            raise Refusal(401, text)
        if self.options.api_key is not None and key != self.options.api_key:
            raise Refusal(401, f"Invalid API Key provided: {key[:7]}{'*' * 8}")

    def _session(self, session_id: str) -> Shown:
        session = self._ledger.find("checkout.session", session_id)
        if session is None:
            known = ", ".join(s["id"] for s in self._ledger.of_kind("checkout.session")[:3])
            raise InputError(f"no checkout session {session_id}.", f"The newest are: {known or 'none'}.")
        return session

    def _take_off(self, session: Shown, discount: int) -> None:
        if discount < 0 or discount > session["amount_total"]:
            raise InputError(f"a discount of {discount} does not fit a total of {session['amount_total']}.")
        session["amount_total"] -= discount
        session["total_details"]["amount_discount"] += discount

    def _expire_overdue(self, now: datetime) -> None:
        for session in self._ledger.overdue(now):
            self._payments.expire(session, now)


def _key_of(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""
