"""Which cases to run, and in which order."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from heapq import heapreplace
from pathlib import Path
from statistics import median
from typing import overload

from msgspec import Struct
from msgspec.structs import replace

from harness.errors import InputError, NothingSelected, Position
from harness.project import located, relative
from harness.scenario.expand import Cases
from harness.scenario.files import Place
from harness.scenario.loader import tags_of
from harness.scenario.model import Case, Suite
from harness.scenario.suggest import did_you_mean
from harness.scenario.tagexpression import tag_filter

__all__ = ["Selection", "divided", "repeated", "select", "shuffled"]


class Selection(Struct, frozen=True):
    """What the command line asks for; an empty selection is everything.

    places: files, directories, `file:LINE`. text: part of a case's id, title or feature, whatever the case of letters; where it is the
    whole tail of a case's id (`[session=intro-call]`), the other cases of that scenario are not meant.
    tag: an expression over tags (`smoke and not slow`). covers: rule ids, one of which is covered.
    only: case ids (the last failed ones).
    """

    places: tuple[Place, ...] = ()
    text: str | None = None
    tag: str | None = None
    covers: tuple[str, ...] = ()
    only: frozenset[str] | None = None


def select(suite: Suite, selection: Selection, *, project: Path) -> Cases:
    """The cases asked for, in the order of the files.

    Raises:
        InputError: an unknown tag, rule or line, an empty text, or an expression that cannot be read.
        NothingSelected: no case is left; says which wish removed the last.
    """
    cases = suite.cases
    if not cases:
        raise NothingSelected("There are no scenarios.", "Add one under scenarios/.")
    for wish, keep in _wishes(suite, selection, project):
        left = cases.where(keep)
        if not left:
            raise NothingSelected(
                f"No scenario is left: none of {len(cases)} fits {wish}.", "`harness list` shows all."
            )
        cases = left
    return cases


Wish = tuple[str, Callable[[Case], bool]]


def _wishes(suite: Suite, selection: Selection, project: Path) -> Iterable[Wish]:
    lines = [place for place in selection.places if place.line is not None]
    if lines:
        yield "the lines given", _at_places(suite, selection.places, project)
    if selection.tag is not None:
        elsewhere = partial(tags_of, project) if selection.places else frozenset
        yield f"the tags {selection.tag}", tag_filter(selection.tag, suite.tags, elsewhere)
    if selection.covers:
        yield f"the rules {', '.join(selection.covers)}", _covering(suite, selection.covers)
    if selection.text is not None:
        yield f"the text {selection.text!r}", _with_text(suite, selection.text)
    if selection.only is not None:
        only = selection.only
        yield "the scenarios that failed last", lambda case: case.case_id in only


def _at_places(suite: Suite, places: Sequence[Place], project: Path) -> Callable[[Case], bool]:
    wanted: set[Position] = set()
    for place in places:
        file = relative(located(place.path, project), project)
        here = [
            each for each in suite.scenarios if each.file == file or each.file.startswith(f"{file}/") or file == "."
        ]
        if place.line is not None:
            here = [each for each in here if each.position.line <= place.line <= each.last_line]
            if not here:
                first = next((each.position.line for each in suite.scenarios if each.file == file), None)
                last = max((each.last_line for each in suite.scenarios if each.file == file), default=0)
                remedy = f"The first scenario begins at line {first}." if first else "The file has no scenarios."
                if first and place.line > last:
                    remedy = f"The file ends at line {last}."
                raise InputError(f"No scenario stands at line {place.line} of {file}.", remedy)
        wanted |= {each.position for each in here}
    return lambda case: case.scenario.position in wanted


def _covering(suite: Suite, rules: Sequence[str]) -> Callable[[Case], bool]:
    known = set(suite.rules) or {rule for scenario in suite.scenarios for rule in scenario.covers}
    for rule in rules:
        if rule not in known:
            raise InputError(f"There is no rule {rule}.", did_you_mean(rule, known, noun="rules"))
    wanted = set(rules)
    return lambda case: not wanted.isdisjoint(case.scenario.covers)


def _with_text(suite: Suite, text: str) -> Callable[[Case], bool]:
    if not text.strip():
        raise InputError("The text to select by is empty.", "Write a part of a name, or leave -k out.")
    folded = text.casefold()
    exact = {case.scenario.stem for case in suite.cases if case.tail == text} if text[0] in "[#" else set()

    def keep(case: Case) -> bool:
        if case.scenario.stem in exact:  # `#1` is a part of `#10`, and `[v=A]` is `[v=a]` in other letters
            return case.tail == text
        return folded in f"{case.scenario_id}\n{case.title}\n{case.feature}".casefold()

    return keep


def divided(cases: Sequence[Case], count: int, durations: Mapping[str, int]) -> dict[str, int]:
    """The shard (from 1 to `count`) of each case by its id, balanced by `durations` (µs by case id; unknown ones count as the median)."""
    ids = [case.case_id for case in cases]
    known = [durations[case_id] for case_id in ids if case_id in durations]
    usual = int(median(known)) if known else 1
    weighed = sorted(ids, key=lambda case_id: (-durations.get(case_id, usual), case_id))
    loads = [(0, number) for number in range(1, min(count, len(cases)) + 1)]  # a heap; what is lightest takes the next
    parts = {}
    for case_id in weighed:
        load, number = loads[0]
        heapreplace(loads, (load + max(1, durations.get(case_id, usual)), number))
        parts[case_id] = number
    return parts


def shuffled(cases: Cases, seed: int) -> Cases:
    """The cases in an order that depends on `seed` alone."""
    order = sorted(range(len(cases)), key=[case.case_id for case in cases].__getitem__)
    random.Random(seed).shuffle(order)
    return cases.at(order)


def repeated(cases: Cases, times: int) -> Sequence[Case]:
    """Each case `times` times, round by round; `scenario_id` says which round, `case_id` is that of the case."""
    return cases if times == 1 else _Rounds(cases, times)


class _Rounds(Sequence[Case]):
    """Rounds of the same cases, each made when it is asked for: a soak has many."""

    def __init__(self, cases: Sequence[Case], times: int) -> None:
        self._cases = cases
        self._times = times

    def __len__(self) -> int:
        return len(self._cases) * self._times

    @overload
    def __getitem__(self, index: int) -> Case: ...

    @overload
    def __getitem__(self, index: slice) -> list[Case]: ...

    def __getitem__(self, index: int | slice) -> Case | list[Case]:
        if isinstance(index, slice):
            return [self[each] for each in range(len(self))[index]]
        again, at = divmod(range(len(self))[index], len(self._cases))
        case = self._cases[at]
        return replace(case, round=again + 1, title=f"{case.title} #{again + 1}")
