"""How far a run is that is one step of a longer command."""

from __future__ import annotations

from harness import records
from harness.progress import Steps
from harness.session.listener import Silent

__all__ = ["Counting"]


class Counting(Silent):
    """A listener that shows on `steps` how many cases are done."""

    def __init__(self, steps: Steps) -> None:
        self._steps, self._done, self._of = steps, 0, 0

    def planned(self, *, cases: int, target: str, seed: int, workers: int) -> None:
        """Told before a database starts, which takes its time."""
        del target, seed, workers
        self._of = cases
        self._steps.show(0, cases)

    def finished(self, record: records.Scenario) -> None:
        """One more."""
        self._done += 1
        self._steps.show(self._done, self._of, record.scenario_id)
