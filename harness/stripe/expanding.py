"""`expand[]`: ids in an answer replaced by the objects that they name."""

from __future__ import annotations

import json

from harness.stripe.ledger import Ledger
from harness.stripe.objects import Shown
from harness.stripe.refusals import Refusal

__all__ = ["expanded"]


def expanded(shown: Shown, paths: list[str], ledger: Ledger) -> Shown:
    """A copy of `shown` with each path (`payment_intent.latest_charge`, `line_items`) expanded."""
    copy: Shown = json.loads(json.dumps(shown))
    for path in paths:
        _expand(copy, path.split("."), ledger, path)
    return copy


def _expand(node: Shown, path: list[str], ledger: Ledger, whole: str) -> None:
    key, rest = path[0], path[1:]
    if key == "data" and isinstance(node.get("data"), list) and rest:
        for row in node["data"]:
            _expand(row, rest, ledger, whole)
        return
    if key == "line_items" and node.get("object") == "checkout.session":
        url = f"/v1/checkout/sessions/{node['id']}/line_items"
        items = ledger.line_items.get(node["id"], [])
        node[key] = {"object": "list", "data": items, "has_more": False, "url": url}
        return
    if key not in node:
        raise Refusal(400, f"This property cannot be expanded ({whole}).", param="expand")
    if isinstance(node[key], str) and node[key] in ledger.objects:
        node[key] = json.loads(json.dumps(ledger.objects[node[key]]))
    if rest and isinstance(node[key], dict):
        _expand(node[key], rest, ledger, whole)
