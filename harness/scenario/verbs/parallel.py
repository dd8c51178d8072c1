"""`parallel`: branches of steps at the same time, released together."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Struct

from harness.errors import HarnessFault, InputError
from harness.scenario import checks
from harness.scenario.exchange import HttpAnswer
from harness.scenario.matching import Comparison, compare
from harness.scenario.model import Step
from harness.scenario.registry import Compare, Steps, verb
from harness.scenario.scope import capture
from harness.scenario.structures import Misplaced
from harness.scenario.values import Literal, MapPattern, Pattern
from harness.scenario.world import World

__all__ = ["ParallelArgs", "parallel"]

PATIENCE_S = 60.0
_WORDS = ("unknown", "refused", "done")
"""Outcomes of a branch whose last step got no status: no answer came, the page refused, or it asked nothing."""


class ParallelArgs(Struct, frozen=True):
    """Branches, each a list of steps; and how often each status must come out."""

    branches: Annotated[list[Steps], "lists of steps that run at the same time"]
    outcomes: Annotated[
        Compare, "how many branches ended with each status: {200: 1, 409: 1}; `unknown` for no answer"
    ] = None
    copies: Annotated[int, "run each branch this many times at once"] = 1

    def __post_init__(self) -> None:
        if not self.branches:
            raise InputError("Nothing runs in this `parallel`.", "Give at least one branch.")
        if self.copies < 1:
            raise Misplaced({("copies",): f"copies is 1 or more; found {self.copies}."})
        if self.outcomes is not None:
            _possible(self.outcomes, len(self.branches) * self.copies)


def _possible(outcomes: Pattern, branches: int) -> None:
    """Refuses outcomes that no run of so many branches can have.

    Raises:
        InputError: at the place of the mistake.
    """
    if not isinstance(outcomes, MapPattern):
        raise InputError("outcomes is a map of statuses and how often: {200: 1, 409: 1}.", position=outcomes.position)
    for outcome, amount in outcomes.items():
        if outcome not in _WORDS and not (outcome.isascii() and outcome.isdigit() and 100 <= int(outcome) <= 599):
            known = f"Write a status, or {', '.join(_WORDS)}."
            raise InputError(f"No branch ends with {outcome}.", known, amount.position)
    least = [amount.value for _, amount in outcomes.items() if isinstance(amount, Literal)]
    if not all(isinstance(amount, int) and not isinstance(amount, bool) and amount >= 0 for amount in least):
        raise InputError("outcomes says how often each status comes: a number such as 1.", position=outcomes.position)
    exact = len(least) == len(outcomes.entries)
    if sum(least) > branches or (exact and sum(least) < branches):
        raise InputError(
            f"The outcomes add up to {sum(least)}, and the branches to {branches}.",
            "Each branch, and each copy of it, ends with one outcome.",
            outcomes.position,
        )


class Gate:
    """Where every branch's first request waits until all branches are there or have ended."""

    def __init__(self, branches: int) -> None:
        self._missing = branches
        self._there: set[int] = set()
        self._open = threading.Condition()

    def arrive(self, *, wait: bool = True) -> None:
        """Be there; wait for the others unless this branch is over. Each thread counts once."""
        me = threading.get_ident()
        with self._open:
            if me in self._there:
                return
            self._there.add(me)
            self._missing -= 1
            if self._missing <= 0:
                self._open.notify_all()
            elif wait and not self._open.wait_for(lambda: self._missing <= 0, PATIENCE_S):
                raise HarnessFault("The branches of `parallel` did not all arrive within a minute.")


@dataclass
class _Branch:
    steps: tuple[Step, ...]
    judged: bool  # `outcomes` says how it must end
    buffer: Any = ()
    names: Mapping[str, Any] | None = None
    outcome: str = ""
    found: list[Comparison] | None = None
    error: BaseException | None = None


@verb("parallel", shorthand="branches", beside=("outcomes", "copies"), kind="low")
def parallel(world: World, args: ParallelArgs) -> Any:
    """Run branches of steps at the same time. Their requests are built first, then released together.

    Gives the outcomes as text, in the order of the branches; a branch whose request got no answer is `unknown`.
    A step without `expect` must succeed, as anywhere; `outcomes` judges the last step of each branch instead.
    """
    branches = [_Branch(tuple(steps), args.outcomes is not None) for steps in args.branches for _ in range(args.copies)]
    gate = Gate(len(branches))
    threads = [threading.Thread(target=_run, args=(world, branch, gate), daemon=True) for branch in branches]
    with world.gate(gate):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    world.recorder.merge([branch.buffer for branch in branches])
    for branch in branches:
        if branch.error is not None:
            raise branch.error
        for name, value in (branch.names or {}).items():
            capture(world.scope, name, value)
    world.touched()
    outcomes = [branch.outcome for branch in branches]
    world.tell(outcomes=outcomes)
    world.found([c for branch in branches for c in branch.found or ()])
    if args.outcomes is not None:
        world.found(_compared(world, args.outcomes, outcomes))
    return outcomes


def _run(world: World, branch: _Branch, gate: Gate) -> None:
    captured: dict[str, Any] = {}
    found: list[Comparison] = []
    try:
        with world.recorder.branch() as branch.buffer, world.branch() as names:
            for number, step in enumerate(branch.steps, 1):
                with world.acting(step.by):
                    value = world.perform(step)
                if step.as_:
                    captured[step.as_] = value
                    capture(names, step.as_, value)
                branch.outcome = _outcome(world.answer, world.refusal, answered=world.answered)
                if step.expect is not None or not (branch.judged and number == len(branch.steps)):
                    found += checks.expectation(world, step)
    except InputError as error:
        if all(each.passed for each in found):  # else what it needs never came: a consequence of that
            branch.error = error
    except BaseException as error:  # noqa: BLE001 - a thread would drop it: raised again in the scenario's own
        branch.error = error
    finally:
        gate.arrive(wait=False)
    branch.names, branch.found = captured, found


def _outcome(answer: HttpAnswer | None, refusal: str | None, *, answered: bool) -> str:
    if refusal is not None:
        return "refused"
    if answer is not None:
        return str(answer.status)
    return "unknown" if answered else "done"


def _compared(world: World, pattern: Pattern, outcomes: list[str]) -> list[Comparison]:
    """Each outcome named must come out as often as it says, and no other may come out at all."""
    counts = Counter(outcomes)
    assert isinstance(pattern, MapPattern)  # see `_possible`
    found = [
        c
        for status, amount in pattern.items()
        for c in compare(amount, counts.get(status, 0), world.scope, f"$.outcomes.{status}", now=world.clock())
    ]
    others = {status: count for status, count in counts.items() if status not in pattern}
    shown = ", ".join(f"{status}: {count}" for status, count in sorted(others.items())) or "none"
    found.append(Comparison("$.outcomes", "no others", "no other outcome", shown, not others, pattern.position))
    return found
