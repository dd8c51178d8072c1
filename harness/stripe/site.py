"""Stripe on a port: API under /v1/, a payment page under /pay/, and what people do there as named acts."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any
from urllib.parse import parse_qsl

from msgspec.structs import replace

from harness.errors import InputError
from harness.provider import Provider, Request, Response
from harness.provider.stage import Site
from harness.provider.times import Clock
from harness.stripe.currencies import told
from harness.stripe.options import Options
from harness.stripe.simulator import DEFAULTS, Outcome, Simulator

__all__ = ["Prepare", "stripe_site"]

PREFIX = "/pay/"
_WAYS: tuple[Outcome, ...] = ("paid", "unpaid", "failed")
Body = Mapping[str, Any]
Prepare = Callable[[Simulator], None]


def stripe_site(own_url: str, *, options: Options = DEFAULTS, prepare: Prepare | None = None) -> Site:
    """The site under `own_url`; a session's payment page is this server's. `prepare` furnishes fresh simulators."""
    served = replace(options, base_url=own_url, checkout_url=f"{own_url}/pay")

    def build(clock: Clock, seed: int) -> Provider:
        simulator = Simulator(clock=clock, seed=seed, options=served)
        if prepare is not None:
            prepare(simulator)
        return simulator

    return Site("stripe", build, lambda path: path.startswith("/v1/"), _pages, _ACTS)


def _pages(provider: Provider, request: Request) -> Response | None:
    if not request.path.startswith(PREFIX) or not isinstance(provider, Simulator):
        return None
    try:
        session = provider.session(request.path.removeprefix(PREFIX))
    except InputError:
        return _page(404, "<!doctype html><title>Not found</title><h1>This payment does not exist</h1>")
    if session["status"] != "open":
        return _page(410, f"<!doctype html><title>Closed</title><h1>This payment is {session['status']}</h1>")
    if request.method == "POST":
        return _pay(provider, session, dict(parse_qsl(request.text)).get("outcome", "paid"))
    return _page(200, _document(provider, session, ""))


def _pay(simulator: Simulator, session: Body, wanted: str) -> Response:
    outcome = next((way for way in _WAYS if way == wanted), None)
    if outcome is None:
        return _page(400, _document(simulator, session, "There is no such way to pay."))
    simulator.pay(session["id"], outcome)
    if outcome == "failed":
        return _page(402, _document(simulator, session, "Your card was declined."))
    back = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
    return Response(303, {"Location": back, "Content-Type": "text/plain"})


def _document(simulator: Simulator, session: Body, problem: str) -> str:
    items = "".join(
        f"<dt>{html.escape(item['description'])}</dt><dd>{_money(item['amount_total'], item['currency'])}</dd>"
        for item in simulator.line_items(session["id"])
    )
    cancel = html.escape(session["cancel_url"] or "", quote=True)
    values = {
        "PROBLEM": f'<p class="problem" role="alert">{html.escape(problem)}</p>' if problem else "",
        "ITEMS": items,
        "TOTAL": _money(session["amount_total"], session["currency"]),
        "CANCEL": f'<a class="button" href="{cancel}">Back</a>' if cancel else "",
    }
    document = (resources.files("harness.stripe") / "pages" / "pay.html").read_text(encoding="utf-8")
    for name, value in values.items():
        document = document.replace(f"__{name}__", value)
    return document


def _money(amount: int, currency: str) -> str:
    return html.escape(f"{told(amount, currency)} {currency.upper()}")


def _page(status: int, document: str) -> Response:
    return Response(
        status, {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"}, document.encode()
    )


def _act_pay(simulator: Simulator, body: Body) -> Any:
    known = {key: body[key] for key in ("email", "discount", "slow_refunds") if key in body}
    return simulator.pay(body["session"], body.get("outcome", "paid"), **known)


def _act_settle(simulator: Simulator, body: Body) -> Any:
    return simulator.settle(body["session"], succeeded=bool(body.get("succeeded", True)))


def _act_end_refund(simulator: Simulator, body: Body) -> Any:
    return simulator.end_refund(body["session"], body.get("status", "succeeded"))


def _act_subscribe(simulator: Simulator, body: Body) -> Any:
    return {"id": simulator.subscribe(**body)}


_ACTS: dict[str, Callable[[Any, Body], Any]] = {
    "pay": _act_pay,
    "settle": _act_settle,
    "end_refund": _act_end_refund,
    "subscribe": _act_subscribe,
}
