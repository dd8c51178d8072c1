"""Whether a matcher can hold at all, and whether it can fail: told when a file is read, as no run would ever tell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from harness.scenario.accepting import Acceptance
from harness.scenario.matchers import ABSENT
from harness.scenario.values import Literal, Matcher, Pattern, references

__all__ = ["alternatives", "amounts", "same_for_all", "statuses"]

_MANY = 1_000_000_000
_NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def alternatives(pattern: Pattern) -> Iterator[Any]:
    """The values that a matcher names as one that may come, or may not: those of `<one of a|b>` and `<not a>`."""
    if isinstance(pattern, Matcher) and pattern.name in {"one of", "not"}:
        for arg in pattern.args:
            if isinstance(arg, Literal):
                yield arg.value
            else:
                yield from alternatives(arg)


def same_for_all(matcher: Matcher, values: Iterable[Any]) -> bool | None:
    """Whether the matcher accepts all of `values` (True) or none (False); None where it tells them apart, or only a run knows."""
    if any(True for _ in references(matcher)):
        return None
    acceptance, seen = Acceptance(matcher, {}, _NOON), set()
    for value in values:
        seen.add(acceptance.accepts(value))
        if len(seen) > 1:
            return None
    return seen.pop()


def amounts(matcher: Matcher) -> Sequence[int]:
    """Amounts that tell whether the matcher accepts any amount, or every one: those about the numbers that it names."""
    return [*_about(matcher), 0, 1, _MANY]


def statuses(matcher: Matcher) -> Sequence[Any]:
    """The same for the status of an answer; None and ABSENT stand for one where no answer came."""
    return [*(number for number in _about(matcher) if 100 <= number <= 599), 100, 599, None, ABSENT]


def _about(matcher: Matcher) -> Iterator[int]:
    named = {int(number) for number in re.findall(r"\d{1,18}", matcher.text)}
    return (abs(number + by) for number in named for by in (0, 1, -1))
