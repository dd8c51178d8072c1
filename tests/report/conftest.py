"""Runs that tests read. They are made once and never changed; a test that changes one copies it first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest

from tests.report.sample import write_run

FIXTURES = Path(__file__).parents[2] / "fixtures" / "report"


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """reports/ with `failing` (60 cases), `good`, `killed`, `empty` and `draft` (schema version 0)."""
    reports = tmp_path_factory.mktemp("reports")
    write_run(reports / "failing", 60)
    write_run(reports / "good", 40, failing=False)
    write_run(reports / "killed", 30, finished=False)
    write_run(reports / "empty", 0)
    copytree(FIXTURES / "schema-0", reports / "draft")
    return reports


@pytest.fixture
def copy_of(runs: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of one of `runs` that a test may change."""

    def copied(name: str) -> Path:
        return copytree(runs / name, tmp_path / name)

    return copied
