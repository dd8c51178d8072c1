"""What is left of values that an expression takes over when a column gets another type."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.migrations.findings import Severity
from tests.migrations.conftest import Rehearse
from tests.migrations.places import ids, of

TABLE = "CREATE TABLE bill (id int PRIMARY KEY, state text NOT NULL, at int NOT NULL, number bigint NOT NULL);"


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ("state TYPE boolean USING (state LIKE 'a%')", True),
        ("number TYPE int USING 0", True),
        ("at TYPE timestamptz USING to_timestamp(at)", False),
    ],
)
def test_values_that_become_the_same_are_lost(rehearse: Rehearse, tmp_path: Path, change: str, lost: bool) -> None:
    baseline = tmp_path / "baseline.sql"
    baseline.write_text(TABLE)
    report = rehearse(f"ALTER TABLE bill ALTER COLUMN {change};", baseline=baseline, phases=("data",))
    assert ids(report) == {"data.loss" if lost else "data.changed"}
    if lost:
        found = of(report, "data.loss")
        assert (found.severity, "different values of bill." in found.evidence) == (Severity.BLOCKER, True)
