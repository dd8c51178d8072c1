"""Rows that must not be beside each other, elements that are too long, and constraints that no longer wait."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from harness.migrations.findings import Severity
from harness.postgres import Server
from tests.migrations.conftest import Rehearse
from tests.migrations.places import ids, of

ROOMS = "CREATE EXTENSION btree_gist;\nCREATE TABLE room (id int NOT NULL, during tsrange NOT NULL);\n"
EXCLUSION = "ALTER TABLE room ADD CONSTRAINT apart EXCLUDE USING gist (id WITH =, during WITH &&);"
OVERLAPS = "ALTER TABLE room ADD CONSTRAINT apart PRIMARY KEY (id, during WITHOUT OVERLAPS);"
KEYS = (
    "CREATE TABLE a (id int, tenant int, PRIMARY KEY (tenant, id));\nCREATE TABLE b (id int PRIMARY KEY, tenant int NOT NULL, "
    "a int, CONSTRAINT k FOREIGN KEY (tenant, a) REFERENCES a (tenant, id) DEFERRABLE INITIALLY DEFERRED);"
)


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    return tmp_path / "baseline.sql"


@pytest.mark.parametrize("sql", [EXCLUSION, OVERLAPS])
def test_rows_beside_each_other_are_counted(rehearse: Rehearse, server: Server, baseline: Path, sql: str) -> None:
    baseline.write_text(ROOMS)
    report = rehearse(sql, baseline=baseline, phases=("observe", "data", "compatibility"))
    found = of(report, "data.fails-on-existing")
    assert (found.severity, found.status) == (Severity.MEDIUM, "predicted")
    query = found.evidence.rpartition("production's decide: ")[2]
    database = server.create_database()
    with database.connect() as connection:
        connection.execute(
            f"{ROOMS} INSERT INTO room VALUES (1, '[2026-01-01, 2026-01-03)'), (2, '[2026-01-01, 2026-01-02)')"
        )
        assert _number(connection, query) == 0
        connection.execute("INSERT INTO room VALUES (1, '[2026-01-02, 2026-01-04)')")
        assert _number(connection, query) == 2
    database.drop()
    assert not [f for f in report.findings if f.id == "compat.old-app-write-fails" and f.status == "measured"]


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE person ADD CONSTRAINT k UNIQUE NULLS NOT DISTINCT (firm, phone);",
        "CREATE UNIQUE INDEX k ON person (firm, phone) NULLS NOT DISTINCT WHERE firm > 0;",
        "CREATE UNIQUE INDEX k ON person (firm, lower(phone)) NULLS NOT DISTINCT;",
    ],
)
def test_rows_that_are_alike_by_having_no_value_are_counted(
    rehearse: Rehearse, server: Server, baseline: Path, sql: str
) -> None:
    table = "CREATE TABLE person (id int PRIMARY KEY, firm int NOT NULL, phone text);"
    baseline.write_text(table)
    report = rehearse(sql, baseline=baseline, phases=("observe", "data"))
    query = of(report, "data.fails-on-existing").evidence.rpartition("production's decide: ")[2]
    database = server.create_database()
    with database.connect() as connection:
        connection.execute(f"{table} INSERT INTO person VALUES (1, 1, '5'), (2, 1, NULL), (3, 2, NULL)".encode())
        assert _number(connection, query) == 0
        connection.execute("INSERT INTO person VALUES (4, 2, NULL)")
        assert _number(connection, query) == 2
    database.drop()


def _number(connection: psycopg.Connection[object], query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    return int(str(row[0])) if isinstance(row, tuple) else -1


def test_a_key_without_overlaps_takes_no_index_over(rehearse: Rehearse, baseline: Path) -> None:
    baseline.write_text(ROOMS)
    report = rehearse(OVERLAPS, baseline=baseline, phases=("observe",))
    assert not [f.remedy for f in report.findings if "USING INDEX" in f.remedy or "UNIQUE INDEX" in f.remedy]


def test_elements_of_an_array_that_become_too_long_are_counted(rehearse: Rehearse) -> None:
    sql = "ALTER TABLE product ALTER COLUMN tags TYPE varchar(10)[];"
    evidence = of(rehearse(sql, rows=50, phases=("observe", "data")), "data.fails-on-existing").evidence
    query = "SELECT count(*) FROM product WHERE EXISTS (SELECT FROM unnest(tags) AS element WHERE length(element::text) > 10)"
    assert evidence.endswith(query)


@pytest.mark.parametrize(("words", "told"), [("NOT DEFERRABLE", True), ("DEFERRABLE INITIALLY IMMEDIATE", False)])
def test_a_constraint_that_no_longer_waits_for_the_end_is_told(
    rehearse: Rehearse, baseline: Path, words: str, told: bool
) -> None:
    baseline.write_text(KEYS)
    report = rehearse(f"ALTER TABLE b ALTER CONSTRAINT k {words};", baseline=baseline, phases=("compatibility",))
    assert ("compat.old-app-write-fails" in ids(report)) is told


def test_only_the_columns_that_a_key_names_are_emptied(rehearse: Rehearse, baseline: Path) -> None:
    baseline.write_text(KEYS)
    sql = (
        "ALTER TABLE b DROP CONSTRAINT k;\nALTER TABLE b ADD CONSTRAINT k FOREIGN KEY (tenant, a) REFERENCES a (tenant, id) "
        "ON DELETE SET NULL (a);"
    )
    report = rehearse(sql, baseline=baseline, phases=("compatibility",))
    assert "now empties a in " in of(report, "compat.delete-reaches-further").evidence


@pytest.mark.parametrize(("kind", "told"), [("char(40)", True), ("varchar(60)", False), ("text", False)])
def test_a_text_that_is_filled_up_with_blanks_is_read_otherwise(rehearse: Rehearse, kind: str, told: bool) -> None:
    report = rehearse(f"ALTER TABLE product ALTER COLUMN sku TYPE {kind};", rows=50, phases=("compatibility",))
    assert ("compat.old-app-read-fails" in ids(report)) is told


def test_a_partition_that_is_detached_beside_the_traffic_is_given_no_timeout(rehearse: Rehearse) -> None:
    report = rehearse("ALTER TABLE visit DETACH PARTITION visit_old CONCURRENTLY;", phases=("observe",))
    remedy = of(report, "lock.no-timeout").remedy
    assert "SET lock_timeout" not in remedy
    assert remedy.endswith("ALTER TABLE visit DETACH PARTITION visit_old FINALIZE;")
