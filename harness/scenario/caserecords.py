"""The record of one execution of a case: as it ended, or as it was lost with the process that ran it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness import records
from harness.scenario.failure import Failure, render, render_lost
from harness.scenario.recorder import compact

if TYPE_CHECKING:
    from harness.scenario.model import Case
    from harness.scenario.targets import Target

__all__ = ["lost", "record_of", "rerun", "text_of"]


def rerun(case: Case, target: Target, seed: int) -> str:
    """The command that runs this case again, and no other."""
    return shlex.join(["harness", "run", *case.selection, *target.chosen, "--seed", str(seed)])


def text_of(case: Case, target: Target, seed: int, outcome: records.Outcome, failure: Failure) -> str:
    """The whole message of a case that did not hold, or could not run."""
    return render(
        failure, outcome=outcome, place=case.selector, title=case.title, seed=seed, rerun=rerun(case, target, seed)
    )


def record_of(
    case: Case,
    target: Target,
    *,
    attempt: int,
    seed: int,
    outcome: records.Outcome,
    failure: str | None = None,
    text: str | None = None,
    fault: bool = False,
    notes: Sequence[str] = (),
    worker: int,
    started_at: datetime,
    duration_us: int,
) -> records.Scenario:
    """What a run keeps of one execution of `case`."""
    scenario = case.scenario
    return records.Scenario(
        scenario_id=case.scenario_id,
        attempt=attempt,
        case_id=case.case_id,
        name=case.title,
        feature=scenario.feature,
        file=scenario.position.file,
        line=scenario.position.line,
        tags=tuple(scenario.tags),
        covers=tuple(scenario.covers),
        actor=case.given.role(None),
        target=target.name,
        params=compact(case.params),
        seed=seed,
        outcome=outcome,
        flaky=outcome == "passed" and attempt > 1,
        fault=fault,
        failure=failure,
        failure_text=text,
        notes=tuple(notes),
        rerun=rerun(case, target, seed),
        worker=worker,
        started_at=started_at,
        duration_us=duration_us,
    )


def lost(case: Case, target: Target, *, attempt: int, seed: int, worker: int, why: str) -> records.Scenario:
    """The record of a case whose process died under it: no outcome of the product, an error of the run."""
    again = rerun(case, target, seed)
    return record_of(
        case,
        target,
        attempt=attempt,
        seed=seed,
        outcome="error",
        failure=why,
        text=render_lost(why, place=case.selector, title=case.title, seed=seed, rerun=again),
        fault=True,
        worker=worker,
        started_at=datetime.now(UTC),
        duration_us=0,
    )
