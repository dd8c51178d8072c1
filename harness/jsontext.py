"""JSON text as plain data, as the standard library reads it and several times as fast.

What only the standard library takes (NaN, half a surrogate pair, numbers past a double) it still reads: a product under
test sends such things.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec

__all__ = ["parse", "parse_exact"]

_decode = msgspec.json.Decoder().decode
_decode_exact = msgspec.json.Decoder(float_hook=Decimal).decode


def parse(text: str | bytes) -> Any:
    """The value of `text`. ValueError when it is no JSON."""
    try:
        return _decode(text)
    except ValueError:
        return json.loads(text)


def parse_exact(text: str | bytes) -> Any:
    """`parse` with numbers that have a fraction or an exponent as Decimal."""
    try:
        return _decode_exact(text)
    except ValueError:
        return json.loads(text, parse_float=Decimal)
