"""What an endpoint gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from harness.stripe.ledger import Ledger
from harness.stripe.objects import Shown
from harness.stripe.parameters import Parameters
from harness.stripe.payments import Payments
from harness.stripe.refusals import Refusal, no_such

__all__ = ["Context"]


class Context(Struct, frozen=True):
    ledger: Ledger
    payments: Payments
    parameters: Parameters
    values: Mapping[str, str]
    path: str
    now: datetime
    request_of_event: dict[str, Any]

    def page(self, rows: Sequence[Shown]) -> Shown:
        """A list: `limit` (1 to 100, 10 unless told), `starting_after`, `ending_before`."""
        limit = self.parameters.integer("limit")
        if limit is not None and not 1 <= limit <= 100:
            raise Refusal(400, "This value must be between 1 and 100.", param="limit")
        size = 10 if limit is None else limit
        after, before = self.parameters.text("starting_after"), self.parameters.text("ending_before")
        if after is not None:
            rows = rows[_position(rows, after, "starting_after") + 1 :]
        if before is not None:
            kept = rows[: _position(rows, before, "ending_before")]
            return self._listed(kept[-size:], more=len(kept) > size)
        return self._listed(rows[:size], more=len(rows) > size)

    def _listed(self, rows: Sequence[Shown], *, more: bool) -> Shown:
        return {"object": "list", "data": list(rows), "has_more": more, "url": self.path}


def _position(rows: Sequence[Shown], identifier: str, param: str) -> int:
    for position, row in enumerate(rows):
        if row["id"] == identifier:
            return position
    raise no_such("object", identifier, param, 400)
