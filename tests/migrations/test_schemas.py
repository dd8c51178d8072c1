"""Names without their schema, and what is made in another schema than `public`."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.postgres import Server
from tests.migrations.conftest import Rehearse
from tests.migrations.places import ids, of

PHASES = ("observe", "data", "way back", "schema")
TENANTS = """CREATE SCHEMA a; CREATE SCHEMA b; CREATE SCHEMA "C";
CREATE TABLE t (id int PRIMARY KEY, v text);
CREATE TABLE a.t (id int PRIMARY KEY, v text); CREATE INDEX ai ON a.t (v);
CREATE TABLE b.t (id int PRIMARY KEY, v text CONSTRAINT short CHECK (length(v) < 99));
CREATE TABLE "C".alone (id int PRIMARY KEY, v text);
CREATE VIEW a.seen AS SELECT id FROM a.t;
"""


@pytest.mark.parametrize(
    ("sql", "back"),
    [
        ("SET search_path = b, a; ALTER TABLE t DROP COLUMN v;", "ALTER TABLE b.t ADD COLUMN v text"),
        ("SET search_path TO 'b', public; ALTER TABLE t DROP COLUMN v;", "ALTER TABLE b.t ADD COLUMN v text"),
        ("SET search_path = b; RESET search_path; ALTER TABLE t DROP v;", "ALTER TABLE t ADD COLUMN v text"),
        ('SET search_path = "C"; ALTER TABLE alone DROP v;', 'ALTER TABLE "C".alone ADD COLUMN v text'),
        ("ALTER TABLE t DROP v;", "ALTER TABLE t ADD COLUMN v text"),
        ("ALTER TABLE a.t ALTER v SET NOT NULL;", "ALTER TABLE a.t ALTER COLUMN v DROP NOT NULL"),
        ("SET search_path = a; DROP INDEX ai;", "CREATE INDEX ai ON a.t USING btree (v)"),
        ("SET search_path = a; ALTER TABLE t RENAME TO u;", "ALTER TABLE a.u RENAME TO t"),
        ("SET search_path = b; ALTER TABLE t DROP CONSTRAINT short;", "ALTER TABLE b.t ADD CONSTRAINT short CHECK"),
        ("CREATE INDEX bi ON b.t (v);", "DROP INDEX IF EXISTS b.bi"),
        ("CREATE VIEW b.t_ids AS SELECT id FROM b.t;", "DROP VIEW IF EXISTS b.t_ids"),
        ("CREATE OR REPLACE VIEW a.seen AS SELECT id, v FROM a.t;", "DROP VIEW IF EXISTS a.seen; CREATE VIEW a.seen"),
        ("SET search_path = a; CREATE TABLE new (id int);", "DROP TABLE a.new"),
    ],
)
def test_the_way_back_is_that_of_the_table_that_was_meant(
    rehearse: Rehearse, tmp_path: Path, sql: str, back: str
) -> None:
    baseline = tmp_path / "baseline.sql"
    baseline.write_text(TENANTS)
    report = rehearse(sql, baseline=baseline, phases=PHASES)
    assert len(report.way_back) == 1
    assert report.way_back[0].startswith(back)
    assert not any("not in the baseline" in finding.evidence for finding in report.findings)
    assert ("down.loses-data" in ids(report)) is ("DROP" in sql and " v" in sql)


def test_an_expression_goes_back_to_the_one_before(rehearse: Rehearse, tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.sql"
    baseline.write_text("CREATE TABLE g (id int PRIMARY KEY, a int, b int GENERATED ALWAYS AS (a * 2) STORED);")
    report = rehearse("ALTER TABLE g ALTER b SET EXPRESSION AS (a * 3);", baseline=baseline, phases=PHASES)
    assert report.way_back == ["ALTER TABLE g ALTER COLUMN b SET EXPRESSION AS ((a * 2))"]
    assert "down.loses-data" not in ids(report)


def test_triggers_and_functions_that_are_new_go_again(rehearse: Rehearse) -> None:
    sql = (
        "ALTER TABLE orders ADD COLUMN a int;\nCREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.a := 1; RETURN NEW; END $$;\nCREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION f();"
    )
    back = ["DROP TRIGGER t ON orders", "DROP ROUTINE f()", "ALTER TABLE orders DROP COLUMN a"]
    assert rehearse(sql, phases=PHASES).way_back == back


def test_what_has_no_derived_way_back_is_told(rehearse: Rehearse) -> None:
    sql = (
        "ALTER TABLE orders ADD COLUMN a int;\nCREATE OR REPLACE FUNCTION order_total(integer) RETURNS numeric "
        "LANGUAGE sql STABLE AS 'SELECT 1.0';\nGRANT SELECT ON orders TO PUBLIC;"
    )
    report = rehearse(sql, phases=PHASES)
    assert "no way back is derived for what lines 2 and 3 do: they are left out of it" in report.notes
    assert report.way_back == ["ALTER TABLE orders DROP COLUMN a"]


def test_a_domain_is_read_as_the_type_under_it(rehearse: Rehearse) -> None:
    sql = "CREATE DOMAIN positive AS integer CHECK (VALUE > 0); ALTER TABLE orders ALTER COLUMN quantity TYPE positive;"
    assert "compat.old-app-read-fails" not in ids(rehearse(sql, phases=("observe", "compatibility")))


def test_a_constraint_is_told_where_it_is_made(rehearse: Rehearse) -> None:
    sql = "ALTER TABLE orders ADD COLUMN a int;\nALTER TABLE orders ADD CONSTRAINT c CHECK (a > 0) NOT VALID;"
    assert of(rehearse(sql, phases=PHASES), "schema.invalid-constraint").position.line == 2


@pytest.mark.parametrize(
    ("sql", "left"),
    [
        ("CREATE INDEX CONCURRENTLY bi ON b.t (v);", "b.bi"),
        ("REINDEX INDEX CONCURRENTLY a.ai;", "a.ai_ccnew"),
        ("REINDEX TABLE CONCURRENTLY t;", "t_pkey_ccnew"),
    ],
)
def test_what_a_concurrent_build_leaves_is_told_with_its_schema(
    rehearse: Rehearse, tmp_path: Path, sql: str, left: str
) -> None:
    baseline = tmp_path / "baseline.sql"
    baseline.write_text(TENANTS)
    found = of(rehearse(sql, baseline=baseline, phases=("observe", "failure")), "index.invalid-left")
    assert found.remedy.startswith(f"DROP INDEX CONCURRENTLY IF EXISTS {left};")


@pytest.mark.parametrize(
    ("domain", "sql", "hazard"),
    [
        ("text", "ALTER DOMAIN d SET NOT NULL;", "compat.old-app-write-fails"),
        ("text DEFAULT 'open' NOT NULL", "ALTER DOMAIN d DROP DEFAULT;", "compat.old-app-write-fails"),
        ("text DEFAULT 'open' NOT NULL", "ALTER DOMAIN d DROP NOT NULL;", "compat.old-app-sees-null"),
        ("text DEFAULT 'open'", "ALTER DOMAIN d SET DEFAULT 'shut';", ""),
    ],
)
def test_a_domain_that_asks_for_other_values_is_met_by_the_running_release(
    rehearse: Rehearse, either: Server, tmp_path: Path, domain: str, sql: str, hazard: str
) -> None:
    baseline = tmp_path / "baseline.sql"
    baseline.write_text(f"CREATE DOMAIN d AS {domain};\nCREATE TABLE t (id int PRIMARY KEY, v d);")
    report = rehearse(sql, baseline=baseline, on=either, phases=("observe", "compatibility"))
    assert {found for found in ids(report) if found.startswith("compat.old")} == ({hazard} if hazard else set())
