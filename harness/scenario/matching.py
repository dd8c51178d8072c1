"""Comparing what came with what was expected: every leaf is one comparison, passed or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from harness.errors import InputError, Position
from harness.scenario.accepting import Acceptance
from harness.scenario.equality import Typed, equal
from harness.scenario.matchers import ABSENT, MATCHERS
from harness.scenario.pairing import pair
from harness.scenario.plain import as_data, as_map
from harness.scenario.scope import resolve
from harness.scenario.show import show
from harness.scenario.values import ListPattern, Literal, MapPattern, Matcher, Opaque, Pattern

__all__ = ["ABSENT", "Comparison", "Typed", "compare", "matches", "sketch"]


class Comparison(Struct, frozen=True):
    """One leaf: where in the actual value, what was expected and what came, both as short text."""

    path: str
    matcher: str
    expected: str
    actual: str
    passed: bool
    position: Position


def compare(
    pattern: Pattern,
    actual: Any,
    scope: Mapping[str, Any],
    path: str = "$",
    *,
    column_type: str | None = None,
    now: datetime | None = None,
) -> list[Comparison]:
    """Every leaf comparison of `pattern` with `actual`, in the order of the pattern.

    Args:
        pattern: compiled for comparing.
        actual: JSON data, or Python values of a database (datetime, UUID, Decimal), or `Typed`; `ABSENT` when missing.
        scope: what references stand for.
        path: where `actual` stands, for the comparisons.
        column_type: PostgreSQL's name of the type (`timestamp(3) without time zone`, `numeric(10,2)`, `uuid`…) when
            `actual` is its JSON; a timestamp without zone is UTC.
        now: the scenario's clock, for `<now …>`.

    Raises:
        InputError: a reference that names nothing, `<now …>` without a clock, or a value of a verb of one's own that holds
            itself, beside another.
    """
    try:
        return _Comparer(scope, now).compare(pattern, actual, path, column_type)
    except RecursionError:
        what = "This cannot be compared: a value here is nested without end, or nearly so."
        raise InputError(what, "Compare a part of it.", pattern.position) from None


def matches(
    pattern: Pattern,
    actual: Any,
    scope: Mapping[str, Any],
    *,
    column_type: str | None = None,
    now: datetime | None = None,
) -> bool:
    """Whether every comparison passes."""
    return all(each.passed for each in compare(pattern, actual, scope, column_type=column_type, now=now))


Comparisons: TypeAlias = list[Comparison]


class _Comparer:
    def __init__(self, scope: Mapping[str, Any], now: datetime | None) -> None:
        self.scope = scope
        self.now = now

    def compare(self, pattern: Pattern, actual: Any, path: str, column_type: str | None = None) -> Comparisons:
        if isinstance(actual, Typed):
            actual, column_type = actual.value, actual.column_type
        actual = as_data(actual)
        match pattern:
            case Opaque(value=inner):
                return self.compare(inner, actual, path, column_type)
            case MapPattern():
                return self.map(pattern, actual, path)
            case ListPattern():
                return self.list(pattern, actual, path)
            case Matcher(name=name):
                acceptance = Acceptance(pattern, self.scope, self.now, column_type)
                passed = acceptance.accepts(actual)
                return [Comparison(path, name, acceptance.expected(), show(actual), passed, pattern.position)]
        return [self.equals(pattern, actual, path, column_type)]

    def equals(self, pattern: Pattern, actual: Any, path: str, column_type: str | None) -> Comparison:
        expected = resolve(pattern, self.scope)
        passed = actual is not ABSENT and equal(expected, actual, column_type)
        shown = show(expected, beside=actual), show(actual, beside=expected)
        told = Comparison(path, "equals", *shown, passed, pattern.position)
        meant = "" if passed else _meant(pattern, actual)
        return replace(told, expected=f"{shown[0]} ({meant})") if meant else told

    def map(self, pattern: MapPattern, actual: Any, path: str) -> Comparisons:
        if not isinstance(actual, dict | Mapping):  # a dict, nearly always, is told at once
            actual = as_map(actual)
        if not isinstance(actual, dict | Mapping):
            wanted = f"a map with {', '.join(pattern.entries)}" if pattern.entries else "a map"
            return [Comparison(path, "map", wanted, show(actual), False, pattern.position)]
        found: Comparisons = []
        for key, value in pattern.entries.items():
            found += self.compare(value, actual.get(key, ABSENT), f"{path}{step(key)}")
        for key in actual if pattern.exact else ():
            if key not in pattern.entries:
                where = f"{path}{step(key)}"
                found.append(Comparison(where, "exactly", "<absent>", show(actual[key]), False, pattern.position))
        wanted = "{}" if pattern.exact else "a map"
        return found or [Comparison(path, "map", wanted, show(actual), True, pattern.position)]

    def list(self, pattern: ListPattern, actual: Any, path: str) -> Comparisons:
        word = pattern.mode.replace("_", " ")
        if not isinstance(actual, Sequence) or isinstance(actual, str | bytes):
            return [Comparison(path, word, "a list", show(actual), False, pattern.position)]
        if pattern.mode == "every":
            found = [
                each for i, item in enumerate(actual) for each in self.compare(pattern.items[0], item, f"{path}[{i}]")
            ]
            return found or [Comparison(path, word, "at least one element", "[]", False, pattern.position)]
        found = self.exact_list(pattern, actual, path) if pattern.mode == "exact" else self.set(pattern, actual, path)
        return found or [Comparison(path, word, "[]", show(actual), True, pattern.position)]

    def exact_list(self, pattern: ListPattern, actual: Sequence[Any], path: str) -> Comparisons:
        found: Comparisons = []
        for index, item in enumerate(pattern.items):
            found += self.compare(item, actual[index] if index < len(actual) else ABSENT, f"{path}[{index}]")
        for index in range(len(pattern.items), len(actual)):
            where = f"{path}[{index}]"
            found.append(Comparison(where, "exact", "<absent>", show(actual[index]), False, pattern.position))
        return found

    def set(self, pattern: ListPattern, actual: Sequence[Any], path: str) -> Comparisons:
        """Elements in any order: as many as possible are paired, the rest is told with the closest."""
        word = pattern.mode.replace("_", " ")
        table = [
            [self.compare(item, each, f"{path}[{index}]") for index, each in enumerate(actual)]
            for item in pattern.items
        ]
        taken = pair([[all(leaf.passed for leaf in cell) for cell in row] for row in table], len(actual))
        free = [index for index in range(len(actual)) if index not in taken.values()]
        found: Comparisons = []
        for row, item in enumerate(pattern.items):
            if row in taken:
                found += table[row][taken[row]]
            elif free:
                best = min(free, key=[sum(not leaf.passed for leaf in cell) for cell in table[row]].__getitem__)
                found += [replace(leaf, matcher=f"{word}, closest") for leaf in table[row][best]]
            else:
                wanted = f"an element like {sketch(item, self.scope)}"
                found.append(Comparison(path, word, wanted, f"{len(actual)} elements, none left", False, item.position))
        for index in free if pattern.mode == "any_order" else ():
            where = f"{path}[{index}]"
            found.append(Comparison(where, word, "no such element", show(actual[index]), False, pattern.position))
        return found


def _meant(pattern: Pattern, actual: Any) -> str:
    """A question, where a text is the word of a matcher that holds: `absent` is a text like any other, `<absent>` is none."""
    word = MATCHERS.get(pattern.value) if isinstance(pattern, Literal) and isinstance(pattern.value, str) else None
    return f"did you mean {word.example}?" if word and word.accepts and word.accepts(actual) else ""


def step(key: str) -> str:
    """A key as a step of a path: `.name`, or `["odd name"]`."""
    return f".{key}" if key.replace("-", "_").isidentifier() else f'["{key}"]'


def sketch(pattern: Pattern, scope: Mapping[str, Any]) -> str:
    """A pattern in a few words, for a message."""
    match pattern:
        case Literal(value=value):
            return show(value)
        case Matcher(text=text):
            return text
        case MapPattern(entries=entries):
            return "{" + ", ".join(f"{key}: {sketch(value, scope)}" for key, value in entries.items()) + "}"
        case ListPattern(items=items):
            return "[" + ", ".join(sketch(item, scope) for item in items) + "]"
        case Opaque(value=value):
            return sketch(value, scope)
    return show(resolve(pattern, scope))
