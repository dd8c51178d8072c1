"""What the checks of lists share: none, an amount, these and no others, or where/count/some/none/every/only.

Used for rows, calls, deliveries and logs alike; each brings its own way to hold one element against one pattern.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from harness.scenario.matching import Comparison, compare
from harness.scenario.pairing import pair
from harness.scenario.show import show
from harness.scenario.values import ListPattern, Literal, MapPattern, Pattern

__all__ = ["Element", "Quantified", "describe", "hold"]

Element = Mapping[str, Any]
Hold = Callable[[Pattern, Element, str], list[Comparison]]


class Quantified(Struct, frozen=True):
    """Elements that happened, or are, in this order, and how to compare one of them.

    `hold(pattern, element, path)` lists the comparisons of one element; `what` names the elements in paths.
    """

    elements: Sequence[Element]
    hold: Hold
    what: str
    scope: Mapping[str, Any]
    now: datetime | None = None

    def compare(self, pattern: Pattern) -> list[Comparison]:
        """Every comparison that `pattern` asks for."""
        path = f"$.{self.what}"
        if isinstance(pattern, Literal) and pattern.value == "none":
            return [self.said(pattern, path, "none", "none", self.elements, passed=not self.elements)]
        if isinstance(pattern, ListPattern):
            return self.only(pattern, self.elements, path, ordered=True)
        if not isinstance(pattern, MapPattern):
            return compare(pattern, len(self.elements), self.scope, f"{path}.count", now=self.now)
        where = pattern.get("where")
        elements = self.elements if where is None else self.fitting(where, self.elements)
        found: list[Comparison] = []
        for word, inner in pattern.items():
            found += [] if word == "where" else self.word(word, inner, elements, f"{path}.{word}")
        return found

    def word(self, word: str, inner: Pattern, elements: Sequence[Element], path: str) -> list[Comparison]:
        if word == "count":
            return compare(inner, len(elements), self.scope, path, now=self.now)
        if word == "only":
            assert isinstance(inner, ListPattern)  # the loader takes nothing else
            return self.only(inner, elements, path, ordered=False)
        wanted = inner.items if isinstance(inner, ListPattern) else (inner,)
        taken = self.taken(wanted, elements) if word == "some" and len(wanted) > 1 else None
        return [
            c
            for number, each in enumerate(wanted)
            for c in self.one(word, each, elements, path, left=taken is None or number in taken)
        ]

    def one(
        self, word: str, pattern: Pattern, elements: Sequence[Element], path: str, *, left: bool
    ) -> list[Comparison]:
        """One pattern of a word; without a fitting element `left` for it, `some` fails though one fits."""
        fitting = self.fitting(pattern, elements)
        if word == "none":
            return [self.said(pattern, path, "none", "none like it", fitting, passed=not fitting)]
        if word == "every":
            if elements and len(fitting) == len(elements):
                return [self.said(pattern, path, "every", f"all {len(elements)}", fitting, passed=True)]
            rest = [element for element in elements if element not in fitting]
            return self.nearest(pattern, rest, path, "every", "all, and at least one")
        if fitting:
            wanted = "at least one" if left else "one more, each pattern of the list has its own"
            return [self.said(pattern, path, "some", wanted, fitting, passed=left)]
        return self.nearest(pattern, elements, path, "some", "at least one")

    def only(self, pattern: ListPattern, elements: Sequence[Element], path: str, *, ordered: bool) -> list[Comparison]:
        """Each pattern takes an element: the one at its place when `ordered`, else so that as many as possible fit; what
        is left over fails."""
        found: list[Comparison] = []
        free = list(range(len(elements)))
        taken = {} if ordered else self.taken(pattern.items, elements)
        spare = [index for index in free if index not in taken.values()]
        for number, each in enumerate(pattern.items):
            here = f"{path}[{number}]"
            index = free[0] if ordered and free else taken.get(number)
            if index is None and spare and not ordered:
                index = min(spare, key=lambda one: self.misses(each, elements[one]))
                spare.remove(index)
            if index is None:
                found.append(Comparison(here, "present", "one more", "none", False, each.position))
                continue
            free.remove(index)
            found += self.hold(each, elements[index], here)
        rest = describe([elements[index] for index in free])
        found.append(Comparison(f"{path}.count", "no others", "no others", rest, not free, pattern.position))
        return found

    def taken(self, wanted: Sequence[Pattern], elements: Sequence[Element]) -> dict[int, int]:
        """Pattern → its element, no element twice, as many as possible."""
        return pair([[not self.misses(each, element) for element in elements] for each in wanted], len(elements))

    def misses(self, pattern: Pattern, element: Element) -> int:
        return sum(not c.passed for c in self.hold(pattern, element, ""))

    def fitting(self, pattern: Pattern, elements: Sequence[Element]) -> list[Element]:
        return [element for element in elements if not self.misses(pattern, element)]

    def nearest(
        self, pattern: Pattern, elements: Sequence[Element], path: str, matcher: str, expected: str
    ) -> list[Comparison]:
        """Why nothing fits: the mismatches of the element that comes nearest."""
        attempts = [[c for c in self.hold(pattern, element, path) if not c.passed] for element in elements]
        if not attempts:
            return [self.said(pattern, path, matcher, expected, elements, passed=False)]
        return min(attempts, key=len)

    @staticmethod
    def said(
        pattern: Pattern, path: str, matcher: str, expected: str, elements: Sequence[Element], *, passed: bool
    ) -> Comparison:
        return Comparison(path, matcher, expected, describe(elements), passed, pattern.position)


def hold(scope: Mapping[str, Any], now: datetime | None) -> Hold:
    """The plain way to hold an element: as a value."""
    return lambda pattern, element, path: compare(pattern, element, scope, path, now=now)


def describe(elements: Sequence[Element]) -> str:
    """`elements` in a few words, for a message."""
    if not elements:
        return "none"
    shown = "; ".join(show({k: v for k, v in element.items() if v not in (None, "", {})}) for element in elements[:3])
    return f"{len(elements)}: {shown}" + ("; …" if len(elements) > 3 else "")
