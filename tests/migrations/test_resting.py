"""What the running release rests on without naming it: functions, triggers, defaults, privileges, names of constraints."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.migrations.findings import Severity
from tests.migrations.conftest import Rehearse
from tests.migrations.places import SHOP, ids, of

PHASES = ("observe", "compatibility", "schema")
WORDS = "CREATE FUNCTION words(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce($1, 'none') $$;\n"
MINE = "CREATE FUNCTION mine(text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT coalesce($1, 'a') = 'a' $$;\n"
HELD = MINE + "ALTER TABLE orders ENABLE ROW LEVEL SECURITY;\nCREATE POLICY mine ON orders USING (mine({column}));"
CLOCK = "CREATE {replace}FUNCTION tick() RETURNS timestamptz LANGUAGE sql {kind} AS 'SELECT clock_timestamp()';\n"
STAMP = "ALTER TABLE orders ALTER COLUMN paid_at SET DEFAULT tick();"
TENANT = (
    "CREATE FUNCTION tenant() RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('app.tenant', true) $$;\n"
)
TENANTS = TENANT + (
    "ALTER TABLE orders ENABLE ROW LEVEL SECURITY;\nCREATE POLICY own ON orders USING (coupon = tenant());"
)
GUARD = (
    "CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.coupon = 'never' THEN RAISE 'no'; "
    "END IF; RETURN coalesce(NEW, OLD); END $$;\n"
    "CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION guard();"
)
CLEAR = (
    "CREATE FUNCTION clear() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM item WHERE order_id = OLD.id; "
    "RETURN NULL; END $$;\n"
    "CREATE TRIGGER clear AFTER UPDATE ON orders FOR EACH ROW WHEN (NEW.total < -5) EXECUTE FUNCTION clear();"
)
POINTS = (
    "CREATE FUNCTION count_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE customer SET points = points + 1 "
    "WHERE id = NEW.customer_id; RETURN NEW; END $$;\n"
    "CREATE TRIGGER count_up AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION count_up();"
)
PLACES = "CREATE FUNCTION places() RETURNS SETOF place LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY SELECT street, town FROM place; END $$;"


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    """A file for the schema of a test."""
    return tmp_path / "baseline.sql"


@pytest.mark.parametrize(
    ("before", "sql", "hazard", "told"),
    [
        (WORDS + "ALTER TABLE orders ADD shown text GENERATED ALWAYS AS (words(coupon)) STORED;", "ALTER FUNCTION words(text) STRICT", "index.stale", "is declared immutable strict (was immutable), and stored column orders.shown"),
        (WORDS + "ALTER TABLE orders ADD shown text GENERATED ALWAYS AS (words(code)) STORED;", "ALTER FUNCTION words(text) STRICT", "", ""),
        (WORDS + "ALTER TABLE orders ALTER coupon SET DEFAULT words(NULL);", "ALTER FUNCTION words(text) STRICT", "compat.writes-changed", "'none' was, and NULL is now"),
        (CLOCK.format(replace="", kind="VOLATILE") + STAMP, CLOCK.format(replace="OR REPLACE ", kind="IMMUTABLE"), "compat.writes-changed", "one for all rows of a statement now"),
        (HELD.format(column="coupon"), "ALTER FUNCTION mine(text) STRICT", "compat.rows-hidden", "0 made-up rows pass now where"),
        (HELD.format(column="code"), "ALTER FUNCTION mine(text) STRICT", "", ""),
        (HELD.format(column="coupon"), "ALTER FUNCTION mine(text) IMMUTABLE", "", ""),
        (TENANTS, "ALTER FUNCTION tenant() IMMUTABLE", "compat.rows-shown", "a prepared one keeps that answer"),
    ],
)  # fmt: skip
def test_a_function_that_is_declared_otherwise_is_told_where_it_answers_otherwise(
    rehearse: Rehearse, baseline: Path, before: str, sql: str, hazard: str, told: str
) -> None:
    baseline.write_text(SHOP.read_text() + before)
    report = rehearse(sql, baseline=baseline, phases=PHASES)
    assert ids(report) == ({hazard} if hazard else set())
    assert not hazard or told in of(report, hazard).evidence


@pytest.mark.parametrize(
    ("before", "sql", "hazard", "told"),
    [
        (GUARD, "CREATE OR REPLACE TRIGGER guard BEFORE DELETE ON orders FOR EACH ROW EXECUTE FUNCTION guard()", "schema.trigger-off", "calls guard() fires on UPDATE no more"),
        (GUARD, "CREATE OR REPLACE TRIGGER guard BEFORE UPDATE OR DELETE ON orders FOR EACH ROW WHEN (OLD.total > 5) EXECUTE FUNCTION guard()", "schema.trigger-off", "fires only WHEN a condition holds"),
        (GUARD, "CREATE OR REPLACE TRIGGER guard BEFORE UPDATE OF coupon OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION guard()", "schema.trigger-off", "fires on UPDATE only of coupon"),
        (GUARD, "DROP TRIGGER guard ON orders;\nCREATE TRIGGER guard_u BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION guard();\n"
         "CREATE TRIGGER guard_d BEFORE DELETE ON orders FOR EACH ROW EXECUTE FUNCTION guard()", "", ""),
        (CLEAR, "CREATE OR REPLACE TRIGGER clear AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION clear()", "compat.writes-changed", "UPDATE on orders deleted 0 of item too, and 1,000 now"),
        ("", "CREATE OR REPLACE TRIGGER parcel_log AFTER INSERT ON parcel FOR EACH ROW EXECUTE FUNCTION log_parcel()", "schema.trigger-off", "DELETE on parcel inserted 1,000 of audit too, and 0 now"),
        (POINTS, "ALTER TABLE customer RENAME points TO score", "compat.old-app-write-fails", 'INSERT on orders went through before (1 row) and now says 42703: column "points" does not exist'),
    ],
)  # fmt: skip
def test_a_trigger_that_does_less_or_more_elsewhere_is_told(
    rehearse: Rehearse, baseline: Path, before: str, sql: str, hazard: str, told: str
) -> None:
    baseline.write_text(SHOP.read_text() + before)
    report = rehearse(sql, baseline=baseline, phases=("compatibility", "schema"))
    found = [f.evidence for f in report.findings if f.id == hazard]
    assert any(told in evidence for evidence in found) if hazard else ids(report) == set()


@pytest.mark.parametrize(
    ("sql", "severity", "told"),
    [
        ("ALTER TABLE orders ALTER quantity SET DEFAULT 2", Severity.MEDIUM, "'1' was, and '2' is now"),
        ("ALTER TABLE orders ALTER legacy_flag DROP DEFAULT", Severity.MEDIUM, "'false' was, and NULL is now"),
        ("ALTER TABLE customer ALTER joined SET DEFAULT now() AT TIME ZONE 'Asia/Tokyo'", Severity.MEDIUM, "CURRENT_TIMESTAMP was, and"),
        ("ALTER TABLE orders ALTER coupon SET DEFAULT 'none'", Severity.INFO, "NULL was, and 'none' is now"),
        ("ALTER TABLE customer ALTER joined SET DEFAULT now()", None, ""),
        ("ALTER TABLE orders ALTER quantity TYPE numeric(12, 2)", None, ""),
    ],
)  # fmt: skip
def test_another_default_is_told(rehearse: Rehearse, sql: str, severity: Severity | None, told: str) -> None:
    report = rehearse(sql, phases=("compatibility",))
    found = [f for f in report.findings if f.id == "compat.writes-changed"]
    assert [f.severity for f in found] == ([severity] if severity is not None else [])
    assert all(told in f.evidence for f in found)


@pytest.mark.parametrize(
    ("before", "sql", "told"),
    [
        (PLACES, "ALTER TABLE place ADD country text", "a call of places() worked and now says 42804"),
        ("CREATE FUNCTION twice(int) RETURNS numeric LANGUAGE plpgsql AS 'BEGIN RETURN 2 * order_total($1); END';", "DROP FUNCTION order_total(integer)", "a call of twice(integer) worked and now says 42883"),
        ("CREATE FUNCTION endless() RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM FROM place; LOOP END LOOP; END';", "ALTER TABLE place ADD country text", ""),
        ("CREATE FUNCTION towns() RETURNS SETOF text LANGUAGE plpgsql AS 'BEGIN RETURN QUERY SELECT town FROM place; END';", "ALTER TABLE place ADD country text", ""),
    ],
)  # fmt: skip
def test_a_function_that_a_migration_breaks_is_told(
    rehearse: Rehearse, baseline: Path, before: str, sql: str, told: str
) -> None:
    baseline.write_text(SHOP.read_text() + before)
    report = rehearse(sql, baseline=baseline, phases=("compatibility",))
    found = [f.evidence for f in report.findings if f.id == "compat.old-app-read-fails" and f.severity is Severity.HIGH]
    assert [evidence.startswith(told) for evidence in found] == ([True] if told else [])


@pytest.mark.parametrize(
    ("sql", "severity", "told"),
    [
        ("GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC", Severity.MEDIUM, "audit, customer, daily_sales, item and open_orders and"),
        ("CREATE TABLE fresh (id int PRIMARY KEY);\nGRANT SELECT ON fresh TO PUBLIC", Severity.LOW, "PUBLIC has SELECT on fresh"),
        ("GRANT CREATE ON SCHEMA public TO PUBLIC", Severity.MEDIUM, "PUBLIC has CREATE on schema public"),
        ("CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'", None, ""),
    ],
)  # fmt: skip
def test_what_everybody_may_do_from_now_on_is_told(
    rehearse: Rehearse, sql: str, severity: Severity | None, told: str
) -> None:
    report = rehearse(sql, phases=("compatibility",))
    found = [f for f in report.findings if f.id == "schema.open-to-all"]
    assert [f.severity for f in found] == ([severity] if severity is not None else [])
    assert all(told in f.evidence for f in found)


@pytest.mark.parametrize(
    ("before", "sql", "hazard", "told"),
    [
        ("CREATE SEQUENCE bill INCREMENT BY 50;", "ALTER SEQUENCE bill INCREMENT BY 1", "compat.old-app-write-fails", "went on by 50 and goes on by 1 now"),
        ("CREATE SEQUENCE bill;", "ALTER SEQUENCE bill INCREMENT BY 50", "", ""),
        ("CREATE TABLE kept (LIKE setting);", "ALTER TABLE kept INHERIT setting", "compat.rows-shown", "queries of setting found 1,000 rows and find 2,000 now"),
        ("CREATE TABLE kept (LIKE setting);", "ALTER TABLE setting INHERIT kept", "compat.rows-shown", "queries of kept found"),
        ("", "CREATE TABLE kept () INHERITS (setting)", "", ""),
        ("CREATE EXTENSION citext;", "ALTER TABLE customer ALTER login TYPE citext", "compat.order-changed", "find other rows where only the case differs"),
        ("", "DROP FUNCTION order_total(integer);\nCREATE FUNCTION order_total(integer) RETURNS text LANGUAGE sql AS 'SELECT 1::text'", "compat.old-app-read-fails", "gave back numeric and gives back text now"),
        ("", "CREATE OR REPLACE VIEW open_orders AS SELECT id, customer_id, (total * 2)::numeric(10, 2) AS total, code FROM orders WHERE status = 'new'", "compat.name-moved", "open_orders shows other values under total"),
        ("", "CREATE OR REPLACE VIEW open_orders AS SELECT id, customer_id, (total * 1)::numeric(10, 2) AS total, code FROM orders WHERE status = 'new'", "", ""),
    ],
)  # fmt: skip
def test_what_means_another_thing_now_is_told(
    rehearse: Rehearse, baseline: Path, before: str, sql: str, hazard: str, told: str
) -> None:
    baseline.write_text(SHOP.read_text() + before)
    report = rehearse(sql, baseline=baseline, phases=("compatibility",))
    beside = {"compat.new-app-on-old-schema-fails", "compat.cached-plan"}
    found = {f.id: f.evidence for f in report.findings if f.id not in beside}
    assert told in found[hazard] if hazard else not found


@pytest.mark.parametrize(
    ("step", "hazards"),
    [
        ("FOR one IN SELECT id FROM customer WHERE phone IS NULL LOOP UPDATE customer SET phone = '+44' WHERE id = one; END LOOP;", set()),
        ("FOR one IN SELECT id FROM customer WHERE id > 0 LOOP UPDATE customer SET phone = '+44' WHERE id = one; END LOOP;", {"data.changed", "down.loses-data"}),
    ],
)  # fmt: skip
def test_a_loop_that_fills_gaps_changes_no_value(rehearse: Rehearse, step: str, hazards: set[str]) -> None:
    sql = f"DO $$ DECLARE one bigint; BEGIN {step} END $$;"
    assert ids(rehearse(sql, phases=("data", "way back"))) == hazards


def test_json_of_every_shape_is_held_against_a_check(rehearse: Rehearse) -> None:
    sql = "ALTER TABLE product ADD CONSTRAINT detail_object CHECK (jsonb_typeof(detail) = 'object');"
    found = of(rehearse(sql, phases=("data",)), "data.fails-on-existing")
    assert (found.severity, found.status) == (Severity.MEDIUM, "predicted")
