"""Constraints that are NOT ENFORCED (PostgreSQL 18), and those that are enforced later."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from harness.migrations.findings import Severity
from harness.postgres import Server
from tests.migrations.conftest import Rehearse
from tests.migrations.places import ids, of

PHASES = ("observe", "data", "failure", "compatibility", "way back", "schema")


@pytest.fixture
def keyed(tmp_path: Path) -> Path:
    """A child and its parent, with a key whose end is to be filled in."""
    file = tmp_path / "keyed.sql"
    file.write_text(
        "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, p_id int, n int, "
        "CONSTRAINT c_p FOREIGN KEY (p_id) REFERENCES p(id)@@); CREATE INDEX ON c (p_id);"
    )
    return file


def _with(keyed: Path, words: str) -> Path:
    keyed.write_text(keyed.read_text().replace("@@", words))
    return keyed


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE item ADD CONSTRAINT new FOREIGN KEY (product_id) REFERENCES product (id) NOT ENFORCED;",
        "ALTER TABLE item ADD CONSTRAINT new CHECK (amount > 0) NOT ENFORCED;",
    ],
)
def test_what_guards_no_row_is_told(rehearse: Rehearse, sql: str) -> None:
    report = rehearse(sql, phases=PHASES)
    told = of(report, "schema.not-enforced")
    assert told.severity is Severity.LOW
    assert told.evidence == "new on item is NOT ENFORCED after this migration: no row has to keep it"
    assert {"schema.invalid-constraint", "schema.fk-without-index"} & {f.id for f in report.findings} == set()


def test_the_way_to_guard_instead_runs(server: Server, rehearse: Rehearse) -> None:
    sql = "ALTER TABLE item ADD CONSTRAINT new CHECK (amount > 0) NOT ENFORCED;"
    remedy = of(rehearse(sql, phases=("observe", "schema")), "schema.not-enforced").remedy
    assert rehearse(f"{sql}\n{remedy}").observations[-1].failure is None


def test_a_key_that_is_no_longer_enforced_is_told_and_comes_back(rehearse: Rehearse, keyed: Path) -> None:
    report = rehearse("ALTER TABLE c ALTER CONSTRAINT c_p NOT ENFORCED;", baseline=_with(keyed, ""), phases=PHASES)
    told = of(report, "schema.not-enforced")
    assert told.severity is Severity.MEDIUM
    assert told.evidence.startswith("c_p on c was enforced and is NOT ENFORCED")
    assert report.way_back == ["ALTER TABLE c ALTER CONSTRAINT c_p ENFORCED"]


def test_enforcing_a_key_reads_every_row_and_another_way_does_not(
    server: Server, rehearse: Rehearse, keyed: Path
) -> None:
    baseline = _with(keyed, " NOT ENFORCED")
    report = rehearse("ALTER TABLE c ALTER CONSTRAINT c_p ENFORCED;", baseline=baseline, phases=PHASES)
    scan = of(report, "scan.blocks-reads")
    assert "ADD CONSTRAINT c_c_p_enforced FOREIGN KEY (p_id) REFERENCES p(id) NOT VALID;" in scan.remedy
    assert "data.fails-on-existing" in ids(report)
    assert report.way_back == ["ALTER TABLE c ALTER CONSTRAINT c_p NOT ENFORCED"]
    gentle = rehearse(scan.remedy, baseline=baseline)
    assert all(observation.failure is None for observation in gentle.observations)
    assert "scan.blocks-reads" not in ids(gentle)


@pytest.mark.parametrize(
    ("before", "change", "back"),
    [
        ("", "DEFERRABLE INITIALLY DEFERRED", "NOT DEFERRABLE"),
        (" DEFERRABLE INITIALLY DEFERRED", "NOT DEFERRABLE", "DEFERRABLE INITIALLY DEFERRED"),
        (" DEFERRABLE", "INITIALLY DEFERRED", "DEFERRABLE"),
    ],
)
def test_a_keys_deferrability_comes_back(
    server: Server, rehearse: Rehearse, keyed: Path, before: str, change: str, back: str
) -> None:
    sql = f"ALTER TABLE c ALTER CONSTRAINT c_p {change};"
    report = rehearse(sql, baseline=_with(keyed, before), phases=("observe", "way back"))
    assert report.way_back == [f"ALTER TABLE c ALTER CONSTRAINT c_p {back}"]
    database = server.create_database()
    try:
        with database.connect() as connection:
            for each in (keyed.read_text(), sql, *report.way_back):
                connection.execute(each.encode())
            assert _definition(connection) == f"FOREIGN KEY (p_id) REFERENCES p(id){before}"
    finally:
        database.drop()


def _definition(connection: psycopg.Connection[tuple[str]]) -> str:
    row = connection.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'c_p'").fetchone()
    return row[0] if row else ""
