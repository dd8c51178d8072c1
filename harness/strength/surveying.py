"""The survey: every case once without a defect, with the lines of the reference that it executes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.scenario.model import Case
from harness.strength.ground import Ground, TooLong
from harness.strength.reach import CaseReach, Lines, lines_of, tracer

__all__ = ["Surveyor", "setup_lines"]

LIMIT = 60.0
"""Seconds that a case may take when nothing is wrong with the reference."""


@dataclass
class Surveyor:
    """A worker of `harness.session.workers`: one case a job."""

    ground: Ground
    cases: Sequence[Case]
    _coverage: Any = field(default=None)

    def open(self) -> dict[str, object]:
        """Start the server, and warm up: what building the application executes belongs to no case."""
        about = self.ground.open()
        if self.cases:
            self.ground.run(self.ground.stage("reference"), self.cases[0], LIMIT)
        return about

    def run(self, index: int) -> CaseReach:
        """What case `index` did and executed."""
        stage = self.ground.stage("reference")
        coverage = tracer()
        coverage.start()
        try:
            record, _ = self.ground.run(stage, self.cases[index], LIMIT)
        except TooLong:
            self.ground.drop()
            return CaseReach("error", int(LIMIT * 1_000_000), frozenset())
        finally:
            coverage.stop()
        return CaseReach(record.outcome, record.duration_us, lines_of(coverage))

    def close(self) -> None:
        """Stop the server."""
        self.ground.close()


def setup_lines() -> Lines:
    """The lines that building the application executes. No connection is opened."""
    from harness.booking import Parts, create_app
    from harness.scenario.application import settings_for

    coverage = tracer()
    coverage.start()
    try:
        create_app(settings_for("postgresql+psycopg://nobody@localhost/nothing"), Parts()).dispose()
    finally:
        coverage.stop()
    return lines_of(coverage)
