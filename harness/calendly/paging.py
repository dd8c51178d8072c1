"""Pages with opaque tokens of 32 letters and digits (CALENDLY.md 2.8)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Sequence
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import urlencode

from harness.calendly.parameters import Fields
from harness.calendly.refusals import invalid
from harness.provider import Request

__all__ = ["Pages"]

T = TypeVar("T")
_REMEMBERED = 10_000


class Pages:
    """Cuts rows into pages and remembers which row each token stands for."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._tokens: dict[str, tuple[str, Hashable]] = {}

    def page(
        self,
        request: Request,
        fields: Fields,
        rows: Sequence[T],
        *,
        key: Callable[[T], Hashable],
        show: Callable[[T], Any],
        keep: Callable[[T], bool] | None = None,
        find: Callable[[Any], int] | None = None,
    ) -> dict[str, Any]:
        """One page of `rows` (in the order of the answer) as `{collection, pagination}`.

        `key` names a row, `find` gives the position of such a key faster than a search, `keep` filters.
        """
        count = fields.count()
        listing = _listing(request)
        start = self._start(fields, listing, rows, key, find)
        span = range(start, len(rows))
        kept = [rows[i] for i in islice((i for i in span if keep is None or keep(rows[i])), count + 1)]
        before = islice((i for i in range(start - 1, -1, -1) if keep is None or keep(rows[i])), count)
        previous = [rows[i] for i in before]
        following = self._token(listing, key(kept[count])) if len(kept) > count else None
        preceding = self._token(listing, key(previous[-1])) if previous else None
        shown = [show(row) for row in kept[:count]]
        pagination = {
            "count": len(shown),
            "next_page": self._url(request, following),
            "previous_page": self._url(request, preceding),
            "next_page_token": following,
            "previous_page_token": preceding,
        }
        return {"collection": shown, "pagination": pagination}

    def _start(
        self,
        fields: Fields,
        listing: str,
        rows: Sequence[T],
        key: Callable[[T], Hashable],
        find: Callable[[Any], int] | None,
    ) -> int:
        token = fields.text("page_token")
        if token is None:
            return 0
        known = self._tokens.get(token)
        if known is None or known[0] != listing:
            raise invalid("page_token", "is invalid")
        if find is not None:
            return find(known[1])
        return next((i for i, row in enumerate(rows) if key(row) == known[1]), len(rows))

    def _token(self, listing: str, key: Hashable) -> str:
        digest = hashlib.blake2b(f"{listing}\n{key!r}".encode(), digest_size=16).hexdigest()
        self._tokens[digest] = (listing, key)
        if len(self._tokens) > _REMEMBERED:
            del self._tokens[next(iter(self._tokens))]
        return digest

    def _url(self, request: Request, token: str | None) -> str | None:
        if token is None:
            return None
        return f"{self._base_url}{request.path}?{urlencode({**request.query, 'page_token': token})}"


def _listing(request: Request) -> str:
    kept = sorted((k, v) for k, v in request.query.items() if k not in ("page_token", "count"))
    return f"{request.path}?{urlencode(kept)}"
