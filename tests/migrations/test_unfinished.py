"""What a migration leaves half done: a partition that is pending, a NOT NULL that nothing was held against."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.migrations.findings import Severity
from tests.migrations.conftest import Rehearse
from tests.migrations.places import ids, of


@pytest.mark.parametrize("before", ["", "SET lock_timeout = '2s';\n"])
def test_a_detach_that_fails_halfway_is_told_with_what_ends_it(rehearse: Rehearse, before: str) -> None:
    report = rehearse(f"{before}ALTER TABLE visit DETACH PARTITION visit_old CONCURRENTLY;", phases=("failure",))
    found = of(report, "rerun.stuck")
    assert (found.severity, found.table) == (Severity.MEDIUM, "visit")
    assert "left visit_old pending: its rows are missed in visit already, and a second run says 55000" in found.evidence
    assert found.remedy.endswith("ALTER TABLE visit DETACH PARTITION visit_old FINALIZE;")


def test_a_detach_in_one_go_is_never_half_done(rehearse: Rehearse) -> None:
    report = rehearse("ALTER TABLE visit DETACH PARTITION visit_old;", phases=("failure",))
    assert "rerun.stuck" not in ids(report)


@pytest.mark.parametrize("after", ["", "ALTER TABLE box VALIDATE CONSTRAINT filled;"])
def test_a_required_column_that_may_hold_null_is_noted(rehearse: Rehearse, tmp_path: Path, after: str) -> None:
    baseline = tmp_path / "baseline.sql"
    baseline.write_text("CREATE TABLE box (id int PRIMARY KEY, size int);")
    sql = f"SELECT 1;\nALTER TABLE box ADD CONSTRAINT filled NOT NULL size NOT VALID;\n{after}"
    report = rehearse(sql, baseline=baseline, phases=("schema",))
    noted = [f for f in report.findings if f.id == "schema.invalid-constraint"]
    assert bool(noted) is not bool(after)
    for found in noted:
        assert (found.severity, found.position.line) == (Severity.INFO, 2)
        assert "size may hold NULL, though it is called NOT NULL" in found.evidence
