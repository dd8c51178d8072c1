"""What fails nowhere and is wrong: names with another meaning, rows out of sight, writes that only defaults make."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.migrations.findings import Severity
from tests.migrations.conftest import Rehearse
from tests.migrations.places import ids, of

SWAP = """BEGIN;
ALTER TABLE orders RENAME COLUMN note TO kept;
ALTER TABLE orders RENAME COLUMN coupon TO note;
ALTER TABLE orders RENAME COLUMN kept TO coupon;
COMMIT;
"""
BESIDE = """BEGIN;
ALTER TABLE orders ADD COLUMN note_new varchar(200);
{fill}
ALTER TABLE orders RENAME COLUMN note TO note_old;
ALTER TABLE orders RENAME COLUMN note_new TO note;
COMMIT;
"""
PREPARED = """BEGIN;
ALTER TABLE orders RENAME COLUMN note TO note_old;
ALTER TABLE orders RENAME COLUMN coupon TO note;
COMMIT;
"""
ANEW = """BEGIN;
CREATE TABLE audit_new (LIKE audit INCLUDING ALL);
{fill}
ALTER TABLE audit RENAME TO audit_old;
ALTER TABLE audit_new RENAME TO audit;
COMMIT;
"""


@pytest.mark.parametrize(
    ("sql", "hazard", "severity"),
    [
        (SWAP, "compat.name-moved", Severity.HIGH),
        (PREPARED, "compat.name-moved", Severity.MEDIUM),
        (BESIDE.format(fill=""), "compat.name-moved", Severity.HIGH),
        (BESIDE.format(fill="UPDATE orders SET note_new = note;"), None, None),
        (ANEW.format(fill=""), "compat.rows-hidden", Severity.HIGH),
        (ANEW.format(fill="INSERT INTO audit_new SELECT * FROM audit;"), None, None),
    ],
)
def test_a_name_that_means_something_else_is_told(
    rehearse: Rehearse, sql: str, hazard: str | None, severity: Severity | None
) -> None:
    report = rehearse(sql, phases=("compatibility",))
    assert ids(report) & {"compat.name-moved", "compat.rows-hidden"} == ({hazard} if hazard else set())
    if hazard:
        found = of(report, hazard)
        assert found.severity == severity
        assert "RENAME" in found.statement


COMPUTED = "CREATE TABLE bill (id int PRIMARY KEY, net int NOT NULL, gross int GENERATED ALWAYS AS (net * 2) STORED);"
FILLS = """CREATE FUNCTION gross() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.gross := NEW.net * 2; RETURN NEW; END $$;
CREATE TRIGGER fills BEFORE INSERT ON bill FOR EACH ROW EXECUTE FUNCTION gross();
"""


@pytest.mark.parametrize(("also", "told"), [("", True), (FILLS, False)])
def test_what_was_computed_and_is_filled_by_nobody(rehearse: Rehearse, tmp_path: Path, also: str, told: bool) -> None:
    (tmp_path / "bill.sql").write_text(COMPUTED)
    sql = f"{also}ALTER TABLE bill ALTER COLUMN gross DROP EXPRESSION;"
    report = rehearse(sql, phases=("compatibility",), baseline=tmp_path / "bill.sql")
    assert ("compat.old-app-sees-null" in ids(report)) is told


@pytest.mark.parametrize(
    ("check", "told"),
    [
        ("state IN ('OPEN', 'DONE')", True),  # the default is 'open'
        ("state <> ''", False),
        ("amount < 0", False),  # the made-up value is no proof
    ],
)
def test_a_check_that_refuses_what_defaults_write(rehearse: Rehearse, check: str, told: bool) -> None:
    report = rehearse(f"ALTER TABLE item ADD CONSTRAINT c CHECK ({check}) NOT VALID;", phases=("compatibility",))
    assert ids(report) == ({"compat.old-app-write-fails"} if told else set())
    if told:
        assert of(report, "compat.old-app-write-fails").severity == Severity.BLOCKER


def test_a_trigger_that_refuses_what_defaults_write(rehearse: Rehearse) -> None:
    sql = """CREATE FUNCTION strict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF EXISTS (SELECT FROM added WHERE quantity < 2) THEN RAISE EXCEPTION 'too few'; END IF; RETURN NULL; END $$;
CREATE TRIGGER strict AFTER INSERT ON orders REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION strict();
"""
    found = of(rehearse(sql, phases=("compatibility",)), "compat.old-app-write-fails")
    assert "too few" in found.evidence


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ("CREATE POLICY own ON orders USING (code = current_user)", "1,000 of 1,000"),
        ("CREATE POLICY own ON orders USING (code = current_setting('app.code'))", "42704"),
        (
            "CREATE POLICY own ON orders USING (code = '?'); CREATE POLICY few ON orders AS RESTRICTIVE USING (id > 0)",
            "1,000 of",
        ),
        ("CREATE POLICY own ON orders USING (true)", ""),
        (
            "CREATE POLICY own ON orders USING (true); CREATE POLICY few ON orders AS RESTRICTIVE USING (id < 0)",
            "1,000 of",
        ),
        ("CREATE POLICY own ON orders USING (id < 0); CREATE POLICY all_ ON orders USING (id >= 0)", ""),
    ],
)
def test_rows_that_a_policy_lets_nobody_see(rehearse: Rehearse, policy: str, says: str) -> None:
    report = rehearse(f"{policy}; ALTER TABLE orders ENABLE ROW LEVEL SECURITY;", phases=("observe", "schema"))
    assert ("compat.rows-hidden" in ids(report)) is bool(says)
    if says:
        found = of(report, "compat.rows-hidden")
        assert says in found.evidence
        assert (found.severity, found.status) == (Severity.MEDIUM, "predicted")


@pytest.mark.parametrize(("table", "told"), [("audit", True), ("orders", False)])
def test_a_publication_of_a_table_without_a_key(rehearse: Rehearse, table: str, told: bool) -> None:
    report = rehearse(f"CREATE PUBLICATION p FOR TABLE {table};", phases=("observe", "schema"))
    assert ("schema.no-replica-identity" in ids(report)) is told


def test_rows_of_the_default_partition_that_a_new_one_would_take(rehearse: Rehearse, tmp_path: Path) -> None:
    (tmp_path / "parts.sql").write_text(
        "CREATE TABLE log (id int, day date NOT NULL) PARTITION BY RANGE (day); CREATE TABLE log_rest PARTITION OF log DEFAULT;"
        "CREATE TABLE log_2025 PARTITION OF log FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');"
    )
    sql = "CREATE TABLE log_2024 PARTITION OF log FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');"
    report = rehearse(sql, phases=("observe", "data"), baseline=tmp_path / "parts.sql")
    assert "data.fails-on-existing" in ids(report)
    assert "log_rest" in of(report, "scan.blocks-reads").evidence


@pytest.mark.parametrize(
    "key", ["UNIQUE INDEX CONCURRENTLY low ON customer (lower(login))", "INDEX low ON customer (login)"]
)
def test_texts_that_differ_in_case_alone(rehearse: Rehearse, key: str) -> None:
    report = rehearse(f"CREATE {key};", phases=("observe", "data"))
    assert ("data.fails-on-existing" in ids(report)) is ("lower" in key)


@pytest.mark.parametrize(
    ("where", "query"),
    [
        ("", "(lower(login)) IN (SELECT (lower(login)) FROM customer GROUP BY (lower(login)) HAVING count(*) > 1)"),
        (" WHERE points >= 0", "WHERE points >= 0 GROUP BY (lower(login)) HAVING count(*) > 1) AND (points >= 0)"),
    ],
)
def test_the_query_counts_what_the_index_would_refuse(rehearse: Rehearse, where: str, query: str) -> None:
    report = rehearse(f"CREATE UNIQUE INDEX low ON customer (lower(login)){where};", phases=("observe", "data"))
    assert query in of(report, "data.fails-on-existing").evidence


def test_a_further_policy_on_rows_that_nobody_saw(rehearse: Rehearse, tmp_path: Path) -> None:
    (tmp_path / "own.sql").write_text(
        "CREATE TABLE own (id int PRIMARY KEY, who text NOT NULL); ALTER TABLE own ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY mine ON own USING (who = current_user);"
    )
    for kind, told in (("AS RESTRICTIVE", True), ("AS PERMISSIVE", False)):
        sql = f"CREATE POLICY more ON own {kind} USING (id > 5);"
        report = rehearse(sql, phases=("observe", "schema"), baseline=tmp_path / "own.sql")
        assert ("compat.rows-hidden" in ids(report)) is told


def test_a_domain_is_checked_on_every_row_under_a_lock(rehearse: Rehearse, tmp_path: Path) -> None:
    (tmp_path / "sizes.sql").write_text(
        "CREATE DOMAIN size AS int; CREATE TABLE box (id int PRIMARY KEY, width size NOT NULL);"
    )
    report = rehearse("ALTER DOMAIN size SET NOT NULL;", baseline=tmp_path / "sizes.sql")
    assert "box" in of(report, "scan.blocks-writes").evidence


@pytest.mark.parametrize("sql", ["INSERT INTO setting (name) VALUES ('x')", "SELECT 'x'::int", "SET ROLE pg_nobody"])
def test_what_fails_without_any_row_is_refused_and_no_matter_of_rows(rehearse: Rehearse, sql: str) -> None:
    report = rehearse(f"{sql};", phases=("observe", "data"))
    assert ids(report) & {"schema.refused", "data.fails-on-existing"} == {"schema.refused"}


def test_no_row_can_be_made_and_the_check_goes_on(rehearse: Rehearse, tmp_path: Path) -> None:
    (tmp_path / "odd.sql").write_text(
        "CREATE TABLE odd (a int PRIMARY KEY, b text NOT NULL, c text NOT NULL, CHECK (md5(c || a) LIKE 'fffff%'));"
    )
    report = rehearse(
        "ALTER TABLE odd ALTER COLUMN b DROP NOT NULL;",
        phases=("observe", "data", "compatibility", "way back"),
        baseline=tmp_path / "odd.sql",
    )
    assert any("no rows could be made for odd" in note for note in report.notes)


def test_all_rows_of_a_partitioned_table_are_rows_of_one_table(rehearse: Rehearse) -> None:
    report = rehearse("UPDATE visit SET page = page || '!';")
    assert "data.bulk-write" in ids(report)


def test_advice_names_columns_that_are_words_of_sql(rehearse: Rehearse, tmp_path: Path) -> None:
    (tmp_path / "trip.sql").write_text('CREATE TABLE trip (id int PRIMARY KEY, "from" text, "when" date);')
    report = rehearse(
        'ALTER TABLE trip ALTER COLUMN "from" SET NOT NULL;', phases=("observe",), baseline=tmp_path / "trip.sql"
    )
    assert '"from" IS NOT NULL' in of(report, "scan.blocks-reads").remedy


@pytest.mark.parametrize(("how", "told"), [("WITH NO DATA", True), ("WITH DATA", False)])
def test_a_materialized_view_that_is_left_empty_refuses_to_be_read(rehearse: Rehearse, how: str, told: bool) -> None:
    report = rehearse(f"REFRESH MATERIALIZED VIEW daily_sales {how};", phases=("compatibility",))
    assert ("compat.old-app-read-fails" in ids(report)) is told


@pytest.mark.parametrize(("also", "told"), [("", True), ("DROP TRIGGER told ON setting;", False)])
def test_a_trigger_that_goes_with_its_function(rehearse: Rehearse, tmp_path: Path, also: str, told: bool) -> None:
    (tmp_path / "told.sql").write_text(
        "CREATE TABLE setting (name text PRIMARY KEY); CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RETURN NEW; END $$; CREATE TRIGGER told BEFORE INSERT ON setting FOR EACH ROW EXECUTE FUNCTION tell();"
    )
    sql = f"{also}DROP FUNCTION tell() CASCADE;"
    report = rehearse(sql, phases=("observe", "schema"), baseline=tmp_path / "told.sql")
    assert ("schema.trigger-off" in ids(report)) is told
    if told:
        assert "EXECUTE FUNCTION tell();" in of(report, "schema.trigger-off").remedy
