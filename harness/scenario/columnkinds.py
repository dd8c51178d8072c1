"""What a column of a type can hold: a value of another kind never stands there, so a check for it would say nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from harness.scenario.instants import parse_date, parse_instant
from harness.scenario.matchers import ABSENT, MATCHERS
from harness.scenario.show import show
from harness.scenario.values import ListPattern, Literal, MapPattern, Matcher, Pattern

__all__ = ["impossible"]

_KINDS: tuple[tuple[str, str], ...] = (
    (r".*\[\]", "a list"),
    (r"json|jsonb", ""),
    (r"boolean", "true or false"),
    (r"smallint|integer|bigint|numeric|real|double precision", "a number"),
    (r"timestamp.*", "an instant"),
    (r"date", "a date"),
    (r"text|character.*|uuid", "a text"),
)
"""Types by their names, without what stands in parentheses, and what their columns hold; "": anything."""

_HOLDS: dict[str, Callable[[Any], bool]] = {
    "a list": lambda value: isinstance(value, list),
    "true or false": lambda value: isinstance(value, bool),
    "a number": MATCHERS["number"].accepts or bool,
    "an instant": lambda value: isinstance(value, str) and parse_instant(value) is not None,
    "a date": lambda value: isinstance(value, str) and parse_date(value) is not None,
    "a text": lambda value: isinstance(value, str),
}
_OF_TEXT = frozenset({"string", "uuid", "email", "url", "re", "contains", "len", "instant", "date"})
_FITTING = {
    "a list": frozenset({"contains", "len"}),
    "true or false": frozenset({"bool"}),
    "a number": frozenset({"int", "number", "gt", "gte", "lt", "lte", "between"}),
    "an instant": _OF_TEXT | {"now", "gt", "gte", "lt", "lte", "between"},
    "a date": _OF_TEXT | {"gt", "gte", "lt", "lte", "between"},
    "a text": _OF_TEXT | {"now", "gt", "gte", "lt", "lte", "between"},
}
_OF_ALL = frozenset({"any", "absent", "null"})
_ORDERED = frozenset({"gt", "gte", "lt", "lte", "between"})


def impossible(column_type: str | None, pattern: Pattern) -> tuple[str, str] | None:
    """Why `pattern` never fits a column of that type, and what to do; None where it may."""
    kind = _kind(column_type)
    told = next(_misfits(kind, pattern), None) if kind else None
    if told is None:
        return None
    number = kind in {"a number", "true or false"} and isinstance(pattern, Literal) and isinstance(pattern.value, str)
    text = kind == "a text" and isinstance(pattern, Literal) and not isinstance(pattern.value, dict | list)
    remedy = "Write it without quotes." if number else "Quote it." if text else ""
    return f"it holds {kind}, never {told}", remedy


def _kind(column_type: str | None) -> str:
    plain = re.sub(r"\(.*?\)", "", column_type or "")
    return next((kind for name, kind in _KINDS if re.fullmatch(name, plain)), "")


def _misfits(kind: str, pattern: Pattern) -> Iterator[str]:
    match pattern:
        case Literal(value=value):
            if value is not None and value is not ABSENT and not _HOLDS[kind](value):
                yield (
                    f'the text "{value}"'
                    if isinstance(value, str)
                    else "a map"
                    if isinstance(value, dict)
                    else show(value)
                )
        case Matcher(name="one of" | "not", args=args):
            for arg in args:
                yield from _misfits(kind, arg)
        case Matcher(name=word, args=args, text=text):
            numbers = [not isinstance(arg.value, str) for arg in args if isinstance(arg, Literal)]
            wrong = word in _ORDERED and any(number != (kind == "a number") for number in numbers)
            if word not in _OF_ALL and (wrong or word not in _FITTING[kind]):
                yield f"what {text} accepts"
        case MapPattern():
            yield "a map"
        case ListPattern() if kind != "a list":
            yield "a list"
