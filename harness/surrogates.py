"""Half surrogate pairs: what Python makes of bytes that are no UTF-8, and what JSON can escape and UTF-8 cannot hold."""

from __future__ import annotations

import re

__all__ = ["without_surrogates"]

_SURROGATES = re.compile("[\ud800-\udfff]")


def without_surrogates(text: str) -> str:
    """`text` as UTF-8 can hold it: for half a surrogate pair, and for a byte that was none, stands the replacement character."""
    return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)
