"""What is put in: one entry of the catalogue, or one mutant, with the scenarios that could notice it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import Literal

from harness.defects import CATALOGUE, Defect
from harness.strength.mutants import Mutant
from harness.strength.reach import Lines, Reach
from harness.strength.source import function_lines, statement_lines

__all__ = ["Subject", "of_defect", "of_mutant", "scenario_of"]

Kind = Literal["catalogue", "mutant"]

RESERVE = 200
"""How many cases are tried at most that go the same way through the reference as one that noticed nothing."""


@dataclass(frozen=True, slots=True)
class Subject:
    """`candidates` are scenario ids, the likeliest first. `rebuilt`: the application must be built with it inside.

    `reserve` are further ones, which go the way of a candidate: see `again`.
    `place` is what subjects share that the same scenario is likely to notice: a function, and the class around it.
    """

    id: str
    title: str
    kind: Kind
    rules: tuple[str, ...]
    candidates: tuple[str, ...]
    place: str
    mutant: Mutant | None = None
    rebuilt: bool = True
    reserve: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """The module around the place."""
        return self.place.partition(".")[0]

    def again(self, near: Mapping[str, int]) -> Subject | None:
        """Another try, with the cases that were not tried: their values may matter.

        Those of the scenarios `near` (how much each noticed hereabouts) come first: in turn one of another scenario, and
        all values of one after the other. None when all were tried.
        """
        rest = sorted(self.reserve, key=lambda each: (-near.get(scenario_of(each), 0), scenario_of(each)))
        ordered = tuple(dict.fromkeys(chain.from_iterable(zip(varied(rest), rest, strict=True))))
        return replace(self, candidates=ordered[:RESERVE], reserve=()) if rest else None


def of_defect(defect: Defect, reach: Reach, covers: dict[str, frozenset[str]]) -> Subject:
    """A defect of the catalogue. Scenarios that cover a rule it breaks come first; the schema concerns all."""
    if defect.kind == "schema":
        found = reach.all()
    else:
        found = reach.touching(line for name in defect.replaced for line in function_lines(name))
    rules = frozenset(defect.rules)
    first = [each for each in found if covers.get(each, frozenset()) & rules]
    ordered = (*varied(first), *varied(each for each in found if each not in set(first)))
    return Subject(defect.id, defect.title, "catalogue", defect.rules, ordered, defect.id)


def of_mutant(mutant: Mutant, reach: Reach) -> Subject:
    """A mutant: whoever executes the changed statement could notice; of cases that execute the same, one is tried.

    Those come first that are quick, and in turn those that execute what few others do of the module.
    """
    lines = statement_lines(mutant.module, mutant.line)
    found = reach.touching(lines)
    quick = list(distinct(found, reach))
    rarity = reach.rarity.get(mutant.module, {})
    special = sorted(quick, key=lambda each: -rarity.get(each, 0.0))
    candidates = tuple(dict.fromkeys(chain.from_iterable(zip(varied(quick), varied(special), strict=True))))
    reserve = tuple(each for each in found if each not in set(candidates))
    rebuilt = bool((lines | function_lines(mutant.name)) & reach.setup)  # what it made then, a handler, keeps its code
    return Subject(mutant.id, mutant.title, "mutant", (), candidates, mutant.name, mutant, rebuilt, reserve)


def scenario_of(case_id: str) -> str:
    """The scenario that a case belongs to."""
    return case_id.partition("[")[0]


def distinct(ids: Iterable[str], reach: Reach) -> Iterator[str]:
    """`ids` without the cases that execute just what another case of their scenario does: they notice the same."""
    seen: set[tuple[str, Lines]] = set()
    for each in ids:
        mark = (scenario_of(each), reach.cases[each].lines)
        if mark not in seen:
            seen.add(mark)
            yield each


def varied(ids: Iterable[str]) -> Iterator[str]:
    """`ids` with the first case of every scenario before the second of any: cases of one scenario are much alike."""
    groups: dict[str, list[str]] = {}
    for each in ids:
        groups.setdefault(scenario_of(each), []).append(each)
    for row in zip_longest(*groups.values()):
        yield from (each for each in row if each is not None)


def catalogue(ids: Iterable[str] | None = None) -> list[Defect]:
    """The defects `ids`, or all. Raises InputError for an unknown one."""
    from harness.errors import InputError
    from harness.scenario.suggest import did_you_mean

    if ids is None:
        return list(CATALOGUE.values())
    for each in ids:
        if each not in CATALOGUE:
            raise InputError(f"There is no defect {each!r}.", did_you_mean(each, CATALOGUE, noun="defects"))
    return [CATALOGUE[each] for each in ids]
