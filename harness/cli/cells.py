"""The cells of `harness migrate rollout`: the scenario suite, once for each application on each schema."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.errors import InputError
from harness.migrations.rollout import CELLS, SuiteOutcome
from harness.progress import Steps, clock
from harness.report.cases import so_many
from harness.session import Counting, RunOptions, run

__all__ = ["SuiteInCells", "must_be_the_update"]


def must_be_the_update(data: bytes) -> None:
    """The suite knows two schemas, those around the update of fixtures/migrations/history.txt."""
    from harness.scenario.fixtures import history

    updates = history(Path("fixtures"), ("update",))
    if data not in {update.read_bytes() for update in updates}:
        raise InputError(
            "the rollout runs the booking suite around its update, and this is another migration.",
            f"Give {updates[0]}, or run `harness migrate check`, which tries old and new models on any schema.",
        )


class SuiteInCells:
    """Runs the scenario suite in one cell of the matrix (see `harness.migrations.rollout.SuiteRun`).

    Left before its end, it says which cells were finished: of them nothing is kept.
    """

    def __init__(
        self,
        paths: tuple[str, ...],
        tags: tuple[str, ...],
        workers: int,
        seed: int,
        database: str,
        steps: Steps | None = None,
    ) -> None:
        self.paths, self.tags, self.workers, self.seed, self.database = paths, tags, workers, seed, database
        self._steps = steps or Steps(wanted=False)
        self._finished: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._steps.end()
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            done = ", ".join(self._finished) or "none"
            self._steps.note(
                f"finished cells: {done}, of {len(CELLS)}; no order follows from them, and nothing is left"
            )

    def __call__(self, profile: str, schema: str) -> list[SuiteOutcome]:
        cell = f"{profile} on {schema}"
        self._steps.note(f"cell {len(self._finished) + 1} of {len(CELLS)}: {cell}")
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="harness-rollout-") as folder:
            options = RunOptions(
                paths=self.paths,
                tags=self.tags,
                seed=self.seed,
                target=profile,
                schema=schema,
                database=self.database,
                workers=self.workers,
                reports=Path(folder),
                command="harness migrate rollout",
            )
            result = run(options, Counting(self._steps))
        result.require_whole()  # what did not run would look like what this order loses
        self._finished.append(cell)
        passed, cases = result.totals["passed"], len(result.scenarios)
        self._steps.note(f"  {passed} of {so_many(cases, 'case')} passed, {clock(time.monotonic() - began)}")
        return [
            SuiteOutcome(s.scenario_id, s.name, s.covers, s.actor, s.outcome, s.failure or "") for s in result.scenarios
        ]
