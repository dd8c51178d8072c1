"""Checks: what must hold after a step, at the end of a scenario, and always."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from harness.errors import HarnessFault, InputError, Position
from harness.scenario.checks import database, evidence
from harness.scenario.checks.database import broken_invariants
from harness.scenario.checks.evidence import compare_answer, shown_answer
from harness.scenario.matching import Comparison

if TYPE_CHECKING:
    from harness.provider import Fault
    from harness.records import CheckKind
    from harness.scenario.model import CheckSpec, Eventually, Step
    from harness.scenario.world import World

__all__ = ["RECORD_KINDS", "Looks", "answered", "evaluate", "expectation", "faults", "invariants", "unexpected_calls"]

RECORD_KINDS: Mapping[str, CheckKind] = {
    "response": "response",
    "rows": "row",
    "changed": "row",
    "calls": "call",
    "deliveries": "delivery",
    "logs": "log",
    "sql": "row",
    "invariant": "invariant",
}
"""What a kind of check is called in the report."""

_ROOMS = (database, evidence)  # imported for their @check


class Looks(Struct, frozen=True):
    """How often a check looked, and whether its `stop_if` ended the waiting."""

    times: int = 1
    stopped: bool = False


def evaluate(world: World, spec: CheckSpec, *, within_step: bool) -> tuple[list[Comparison], Looks]:
    """The comparisons of one check and how it looked: once, or until `eventually` is satisfied or over.

    Of several looks the last one counts; the distinct mismatches of the looks before are told with it.
    """
    run = world.registry.checks[spec.kind].run
    if run is None:
        raise HarnessFault(f"The check {spec.kind} has no function.")
    if spec.kind != "response" and not world.stage.target.observed:
        raise InputError(
            f"`{spec.kind}` cannot be looked at: the deployment's database and providers are not this run's.",
            "Let the harness start it, with --start CMD.",
            spec.position,
        )
    if spec.kind == "logs" and world.stage.target.url is not None:
        world.tell(not_looked_at="logs: a deployment's log is its own")
        return [], Looks()
    return patiently(world, spec.eventually, lambda: run(world, spec.pattern, within_step), within_step=within_step)


def patiently(
    world: World, eventually: Eventually | None, look: Callable[[], list[Comparison]], *, within_step: bool
) -> tuple[list[Comparison], Looks]:
    """What `look` finds: once, or until nothing fails, `stop_if` holds or the time is over."""
    if eventually is None:
        return look(), Looks()
    deadline = time.monotonic() + eventually.within.total_seconds()
    tries, before = 0, dict[str, Comparison]()
    while True:
        tries += 1
        found = look()
        failed = [c for c in found if not c.passed]
        stopped = eventually.stop_if is not None and _holds(world, eventually.stop_if, within_step=within_step)
        left = deadline - time.monotonic()
        if not failed or stopped or left <= 0:
            return [*found, *(_earlier(failed, before) if failed else ())], Looks(tries, bool(failed) and stopped)
        before.update({f"{c.path} {c.actual}": c for c in failed})
        time.sleep(min(eventually.every.total_seconds(), left))  # what holds only after that is too late


def _holds(world: World, spec: CheckSpec, *, within_step: bool) -> bool:
    found, _ = evaluate(world, replace(spec, eventually=None), within_step=within_step)
    return all(c.passed for c in found)


def _earlier(failed: list[Comparison], before: dict[str, Comparison]) -> list[Comparison]:
    now = {f"{c.path} {c.actual}" for c in failed}
    return [replace(c, actual=f"{c.actual} (at an earlier look)") for key, c in before.items() if key not in now]


def answered(world: World, step: Step) -> tuple[list[Comparison], Looks]:
    """The comparisons of the answer that came. A step that only reads asks again while its `eventually` lasts."""
    asked = False

    def look() -> list[Comparison]:
        nonlocal asked
        if asked:
            world.perform(step)
        asked = True
        return expectation(world, step)

    return patiently(world, step.eventually if step.asks_again else None, look, within_step=True)


def expectation(world: World, step: Step) -> list[Comparison]:
    """What the step's answer must be. Without `expect`, a visitor's step must simply succeed."""
    if step.expect is not None:
        return compare_answer(world, step.expect.pattern)
    actual = shown_answer(world.answer, world.refusal)
    if world.refusal is not None:
        code = world.refusal.isidentifier()  # else the page itself failed, which is never right
        came = f"{world.refusal} (where that is right: expect: {{refused: {world.refusal}}})" if code else world.refusal
        return [Comparison("$.refused", "default", "no refusal", came, False, step.position)]
    if not world.answered:
        return []
    status = actual.get("status")
    passed = isinstance(status, int) and status < 400
    return [
        Comparison(
            "$.status", "default", "success", str(status if status is not None else "no answer"), passed, step.position
        )
    ]


def unexpected_calls(world: World, position: Position) -> list[Comparison]:
    """A request that no endpoint of a simulator answers fails the scenario and says what would have matched."""
    return [
        Comparison("$.calls", "expected", f"a known endpoint{candidates}", asked, False, position)
        for asked, candidates in world.take_unexpected()
    ]


def invariants(world: World, position: Position) -> list[Comparison]:
    """Every invariant that the scenario does not waive, if rows changed since they were last looked at."""
    wanted = world.due_invariants()
    return broken_invariants(world, wanted, position) if wanted else []


def faults(world: World, position: Position) -> list[Comparison]:
    """A fault that never struck tested nothing: a failure, unless it was left to chance, and chance had it so."""
    return [
        Comparison("$.fault", "struck", "to strike", f"never struck: {fault}", False, position)
        if fault.never_struck
        else Comparison("$.fault", "by chance", "to strike, or not", _spared(fault), True, position)
        for fault in world.providers.faults
        if fault.never_struck or fault.spared
    ]


def _spared(fault: Fault) -> str:
    calls = "the one call" if fault.chances == 1 else f"any of {fault.chances} calls"
    return f"never struck, by chance, at {calls} it could: {fault}"
