"""The ground that a worker of this room stands on: one server, and one stage at a time on it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from harness import records
from harness.errors import HarnessError
from harness.postgres import Server, open_server
from harness.scenario.model import Case, Suite
from harness.scenario.runner import run_case
from harness.scenario.stage import Stage
from harness.scenario.targets import Target, parse_target

__all__ = ["Ground", "TooLong"]

AGAIN = 5.0
"""Seconds between two rings of an alarm that nobody heard."""


class TooLong(BaseException):
    """A scenario did not end in time: not an Exception, so that neither product nor runner takes it for theirs."""


@dataclass
class Ground:
    """Open it, run cases on it against one target after another, close it."""

    suite: Suite
    root: Path
    database: str
    seed: int
    _server: Server | None = None
    _stage: Stage | None = None
    _failed: list[str] = field(default_factory=list)

    def open(self) -> dict[str, object]:
        """Start the server. Raises MachineError."""
        self._server = open_server(self.database)
        return {"version": self._server.info.version}

    def stage(self, target: str) -> Stage:
        """The stage for `target`: the one that is there, if its databases will do."""
        wanted = parse_target(target)
        if self._stage is not None and self._stage.target != wanted:
            if self._stage.fits(wanted):
                self._stage.become(wanted)
            else:
                self.drop()
        if self._stage is None:
            assert self._server is not None  # opened before the first job
            self._stage = self._built(self._server, wanted)
        return self._stage

    def renew(self) -> None:
        """From now on a new application answers, over the same databases."""
        if self._stage is not None:
            self._stage.become(self._stage.target)

    def drop(self) -> None:
        """Take the stage down, whatever state it is in."""
        stage, self._stage = self._stage, None
        if stage is not None:
            with suppress(HarnessError, OSError):
                stage.close()

    def run(self, stage: Stage, case: Case, limit: float) -> tuple[records.Scenario, str | None]:
        """Run `case`; its record, and the first comparison that failed. Raises TooLong after `limit` seconds."""
        self._failed.clear()
        with alarm(limit):
            record = run_case(stage, case)
        return record, self._failed[0] if self._failed else None

    def close(self) -> None:
        """Stop the stage and the server."""
        self.drop()
        if self._server is not None:
            self._server.close()

    def _built(self, server: Server, target: Target) -> Stage:
        return Stage(server, target, self.suite, self.root / "fixtures", self._hear, self.seed)

    def _hear(self, record: records.Record) -> None:
        if isinstance(record, records.Check) and record.outcome == "failed":
            self._failed.append(f"{record.kind} {record.path}: expected {record.expected}, got {record.actual}"[:300])


@contextmanager
def alarm(limit: float) -> Iterator[None]:
    """Raise TooLong in this thread when the block takes longer than `limit` seconds.

    It rings again until it is heard: Python drops what is raised while it clears up an object.
    """
    before, noise = signal.signal(signal.SIGALRM, _ring), sys.unraisablehook
    sys.unraisablehook = lambda dropped: None if dropped.exc_type is TooLong else noise(dropped)
    signal.setitimer(signal.ITIMER_REAL, limit, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        sys.unraisablehook = noise


def _ring(_: int, __: FrameType | None) -> None:
    raise TooLong
