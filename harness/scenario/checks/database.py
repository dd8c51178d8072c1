"""Checks on the database: rows, changes, queries, invariants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.errors import InputError, Position
from harness.scenario.changes import net
from harness.scenario.checks.changes import compare_changes, typed
from harness.scenario.checks.columns import refuse_lost
from harness.scenario.checks.quantified import Quantified, describe, hold
from harness.scenario.matching import Comparison, compare, sketch
from harness.scenario.registry import check
from harness.scenario.scope import resolve
from harness.scenario.show import show
from harness.scenario.suggest import did_you_mean
from harness.scenario.values import ListPattern, Literal, MapPattern, Pattern

if TYPE_CHECKING:
    from harness.scenario.model import Invariant
    from harness.scenario.world import World

__all__ = ["broken_invariants", "changed", "invariant", "rows", "sql"]


@check("rows")
def rows(world: World, pattern: Pattern, within_step: bool) -> list[Comparison]:
    """The rows of tables as they are now, ordered by their first column."""
    assert isinstance(pattern, MapPattern)  # the loader takes nothing else
    found: list[Comparison] = []
    current = world.types_now()
    for table, inner in pattern.items():
        if table not in current and table in world.types:
            what = f"There is no table {table} any more, so nothing can be compared: what ran before renamed or dropped it."
            raise InputError(what, did_you_mean(table, current, noun="tables"), inner.position)
    every = world.rows([table for table, _ in pattern.items()])
    scope, now = world.scope, world.clock()
    for table, inner in pattern.items():
        types = current.get(table, {})
        refuse_lost(inner, table, world.types.get(table, {}), types)
        elements = [typed(row, types) for row in every[table]]
        found += Quantified(elements, hold(scope, now), table, scope, now).compare(inner)
    return found


@check("changed")
def changed(world: World, pattern: Pattern, within_step: bool) -> list[Comparison]:
    """The rows that changed since the step (or the scenario) began, and no others."""
    changes = net(world.changes(within_step=within_step))
    now = world.types_now()
    types = {table: {**columns, **now.get(table, {})} for table, columns in world.types.items()}
    return compare_changes(pattern, changes, types, world.scope, world.clock())


@check("sql")
def sql(world: World, pattern: Pattern, within_step: bool) -> list[Comparison]:
    """The answer to a query."""
    assert isinstance(pattern, MapPattern)  # the loader takes nothing else
    query = pattern.get("query")
    params = pattern.get("params")
    assert query is not None  # the loader demands it
    answer = world.query(
        str(resolve(query, world.scope)), resolve(params, world.scope) if params else {}, pattern.position
    )
    found: list[Comparison] = []
    for word, inner in pattern.items():
        if word in {"query", "params"}:
            continue
        if word == "value" and len(answer) != 1:  # how many there are is the product's doing
            came = describe(answer) if answer else "no row"
            wanted = f"one row with {sketch(inner, world.scope)}"
            found.append(Comparison("$.value", "one row", wanted, came, False, inner.position))
            continue
        found += compare(inner, _aspect(word, answer, inner), world.scope, f"$.{word}", now=world.clock())
    return found


def _aspect(word: str, answer: Sequence[Mapping[str, Any]], pattern: Pattern) -> Any:
    if word == "count":
        return len(answer)
    if word == "rows":
        return list(answer)
    if len(answer[0]) != 1:
        columns = ", ".join(answer[0]) or "none"
        what = f"`value` needs a query of one column; this one gives {columns}."
        raise InputError(what, "Use `rows` or `count`.", pattern.position)
    return next(iter(answer[0].values()))


@check("invariant")
def invariant(world: World, pattern: Pattern, within_step: bool) -> list[Comparison]:
    """Invariants by name, checked here and now."""
    wanted = pattern.items if isinstance(pattern, ListPattern) else (pattern,)
    known = {each.name: each for each in world.invariants}
    chosen: list[Invariant] = []
    for each in wanted:
        name = each.value if isinstance(each, Literal) else resolve(each, world.scope)
        if name not in known:
            raise InputError(
                f"There is no invariant {name}.", did_you_mean(str(name), known, noun="invariants"), each.position
            )
        chosen.append(known[name])
    return broken_invariants(world, chosen, pattern.position)


def broken_invariants(world: World, wanted: Sequence[Invariant], position: Position) -> list[Comparison]:
    """One comparison an invariant, from one query: each must return no row."""
    broken = world.broken_invariants(wanted)
    return [
        Comparison(
            f"$.invariant.{each.name}",
            "no row",
            f"no row ({each.reason})" if each.name in broken else "no row",
            _few(broken[each.name]) if each.name in broken else "no row",
            each.name not in broken,
            position,
        )
        for each in wanted
    ]


def _few(answer: Sequence[Mapping[str, Any]]) -> str:
    if not answer:
        return "no row"
    return f"{len(answer)}: " + "; ".join(show(dict(row)) for row in answer[:3])
