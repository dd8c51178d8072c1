"""What the running release may do and the migrated schema refuses, swallows or widens, though its tables look the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.migrations.findings import Severity
from tests.migrations.conftest import Rehearse
from tests.migrations.places import SHOP, ids, of

TRIGGER = """CREATE FUNCTION acts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NEW; END $$;
CREATE {kind} {when} ON {table} {deferred} FOR EACH ROW EXECUTE FUNCTION acts();"""
INVOICE = "CREATE TABLE invoice (id int PRIMARY KEY, order_id int REFERENCES orders (id){action});"
SWAPPED = (
    "ALTER TABLE invoice DROP CONSTRAINT invoice_order_id_fkey, "
    "ADD CONSTRAINT invoice_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders (id){action} NOT VALID;"
)


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    """The shop, to which a test adds what it needs."""
    path = tmp_path / "baseline.sql"
    path.write_text(SHOP.read_text())
    return path


def trigger(body: str, when: str, table: str = "customer", *, deferred: bool = False) -> str:
    kind, later = ("CONSTRAINT TRIGGER acts", "DEFERRABLE INITIALLY DEFERRED") if deferred else ("TRIGGER acts", "")
    return TRIGGER.format(body=body, when=when, table=table, kind=kind, deferred=later)


@pytest.mark.parametrize(
    ("sql", "severity", "says"),
    [
        (trigger("NEW.updated_at := now();", "BEFORE UPDATE"), Severity.BLOCKER, 'UPDATE on customer .*"updated_at"'),
        (trigger("RAISE 'read only';", "BEFORE UPDATE"), Severity.HIGH, "UPDATE on customer .*read only"),
        (trigger("RAISE 'kept';", "BEFORE DELETE", "setting"), Severity.MEDIUM, "DELETE on setting .*kept"),
        (
            trigger("INSERT INTO item (id) VALUES (1);", "AFTER UPDATE", "setting"),
            Severity.BLOCKER,
            'UPDATE on setting .*23502: null value in column "order_id"',
        ),
        (trigger("RAISE 'never';", "AFTER INSERT", deferred=True), Severity.BLOCKER, "INSERT on customer .*never"),
    ],
)
def test_a_trigger_that_refuses_what_went_through_is_found(
    rehearse: Rehearse, sql: str, severity: Severity, says: str
) -> None:
    found = of(rehearse(sql, phases=("compatibility",)), "compat.old-app-write-fails")
    assert (found.severity, found.position.line) == (severity, 2)
    assert re.search(says, found.evidence)


@pytest.mark.parametrize(
    "sql",
    [
        trigger("NEW.email := coalesce(NEW.email, 'nobody@example.test');", "BEFORE INSERT OR UPDATE"),
        trigger("IF NEW.total < 0 THEN RAISE 'negative'; END IF;", "BEFORE INSERT OR UPDATE", "orders"),
    ],
)
def test_a_trigger_that_lets_good_rows_pass_breaks_nothing(rehearse: Rehearse, sql: str) -> None:
    assert ids(rehearse(sql, phases=("compatibility",))) == set()


def test_a_table_whose_columns_all_have_defaults_is_written_too(rehearse: Rehearse, baseline: Path) -> None:
    baseline.write_text("CREATE TABLE line (id serial PRIMARY KEY, note text);")
    report = rehearse("DROP SEQUENCE line_id_seq CASCADE;", baseline=baseline, phases=("compatibility",))
    assert "23502" in of(report, "compat.old-app-write-fails").evidence


@pytest.mark.parametrize(
    ("then", "now", "hazard", "says"),
    [
        (" ON DELETE CASCADE", " ON DELETE RESTRICT", "compat.old-app-write-fails", "went through and now says 23"),
        (
            "",
            " ON DELETE CASCADE",
            "compat.delete-reaches-further",
            "was refused (23503) .* rows of invoice with it",
        ),
        ("", " ON DELETE SET NULL", "compat.delete-reaches-further", "now empties order_id in "),
        ("", " ON DELETE NO ACTION", "", ""),
        (" ON DELETE CASCADE", " ON DELETE CASCADE ON UPDATE CASCADE", "", ""),
    ],
)
def test_a_key_that_does_another_thing_on_delete_is_told(
    rehearse: Rehearse, baseline: Path, then: str, now: str, hazard: str, says: str
) -> None:
    baseline.write_text(SHOP.read_text() + INVOICE.format(action=then))
    report = rehearse(SWAPPED.format(action=now), baseline=baseline, phases=("compatibility",))
    assert ids(report) == ({hazard} if hazard else set())
    if hazard:
        found = of(report, hazard)
        assert found.severity == Severity.MEDIUM
        assert all(part in found.evidence for part in says.split(" .* "))


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("ALTER TABLE customer DROP CONSTRAINT customer_login_key;", "42P10"),
        (
            "ALTER TABLE customer DROP CONSTRAINT customer_login_key, "
            "ADD CONSTRAINT customer_login_key UNIQUE (login) DEFERRABLE;",
            "55000",
        ),
        ("DROP INDEX daily_sales_day;", "55000"),
        ("CREATE UNIQUE INDEX other ON customer (login); ALTER TABLE customer DROP CONSTRAINT customer_login_key;", ""),
    ],
)
def test_an_upsert_or_refresh_that_loses_its_index_is_told(rehearse: Rehearse, sql: str, code: str) -> None:
    report = rehearse(sql, phases=("compatibility",))
    assert ids(report) == ({"compat.old-app-write-fails"} if code else set())
    if code:
        found = of(report, "compat.old-app-write-fails")
        assert found.severity == Severity.MEDIUM
        assert code in found.evidence


def test_a_constraint_by_another_name_matters_to_who_says_its_name(rehearse: Rehearse) -> None:
    report = rehearse("ALTER TABLE customer RENAME CONSTRAINT customer_login_key TO other;", phases=("compatibility",))
    found = of(report, "compat.old-app-write-fails")
    assert ids(report) == {"compat.old-app-write-fails"}
    assert (found.severity, found.status) == (Severity.LOW, "predicted")
    assert "ON CONFLICT ON CONSTRAINT customer_login_key worked and now says 42704" in found.evidence


@pytest.mark.parametrize(("added", "told"), [("text", True), ("text DEFAULT ''", False)])
def test_a_function_that_can_no_longer_be_called_is_told(rehearse: Rehearse, added: str, told: bool) -> None:
    sql = (
        "DROP FUNCTION order_total(integer);\nCREATE FUNCTION order_total(integer, "
        f"{added}) RETURNS numeric LANGUAGE sql AS 'SELECT total FROM orders WHERE id = $1';"
    )
    report = rehearse(sql, phases=("compatibility",))
    assert ids(report) == ({"compat.old-app-read-fails"} if told else set())
    if told:
        assert "order_total(integer) worked and now says 42883" in of(report, "compat.old-app-read-fails").evidence


VIEW = "DROP VIEW open_orders;\nCREATE VIEW open_orders AS SELECT id, customer_id, total, code FROM orders WHERE total > 0;\n"


@pytest.mark.parametrize(
    ("sql", "severity", "says"),
    [
        (VIEW, Severity.HIGH, "web had SELECT on open_orders and has not any more: it was dropped and made anew"),
        (f"{VIEW}GRANT SELECT ON open_orders TO web;", None, ""),
        (f"{VIEW}GRANT SELECT ON open_orders TO PUBLIC;", None, ""),
        ("REVOKE UPDATE ON orders FROM web;", Severity.MEDIUM, "web had UPDATE on orders and has not any more"),
        ("ALTER TABLE audit OWNER TO keeper;", Severity.MEDIUM, "the owner until now had"),
        (
            "CREATE TABLE next (LIKE setting INCLUDING ALL); DROP TABLE setting; ALTER TABLE next RENAME TO setting;",
            Severity.HIGH,
            "web had INSERT and SELECT on setting",
        ),
    ],
)
def test_privileges_that_go_with_what_is_made_anew_are_told(
    rehearse: Rehearse, baseline: Path, sql: str, severity: Severity | None, says: str
) -> None:
    grants = "GRANT SELECT ON open_orders TO web; GRANT SELECT, UPDATE ON orders TO web; GRANT SELECT, INSERT ON setting TO web;"
    baseline.write_text(SHOP.read_text() + grants)
    report = rehearse(sql, baseline=baseline, phases=("compatibility",))
    assert ("compat.privileges-lost" in ids(report)) is (severity is not None)
    if severity is not None:
        found = of(report, "compat.privileges-lost")
        assert (found.severity, says in found.evidence) == (severity, True)
        assert found.remedy.startswith("-- in the same transaction\nGRANT ")


def test_rows_of_a_detached_partition_are_missed_where_they_were(rehearse: Rehearse) -> None:
    report = rehearse("ALTER TABLE visit DETACH PARTITION visit_old;", phases=("data", "compatibility"))
    assert ids(report) == {"compat.rows-hidden"}
    found = of(report, "compat.rows-hidden")
    assert (found.severity, found.table) == (Severity.MEDIUM, "visit")
    assert "rows that queries of visit found are in visit_old alone now" in found.evidence


def test_policies_that_stop_working_are_told(rehearse: Rehearse, baseline: Path) -> None:
    baseline.write_text(
        "CREATE TABLE note (id int PRIMARY KEY, who text NOT NULL); ALTER TABLE note ENABLE ROW LEVEL SECURITY; "
        "CREATE POLICY own ON note USING (who = current_user);"
    )
    report = rehearse("ALTER TABLE note DISABLE ROW LEVEL SECURITY;", baseline=baseline, phases=("schema",))
    assert ids(report) == {"compat.rows-shown"}


@pytest.mark.parametrize(("now", "severity"), [("ALWAYS", Severity.MEDIUM), ("BY DEFAULT", None)])
def test_a_number_that_only_the_server_gives_now_is_told(
    rehearse: Rehearse, now: str, severity: Severity | None
) -> None:
    report = rehearse(f"ALTER TABLE customer ALTER COLUMN id SET GENERATED {now};", phases=("compatibility",))
    assert [(f.id, f.severity) for f in report.findings] == [("compat.old-app-write-fails", severity)] * bool(severity)
