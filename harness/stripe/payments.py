"""What happens to money: a session is paid, fails, expires; a charge is given back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from harness.stripe.ledger import Ledger
from harness.stripe.objects import Shown, charge, payment_intent, refund

__all__ = ["Payments"]


class Payments:
    """Acts on the ledger and lets the events happen, in the order in which Stripe sends them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def pay(self, session: Shown, now: datetime, email: str) -> None:
        """The card is charged: the session is complete and paid. A free session needs no payment."""
        if session["amount_total"] == 0:
            self._complete(session, "no_payment_required", email, now)
            return
        intent = self._intent(session, now)
        self._succeed(intent, email, now)
        self._complete(session, "paid", email, now)

    def promise(self, session: Shown, now: datetime, email: str) -> None:
        """A slow method was chosen: the session is complete, the money is still to come."""
        intent = self._intent(session, now)
        intent["status"] = "processing"
        self._ledger.happen("payment_intent.processing", intent, now)
        self._complete(session, "unpaid", email, now)

    def settle(self, session: Shown, now: datetime, *, succeeded: bool) -> None:
        """The slow payment comes, or does not."""
        intent = self._ledger.objects[session["payment_intent"]]
        if succeeded:
            self._succeed(intent, session["customer_details"]["email"], now)
            session["payment_status"] = "paid"
            self._ledger.happen("checkout.session.async_payment_succeeded", session, now)
        else:
            self._decline(intent, now)
            self._ledger.happen("checkout.session.async_payment_failed", session, now)

    def decline(self, session: Shown, now: datetime) -> None:
        """The card is declined: the session stays open, the person may try again."""
        self._decline(self._intent(session, now), now)

    def expire(self, session: Shown, now: datetime) -> None:
        session["status"] = "expired"
        session["url"] = None
        self._ledger.happen("checkout.session.expired", session, now)

    def refund(
        self,
        paid: Shown,
        now: datetime,
        *,
        amount: int,
        reason: str | None,
        metadata: dict[str, str],
        request: dict[str, Any],
    ) -> Shown:
        """Gives back a part or all of a charge: at once, or `pending` where its method is slow (see `end_refund`)."""
        made = refund(
            self._ledger.new_id("re"),
            paid,
            created=int(now.timestamp()),
            amount=amount,
            reason=reason,
            metadata=metadata,
            status="pending" if paid["payment_intent"] in self._ledger.slow_to_refund else "succeeded",
        )
        self._ledger.add(made)
        paid["amount_refunded"] += amount
        paid["refunded"] = paid["amount_refunded"] == paid["amount"]
        self._ledger.happen("refund.created", made, now, request)
        self._ledger.happen("charge.refunded", paid, now, request)
        return made

    def end_refund(self, made: Shown, now: datetime, status: str) -> None:
        """A pending refund reaches the person, or comes back: then the charge counts as paid again."""
        made["status"] = status
        if status != "succeeded":
            paid = self._ledger.objects[made["charge"]]
            paid["amount_refunded"] -= made["amount"]
            paid["refunded"] = False
        if status == "failed":
            made["failure_reason"] = "unknown"
            self._ledger.happen("refund.failed", made, now)
        self._ledger.happen("refund.updated", made, now)
        self._ledger.happen("charge.refund.updated", made, now)

    def _intent(self, session: Shown, now: datetime) -> Shown:
        known = session["payment_intent"]
        if known is not None:
            again = self._ledger.objects[known]
            again["amount"] = session["amount_total"]  # a discount may have been found since the card was declined
            return again
        metadata = dict(self._ledger.intent_metadata.get(session["id"], {}))
        intent = payment_intent(
            self._ledger.new_id("pi"),
            created=int(now.timestamp()),
            amount=session["amount_total"],
            currency=session["currency"],
            metadata=metadata,
        )
        self._ledger.add(intent)
        session["payment_intent"] = intent["id"]
        self._ledger.happen("payment_intent.created", intent, now)
        return intent

    def _succeed(self, intent: Shown, email: str | None, now: datetime) -> None:
        intent["payment_method"] = intent["payment_method"] or self._ledger.new_id("pm")
        made = charge(self._ledger.new_id("ch"), intent, created=int(now.timestamp()), succeeded=True, email=email)
        self._ledger.add(made)
        intent.update(
            status="succeeded", amount_received=intent["amount"], latest_charge=made["id"], last_payment_error=None
        )
        self._ledger.happen("charge.succeeded", made, now)
        self._ledger.happen("payment_intent.succeeded", intent, now)

    def _decline(self, intent: Shown, now: datetime) -> None:
        made = charge(self._ledger.new_id("ch"), intent, created=int(now.timestamp()), succeeded=False, email=None)
        self._ledger.add(made)
        error = {
            "charge": made["id"],
            "code": "card_declined",
            "decline_code": "generic_decline",
            "message": "Your card was declined.",
            "type": "card_error",
        }
        intent.update(status="requires_payment_method", latest_charge=made["id"], last_payment_error=error)
        self._ledger.happen("charge.failed", made, now)
        self._ledger.happen("payment_intent.payment_failed", intent, now)

    def _complete(self, session: Shown, payment_status: str, email: str, now: datetime) -> None:
        session.update(status="complete", payment_status=payment_status, url=None)
        session["customer_details"] = {
            "address": None,
            "email": session["customer_email"] or email,
            "name": None,
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": [],
        }
        self._ledger.happen("checkout.session.completed", session, now)
