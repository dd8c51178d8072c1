"""What must hold for a notebook to be signed off: the data decides, and the last cell says it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from harness.errors import HarnessError
from harness.report.analysis.present import Shown, note
from harness.report.loading import Run
from harness.report.verifying import as_written

__all__ = ["NOTHING", "GateFailed", "added", "check", "so_far", "whole"]


NOTHING = "○"
"""How the text of a gate begins that had nothing to judge."""


class GateFailed(HarnessError):
    """The run does not hold what the notebook is there to show."""

    exit_code: ClassVar[int] = 12


def check(reasons: Sequence[str], *, absent: str = "") -> Shown:
    """Say that the gate is open, or raise GateFailed with every reason.

    `absent`: why there is nothing to judge, where the data belongs to a job that was not asked for; that is no pass.
    """
    if reasons:
        raise GateFailed("The gate is closed: " + " ".join(reasons), "The tables of this notebook hold the evidence.")
    if absent:
        return note(f"{NOTHING} Nothing to judge: {absent}")
    return note("✓ The gate is open: the data holds what this notebook is there to show.")


def whole(run: Run) -> list[str]:
    """Why nothing can be said of the run as a whole: it was killed, interrupted, or executed nothing."""
    reasons = []
    if not run.complete:
        reasons.append("The run did not come to its end.")
    if run.manifest.outcome == "interrupted":
        reasons.append("The run was interrupted.")
    if run.scenarios.empty or bool((run.scenarios["outcome"] == "skipped").all()):
        reasons.append("Nothing was executed.")
    return reasons


def added(run: Run, name: str) -> list[str]:
    """Why nothing can be said of `name`, which another job added to the run: it is not as that job wrote it."""
    return as_written(run.directory, name)


def so_far(run: Run) -> str:
    """What a sentence about a run ends with when there might have been more: a killed run's finding is no finding of the suite."""
    return "" if run.complete else ", in a run that did not come to its end"
