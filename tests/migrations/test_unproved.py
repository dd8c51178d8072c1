"""Constraints that the baseline has as NOT VALID: nothing says that the rows which were there keep them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.migrations.findings import Severity
from harness.postgres import Server
from tests.migrations.conftest import Rehearse
from tests.migrations.places import ids, of

TABLES = "CREATE TABLE p (id int PRIMARY KEY);\nCREATE TABLE t (id int PRIMARY KEY, a int);\n"
CONSTRAINTS = {"check": "CHECK (a > 0)", "key": "FOREIGN KEY (a) REFERENCES p"}


@pytest.mark.parametrize("kind", CONSTRAINTS)
def test_rows_from_before_a_constraint_may_not_keep_it(
    rehearse: Rehearse, either: Server, tmp_path: Path, kind: str
) -> None:
    baseline = tmp_path / "baseline.sql"
    baseline.write_text(f"{TABLES}ALTER TABLE t ADD CONSTRAINT k {CONSTRAINTS[kind]} NOT VALID;\n")
    report = rehearse("ALTER TABLE t VALIDATE CONSTRAINT k;", baseline=baseline, on=either, phases=("data",))
    found = of(report, "data.fails-on-existing")
    assert (found.severity, found.status) == (Severity.MEDIUM, "predicted")
    assert "SELECT count(*) FROM t WHERE" in found.evidence


def test_a_column_that_must_have_a_value_from_now_on_may_have_none(rehearse: Rehearse, tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.sql"
    baseline.write_text(f"{TABLES}ALTER TABLE t ADD CONSTRAINT k NOT NULL a NOT VALID;\n")
    report = rehearse("ALTER TABLE t VALIDATE CONSTRAINT k;", baseline=baseline, phases=("data",))
    assert "SELECT count(*) FROM t WHERE a IS NULL" in of(report, "data.fails-on-existing").evidence


def test_the_values_of_a_domain_may_be_older_than_what_it_asks(
    rehearse: Rehearse, either: Server, tmp_path: Path
) -> None:
    baseline = tmp_path / "baseline.sql"
    baseline.write_text(
        "CREATE DOMAIN email AS text;\nCREATE TABLE t (id int PRIMARY KEY, e email NOT NULL);\n"
        "ALTER DOMAIN email ADD CONSTRAINT has_at CHECK (VALUE LIKE '%@%') NOT VALID;\n"
    )
    report = rehearse("ALTER DOMAIN email VALIDATE CONSTRAINT has_at;", baseline=baseline, on=either, phases=("data",))
    assert of(report, "data.fails-on-existing").status == "predicted"


def test_what_was_validated_is_kept_by_every_row(rehearse: Rehearse, tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.sql"
    baseline.write_text(f"{TABLES}ALTER TABLE t ADD CONSTRAINT k {CONSTRAINTS['check']};\n")
    report = rehearse("ALTER TABLE t VALIDATE CONSTRAINT k;", baseline=baseline, phases=("data",))
    assert "data.fails-on-existing" not in ids(report)
