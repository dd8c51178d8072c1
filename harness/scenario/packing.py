"""The scenarios of a suite held small: packed by the page, unpacked while somebody looks at them.

Of a scenario some hundred bytes are held, its script among them, since thousands are loaded and one runs at a time.
"""

from __future__ import annotations

import pickle
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any, overload

from msgspec import Struct
from msgspec.structs import replace

from harness.scenario.model import Packed, Scenario

__all__ = ["Scenarios"]

_TOGETHER = 32  # scenarios of a page: what they have in common, which is most of them, costs once
_OPEN = 128  # pages that are kept unpacked for who asks for one scenario after another: all of a suite that is not very large


class _Page(Struct, frozen=True):
    """Some scenarios that stand one after another."""

    count: int
    packed: bytes

    @classmethod
    def of(cls, scenarios: Sequence[Scenario]) -> _Page:
        held = Packed.together([scenario.script for scenario in scenarios])
        packed = [replace(scenario, held=script) for scenario, script in zip(scenarios, held, strict=True)]
        return cls(len(scenarios), zlib.compress(pickle.dumps(packed, pickle.HIGHEST_PROTOCOL), 1))

    def scenarios(self) -> list[Scenario]:
        found: list[Scenario] = pickle.loads(zlib.decompress(self.packed))  # noqa: S301 - packed by this process, or kept as `harness.scenario.compiled` does
        return found


class Scenarios(Sequence[Scenario]):
    """Scenarios in their order, however many. One is made anew when its page is opened again: tell it by its position."""

    def __init__(self, pages: Iterable[_Page]) -> None:
        self._pages = tuple(pages)
        self._starts = array("q", accumulate((page.count for page in self._pages), initial=0))
        self._opened: Callable[[_Page], list[Scenario]] = lru_cache(_OPEN)(_Page.scenarios)

    @classmethod
    def of(cls, scenarios: Sequence[Scenario]) -> Scenarios:
        """`scenarios` packed."""
        if isinstance(scenarios, cls):
            return scenarios
        starts = range(0, len(scenarios), _TOGETHER)
        return cls(_Page.of(scenarios[start : start + _TOGETHER]) for start in starts)

    @classmethod
    def joined(cls, parts: Iterable[Sequence[Scenario]]) -> Scenarios:
        """All of `parts`, one after another."""
        return cls(page for part in parts for page in cls.of(part)._pages)

    def __len__(self) -> int:
        return self._starts[-1]

    def __iter__(self) -> Iterator[Scenario]:
        for page in self._pages:
            yield from page.scenarios()

    @overload
    def __getitem__(self, place: int) -> Scenario: ...

    @overload
    def __getitem__(self, place: slice) -> list[Scenario]: ...

    def __getitem__(self, place: int | slice) -> Scenario | list[Scenario]:
        if isinstance(place, slice):
            return [self[each] for each in range(len(self))[place]]
        at = range(len(self))[place]
        page = bisect_right(self._starts, at) - 1
        return self._opened(self._pages[page])[at - self._starts[page]]

    def __repr__(self) -> str:
        return f"Scenarios({list(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Scenarios, (self._pages,)
