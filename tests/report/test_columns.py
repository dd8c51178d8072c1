"""One definition of each record behind JSON Lines, Parquet and DataFrame."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.records import TABLES
from harness.report import load
from harness.report.arrow import arrow_schema
from harness.report.columns import columns_of
from harness.report.frames import dtype_of


@pytest.mark.parametrize("table", sorted(TABLES))
def test_parquet_and_frames_have_the_declared_columns_and_types(runs: Path, table: str) -> None:
    for name in ("failing", "empty", "killed"):
        frame = load(runs / name).table(table)
        assert list(frame.columns) == [column.name for column in columns_of(table)]
        assert [str(frame[c.name].dtype) for c in columns_of(table)] == [str(dtype_of(c)) for c in columns_of(table)]


def test_the_contract_of_the_columns_that_notebooks_depend_on() -> None:
    names = {table: [column.name for column in columns_of(table)] for table in TABLES}
    wanted = [
        "run_id",
        "scenario_id",
        "name",
        "file",
        "line",
        "tags",
        "covers",
        "actor",
        "target",
        "outcome",
        "duration_us",
        "failure",
    ]
    assert set(wanted) <= set(names["scenarios"])
    assert {"scenario_id", "step", "kind", "path", "matcher", "expected", "actual", "outcome"} <= set(names["checks"])
    assert {"step", "table", "key", "operation", "column", "before", "after"} <= set(names["row_changes"])


def test_only_declared_columns_may_be_missing() -> None:
    nullable = {(table, c.name) for table in TABLES for c in columns_of(table) if c.nullable}
    assert ("scenarios", "failure") in nullable
    assert ("exchanges", "status") in nullable
    assert ("checks", "expected") not in nullable
    for table in TABLES:
        assert [f.nullable for f in arrow_schema(table)] == [c.nullable for c in columns_of(table)]
