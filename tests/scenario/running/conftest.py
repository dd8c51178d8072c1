"""Scenarios written in a test, run on a real database, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness import records
from harness.postgres import Server, open_server
from harness.scenario.loader import load
from harness.scenario.runner import run_case
from harness.scenario.stage import Stage
from harness.scenario.targets import parse_target
from tests.support.commands import ROOT

HEAD = "feature: A test\ngiven: {catalog: production, visitor: anonymous}\nscenarios:\n"


@dataclass
class Played:
    """One case as it ran: its record, and every other record of it by table."""

    scenario: records.Scenario
    tables: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        return self.scenario.outcome

    @property
    def failure(self) -> str:
        return self.scenario.failure_text or ""


Play = Callable[..., Played]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with open_server("embedded") as server:
        yield server


@pytest.fixture
def play(server: Server, tmp_path: Path) -> Play:
    """`play(steps)` runs one scenario (`when`, `then` and what else belongs to it) and says what came of it."""

    def played(
        body: str, *, target: str = "reference", seed: int = 1, head: str = HEAD, files: dict[str, str] | None = None
    ) -> Played:
        lines = [f"    {line}" for line in body.strip("\n").splitlines()]
        path = tmp_path / "test.yaml"
        for name, text in (files or {}).items():
            (tmp_path / name).write_text(text)
        path.write_text(head + "  - scenario: A case\n" + "\n".join(lines) + "\n")
        written: list[records.Record] = []
        suite = load([path], project=ROOT)
        stage = Stage(server, parse_target(target), suite, ROOT / "fixtures", written.append, seed)
        try:
            result = Played(run_case(stage, suite.cases[0]))
        finally:
            stage.close()
        for record in (
            each for one in written for each in (one.each() if isinstance(one, records.ChangedCells) else [one])
        ):
            result.tables.setdefault(records.table_of(record), []).append(record)
        return result

    return played
