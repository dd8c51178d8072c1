"""What went by without a word: rows that a block refuses, views, collations, names that are cut, secrets in what is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import InputErrors
from harness.migrations.as_json import render
from harness.migrations.findings import Severity
from harness.migrations.statements import split
from tests.migrations.conftest import Rehearse
from tests.migrations.places import SHOP, ids, of


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    """A file for the schema of a test."""
    return tmp_path / "baseline.sql"


@pytest.mark.parametrize(
    ("block", "severity"),
    [
        ("IF EXISTS (SELECT FROM orders WHERE total < 0) THEN RAISE EXCEPTION 'no'; END IF;", Severity.MEDIUM),
        ("ASSERT (SELECT count(*) FROM orders) = 0, 'there are rows';", Severity.HIGH),
    ],
)
def test_a_block_that_refuses_rows_is_told(rehearse: Rehearse, block: str, severity: Severity) -> None:
    report = rehearse(f"SELECT 1;\nDO $$ BEGIN {block} END $$;", phases=("observe", "data"))
    assert ids(report) == {"data.fails-on-existing"}
    found = of(report, "data.fails-on-existing")
    assert (found.severity, found.status, found.position.line) == (severity, "predicted", 2)


def test_what_no_row_decides_is_a_refusal(rehearse: Rehearse) -> None:
    report = rehearse("DO $$ BEGIN RAISE EXCEPTION 'never'; END $$;", phases=("observe", "data"))
    assert of(report, "schema.refused").severity is Severity.BLOCKER


@pytest.mark.parametrize(
    ("sql", "hazard"),
    [
        ("CREATE OR REPLACE VIEW open_orders AS SELECT id, customer_id, total, code FROM orders WHERE status = 'new' AND total > 100", "compat.rows-hidden"),
        ("CREATE OR REPLACE VIEW open_orders AS SELECT id, customer_id, total, code FROM orders", ""),
        ("ALTER VIEW open_orders SET (security_invoker = true)", "compat.privileges-lost"),
        ("CREATE OR REPLACE VIEW guarded AS SELECT id, code FROM orders", "compat.rows-shown"),
        ("ALTER VIEW open_orders SET (check_option = cascaded)", "compat.old-app-write-fails"),
        ("CREATE OR REPLACE VIEW held AS SELECT id, code FROM orders WHERE id > 0", "compat.rows-writable"),
        ("CREATE OR REPLACE VIEW held AS SELECT id, code FROM orders WHERE id > 0 WITH LOCAL CHECK OPTION", ""),
    ],
)  # fmt: skip
def test_a_view_that_shows_less_or_asks_others_is_told(
    rehearse: Rehearse, baseline: Path, sql: str, hazard: str
) -> None:
    baseline.write_text(
        SHOP.read_text() + "CREATE VIEW guarded WITH (security_invoker = true) AS SELECT id, code FROM orders;"
        "CREATE VIEW held AS SELECT id, code FROM orders WHERE id > 0 WITH LOCAL CHECK OPTION;"
    )
    report = rehearse(f"SELECT 1;\n{sql};", baseline=baseline, phases=("compatibility",))
    assert ids(report) == ({hazard} if hazard else set())
    if hazard:
        assert of(report, hazard).position.line == 2


@pytest.mark.parametrize(("values", "told"), [("'a', 'b'", True), ("'a', 'b', 'c', 'd'", False)])
@pytest.mark.parametrize("valid", ["", " NOT VALID"])
def test_a_value_that_a_check_names_no_more_is_told(
    rehearse: Rehearse, baseline: Path, values: str, told: bool, valid: str
) -> None:
    baseline.write_text(
        "CREATE TABLE box (id int PRIMARY KEY, kind text NOT NULL CONSTRAINT k CHECK (kind IN ('a', 'b', 'c')));"
    )
    sql = f"ALTER TABLE box DROP CONSTRAINT k;\nALTER TABLE box ADD CONSTRAINT k CHECK (kind IN ({values})){valid};"
    report = rehearse(sql, baseline=baseline, phases=("data", "compatibility", "schema"))
    hazard = "compat.old-app-write-fails" if valid else "data.fails-on-existing"
    assert (hazard in ids(report)) is told
    assert any(f.id == "schema.invalid-constraint" for f in report.findings) is bool(valid)
    if told and valid:
        found = of(report, "compat.old-app-write-fails")
        assert "the running release writes a row with 'c' in kind into box; the new schema says 23514" in found.evidence


def test_a_view_is_made_again_with_its_options(rehearse: Rehearse, baseline: Path) -> None:
    """Without them the way back would show what policies keep back, and let be written what the view does not show."""
    options = "WITH (security_invoker = true, check_option = local)"
    baseline.write_text(SHOP.read_text() + f"CREATE VIEW held {options} AS SELECT id, code FROM orders WHERE id > 0;")
    report = rehearse("DROP VIEW held;", baseline=baseline, phases=("way back",))
    assert f"CREATE VIEW held {options} AS" in " ".join(report.way_back[0].split())
    assert not report.notes


@pytest.mark.parametrize(("collation", "told"), [('COLLATE "C"', True), ("", False)])
def test_a_text_that_sorts_by_another_collation_is_told(rehearse: Rehearse, collation: str, told: bool) -> None:
    report = rehearse(f"ALTER TABLE customer ALTER COLUMN name TYPE text {collation};", phases=("compatibility",))
    assert ("compat.order-changed" in ids(report)) is told


@pytest.mark.parametrize(("columns", "told"), [("customer_id, placed", True), ("code", False)])
def test_an_index_whose_cut_name_is_taken_is_told(rehearse: Rehearse, baseline: Path, columns: str, told: bool) -> None:
    name = "index_orders_on_" + "x" * 60
    baseline.write_text(SHOP.read_text() + f"CREATE INDEX {name}_on_code ON orders (code);")
    sql = f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name}_and_more ON orders ({columns});"
    report = rehearse(sql, baseline=baseline, phases=("schema",))
    assert ids(report) == ({"check.stepped-over"} if told else set())


def test_a_merge_that_touches_nothing_is_told(rehearse: Rehearse) -> None:
    sql = "MERGE INTO orders o USING (SELECT -1 AS id) c ON o.id = c.id WHEN MATCHED THEN DELETE;"
    assert of(rehearse(sql, phases=("data",)), "data.touches-nothing").severity is Severity.LOW


@pytest.mark.parametrize(
    ("sql", "runner", "found"),
    [
        ("COPY setting TO STDOUT;\nSELECT 1;", "psql", set()),
        ("COPY setting FROM stdin;\na\t1\nb\t2", "psql", {"rerun.fails"}),
        ("COPY setting FROM stdin;\na\t1\n\\.\n", "prisma@6", {"rerun.fails", "schema.refused"}),
    ],
)
def test_rows_beside_a_statement_are_sent_as_its_runner_does(
    rehearse: Rehearse, sql: str, runner: str, found: set[str]
) -> None:
    phases = ("lint", "observe", "data", "failure", "compatibility", "way back", "schema")
    assert ids(rehearse(sql, runner=runner, phases=phases)) == found


def test_rows_go_on_to_the_end_of_the_file() -> None:
    source = split("COPY setting FROM stdin;\na\t1;\nb\t2", "x.sql")
    assert [(s.text, s.copy_data) for s in source.statements] == [("COPY setting FROM stdin", "a\t1;\nb\t2")]


def test_rows_are_made_to_fit_what_a_domain_will_ask(rehearse: Rehearse, baseline: Path) -> None:
    baseline.write_text("CREATE DOMAIN zip AS text; CREATE TABLE place (id int PRIMARY KEY, z zip NOT NULL);")
    sql = "ALTER DOMAIN zip ADD CONSTRAINT five CHECK (length(VALUE) = 5);"
    report = rehearse(sql, baseline=baseline, phases=("observe", "data"))
    assert of(report, "data.fails-on-existing").severity is Severity.MEDIUM
    assert of(report, "scan.blocks-writes").evidence.endswith("at 1,000)")


def test_a_table_that_becomes_a_part_under_another_name_holds_that_parts_rows(rehearse: Rehearse) -> None:
    sql = (
        "ALTER TABLE audit RENAME TO audit_old;\n"
        "CREATE TABLE audit (id bigint NOT NULL, at timestamptz NOT NULL, who text, what jsonb) PARTITION BY RANGE (at);\n"
        "ALTER TABLE audit ATTACH PARTITION audit_old FOR VALUES FROM (MINVALUE) TO ('2020-01-01');"
    )
    report = rehearse(sql, phases=("observe",))
    assert all(observation.failure is None for observation in report.observations)


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("ALTER TABLE orders SET TABLESPACE fast;", "on the server of this rehearsal"),
        ("ALTER TABLE ${schema}.orders ADD COLUMN a int;", "${schema} is a placeholder of the runner"),
    ],
)
def test_a_refusal_that_lies_with_this_server_or_the_runner_says_so(rehearse: Rehearse, sql: str, why: str) -> None:
    assert why in of(rehearse(sql), "schema.refused").evidence


SECRET = "hunter2secret"


@pytest.mark.parametrize(
    "sql",
    [
        f"ALTER TABLE setting ADD COLUMN more text DEFAULT 'postgresql://admin:{SECRET}@db.example/x';",
        f"ALTER TABLE setting ADD CONSTRAINT pw CHECK (value <> 'postgres://u:{SECRET}@h/d');",
        f"UPDATE setting SET value = 'password={SECRET}' WHERE value = 'postgres://u:{SECRET}@h/d';",
        f"SELECT crypt PASSWORD '{SECRET}",
    ],
)
def test_no_secret_of_the_sql_is_in_a_report(rehearse: Rehearse, sql: str) -> None:
    phases = ("lint", "observe", "data", "failure", "compatibility", "way back", "schema")
    assert SECRET not in json.dumps(render(rehearse(sql, phases=phases)))


def test_a_refusal_shows_no_password_whose_quote_is_not_closed(rehearse: Rehearse) -> None:
    with pytest.raises(InputErrors) as caught:
        rehearse(f"ALTER ROLE app PASSWORD '{SECRET}")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("ends", ["BEGIN; ALTER TABLE setting ADD COLUMN a int;", "SELECT 1;"])
def test_a_statement_that_ends_its_own_session_is_told(rehearse: Rehearse, ends: str) -> None:
    sql = f"{ends}\nDO $$ BEGIN EXECUTE 'SELECT pg_termin' || 'ate_backend(pg_backend_pid())'; END $$;"
    report = rehearse(sql, phases=("observe", "data", "failure", "schema"))
    found = of(report, "schema.refused")
    assert found.position.line == 2
    assert "57P01" in found.evidence


@pytest.mark.parametrize("statement", ["DISCARD ALL", "VACUUM setting", "CHECKPOINT"])
def test_what_no_transaction_may_be_around_runs_by_itself(rehearse: Rehearse, statement: str) -> None:
    allow = ("superuser",) if statement == "CHECKPOINT" else ()
    report = rehearse(f"{statement};", allow=allow)
    assert {"tx.concurrently-in-transaction", "schema.refused"} & ids(report) == set()


def test_a_delete_that_a_new_trigger_makes_impossible_is_told(rehearse: Rehearse) -> None:
    sql = (
        "CREATE TABLE gone (id bigserial PRIMARY KEY, order_id int NOT NULL REFERENCES orders);\n"
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO gone (order_id) VALUES (OLD.id); "
        "RETURN NULL; END $$;\nCREATE TRIGGER note AFTER DELETE ON orders FOR EACH ROW EXECUTE FUNCTION note();"
    )
    found = of(rehearse(sql, phases=("compatibility",)), "compat.old-app-write-fails")
    assert "DELETE on orders went through before" in found.evidence
    assert "23503" in found.evidence


def test_the_blanks_of_a_json_are_no_loss(rehearse: Rehearse, baseline: Path) -> None:
    baseline.write_text("CREATE TABLE doc (id int PRIMARY KEY, body json);")
    report = rehearse("ALTER TABLE doc ALTER COLUMN body TYPE jsonb;", baseline=baseline, phases=("data",))
    assert ids(report) == set()
