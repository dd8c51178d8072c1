"""What a migration does to logical replication: writes that are refused, and rows of which subscribers hear no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.migrations.findings import Severity
from harness.postgres import Server
from tests.migrations.conftest import Rehearse
from tests.migrations.places import ids, of

BASELINE = """CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL);
CREATE UNIQUE INDEX ta ON t (a);
CREATE TABLE u (id int PRIMARY KEY, a int);
"""
SWAP = "CREATE TABLE t_new (id int PRIMARY KEY, a int);\nALTER TABLE t RENAME TO t_old;\nALTER TABLE t_new RENAME TO t;"


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    return tmp_path / "baseline.sql"


@pytest.mark.parametrize(
    ("publication", "sql", "said"),
    [
        ("t", "ALTER PUBLICATION p SET TABLE t WHERE (a > 5);", "WHERE expression is not part of the replica identity"),
        ("t", "ALTER PUBLICATION p SET TABLE t (a);", "Column list used by the publication does not cover"),
        ("t WHERE (id > 5)", "ALTER TABLE t REPLICA IDENTITY USING INDEX ta;", "WHERE expression is not part"),
    ],
)
def test_a_table_that_a_publication_makes_unchangeable_is_told(
    rehearse: Rehearse, either: Server, baseline: Path, publication: str, sql: str, said: str
) -> None:
    baseline.write_text(f"{BASELINE}CREATE PUBLICATION p FOR TABLE {publication};")
    found = of(rehearse(sql, baseline=baseline, on=either, phases=("observe", "schema")), "schema.no-replica-identity")
    assert (found.severity, found.table) == (Severity.BLOCKER, "t")
    assert said in found.evidence


@pytest.mark.parametrize(
    ("sql", "evidence"),
    [
        ("ALTER PUBLICATION p DROP TABLE t;", "p does not carry t any more"),
        ("DROP PUBLICATION p;", "p does not carry t any more"),
        (SWAP, "p does not carry t any more"),
        ("ALTER PUBLICATION p SET TABLE t WHERE (id > 5);", "p carries only rows of t that meet (id > 5)"),
        ("ALTER PUBLICATION p SET TABLE t (id);", "p carries a of t no more"),
    ],
)
def test_what_subscribers_hear_no_more_of_is_told(rehearse: Rehearse, baseline: Path, sql: str, evidence: str) -> None:
    baseline.write_text(f"{BASELINE}CREATE PUBLICATION p FOR TABLE t;")
    found = of(rehearse(sql, baseline=baseline, phases=("observe", "schema")), "schema.unpublished")
    assert (found.severity, found.evidence) == (Severity.MEDIUM, evidence)


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER PUBLICATION p ADD TABLE u;",
        "ALTER TABLE t ADD COLUMN b int;",
        "ALTER TABLE t DROP COLUMN a;",
        "ALTER TABLE t RENAME TO v;",
    ],
)
def test_what_is_published_as_before_is_not_told(rehearse: Rehearse, baseline: Path, sql: str) -> None:
    baseline.write_text(f"{BASELINE}CREATE PUBLICATION p FOR TABLE t;")
    report = rehearse(sql, baseline=baseline, phases=("observe", "schema"))
    assert not ids(report) & {"schema.unpublished", "schema.no-replica-identity"}
