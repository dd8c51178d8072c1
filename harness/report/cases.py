"""Attempts put together to cases: a case's outcome is that of its last attempt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.report.lines import Row
from harness.report.manifest import RunOutcome

__all__ = ["Case", "cases_of", "outcome_of", "title_of", "totals_of"]


def title_of(name: str, scenario_id: str) -> str:
    """A case's name with its matrix values once, as its id has them: `A free session …[session=intro-call]`."""
    at = scenario_id.find("[")
    bare = name.split(" [", maxsplit=1)[0]
    return name if at < 0 else f"{bare}{scenario_id[at:]}"


@dataclass(frozen=True, slots=True)
class Case:
    """One scenario with its matrix values: the Scenario rows of its attempts, in order."""

    attempts: tuple[Row, ...]

    @property
    def last(self) -> Row:
        """The attempt that decides."""
        return self.attempts[-1]


def cases_of(scenarios: Iterable[Row]) -> list[Case]:
    """The cases, in the order in which they first appear."""
    attempts: dict[str, list[Row]] = {}
    for row in scenarios:
        attempts.setdefault(row["scenario_id"], []).append(row)
    return [Case(tuple(sorted(rows, key=lambda row: int(row["attempt"])))) for rows in attempts.values()]


def totals_of(cases: Sequence[Case], checks: int) -> Mapping[str, int]:
    """Cases by outcome, with `flaky` counted apart (they are among the passed), attempts and checks."""
    outcomes = [case.last["outcome"] for case in cases]
    counts = {name: outcomes.count(name) for name in ("passed", "failed", "error", "skipped")}
    return {
        "scenarios": len(cases),
        **counts,
        "flaky": sum(bool(case.last["flaky"]) for case in cases),
        "attempts": sum(len(case.attempts) for case in cases),
        "checks": checks,
    }


def outcome_of(totals: Mapping[str, int], *, interrupted: bool, missing: int) -> RunOutcome:
    """What the run as a whole says.

    An interrupted run never passes, nor one in which nothing was executed, nor one with planned cases (`missing`) that
    have no result.
    """
    if interrupted:
        return "interrupted"
    if totals["error"]:
        return "error"
    if totals["failed"]:
        return "failed"
    if missing:
        return "error"
    return "passed" if totals["passed"] else "empty"
