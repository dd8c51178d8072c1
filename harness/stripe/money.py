"""Endpoints of payment intents, charges, refunds and events."""

from __future__ import annotations

from harness.provider import Route
from harness.stripe.context import Context
from harness.stripe.currencies import told
from harness.stripe.objects import Shown
from harness.stripe.parameters import metadata_of
from harness.stripe.refusals import Refusal, missing_parameter, no_such

__all__ = ["ROUTES"]

_REASONS = ("duplicate", "fraudulent", "requested_by_customer")
_REFUND = ("payment_intent", "charge", "amount", "reason", "metadata", "expand", "currency", "instructions_email")


def create_refund(context: Context) -> Shown:
    given = context.parameters
    given.only(_REFUND)
    paid = _charge_to_refund(context)
    left = paid["amount"] - paid["amount_refunded"]
    if left == 0:
        raise Refusal(400, f"Charge {paid['id']} has already been refunded.", code="charge_already_refunded")
    asked = given.integer("amount")
    amount = left if asked is None else asked
    if amount < 1:
        raise Refusal(400, "Invalid positive integer", param="amount", code="parameter_invalid_integer")
    if amount > left:
        asked_for, there = told(amount, paid["currency"]), told(left, paid["currency"])
        text = f"Refund amount ({asked_for}) is greater than unrefunded amount on charge ({there})"
        raise Refusal(400, text, param="amount")
    return context.payments.refund(
        paid,
        context.now,
        amount=amount,
        reason=given.choice("reason", _REASONS),
        metadata=metadata_of(given.hash("metadata")),
        request=context.request_of_event,
    )


def list_refunds(context: Context) -> Shown:
    intent, paid = context.parameters.text("payment_intent"), context.parameters.text("charge")
    rows = context.ledger.of_kind("refund")
    return context.page(
        [row for row in rows if intent in (None, row["payment_intent"]) and paid in (None, row["charge"])]
    )


def list_events(context: Context) -> Shown:
    kind = context.parameters.text("type")
    return context.page([row for row in context.ledger.of_kind("event") if kind in (None, row["type"])])


def list_intents(context: Context) -> Shown:
    return context.page(context.ledger.of_kind("payment_intent"))


def read_refund(context: Context) -> Shown:
    return _read(context, "refund", "refund")


def read_charge(context: Context) -> Shown:
    return _read(context, "charge", "charge")


def read_event(context: Context) -> Shown:
    return _read(context, "event", "event")


def read_intent(context: Context) -> Shown:
    return _read(context, "payment_intent", "payment_intent")


def _read(context: Context, kind: str, noun: str) -> Shown:
    shown = context.ledger.find(kind, context.values["id"])
    if shown is None:
        raise no_such(noun, context.values["id"], "intent" if kind == "payment_intent" else "id")
    return shown


def _charge_to_refund(context: Context) -> Shown:
    intent, charge = context.parameters.text("payment_intent"), context.parameters.text("charge")
    if charge is None and intent is None:
        raise missing_parameter("payment_intent")
    if charge is None:
        known = context.ledger.find("payment_intent", intent or "")
        if known is None:
            raise no_such("payment_intent", intent or "", "payment_intent", 404)
        if known["status"] != "succeeded":
            text = f"This PaymentIntent ({known['id']}) does not have a successful charge to refund."
            raise Refusal(400, text, param="payment_intent")
        charge = known["latest_charge"]
    paid = context.ledger.find("charge", charge or "")
    if paid is None:
        raise no_such("charge", charge or "", "charge", 404)
    if paid["status"] != "succeeded":
        raise Refusal(400, f"Charge {paid['id']} did not succeed: there is nothing to refund.", param="charge")
    return paid


ROUTES = (
    Route("GET", "/v1/payment_intents", list_intents),
    Route("GET", "/v1/payment_intents/{id}", read_intent),
    Route("GET", "/v1/charges/{id}", read_charge),
    Route("POST", "/v1/refunds", create_refund),
    Route("GET", "/v1/refunds", list_refunds),
    Route("GET", "/v1/refunds/{id}", read_refund),
    Route("GET", "/v1/events", list_events),
    Route("GET", "/v1/events/{id}", read_event),
)
