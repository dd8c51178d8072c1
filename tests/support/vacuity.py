"""Checks put to the test: each leaf of each check is changed, on the spot, and the check has to fail then.

A check that passes with a changed leaf never looked at it. The changed checks are evaluated right after the genuine
one, in the same world, so that a scenario runs once whatever the number of its mutants.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from unittest import mock

from msgspec.structs import replace

from harness.errors import InputError, Position
from harness.scenario import checks
from harness.scenario.checks import Looks, evidence
from harness.scenario.matching import Comparison
from harness.scenario.model import CheckSpec, Step
from harness.scenario.values import ListPattern, Literal, MapPattern, Matcher, Opaque, Pattern, Reference, Template
from harness.scenario.verbs import parallel
from harness.scenario.world import World

__all__ = ["Mutant", "Survivor", "Watch", "mutants_of", "watching"]

OTHER = "another value, which stands nowhere"
OVER_NOTHING = "without its conditions, for there is nothing to look at"
_NOT_CLAIMS: Mapping[str, frozenset[str]] = {
    "sql": frozenset({"query", "params"}),
    "changed": frozenset({"others"}),
}
"""Parts of a check that say where to look, not what must be there."""
_QUANTIFIED = frozenset({"rows", "changed", "calls", "deliveries", "logs"})


@dataclass(frozen=True, slots=True)
class Mutant:
    """A check with one leaf changed; `where` is the leaf, `how` what was done to it."""

    pattern: Pattern
    where: str
    how: str


@dataclass(frozen=True, slots=True)
class Survivor:
    """A mutant that passed: the leaf decided nothing."""

    position: str
    kind: str
    where: str
    how: str

    def __str__(self) -> str:
        return f"{self.position}  {self.kind}{self.where}: passes {self.how}"


@dataclass
class Watch:
    """What came of the mutants of every check that was evaluated and passed.

    `over_nothing` are the `none: {…}` that held because there was nothing at all: true, but better said as `none`.
    """

    checks: int = 0
    mutants: int = 0
    survivors: dict[Survivor, None] = field(default_factory=dict)
    over_nothing: dict[Survivor, None] = field(default_factory=dict)

    def note(self, kind: str, mutant: Mutant, position: str, found: Sequence[Comparison]) -> None:
        self.mutants += 1
        if all(c.passed for c in found):
            found_in = self.over_nothing if mutant.how == OVER_NOTHING else self.survivors
            found_in[Survivor(position, kind, mutant.where, mutant.how)] = None


def mutants_of(kind: str, pattern: Pattern) -> Iterator[Mutant]:
    """Every way in which a check of `kind` is changed."""
    if kind == "invariant":
        return  # its claim is the SQL of the invariant
    yield from _changed(pattern, "", kind)


def _changed(pattern: Pattern, where: str, kind: str, *, one_of_many: bool = False) -> Iterator[Mutant]:
    """The mutants of a pattern. Of one element of many (`some`, `includes`) the contrary may well be another element."""
    match pattern:
        case Opaque(value=inner):
            yield from _changed(inner, where, kind, one_of_many=one_of_many)
        case MapPattern():
            yield from _changed_map(pattern, where, kind, one_of_many=one_of_many)
        case ListPattern():
            yield from _changed_list(pattern, where, kind, one_of_many=one_of_many)
        case Literal(value="any") if kind == "changed":
            return  # `Booking: any` claims nothing
        case Literal(value="none") if kind == "changed":
            row = MapPattern({"added": Literal(1, pattern.position)}, pattern.position)
            changed = row if where else MapPattern({"Booking": row}, pattern.position)
            yield Mutant(changed, where, "with a row added")
        case Literal(value="none") if kind in _QUANTIFIED:
            yield Mutant(
                Matcher("gte", (Literal(1, pattern.position),), "<gte 1>", pattern.position), where, "with at least one"
            )
        case Literal(value=value):
            yield Mutant(Literal(_another(value), pattern.position), where, f"with {_another(value)!r} for {value!r}")
        case Reference(text=text) | Template(text=text):
            yield Mutant(Literal(OTHER, pattern.position), where, f"with another value for {text}")
        case Matcher(name="any"):
            return  # claims that there is something, and says so
        case Matcher(text=text) if one_of_many:
            yield Mutant(Literal(OTHER, pattern.position), where, f"with another value for {text}")
        case Matcher(text=text):
            yield Mutant(
                Matcher("not", (pattern,), f"<not {text}>", pattern.position), where, f"with the contrary of {text}"
            )


def _changed_map(pattern: MapPattern, where: str, kind: str, *, one_of_many: bool) -> Iterator[Mutant]:
    for key, inner in pattern.items():
        if not where and key in _NOT_CLAIMS.get(kind, ()):
            continue
        here = f"{where}.{key}"
        if kind in _QUANTIFIED and key == "where":
            continue  # says where to look
        many = one_of_many or (kind in _QUANTIFIED and key == "some")
        none = kind in _QUANTIFIED and key == "none"
        for mutant in _none(inner, here) if none else _changed(inner, here, kind, one_of_many=many):
            entries = {**pattern.entries, key: mutant.pattern}
            yield Mutant(replace(pattern, entries=entries), mutant.where, mutant.how)


def _none(pattern: Pattern, where: str) -> Iterator[Mutant]:
    """`none: {…}` is only worth something where there are elements at all: without its conditions it has to fail."""
    items = pattern.items if isinstance(pattern, ListPattern) else (pattern,)
    for index, _ in enumerate(items):
        wide = MapPattern({}, pattern.position)
        kept = [*items[:index], *items[index + 1 :]]
        changed = ListPattern((wide, *kept), pattern.position) if isinstance(pattern, ListPattern) else wide
        yield Mutant(changed, where, OVER_NOTHING)


def _changed_list(pattern: ListPattern, where: str, kind: str, *, one_of_many: bool) -> Iterator[Mutant]:
    for index, item in enumerate(pattern.items):
        many = one_of_many or pattern.mode == "includes"
        for mutant in _changed(item, f"{where}[{index}]", kind, one_of_many=many):
            items = (*pattern.items[:index], mutant.pattern, *pattern.items[index + 1 :])
            yield Mutant(replace(pattern, items=items), mutant.where, mutant.how)
    if pattern.mode in {"exact", "any_order"} and pattern.items and not where.endswith((".some", ".none")):
        yield Mutant(replace(pattern, items=pattern.items[:-1]), where, "without its last element")


def _another(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | Decimal):
        return value + 1
    return OTHER


@contextmanager
def watching(watch: Watch) -> Iterator[Watch]:
    """While it lasts, every check that passes is put to the test."""
    evaluate, answer, outcomes = checks.evaluate, evidence.compare_answer, parallel._compared

    def evaluated(world: World, spec: CheckSpec, *, within_step: bool) -> tuple[list[Comparison], Looks]:
        found, looks = evaluate(world, spec, within_step=within_step)
        if all(c.passed for c in found):
            watch.checks += 1
            with _still(world):
                for mutant in mutants_of(spec.kind, spec.pattern):
                    changed = replace(spec, pattern=mutant.pattern, eventually=None)
                    watch.note(
                        spec.kind,
                        mutant,
                        str(spec.position),
                        _tried(lambda c=changed: evaluate(world, c, within_step=within_step)[0]),
                    )
        return found, looks

    def answered(world: World, step: Step) -> list[Comparison]:
        found = expectation(world, step)
        if step.expect is not None and all(c.passed for c in found):
            watch.checks += 1
            for mutant in mutants_of("response", step.expect.pattern):
                watch.note(
                    "expect", mutant, str(step.expect.position), _tried(lambda p=mutant.pattern: answer(world, p))
                )
        return found

    def compared(world: World, pattern: Pattern, came: list[str]) -> list[Comparison]:
        found = outcomes(world, pattern, came)
        if all(c.passed for c in found):
            watch.checks += 1
            for mutant in mutants_of("outcomes", pattern):
                watch.note(
                    "outcomes", mutant, str(pattern.position), _tried(lambda p=mutant.pattern: outcomes(world, p, came))
                )
        return found

    expectation = checks.expectation
    with (
        mock.patch.object(checks, "evaluate", evaluated),
        mock.patch.object(checks, "expectation", answered),
        mock.patch.object(parallel, "_compared", compared),
    ):
        yield watch


def _tried(look: Any) -> list[Comparison]:
    """What a changed check finds. One that cannot even be looked at any more did not pass."""
    try:
        found: list[Comparison] = look()
    except InputError as error:
        return [Comparison("$", "error", "", str(error), False, error.position or Position("a changed check"))]
    return found


@contextmanager
def _still(world: World) -> Iterator[None]:
    """While mutants are tried, the database is asked each question once: nothing changes meanwhile."""
    rows: dict[str, Any] = {}
    answers: dict[str, Any] = {}
    ask_rows, ask = world.rows, world.query

    def remembered_rows(tables: Sequence[str]) -> dict[str, Any]:
        rows.update(ask_rows([table for table in tables if table not in rows]))
        return {table: rows[table] for table in tables}

    def remembered(query: str, params: Any, position: Any) -> Any:
        key = f"{query} {params}"
        if key not in answers:
            answers[key] = ask(query, params, position)
        return answers[key]

    with mock.patch.object(world, "rows", remembered_rows), mock.patch.object(world, "query", remembered):
        yield
