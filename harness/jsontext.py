"""JSON text as plain data, as the standard library reads it and several times as fast.

What only the standard library takes (NaN, half a surrogate pair, numbers past a double) it still reads: a product under
test sends such things.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

__all__ = ["parse", "parse_digits", "parse_exact", "written"]

_decode = msgspec.json.Decoder().decode
_decode_exact = msgspec.json.Decoder(float_hook=Decimal).decode


def parse(text: str | bytes) -> Any:
    """The value of `text`. ValueError when it is no JSON, or nested too deeply to be read."""
    return _read(_decode, text)


def parse_exact(text: str | bytes) -> Any:
    """`parse` with numbers that have a fraction or an exponent as Decimal."""
    return _read(_decode_exact, text, Decimal)


def parse_digits(text: str | bytes) -> Any:
    """`parse` with numbers that have more digits than a float keeps as Decimal."""
    return _read(_decode_digits, text, _float)


def _read(decode: Callable[[Any], Any], text: str | bytes, number: Callable[[str], Any] | None = None) -> Any:
    try:
        try:
            return decode(text)
        except ValueError:
            return json.loads(text, parse_float=number)
    except RecursionError as error:
        raise ValueError(str(error)) from error


def _float(text: str) -> float | Decimal:
    number = float(text)
    if len(text) <= _KEPT or not math.isfinite(number):
        return number
    exact = Decimal(text)
    return number if Decimal(repr(number)) == exact else exact


_KEPT = 16  # the sign or the point, and the 15 digits of which a float keeps any
_decode_digits = msgspec.json.Decoder(float_hook=_float).decode


def written(value: Any, other: Callable[[Any], Any]) -> str:
    """`value` as JSON text. A decimal is the number that it is, with more digits than a double has too; `other` says what
    stands for what JSON does not have.

    Raises:
        ValueError: the value holds itself, is nested too deeply, or has a key that no JSON has.
    """
    exact: list[str] = []

    def instead(each: Any) -> Any:
        if not isinstance(each, Decimal):
            return other(each)
        if not each.is_finite():
            return float(each)
        whole = each == each.to_integral_value()
        number = int(each) if whole else float(each)
        if whole or Decimal(repr(number)) == each:
            return number
        exact.append(str(each))
        return f"{_MARK}{len(exact) - 1}"

    try:
        text = json.dumps(value, default=instead)
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return _MARKED.sub(lambda found: exact[int(found[1])], text) if exact else text


_MARK = "\ue000a number of many digits\ue000"
_MARKED = re.compile(re.escape(json.dumps(_MARK)[:-1]) + r'(\d+)"')
