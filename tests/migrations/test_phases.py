"""Findings of each phase: on a migration that has the hazard, and on its good twin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import InputError
from harness.migrations import observing
from harness.migrations.checking import PHASES, check
from harness.migrations.findings import Severity
from harness.migrations.reading import plan
from harness.migrations.rehearsal import Options
from harness.migrations.tracing import trace
from harness.postgres import Server
from tests.migrations.conftest import Rehearse
from tests.migrations.places import ids, of

DATA = ("lint", "observe", "data")


def test_an_empty_file_is_a_finding_and_nothing_passes(rehearse: Rehearse) -> None:
    report = rehearse("-- later\n", phases=())
    assert ids(report) == {"check.empty"}
    assert {phase.status for phase in report.phases if phase.name != "lint"} == {"not checked"}
    assert "there is no statement to run" in report.verdict


def test_the_verdict_never_says_safe(rehearse: Rehearse) -> None:
    verdict = rehearse("ANALYZE orders;").verdict
    assert verdict.startswith("no hazard found in lint, observe; not checked: data, failure, traffic")
    assert verdict.endswith("drift (not asked for)")
    assert "safe" not in verdict


def test_an_unknown_phase_is_a_mistake(rehearse: Rehearse) -> None:
    with pytest.raises(InputError, match=f"phase 'locks' is not known. Phases: {', '.join(PHASES[:2])}"):
        rehearse("SELECT 1;", phases=("locks",))


def test_a_suppression_needs_a_reason(rehearse: Rehearse) -> None:
    sql = "-- harness: allow lock.no-timeout{}\nALTER TABLE orders ADD COLUMN IF NOT EXISTS a integer;"
    without, with_one = rehearse(sql.format("")), rehearse(sql.format(" because nobody works at night"))
    assert "lock.no-timeout" in ids(without)
    assert "check.suppression" in ids(without)
    assert "lock.no-timeout" not in ids(with_one)
    assert of(with_one, "lock.no-timeout").suppressed == "nobody works at night"


def test_a_suppression_that_suppresses_nothing_is_told(rehearse: Rehearse) -> None:
    report = rehearse("-- harness: allow rewrite because I thought so\nANALYZE orders;")
    assert "allows rewrite, which was not found" in of(report, "check.suppression").evidence


def test_squawks_opinions_are_confirmed_or_refuted_by_running(rehearse: Rehearse) -> None:
    phases = (*DATA, "compatibility")
    wider = rehearse("ALTER TABLE orders ALTER COLUMN note TYPE text;", phases=phases)
    other = rehearse("ALTER TABLE item ALTER COLUMN position TYPE bigint;", phases=phases)
    by_rule = [{o.rule: o.verdict for o in report.opinions} for report in (wider, other)]
    assert by_rule[0]["changing-column-type"] == "refuted"
    assert by_rule[1]["changing-column-type"] == "confirmed"
    assert by_rule[0]["require-lock-timeout"] == "confirmed"


def test_opinions_stay_unverified_when_nothing_ran(rehearse: Rehearse) -> None:
    report = rehearse("ALTER TABLE orders ALTER COLUMN note TYPE text;", phases=("lint",))
    assert {opinion.verdict for opinion in report.opinions} == {"unverified"}


def test_estimates_are_marked_and_decide_the_severity(rehearse: Rehearse) -> None:
    sql = "ALTER TABLE orders ALTER COLUMN quantity TYPE bigint;"
    small = rehearse(sql, rows=2000, production_rows=2000, max_wait=60.0)
    large = rehearse(sql, rows=2000, production_rows=500_000_000, max_wait=1.0)
    assert of(small, "rewrite").severity is Severity.LOW
    assert of(large, "rewrite").severity is Severity.HIGH
    assert "500,000,000 (estimate)" in of(large, "rewrite").evidence


def test_a_slow_moment_at_the_smaller_size_hides_no_growth(rehearse: Rehearse, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = iter((1.0, 0.0))

    def trace_with_a_slow_moment(*about: Any) -> Any:
        seen, after = trace(*about)
        more = next(slow)
        for observation in seen:
            observation.seconds += more
        return seen, after

    monkeypatch.setattr(observing, "trace", trace_with_a_slow_moment)
    sql = "ALTER TABLE orders ALTER COLUMN quantity TYPE bigint;"
    found = of(rehearse(sql, rows=2000, production_rows=500_000_000, max_wait=1.0), "rewrite")
    assert found.severity is Severity.HIGH
    assert "at most" in found.evidence


def test_given_rows_that_do_not_fit_are_a_blocker(rehearse: Rehearse, tmp_path: Path) -> None:
    rows = tmp_path / "rows.yaml"
    rows.write_text(
        "customer:\n  sam: {id: 1, email: sam@example.test, country: GB}\n  ann: {id: 2, email: sam@example.test, country: GB}\n"
    )
    sql = "ALTER TABLE customer ADD CONSTRAINT customer_email_key UNIQUE (email);"
    found = of(rehearse(sql, phases=DATA, data=rows), "data.fails-on-existing")
    assert found.severity is Severity.BLOCKER
    assert found.evidence.startswith("2 rows given do not fit (first keys: 1, 2)")
    rows.write_text("customer:\n  sam: {id: 1, email: sam@example.test, country: GB}\n")
    assert of(rehearse(sql, phases=DATA, data=rows), "data.fails-on-existing").severity is Severity.MEDIUM


@pytest.mark.parametrize(
    ("sql", "query"),
    [
        ("ALTER TABLE orders ALTER COLUMN coupon SET NOT NULL;", "SELECT count(*) FROM orders WHERE coupon IS NULL"),
        ("ALTER TABLE item ADD CHECK (amount >= 0);", "SELECT count(*) FROM item WHERE NOT (amount >= 0)"),
        (
            "CREATE UNIQUE INDEX u ON orders (code);",
            "SELECT count(*) FROM orders WHERE (code) IN (SELECT code FROM orders GROUP BY code HAVING count(*) > 1)",
        ),
        (
            "ALTER TABLE item ADD FOREIGN KEY (product_id) REFERENCES product (id);",
            "SELECT count(*) FROM item WHERE product_id IS NOT NULL AND NOT EXISTS (SELECT FROM product AS parent WHERE parent.id = product_id)",
        ),
        (
            "ALTER TABLE orders ALTER COLUMN note TYPE varchar(40);",
            "SELECT count(*) FROM orders WHERE length(note::text) > 40",
        ),
    ],
)
def test_the_remedy_counts_the_rows_in_production(rehearse: Rehearse, sql: str, query: str) -> None:
    assert query in of(rehearse(sql, phases=DATA), "data.fails-on-existing").remedy


def test_values_that_move_to_another_column_are_not_lost(rehearse: Rehearse) -> None:
    kept = "ALTER TABLE orders ADD COLUMN remark varchar(200);\nUPDATE orders SET remark = note;\nALTER TABLE orders DROP COLUMN note;"
    lost = kept.replace("SET remark = note", "SET remark = upper(note)")
    assert "data.loss" not in ids(rehearse(kept, phases=DATA))
    assert "data.loss" in ids(rehearse(lost, phases=DATA))


def test_what_a_failure_leaves_is_named(rehearse: Rehearse) -> None:
    report = rehearse(
        "ALTER TABLE orders ADD COLUMN a integer;\nALTER TABLE orders ADD COLUMN b integer;",
        phases=("observe", "failure"),
    )
    assert (
        of(report, "tx.not-atomic").evidence
        == "with psql a failure at line 2 leaves a part done, for example: column orders.a: new"
    )
    assert 'column "a" of relation "orders" already exists' in of(report, "rerun.stuck").evidence


def test_a_stuck_prisma_is_told_with_its_code(rehearse: Rehearse) -> None:
    sql = "ALTER TABLE orders ADD COLUMN a integer;\nALTER TABLE orders ADD COLUMN b integer;"
    assert "P3009" in of(rehearse(sql, runner="prisma@7.4", phases=("observe", "failure")), "rerun.stuck").evidence


def test_a_given_down_script_is_really_run(rehearse: Rehearse, tmp_path: Path) -> None:
    down = tmp_path / "down.sql"
    outcomes = {}
    for text in ("ALTER TABLE orders DROP COLUMN a;", "ALTER TABLE orders DROP COLUMN b;", "SELECT 1;"):
        down.write_text(text)
        report = rehearse("ALTER TABLE orders ADD COLUMN a integer;", phases=("observe", "way back"), down=down)
        outcomes[text] = {hazard for hazard in ids(report) if hazard.startswith("down.")}
    assert list(outcomes.values()) == [set(), {"down.fails"}, {"down.not-exact"}]


def test_a_baseline_that_fails_is_the_inputs_mistake(rehearse: Rehearse, tmp_path: Path) -> None:
    baseline = tmp_path / "base.sql"
    baseline.write_text("CREATE TABLE a (x int);\nCREATE TABLE a (x int);")
    with pytest.raises(InputError, match=r"base\.sql:2:1: the baseline fails here"):
        rehearse("SELECT 1;", baseline=baseline)


def test_a_dump_is_a_baseline_whoever_owns_it(rehearse: Rehearse, tmp_path: Path) -> None:
    baseline = tmp_path / "dump.sql"
    baseline.write_text(
        "-- PostgreSQL database dump\n\\restrict abc\nSET statement_timeout = 0;\nSELECT pg_catalog.set_config('search_path', '', false);\n"
        "CREATE TABLE public.t (id integer NOT NULL, x text);\nALTER TABLE public.t OWNER TO production;\n"
        "COPY public.t (id, x) FROM stdin;\n1\ta\n2\ta\n\\.\nALTER TABLE ONLY public.t ADD CONSTRAINT t_pkey PRIMARY KEY (id);\n"
        "GRANT SELECT ON TABLE public.t TO reporting;\n\\unrestrict abc\n"
    )
    report = rehearse("CREATE UNIQUE INDEX t_x ON t (x);", baseline=baseline, phases=DATA)
    assert of(report, "data.fails-on-existing").evidence.startswith("2 rows")


def test_a_table_made_in_the_same_file_is_in_nobodys_way(rehearse: Rehearse) -> None:
    report = rehearse(
        "CREATE TABLE n (id int PRIMARY KEY, x int);\nCREATE INDEX n_x ON n (x);", runner="one-transaction"
    )
    assert ids(report) == set()


def test_a_runner_that_sets_the_timeout_takes_the_finding_away(rehearse: Rehearse) -> None:
    sql = "ALTER TABLE orders ADD COLUMN a integer;"
    assert "lock.no-timeout" in ids(rehearse(sql))
    assert "lock.no-timeout" not in ids(rehearse(sql, lock_timeout_set_by_runner=True))


def test_both_versions_agree_on_the_motivating_case(either: Server, rehearse: Rehearse) -> None:
    report = rehearse(
        "ALTER TABLE orders ALTER COLUMN customer_id DROP NOT NULL;",
        on=either,
        phases=tuple(p for p in PHASES if p not in {"traffic", "drift"}),
    )
    assert ids(report) == {
        "lock.blocks-reads",
        "lock.no-timeout",
        "compat.old-app-sees-null",
        "compat.new-app-on-old-schema-fails",
        "down.impossible-after-new-rows",
        "schema.cascade-on-nullable",
    }


def test_a_dump_with_prismas_book_shows_an_edited_file_and_a_halt(server: Server, tmp_path: Path) -> None:
    baseline = tmp_path / "dump.sql"
    baseline.write_text(
        "CREATE TABLE t (id integer PRIMARY KEY);\n"
        "CREATE TABLE _prisma_migrations (id text, checksum text, finished_at timestamptz, migration_name text, logs text, "
        "rolled_back_at timestamptz, started_at timestamptz DEFAULT now(), applied_steps_count integer);\n"
        "INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name) VALUES ('1', 'other', now(), '20250101000000_a');\n"
        "INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ('2', 'x', '20250202000000_halted');\n"
    )
    folder = tmp_path / "migrations" / "20250101000000_a"
    folder.mkdir(parents=True)
    (folder / "migration.sql").write_text("ALTER TABLE t ADD COLUMN IF NOT EXISTS a integer;")
    report = check(server, plan(folder, [baseline]), Options(rows=50, phases=("observe", "schema")))
    assert "applied with checksum other" in of(report, "drift.edited-migration").evidence
    assert of(report, "rerun.stuck").evidence.startswith("20250202000000_halted began and never finished")


@pytest.mark.parametrize(
    "settings",
    ["SET search_path = pg_catalog", "SELECT set_config('search_path', '', false)"],
)
def test_what_a_migration_sets_for_its_session_disturbs_no_question_of_the_harness(
    rehearse: Rehearse, settings: str
) -> None:
    column = "ALTER TABLE public.orders ADD COLUMN gift text;"
    phases = ("observe", "data", "failure", "compatibility")
    plain, set_up = (rehearse(sql, phases=phases) for sql in (column, f"{settings};\n{column}"))
    found = [{finding.id for finding in report.findings} for report in (plain, set_up)]
    assert found[1] == found[0] | {"tx.session-left"}


@pytest.mark.parametrize(
    ("sql", "written"),
    [
        ("UPDATE orders SET note = 'none' WHERE note IS NULL;", True),
        ("DELETE FROM orders WHERE note IS NULL AND id > 0;", True),
        (
            "UPDATE orders SET note = 'none' WHERE note IS NULL; ALTER TABLE orders ALTER COLUMN note SET NOT NULL;",
            True,
        ),
        ("UPDATE orders SET note = 'none' WHERE note = 'never seen';", False),
    ],
)
def test_a_backfill_finds_rows_without_a_value(rehearse: Rehearse, sql: str, *, written: bool) -> None:
    report = rehearse(sql, phases=("observe",), rows=1000)
    assert ("data.bulk-write" in {finding.id for finding in report.findings}) is written


def test_partitions_by_date_get_rows(rehearse: Rehearse, tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.sql"
    baseline.write_text(
        "CREATE TABLE m (at date NOT NULL, v text) PARTITION BY RANGE (at);\n"
        "CREATE TABLE m24 PARTITION OF m FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');\n"
        "CREATE TABLE m25 PARTITION OF m FOR VALUES FROM ('2025-01-01') TO ('2025-01-02');\n"
    )
    report = rehearse("DROP TABLE m24;", baseline=baseline, phases=("data",))
    assert "data.loss" in {finding.id for finding in report.findings}


def test_a_key_that_the_running_release_writes_may_not_become_the_servers(rehearse: Rehearse, tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.sql"
    baseline.write_text("CREATE TABLE t (id int PRIMARY KEY, nick text);")
    sql = "ALTER TABLE t ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY;"
    report = rehearse(sql, baseline=baseline, phases=("compatibility",))
    assert "428C9" in of(report, "compat.old-app-write-fails").evidence
