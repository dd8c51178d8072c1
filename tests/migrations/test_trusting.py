"""What the server takes on trust, and what the check does not: endless loops, names alone, keys while triggers are off."""

from __future__ import annotations

import time
from pathlib import Path
from typing import LiteralString

import pytest

from harness.errors import MachineError
from harness.migrations.findings import Severity
from harness.postgres import Server
from tests.migrations.conftest import Rehearse
from tests.migrations.places import ids, of

FOR_EVER = {
    "plain": "DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$;",
    "commits": "DO $$ BEGIN LOOP UPDATE orders SET note = 'x' WHERE id = 1; COMMIT; END LOOP; END $$;",
    "catches": "DO $$ BEGIN BEGIN PERFORM pg_sleep(100); EXCEPTION WHEN query_canceled THEN PERFORM pg_sleep(100); END; END $$;",
    "recursive": "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i FROM n) SELECT count(*) FROM n;",
    "sleeps": "SELECT 1;\nSELECT pg_sleep(1000);",
}
ON_NULL = (
    """DO $$ BEGIN WHILE EXISTS (SELECT FROM setting WHERE value = '') LOOP PERFORM pg_sleep(0.01); END LOOP; END $$;"""
)
STILL_BUSY: LiteralString = (
    "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() "
    "AND query ~ 'PERFORM|pg_sleep|RECURSIVE|COMMIT; END LOOP'"
)


@pytest.mark.parametrize("name", FOR_EVER)
def test_a_loop_without_end_is_ended_and_told(rehearse: Rehearse, server: Server, name: str) -> None:
    start = time.monotonic()
    report = rehearse(FOR_EVER[name], longest=0.4, phases=("observe", "data", "failure", "traffic", "schema"))
    found = of(report, "tx.endless")
    assert (found.severity, found.position.line) == (Severity.BLOCKER, 1 + FOR_EVER[name].count("\n"))
    assert "it had not ended after 0.4 s" in found.evidence
    assert "statement_timeout" in found.remedy
    assert "schema.refused" not in ids(report)
    assert time.monotonic() - start < 20
    assert server.admin(STILL_BUSY) == [(0,)]


def test_a_loop_that_only_rows_keep_up_is_told(rehearse: Rehearse) -> None:
    report = rehearse(ON_NULL, longest=0.4, phases=("data",))
    assert "after 0.4 s" in of(report, "tx.endless").evidence


def test_a_limit_of_the_file_speaks_for_itself(rehearse: Rehearse) -> None:
    report = rehearse(f"SET statement_timeout = '200ms';\n{FOR_EVER['plain']}", longest=20)
    assert "tx.endless" not in ids(report)
    assert "statement timeout" in of(report, "schema.refused").evidence


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        (
            "ALTER TABLE orders ADD COLUMN IF NOT EXISTS note integer",
            "orders.note is there already, and is character varying(200), not integer",
        ),
        (
            "ALTER TABLE customer ADD COLUMN IF NOT EXISTS phone varchar(30)",
            "is character varying(20), not character varying(30)",
        ),
        ("ALTER TABLE orders ADD COLUMN IF NOT EXISTS note varchar(200)", ""),
        ("ALTER TABLE customer ADD COLUMN IF NOT EXISTS phone varchar(20), ADD COLUMN IF NOT EXISTS more int", ""),
        ("CREATE TABLE IF NOT EXISTS setting (name int)", "setting.name is there already, and is text, not integer"),
        (
            "ALTER TABLE orders ADD COLUMN IF NOT EXISTS note integer;\nALTER TABLE orders ALTER COLUMN note TYPE integer USING 0",
            "",
        ),
    ],
)
def test_a_column_that_is_there_with_another_type_is_told(rehearse: Rehearse, sql: str, told: str) -> None:
    report = rehearse(f"{sql};", phases=("schema",))
    assert ("check.stepped-over" in ids(report)) is bool(told)
    assert told in "".join(f.evidence for f in report.findings)


OFF = "SET session_replication_role = replica;\n{sql};\nRESET session_replication_role;"


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("INSERT INTO orders (customer_id, total, code, placed) VALUES (99999999, 1, 'a', now())", True),
        ("DELETE FROM customer WHERE id IN (SELECT customer_id FROM orders)", True),
        ("UPDATE orders SET note = 'x' WHERE id = 1", False),
    ],
)
def test_rows_without_their_parent_are_told(rehearse: Rehearse, sql: str, told: bool) -> None:
    report = rehearse(OFF.format(sql=sql), phases=("schema",))
    assert ("data.orphans" in ids(report)) is told
    if told:
        found = of(report, "data.orphans")
        assert "orders" in found.evidence
        assert "NOT EXISTS (SELECT FROM" in found.remedy


DEFINER = "CREATE FUNCTION purge(o int) RETURNS void LANGUAGE sql SECURITY DEFINER {path} AS 'DELETE FROM orders WHERE id = o';"


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        (DEFINER.format(path=""), True),
        (DEFINER.format(path="SET search_path = public, pg_temp"), False),
        (DEFINER.format(path="") + "\nALTER FUNCTION purge SET search_path = public, pg_temp;", False),
        (DEFINER.format(path="").replace("SECURITY DEFINER", ""), False),
        (
            DEFINER.format(path="").replace("SECURITY DEFINER", "") + "\nALTER FUNCTION purge(int) SECURITY DEFINER;",
            True,
        ),
    ],
)
def test_a_function_with_its_owners_rights_names_its_path(rehearse: Rehearse, sql: str, told: bool) -> None:
    report = rehearse(sql, phases=("schema",))
    assert ("schema.definer-path" in ids(report)) is told
    if told:
        found = of(report, "schema.definer-path")
        assert found.position.line == 1 + sql.count("\n")
        assert not ids(rehearse(f"{sql}\n{found.remedy}", phases=("schema",)))


def test_an_extension_that_the_server_lacks_is_no_hazard(rehearse: Rehearse, tmp_path: Path) -> None:
    with pytest.raises(
        MachineError, match=r"migration\.sql:2:1: this PostgreSQL does not have the extension hstoreish"
    ):
        rehearse("SELECT 1;\nCREATE EXTENSION IF NOT EXISTS hstoreish;")
    baseline = tmp_path / "baseline.sql"
    baseline.write_text("CREATE EXTENSION hstoreish;")
    with pytest.raises(MachineError, match="does not have the extension hstoreish"):
        rehearse("SELECT 1;", baseline=baseline)


def test_a_wider_column_breaks_no_request(rehearse: Rehearse) -> None:
    sql = "SET lock_timeout = '2s';\nALTER TABLE customer ALTER COLUMN phone TYPE varchar(200);"
    report = rehearse(sql, phases=("traffic", "compatibility"), traffic_seconds=0.3)
    assert "compat.requests-fail" not in ids(report)
    assert of(report, "compat.cached-plan").severity is Severity.LOW


def test_a_failed_build_is_named_beside_an_unfinished_parent(rehearse: Rehearse) -> None:
    sql = (
        "CREATE INDEX visit_page ON ONLY visit (page);\nCREATE INDEX CONCURRENTLY visit_new_page ON visit_new (page);\n"
        "CREATE INDEX CONCURRENTLY visit_old_page ON visit_old (page);\n"
        "ALTER INDEX visit_page ATTACH PARTITION visit_new_page;\nALTER INDEX visit_page ATTACH PARTITION visit_old_page;"
    )
    report = rehearse(sql, phases=("failure",))
    assert "visit_new_page INVALID" in of(report, "index.invalid-left").evidence
