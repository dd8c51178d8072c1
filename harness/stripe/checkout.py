"""Endpoints of checkout sessions."""

from __future__ import annotations

from harness.provider import Route
from harness.stripe.context import Context
from harness.stripe.currencies import told
from harness.stripe.objects import Shown, checkout_session, line_item
from harness.stripe.parameters import Parameters, metadata_of
from harness.stripe.refusals import Refusal, missing_parameter, no_such

__all__ = ["ROUTES"]

_CREATE = (
    "mode", "line_items", "success_url", "cancel_url", "return_url", "client_reference_id", "customer",
    "customer_email", "metadata", "payment_intent_data", "payment_method_types", "expires_at", "locale", "submit_type",
    "expand", "allow_promotion_codes", "billing_address_collection", "customer_creation",
    "phone_number_collection", "ui_mode",
)  # fmt: skip
_SMALLEST = {"gbp": 30, "usd": 50, "eur": 50}
_LARGEST = 99_999_999  # "up to eight digits", says Stripe of every amount
_SHORTEST, _LONGEST = 30 * 60, 24 * 3600


def create(context: Context) -> Shown:
    given = context.parameters
    given.only(_CREATE)
    mode = given.needed("mode")
    if mode != "payment":
        raise Refusal(400, f"This simulator knows sessions of mode payment only, not {mode}.", param="mode")
    success_url = given.needed("success_url")
    items = [_line_item(context, entry) for entry in given.hashes("line_items")]
    if not items:
        raise missing_parameter("line_items")
    session = _session(context, items)
    session.update(
        success_url=success_url,
        cancel_url=given.text("cancel_url"),
        client_reference_id=given.text("client_reference_id"),
        customer_email=given.text("customer_email"),
        locale=given.text("locale"),
        metadata=metadata_of(given.hash("metadata")),
    )
    intent = given.hash("payment_intent_data")
    context.ledger.intent_metadata[session["id"]] = metadata_of(intent.hash("metadata") if intent else None)
    context.ledger.line_items[session["id"]] = items
    return context.ledger.add_session(session)


def retrieve(context: Context) -> Shown:
    return _found(context)


def list_sessions(context: Context) -> Shown:
    status = context.parameters.choice("status", ("open", "complete", "expired"))
    intent = context.parameters.text("payment_intent")
    rows = [
        session
        for session in context.ledger.of_kind("checkout.session")
        if status in (None, session["status"]) and intent in (None, session["payment_intent"])
    ]
    return context.page(rows)


def line_items(context: Context) -> Shown:
    return context.page(context.ledger.line_items[_found(context)["id"]])


def expire(context: Context) -> Shown:
    session = _found(context)
    if session["status"] != "open":
        text = 'Only Checkout Sessions with a status in ["open"] can be expired. '
        raise Refusal(400, text + f"This Checkout Session has a status of {session['status']}")
    context.payments.expire(session, context.now)
    return session


def _found(context: Context) -> Shown:
    identifier = context.values["id"]
    session = context.ledger.find("checkout.session", identifier)
    if session is None:
        raise no_such("checkout.session", identifier, "session")
    return session


def _session(context: Context, items: list[Shown]) -> Shown:
    currencies = {item["currency"] for item in items}
    if len(currencies) > 1:
        raise Refusal(400, "All line items must have the same currency.", param="line_items")
    currency, total = currencies.pop(), sum(item["amount_total"] for item in items)
    smallest = _SMALLEST.get(currency, 0)
    if 0 < total < smallest:
        text = f"The Checkout Session's total amount due must add up to at least {smallest / 100:.2f} {currency}"
        raise Refusal(400, text, code="amount_too_small")
    if total > _LARGEST:
        text = f"The Checkout Session's total amount due must be no more than {told(_LARGEST, currency)} {currency}"
        raise Refusal(400, text, code="amount_too_large")
    identifier = context.ledger.new_id("cs_test", 58)
    created = int(context.now.timestamp())
    return checkout_session(
        identifier,
        created=created,
        expires_at=_expiry(context.parameters, created),
        total=total,
        currency=currency,
        url=f"{context.ledger.options.checkout_url}/{identifier}",
    )


def _line_item(context: Context, entry: Parameters) -> Shown:
    entry.only(("price_data", "quantity", "price", "adjustable_quantity", "tax_rates", "dynamic_tax_rates"))
    price = entry.text("price")
    if price is not None:
        raise no_such("price", price, entry.name("price"), 400)
    data = entry.hash("price_data")
    if data is None:
        raise missing_parameter(entry.name("price_data"))
    product = data.hash("product_data")
    if product is None:
        raise missing_parameter(data.name("product_data"))
    amount, quantity = data.integer("unit_amount"), entry.integer("quantity")
    if amount is None:
        raise missing_parameter(data.name("unit_amount"))
    if amount < 0:
        raise Refusal(400, "This value must be greater than or equal to 0.", param=data.name("unit_amount"))
    return line_item(
        context.ledger.new_id("li"),
        name=product.needed("name"),
        currency=_currency(data),
        unit_amount=amount,
        quantity=_quantity(entry, quantity),
        price=context.ledger.new_id("price"),
    )


def _quantity(entry: Parameters, quantity: int | None) -> int:
    """Stripe counts nothing by itself, and names the line here, not the parameter that it misses."""
    line = entry.name("quantity").removesuffix("[quantity]")
    if quantity is None:
        raise Refusal(400, f"Quantity is required. Add `quantity` to `{line}`", param=line)
    if quantity < 1:
        text = "This value must be greater than or equal to 1."
        raise Refusal(400, text, code="parameter_invalid_integer", param=entry.name("quantity"))
    return quantity


def _currency(data: Parameters) -> str:
    currency = data.needed("currency").lower()
    if len(currency) != 3 or not currency.isalpha():
        raise Refusal(400, f"Invalid currency: {currency[:20]}.", param=data.name("currency"))
    return currency


def _expiry(given: Parameters, created: int) -> int:
    expires_at = given.integer("expires_at")
    if expires_at is None:
        return created + _LONGEST
    if not created + _SHORTEST <= expires_at <= created + _LONGEST:
        text = "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation."
        raise Refusal(400, text, param="expires_at")
    return expires_at


ROUTES = (
    Route("POST", "/v1/checkout/sessions", create),
    Route("GET", "/v1/checkout/sessions", list_sessions),
    Route("GET", "/v1/checkout/sessions/{id}", retrieve),
    Route("GET", "/v1/checkout/sessions/{id}/line_items", line_items),
    Route("POST", "/v1/checkout/sessions/{id}/expire", expire),
)
