"""Comparing what came with what was expected: every leaf is one comparison, passed or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from harness.errors import InputError, Position
from harness.scenario.equality import Typed, equal, order_key, untyped
from harness.scenario.instants import parse_duration
from harness.scenario.matchers import ABSENT, MATCHERS
from harness.scenario.scope import resolve
from harness.scenario.show import show
from harness.scenario.values import ListPattern, Literal, MapPattern, Matcher, Opaque, Pattern

__all__ = ["ABSENT", "Comparison", "Typed", "compare", "matches"]


@dataclass(frozen=True, slots=True)
class Comparison:
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
        InputError: a reference that names nothing, or `<now …>` without a clock.
    """
    found: list[Comparison] = []
    _Comparer(scope, now, found).walk(pattern, actual, path, column_type)
    return found


def matches(pattern: Pattern, actual: Any, scope: Mapping[str, Any], *, column_type: str | None = None, now: datetime | None = None) -> bool:
    """Whether every comparison passes."""
    return all(each.passed for each in compare(pattern, actual, scope, column_type=column_type, now=now))


class _Comparer:
    def __init__(self, scope: Mapping[str, Any], now: datetime | None, found: list[Comparison]) -> None:
        self.scope = scope
        self.now = now
        self.found = found

    def walk(self, pattern: Pattern, actual: Any, path: str, column_type: str | None) -> None:
        if isinstance(actual, Typed):
            actual, column_type = actual.value, actual.column_type
        match pattern:
            case Opaque(value=inner):
                self.walk(inner, actual, path, column_type)
            case MapPattern():
                self.map(pattern, actual, path)
            case ListPattern():
                self.list(pattern, actual, path)
            case Matcher():
                self.matcher(pattern, actual, path, column_type)
            case _:
                expected = resolve(pattern, self.scope)
                passed = actual is not ABSENT and equal(expected, actual, column_type)
                self.note(path, "equals", show(expected, beside=actual), actual, passed, pattern, expected)

    def note(self, path: str, matcher: str, expected: str, actual: Any, passed: bool, pattern: Pattern, beside: Any = None) -> None:  # noqa: FBT001  internal
        self.found.append(Comparison(path, matcher, expected, show(actual, beside=beside), passed, pattern.position))

    def map(self, pattern: MapPattern, actual: Any, path: str) -> None:
        if not isinstance(actual, Mapping):
            keys = ", ".join(pattern.entries) or "any keys"
            self.note(path, "map", f"a map with {keys}", actual, False, pattern)
            return
        for key, value in pattern.entries.items():
            self.walk(value, actual.get(key, ABSENT), f"{path}{step(key)}", None)
        if pattern.exact:
            for key in actual:
                if key not in pattern.entries:
                    self.note(f"{path}{step(key)}", "exactly", "<absent>", actual[key], False, pattern)
        if not pattern.entries and not (pattern.exact and actual):
            self.note(path, "map", "a map" if not pattern.exact else "{}", actual, True, pattern)

    def list(self, pattern: ListPattern, actual: Any, path: str) -> None:
        if not isinstance(actual, Sequence) or isinstance(actual, str | bytes):
            self.note(path, "list", f"a list ({len(pattern.items)} here)" if pattern.mode != "every" else "a list", actual, False, pattern)
            return
        match pattern.mode:
            case "exact":
                self.exact_list(pattern, actual, path)
            case "every":
                self.every(pattern, actual, path)
            case _:
                self.some_order(pattern, actual, path)

    def exact_list(self, pattern: ListPattern, actual: Sequence[Any], path: str) -> None:
        for index, item in enumerate(pattern.items):
            self.walk(item, actual[index] if index < len(actual) else ABSENT, f"{path}[{index}]", None)
        for index in range(len(pattern.items), len(actual)):
            self.note(f"{path}[{index}]", "exact list", "<absent>", actual[index], False, pattern)
        if not pattern.items and not actual:
            self.note(path, "exact list", "[]", actual, True, pattern)

    def every(self, pattern: ListPattern, actual: Sequence[Any], path: str) -> None:
        for index, item in enumerate(actual):
            self.walk(pattern.items[0], item, f"{path}[{index}]", None)
        if not actual:
            self.note(path, "every", "at least one element", actual, False, pattern)

    def some_order(self, pattern: ListPattern, actual: Sequence[Any], path: str) -> None:
        table = [[compare(item, each, self.scope, f"{path}[{index}]", now=self.now) for index, each in enumerate(actual)] for item in pattern.items]
        taken = _pair([[all(leaf.passed for leaf in cell) for cell in row] for row in table], len(actual))
        for row, item in enumerate(pattern.items):
            if row in taken:
                self.found.extend(table[row][taken[row]])
            else:
                self.unpaired(item, table[row], set(taken.values()), pattern, actual, path)
        if pattern.mode == "any_order":
            for index in sorted(set(range(len(actual))) - set(taken.values())):
                self.note(f"{path}[{index}]", "any order", "no such element", actual[index], False, pattern)
        if not pattern.items and (pattern.mode == "includes" or not actual):
            self.note(path, pattern.mode.replace("_", " "), "[]", actual, True, pattern)

    def unpaired(
        self, item: Pattern, row: list[list[Comparison]], taken: set[int], pattern: ListPattern, actual: Sequence[Any], path: str
    ) -> None:
        """No element matches `item`: say so, with what the closest free element lacks."""
        word = pattern.mode.replace("_", " ")
        free = [index for index in range(len(actual)) if index not in taken]
        if not free:
            self.note(path, word, f"an element like {sketch(item, self.scope)}", f"{len(actual)} elements, none left", False, item)
            return
        best = min(free, key=lambda index: sum(not leaf.passed for leaf in row[index]))
        self.found.extend(
            Comparison(leaf.path, f"{word}, closest", leaf.expected, leaf.actual, leaf.passed, leaf.position) for leaf in row[best]
        )

    def matcher(self, pattern: Matcher, actual: Any, path: str, column_type: str | None) -> None:
        args = [resolve(arg, self.scope) if isinstance(arg, Pattern) and not isinstance(arg, Matcher) else arg for arg in pattern.args]
        passed = self.accepts(pattern, args, actual, column_type)
        expected = pattern.text
        if "$" in expected and pattern.name != "re":
            expected = f"<{pattern.name} {('|' if pattern.name == 'one of' else ' ').join(show(arg) for arg in args)}>"
        self.note(path, pattern.name, expected, actual, passed, pattern)

    def accepts(self, pattern: Matcher, args: list[Any], actual: Any, column_type: str | None) -> bool:
        word = pattern.name
        if word == "absent":
            return actual is ABSENT
        if word == "not":
            return self.negated(pattern, args[0], actual, column_type)
        if actual is ABSENT:
            return False
        simple = MATCHERS[word].accepts
        if simple is not None:
            return simple(untyped(actual, column_type))
        match word:
            case "one of":
                return any(equal(arg, actual, column_type) for arg in args)
            case "contains":
                return _contains(actual, args[0])
            case "re":
                return isinstance(actual, str) and args[0].search(actual) is not None
            case "len":
                return _length(actual, args[0])
            case "now":
                return self.near_now(pattern, actual, args[0])
        return _ordered(word, args, actual)

    def negated(self, pattern: Matcher, inner: Any, actual: Any, column_type: str | None) -> bool:
        if isinstance(inner, Matcher):
            if inner.name == "absent":
                return actual is not ABSENT
            args = [resolve(arg, self.scope) if isinstance(arg, Pattern) and not isinstance(arg, Matcher) else arg for arg in inner.args]
            return actual is not ABSENT and not self.accepts(inner, args, actual, column_type)
        return actual is not ABSENT and not equal(inner, actual, column_type)

    def near_now(self, pattern: Matcher, actual: Any, tolerance: str) -> bool:
        if self.now is None:
            raise InputError(f"{pattern.text} needs the scenario's clock.", position=pattern.position)
        moment = order_key(actual)
        allowed = parse_duration(tolerance[2:]) or timedelta()
        now = self.now.replace(tzinfo=UTC) if self.now.tzinfo is None else self.now
        return isinstance(moment, datetime) and abs(moment - now) <= allowed


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


def _contains(actual: Any, wanted: Any) -> bool:
    if isinstance(actual, str):
        return str(wanted) in actual
    if isinstance(actual, Mapping):
        return str(wanted) in actual
    return isinstance(actual, Sequence) and any(equal(wanted, each, None) for each in actual)


def _length(actual: Any, wanted: str) -> bool:
    if not isinstance(actual, str | Sequence | Mapping):
        return False
    word, _, number = wanted.rpartition(" ")
    size, limit = len(actual), int(number)
    return {"": size == limit, "gt": size > limit, "gte": size >= limit, "lt": size < limit, "lte": size <= limit}[word.strip()]


def _ordered(word: str, args: list[Any], actual: Any) -> bool:
    keys = [order_key(value) for value in (actual, *args)]
    kinds = {Decimal: 0, datetime: 1, date: 2}
    if any(key is None for key in keys) or len({kinds[type(key)] for key in keys if key is not None}) > 1:
        return False
    value, low, *rest = keys
    match word:
        case "gt":
            return bool(value > low)
        case "gte":
            return bool(value >= low)
        case "lt":
            return bool(value < low)
        case "lte":
            return bool(value <= low)
    return bool(low <= value <= rest[0])


def _pair(fits: list[list[bool]], width: int) -> dict[int, int]:
    """Pairs as many rows with distinct columns as possible (augmenting paths); row → column."""
    owner: dict[int, int] = {}

    def place(row: int, seen: set[int]) -> bool:
        for column in range(width):
            if fits[row][column] and column not in seen:
                seen.add(column)
                if column not in owner or place(owner[column], seen):
                    owner[column] = row
                    return True
        return False

    for row in range(len(fits)):
        place(row, set())
    return {row: column for column, row in owner.items()}
