"""What fails nowhere while a migration runs: roles, sessions, sequences that end, orders, values that a trigger replaces."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import InputErrors
from harness.migrations.findings import Severity
from tests.migrations.conftest import Rehearse
from tests.migrations.places import SHOP, ids, of


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    """A file for the schema of a test."""
    return tmp_path / "baseline.sql"


@pytest.mark.parametrize(
    "become",
    [
        "SET ROLE app_owner",
        'SET SESSION ROLE "App Owner"',
        "SET ROLE 'app_owner'",
        "SELECT set_config('role', 'app_owner', false)",
        "DO $$ BEGIN SET ROLE app_owner; END $$",
        "DO $$ BEGIN EXECUTE 'SET ROLE \"App Owner\"'; END $$",
    ],
)
def test_a_role_that_the_migration_becomes_owns_what_is_there(rehearse: Rehearse, become: str) -> None:
    report = rehearse(
        f"{become};\nALTER TABLE orders ADD COLUMN more int;\nCREATE SCHEMA mine;\nCREATE TABLE mine.one (id int);\nRESET ROLE;"
    )
    assert "schema.refused" not in ids(report)
    assert all(observation.failure is None for observation in report.observations)


def test_of_two_roles_each_may_do_what_the_other_may(rehearse: Rehearse) -> None:
    sql = "SET ROLE app_a; ALTER TABLE orders ADD COLUMN a int; SET ROLE app_b; ALTER TABLE orders ADD COLUMN b int;"
    assert "schema.refused" not in ids(rehearse(sql))


def test_a_role_that_only_a_text_put_together_names_is_told_with_what_to_do(rehearse: Rehearse) -> None:
    report = rehearse("DO $$ BEGIN EXECUTE format('ALTER TABLE setting OWNER TO %I', 'nobody_' || 'knows'); END $$;")
    found = of(report, "schema.refused")
    assert 'role "nobody_knows" does not exist (that is so on the server of this rehearsal' in found.evidence
    assert "make it in the baseline" in found.remedy


@pytest.mark.parametrize(
    ("command", "remedy"),
    [
        ("\\if true", "Keep the branch that production takes"),
        ("\\ir more.sql", "Write what that file holds here"),
        ("\\copy setting FROM 'x.csv'", "Write the rows here"),
        ("SELECT 1 \\gexec", "Write out the statements that it would send"),
        ("\\connect other", "Take it out, or run with --allow psql"),
    ],
)
def test_a_command_of_psql_is_refused_with_what_to_write_instead(rehearse: Rehearse, command: str, remedy: str) -> None:
    with pytest.raises(InputErrors) as caught:
        rehearse(f"SELECT 1;\n{command}\n")
    assert remedy in str(caught.value)
    assert ":2:" in str(caught.value)


SESSIONS = [
    ("SET search_path = pg_catalog", "search_path was", "LOW", "MEDIUM"),
    ("SET session_replication_role = replica", "is replica", "LOW", "MEDIUM"),
    ("SELECT set_config('row_security', 'off', false)", "row_security was on", "LOW", "MEDIUM"),
    ("SET statement_timeout = '5s'", "is 5s", "INFO", "LOW"),
    ("SELECT pg_advisory_lock(42)", "an advisory lock is held", "LOW", "MEDIUM"),
]


@pytest.mark.parametrize(("sql", "told", "alone", "together"), SESSIONS)
def test_what_the_session_keeps_is_told(rehearse: Rehearse, sql: str, told: str, alone: str, together: str) -> None:
    for runner, severity in (("psql", alone), ("one-transaction", together)):
        report = rehearse(f"CREATE TABLE m (id int);\n{sql};", phases=("failure",), runner=runner)
        found = of(report, "tx.session-left")
        assert (found.severity.name, found.position.line) == (severity, 2)
        assert told in found.evidence


@pytest.mark.parametrize(
    "sql",
    [
        "SET LOCAL search_path = pg_catalog; SELECT pg_advisory_xact_lock(42);",
        "SET statement_timeout = '5s'; SELECT 1; RESET statement_timeout;",
        "SELECT pg_advisory_lock(42); SELECT pg_advisory_unlock(42);",
        "SET search_path = pg_catalog; SET search_path TO DEFAULT;",
        "SET lock_timeout = '2s';",
    ],
)
def test_what_ends_with_its_transaction_or_is_put_back_is_not(rehearse: Rehearse, sql: str) -> None:
    report = rehearse(sql, phases=("failure",), runner="one-transaction")
    assert "tx.session-left" not in ids(report)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("ALTER SEQUENCE orders_id_seq MAXVALUE 100000;", "no number beyond 100,000"),
        ("ALTER SEQUENCE orders_id_seq AS smallint;", "no number beyond 32,767"),
        ("ALTER SEQUENCE orders_id_seq CYCLE;", "begins again with 1 after"),
        (
            "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY (MAXVALUE 50 CYCLE) PRIMARY KEY);",
            "begins again with 1",
        ),
        ("ALTER TABLE line ALTER COLUMN id TYPE bigint;", "no number beyond 2,147,483,647, and bigint"),
        ("CREATE TABLE t (id serial PRIMARY KEY, small smallserial);", ""),
        ("CREATE SEQUENCE s MAXVALUE 9 CYCLE; ALTER TABLE audit ADD COLUMN n int DEFAULT nextval('s');", ""),
        ("ALTER SEQUENCE orders_id_seq INCREMENT 10 CACHE 5;", ""),
    ],
)
def test_a_sequence_that_ends_before_its_column_is_told(
    rehearse: Rehearse, baseline: Path, sql: str, told: str
) -> None:
    baseline.write_text(SHOP.read_text() + "CREATE TABLE line (id serial PRIMARY KEY);")
    report = rehearse(f"SELECT 1;\n{sql}", baseline=baseline, phases=("schema",))
    assert ("data.sequence-ends" in ids(report)) is bool(told)
    if told:
        found = of(report, "data.sequence-ends")
        assert told in found.evidence
        assert found.position.line == 2


def test_numbers_that_production_has_used_up_are_high(rehearse: Rehearse) -> None:
    sql = "ALTER SEQUENCE orders_id_seq MAXVALUE 100000;"
    found = of(rehearse(sql, phases=("schema",), production_rows=200_000), "data.sequence-ends")
    assert found.severity is Severity.HIGH
    assert "200,000 rows of production have used more numbers" in found.evidence


NEW_TYPE = (
    "ALTER TYPE colour RENAME TO colour_old;\nCREATE TYPE colour AS ENUM ({labels});\n"
    "ALTER TABLE customer ALTER COLUMN favourite TYPE colour USING favourite::text::colour;\nDROP TYPE colour_old;"
)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        (NEW_TYPE.format(labels="'green', 'red'"), True),
        (NEW_TYPE.format(labels="'blue', 'red', 'pink', 'green'"), False),
        ("ALTER TYPE colour ADD VALUE 'blue' BEFORE 'green';", False),
    ],
)
def test_values_of_an_enum_in_another_order_are_told(rehearse: Rehearse, sql: str, told: bool) -> None:
    report = rehearse(sql, phases=("compatibility",))
    assert ("compat.order-changed" in ids(report)) is told
    if told:
        found = of(report, "compat.order-changed")
        assert "order red, green and stand in the order green, red" in found.evidence
        assert found.position.line == 2


TRIGGER = (
    "CREATE FUNCTION acts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NEW; END $$;\n"
    "CREATE TRIGGER acts BEFORE {on} ON orders FOR EACH ROW EXECUTE FUNCTION acts();"
)


@pytest.mark.parametrize(
    ("body", "on", "told"),
    [
        ("NEW.code := upper(NEW.code);", "INSERT OR UPDATE", "orders.code with INSERT and UPDATE"),
        ("NEW.note := lower(NEW.note);", "INSERT OR UPDATE", "orders.note with UPDATE"),
        ("NEW.note := trim(NEW.note);", "UPDATE", "orders.note with UPDATE"),
        ("NEW.paid_at := now();", "UPDATE", "orders.paid_at with UPDATE"),
        ("NEW.coupon := coalesce(NEW.coupon, 'none');", "INSERT", ""),
        ("IF NEW.total < 0 THEN RAISE EXCEPTION 'no'; END IF;", "INSERT", ""),
    ],
)
def test_a_trigger_that_replaces_what_is_written_is_told(rehearse: Rehearse, body: str, on: str, told: str) -> None:
    report = rehearse(TRIGGER.format(body=body, on=on), phases=("compatibility",))
    assert ("compat.writes-changed" in ids(report)) is bool(told)
    if told:
        assert told in of(report, "compat.writes-changed").evidence


LOG = "CREATE TABLE log (id bigint NOT NULL, at {kind} NOT NULL) PARTITION BY {how} (at);\n{parts}\nCREATE TABLE rest PARTITION OF log DEFAULT;\n"
DATES = "CREATE TABLE old PARTITION OF log FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');"


@pytest.mark.parametrize(
    ("kind", "how", "parts", "bound"),
    [
        ("date", "RANGE", DATES, "FROM ('2026-01-01') TO ('2027-01-01')"),
        ("timestamptz", "RANGE", "", "FROM ('2026-01-01') TO ('2027-01-01')"),
        ("int", "RANGE", "CREATE TABLE old PARTITION OF log FOR VALUES FROM (10) TO (MAXVALUE);", "FROM (0) TO (10)"),
        ("text", "LIST", "CREATE TABLE old PARTITION OF log FOR VALUES IN ('a', 'b');", "IN ('c')"),
        ("int", "LIST", "CREATE TABLE old PARTITION OF log FOR VALUES IN (1, 2);", "IN (3)"),
    ],
)
def test_a_default_partition_has_rows_that_an_attached_one_makes_read(
    rehearse: Rehearse, baseline: Path, kind: str, how: str, parts: str, bound: str
) -> None:
    baseline.write_text(LOG.format(kind=kind, how=how, parts=parts) + "CREATE TABLE new (LIKE log INCLUDING ALL);")
    sql = f"ALTER TABLE log ATTACH PARTITION new FOR VALUES {bound};"
    report = rehearse(sql, baseline=baseline, production_rows=1_000_000)
    read = [f for f in report.findings if f.id == "scan.blocks-reads" and f.table == "rest"]
    assert len(read) == 1
    assert "at 1,000,000 (estimate)" in read[0].evidence
