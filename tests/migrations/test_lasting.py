"""Verdicts of the second look: what ends, what moves and is not lost, what is bounded, what stays computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import InputErrors
from harness.migrations.findings import Severity
from harness.migrations.statements import split
from tests.migrations.conftest import Rehearse
from tests.migrations.places import SHOP, ids, of


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    """A file for the schema of a test."""
    return tmp_path / "baseline.sql"


def test_a_lock_of_the_session_does_not_stop_the_second_run(rehearse: Rehearse) -> None:
    sql = "SELECT pg_advisory_lock(42);\nALTER TABLE setting ADD COLUMN more int;\nALTER TABLE setting ADD COLUMN most int;"
    report = rehearse(sql, phases=("failure",))
    assert "42701" in of(report, "rerun.stuck").evidence


def test_an_attached_table_is_not_gone(rehearse: Rehearse, baseline: Path) -> None:
    baseline.write_text(
        SHOP.read_text() + "CREATE TABLE visit_more (LIKE visit INCLUDING ALL, CONSTRAINT fits CHECK "
        "(day IS NOT NULL AND day >= '2026-01-01' AND day < '2030-01-01'));\nDROP TABLE visit_new;"
    )
    sql = "ALTER TABLE visit ATTACH PARTITION visit_more FOR VALUES FROM ('2026-01-01') TO ('2030-01-01');"
    report = rehearse(sql, baseline=baseline, phases=("observe", "data", "way back"))
    assert {"data.loss", "down.loses-data", "lock.second-table"} & ids(report) == set()
    assert {"lock.blocks-reads"} <= ids(report)


MOVED = "CREATE TABLE audit_old ({columns});\nWITH moved AS (DELETE FROM audit RETURNING *) INSERT INTO audit_old SELECT {names} FROM moved;"


@pytest.mark.parametrize(
    ("columns", "names", "lost"),
    [
        ("LIKE audit", "*", False),
        ("id bigint, at timestamptz, who text", "id, at, who", True),
        ("LIKE audit", "id + 1, at, who, what", True),
    ],
)
def test_rows_that_move_to_another_table_are_not_lost(rehearse: Rehearse, columns: str, names: str, lost: bool) -> None:
    report = rehearse(MOVED.format(columns=columns, names=names), phases=("data",))
    assert ("data.loss" in ids(report)) is lost


def test_the_index_of_a_replica_identity_is_missed(rehearse: Rehearse, baseline: Path) -> None:
    baseline.write_text(
        "CREATE TABLE event (number int NOT NULL, what text);\nCREATE UNIQUE INDEX event_number ON event (number);\n"
        "ALTER TABLE event REPLICA IDENTITY USING INDEX event_number;\nCREATE PUBLICATION told FOR TABLE event;"
    )
    report = rehearse("SELECT 1;\nDROP INDEX event_number;", baseline=baseline, phases=("schema",))
    found = of(report, "schema.no-replica-identity")
    assert (found.severity, found.position.line) == (Severity.BLOCKER, 2)
    assert "event has lost the index of its REPLICA IDENTITY" in found.evidence


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("SELECT 1", "lock_timeout was 0"),
        ("SET lock_timeout = '1h'", "lock_timeout was 1h"),
        ("SET lock_timeout = '2s'", ""),
        ("SET statement_timeout = '3s'", ""),
        ("SET statement_timeout = '10min'", "lock_timeout was 0"),
        ("BEGIN; LOCK TABLE orders NOWAIT", ""),
        ("BEGIN; LOCK TABLE orders", "lock_timeout was 0"),
    ],
)
def test_a_wait_is_bounded_by_what_ends_it_soon(rehearse: Rehearse, setting: str, told: str) -> None:
    report = rehearse(
        f"{setting};\nALTER TABLE orders ADD COLUMN more int;{' COMMIT;' * ('BEGIN' in setting)}", phases=("observe",)
    )
    assert ("lock.no-timeout" in ids(report)) is bool(told)
    if told:
        assert told in of(report, "lock.no-timeout").evidence


@pytest.mark.parametrize(("condition", "changed"), [(" WHERE coupon IS NULL", False), ("", True)])
def test_a_block_that_only_fills_gaps_changes_nothing(rehearse: Rehearse, condition: str, changed: bool) -> None:
    sql = f"SELECT 1;\nDO $$ BEGIN UPDATE orders SET coupon = code{condition}; END $$;"
    report = rehearse(sql, phases=("observe", "data", "way back"))
    assert ("data.changed" in ids(report)) is changed
    assert ("down.loses-data" in ids(report)) is changed
    if changed:
        assert of(report, "data.changed").position.line == 2
    else:
        assert "three rows in four were made without coupon" in of(report, "data.bulk-write").evidence


def test_a_sequence_of_a_key_of_several_columns_is_found_behind(rehearse: Rehearse, baseline: Path) -> None:
    baseline.write_text(
        "CREATE TABLE line (tenant int NOT NULL, number serial, note text, PRIMARY KEY (tenant, number));"
    )
    report = rehearse("ALTER SEQUENCE line_number_seq RESTART WITH 1;", baseline=baseline, phases=("data",))
    found = of(report, "data.sequence-behind")
    assert found.severity == Severity.HIGH
    assert "fails with a duplicate key where tenant is the same" in found.evidence


def test_a_command_of_psql_after_a_statement_is_one(rehearse: Rehearse) -> None:
    with pytest.raises(InputErrors, match=r"`\\gexec`: psql commands .*decide what is sent"):
        rehearse("SELECT 'DROP TABLE audit' \\gexec")
    text = "SELECT 1 -- \\gexec\n;SELECT E'a \\gset'; SELECT 2 \\gset x_\nSELECT $$ \\gexec $$;"
    source = split(text, "x.sql")
    assert [meta.text for meta in source.meta_commands] == ["\\gset x_"]
    assert [s.text for s in source.statements] == [
        "SELECT 1 -- \\gexec",
        "SELECT E'a \\gset'",
        "SELECT 2",
        "SELECT $$ \\gexec $$",
    ]


def test_a_name_with_a_dot_is_a_name(rehearse: Rehearse, baseline: Path) -> None:
    baseline.write_text('CREATE TABLE "a.b" (id int PRIMARY KEY, "x.y" text NOT NULL);')
    sql = 'ALTER TABLE "a.b" ALTER COLUMN "x.y" DROP NOT NULL;'
    report = rehearse(
        sql, baseline=baseline, phases=("observe", "data", "failure", "compatibility", "way back", "schema")
    )
    assert "compat.old-app-sees-null" in ids(report)
    assert all(phase.status == "run" for phase in report.phases if phase.reason != "not asked for")


NORM = "CREATE OR REPLACE FUNCTION norm(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT {body} $$;\n"


@pytest.mark.parametrize(
    ("sql", "kept"),
    [
        (NORM.format(body="lower(trim($1))"), ("index person_mail", "stored column person.plain")),
        (NORM.format(body="lower($1)"), ()),
        (NORM.format(body="lower(trim($1))") + "REINDEX INDEX person_mail;", ("stored column person.plain",)),
    ],
)
def test_what_was_computed_with_a_replaced_function_is_told(
    rehearse: Rehearse, baseline: Path, sql: str, kept: tuple[str, ...]
) -> None:
    baseline.write_text(
        NORM.format(body="lower($1)") + "CREATE TABLE person (id int PRIMARY KEY, mail text NOT NULL, "
        "plain text GENERATED ALWAYS AS (norm(mail)) STORED);\nCREATE UNIQUE INDEX person_mail ON person (norm(mail));"
    )
    report = rehearse(sql, baseline=baseline, phases=("schema",))
    assert ("index.stale" in ids(report)) is bool(kept)
    if kept:
        found = of(report, "index.stale")
        assert all(what in found.evidence for what in kept)
        assert ("index person_mail" in found.evidence) == ("REINDEX INDEX CONCURRENTLY person_mail;" in found.remedy)


def test_a_finding_stands_on_its_own_clause(rehearse: Rehearse) -> None:
    sql = (
        "SELECT 1;\nALTER TABLE orders\n  ADD COLUMN more numeric(10, 2), -- a comment, with a comma\n"
        "  DROP COLUMN coupon,\n  ALTER COLUMN note SET NOT NULL;"
    )
    report = rehearse(sql, phases=("data", "compatibility", "way back"))
    placed = {(f.id, f.position.line) for f in report.findings}
    assert {("data.loss", 4), ("compat.old-app-read-fails", 4), ("data.fails-on-existing", 5)} <= placed
    assert {("compat.new-app-on-old-schema-fails", 3), ("down.loses-data", 4)} <= placed


def test_what_is_allowed_for_a_statement_is_so_for_each_of_its_clauses(rehearse: Rehearse) -> None:
    sql = "-- harness: allow data.loss because nobody reads it\nALTER TABLE orders\n  ADD COLUMN more int,\n  DROP COLUMN coupon;"
    report = rehearse(sql, phases=("data",))
    assert ids(report) == set()


@pytest.mark.parametrize(
    ("sql", "line"),
    [
        ("SELECT 1;\nDROP INDEX orders_customer_idx;", 2),
        ("CREATE INDEX other ON orders (customer_id, code); DROP INDEX orders_customer_idx;", 0),
    ],
)
def test_a_key_that_loses_its_index_is_told(rehearse: Rehearse, sql: str, line: int) -> None:
    found = [f for f in rehearse(sql, phases=("schema",)).findings if f.id == "schema.fk-without-index"]
    assert [f.position.line for f in found] == [line] * bool(line)


@pytest.mark.parametrize(("more", "told"), [("", True), ("\nALTER TABLE setting ENABLE TRIGGER acts;", False)])
def test_a_trigger_that_stays_off_is_told(rehearse: Rehearse, baseline: Path, more: str, told: bool) -> None:
    baseline.write_text(
        SHOP.read_text() + "CREATE FUNCTION acts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;"
        "CREATE TRIGGER acts BEFORE UPDATE ON setting FOR EACH ROW EXECUTE FUNCTION acts();"
    )
    report = rehearse("ALTER TABLE setting DISABLE TRIGGER acts;" + more, baseline=baseline, phases=("schema",))
    assert ids(report) == ({"schema.trigger-off"} if told else set())


@pytest.mark.parametrize(("limit", "told"), [("1s", True), ("1h", False)])
def test_work_that_outlasts_the_files_own_limit_is_told(rehearse: Rehearse, limit: str, told: bool) -> None:
    sql = f"SET statement_timeout = '{limit}';\nUPDATE orders SET coupon = md5(code);"
    report = rehearse(sql, phases=("observe",), production_rows=10_000_000)
    assert ("tx.statement-timeout" in ids(report)) is told


def test_a_name_without_its_schema_is_what_the_search_path_finds(rehearse: Rehearse, baseline: Path) -> None:
    baseline.write_text("CREATE SCHEMA app; CREATE TABLE app.note (id int PRIMARY KEY, said text NOT NULL);")
    sql = "SET search_path TO app;\nALTER TABLE note ALTER COLUMN said TYPE varchar(50);"
    report = rehearse(sql, baseline=baseline, phases=("observe",))
    assert "lock.second-table" not in ids(report)
    assert "app.note" in of(report, "lock.blocks-reads").evidence
    assert "at 1,000" in of(report, "rewrite").evidence


@pytest.mark.parametrize(("more", "told"), [(", changed timestamptz NOT NULL", True), ("", False)])
def test_a_table_that_is_there_with_other_columns_is_told(rehearse: Rehearse, more: str, told: bool) -> None:
    sql = f"CREATE TABLE IF NOT EXISTS setting (name text PRIMARY KEY, value text NOT NULL{more});"
    report = rehearse(sql, phases=("schema",))
    assert ids(report) == ({"check.stepped-over"} if told else set())


def test_a_procedure_that_only_fills_gaps_changes_nothing(rehearse: Rehearse) -> None:
    body = "BEGIN UPDATE orders SET coupon = code WHERE coupon IS NULL; COMMIT; END"
    sql = f"CREATE OR REPLACE PROCEDURE gaps() LANGUAGE plpgsql AS $$ {body} $$;\nCALL gaps();\nDROP PROCEDURE gaps();"
    assert {"data.changed", "down.loses-data"} & ids(rehearse(sql, phases=("data", "way back"))) == set()


def test_a_batch_chosen_in_a_query_before_it_fills_gaps_too(rehearse: Rehearse) -> None:
    chosen = "SELECT id FROM orders WHERE coupon IS NULL ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED"
    sql = f"WITH batch AS ({chosen}) UPDATE orders o SET coupon = '' FROM batch WHERE o.id = batch.id;"
    assert {"data.changed", "down.loses-data"} & ids(rehearse(sql, phases=("data", "way back"))) == set()
    sql = f"WITH batch AS ({chosen}) UPDATE orders o SET coupon = '' FROM customer c WHERE o.customer_id = c.id;"
    assert {"data.changed", "down.loses-data"} <= ids(rehearse(sql, phases=("data", "way back")))


@pytest.mark.parametrize(("caught", "told"), [(" EXCEPTION WHEN OTHERS THEN RAISE NOTICE 'no'", True), ("", False)])
def test_what_a_caught_error_leaves_out_is_told(rehearse: Rehearse, caught: str, told: bool) -> None:
    block = f"DO $$ BEGIN CREATE UNIQUE INDEX by_name ON customer (name);{caught}; END $$;".replace(";;", ";")
    report = rehearse(f"SELECT 1;\n{block}", phases=("data",))
    assert ids(report) == ({"data.left-out"} if told else {"data.fails-on-existing"})
    if told:
        found = of(report, "data.left-out")
        assert (found.severity, found.position.line) == (Severity.HIGH, 2)
        assert "left out index customer.by_name" in found.evidence


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("ALTER TABLE orders ADD COLUMN IF NOT EXISTS note text NOT NULL DEFAULT '';", True),
        ("ALTER TABLE orders ADD COLUMN IF NOT EXISTS note varchar(200);", False),
        ("ALTER TABLE orders ADD COLUMN IF NOT EXISTS code varchar(40) NOT NULL;", False),
        ("ALTER TABLE orders ADD COLUMN IF NOT EXISTS more text NOT NULL DEFAULT '';", False),
    ],
)
def test_a_column_that_is_there_and_may_be_null_is_told(rehearse: Rehearse, sql: str, told: bool) -> None:
    assert ids(rehearse(sql, phases=("schema",))) == ({"check.stepped-over"} if told else set())


@pytest.mark.parametrize(("parts", "told"), [(("new",), True), (("new", "old"), False)])
def test_an_index_that_some_partitions_lack_is_told(rehearse: Rehearse, parts: tuple[str, ...], told: bool) -> None:
    sql = "CREATE INDEX by_page ON ONLY visit (page);\n" + "".join(
        f"CREATE INDEX by_page_{part} ON visit_{part} (page);\nALTER INDEX by_page ATTACH PARTITION by_page_{part};\n"
        for part in parts
    )
    assert ids(rehearse(sql, phases=("schema",))) == ({"index.invalid-left"} if told else set())


def test_what_goes_with_a_domain_is_told_at_the_statement_that_drops_it(rehearse: Rehearse, baseline: Path) -> None:
    baseline.write_text("CREATE DOMAIN mail AS text; CREATE TABLE person (id int PRIMARY KEY, m mail);")
    sql = "SET lock_timeout = '1s';\nDROP DOMAIN mail CASCADE;"
    report = rehearse(sql, baseline=baseline, phases=("data", "way back"))
    assert {(f.id, f.position.line) for f in report.findings} == {("data.loss", 2), ("down.loses-data", 2)}
