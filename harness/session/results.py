"""The records of a run's cases, held small: of a long run there are many, and few are ever looked at again."""

from __future__ import annotations

import pickle
import zlib
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import overload

from harness import records

__all__ = ["Results"]

_BLOCK = 256  # records packed together: what they have in common, which is most of them, costs once
_OPEN = 4  # blocks that are read again and again while workers' results lie in each other's order


class Results(Sequence[records.Scenario]):
    """The last record of each case that has one, in the order of the plan, whatever order they came in.

    A hundred bytes a record instead of a thousand. `counts` has the outcomes, and under `flaky` and `fault` how many
    were that.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._blocks: list[bytes] = []
        self._latest: list[records.Scenario] = []
        self._indexes = array("q")  # in the order in which they came
        self._order: Sequence[int] | None = None
        self._unpacked = lru_cache(_OPEN)(self._unpack)

    def add(self, index: int, record: records.Scenario) -> None:
        """`record` is that of the case `index` of the plan."""
        self.counts.update((record.outcome, *("flaky",) * record.flaky, *("fault",) * record.fault))
        self._indexes.append(index)
        self._latest.append(record)
        self._order = None
        if len(self._latest) == _BLOCK:
            self._blocks.append(zlib.compress(pickle.dumps(self._latest, pickle.HIGHEST_PROTOCOL), 1))
            self._latest = []

    def __len__(self) -> int:
        return len(self._indexes)

    @overload
    def __getitem__(self, place: int) -> records.Scenario: ...

    @overload
    def __getitem__(self, place: slice) -> list[records.Scenario]: ...

    def __getitem__(self, place: int | slice) -> records.Scenario | list[records.Scenario]:
        if isinstance(place, slice):
            return list(map(self._came, self._sorted()[place]))
        return self._came(self._sorted()[place])

    def __iter__(self) -> Iterator[records.Scenario]:
        return map(self._came, self._sorted())

    def _sorted(self) -> Sequence[int]:
        if self._order is None:
            self._order = array("q", sorted(range(len(self)), key=self._indexes.__getitem__))
        return self._order

    def _came(self, number: int) -> records.Scenario:
        block, at = divmod(number, _BLOCK)
        return self._latest[at] if block == len(self._blocks) else self._unpacked(block)[at]

    def _unpack(self, block: int) -> list[records.Scenario]:
        unpacked: list[records.Scenario] = pickle.loads(zlib.decompress(self._blocks[block]))  # noqa: S301 - of this process
        return unpacked
