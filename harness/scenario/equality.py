"""When two values are the same: JSON's kinds apart, numbers by value, database values by the type of their column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

from msgspec import Struct

from harness.scenario.instants import parse_date, parse_duration, parse_instant, show_instant
from harness.scenario.plain import as_data

__all__ = ["Typed", "equal", "order_key", "untyped"]

_PLAIN = frozenset({str, int, bool, type(None)})

Ordered: TypeAlias = Decimal | datetime | date


class Typed(Struct, frozen=True):
    """A value as PostgreSQL's JSON shows it, with the name of its column's type."""

    value: Any
    column_type: str | None


def equal(expected: Any, actual: Any, column_type: str | None = None) -> bool:
    """Whether `actual` is `expected`.

    `1` is not `"1"` and not `true`; `45.00` is `45`. With a column type of PostgreSQL, text that names an instant,
    a date or a UUID is compared as one.
    """
    if isinstance(actual, Typed):
        actual, column_type = actual.value, actual.column_type
    if column_type and isinstance(actual, str) and isinstance(expected, str):
        return _same_text(expected, actual, column_type)
    if type(expected) is type(actual) and type(expected) in _PLAIN:  # nearly all; what follows asks abstract classes
        return bool(expected == actual)
    expected, actual = as_data(expected), as_data(actual)
    if isinstance(expected, Mapping):
        return (
            isinstance(actual, Mapping)
            and expected.keys() == actual.keys()
            and all(equal(expected[key], actual[key]) for key in expected)
        )
    if _is_list(expected):
        return _is_list(actual) and len(expected) == len(actual) and all(map(equal, expected, actual))
    return _same_scalar(_canonical(expected), _canonical(actual))


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _same_scalar(expected: Any, actual: Any) -> bool:
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, int | Decimal) and isinstance(actual, int | Decimal):
        return expected == actual
    if isinstance(expected, date) or isinstance(actual, date):
        return _same_time(expected, actual)
    if isinstance(expected, timedelta) or isinstance(actual, timedelta):
        return _as_duration(expected) == _as_duration(actual) is not None
    return type(expected) is type(actual) and bool(expected == actual)


def _canonical(value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(repr(value))
    return value


def _same_time(expected: Any, actual: Any) -> bool:
    first, second = order_key(expected), order_key(actual)
    return first is not None and type(first) is type(second) and first == second


def _as_duration(value: Any) -> timedelta | None:
    if isinstance(value, timedelta):
        return value
    return parse_duration(value) if isinstance(value, str) else None


def _same_text(expected: str, actual: str, column_type: str) -> bool:
    if expected == actual:
        return True
    if column_type.startswith("timestamp") or column_type == "date":
        return _same_time(expected, actual)
    return column_type == "uuid" and expected.casefold() == actual.casefold()


def order_key(value: Any) -> Ordered | None:
    """What to order `value` by: a Decimal, an aware instant or a date; None when it has no order here."""
    value = as_data(value)
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float | Decimal):
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        return None if number.is_nan() else number
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value
    if isinstance(value, date):
        return value
    if isinstance(value, str):
        return parse_instant(value) or parse_date(value)
    return None


def untyped(actual: Any, column_type: str | None) -> Any:
    """`actual` as the type matchers (`<instant>`, `<uuid>`…) look at it: instants as text with a time."""
    if isinstance(actual, datetime):
        return show_instant(actual)
    if column_type == "date" and isinstance(actual, str):
        return actual[:10]
    return actual
