"""Verdicts that were wrong once: what commits itself, keys that a made-up row repeats, sequences, identities, certain failures."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.migrations.batches import Unit, may_commit
from harness.migrations.findings import Severity
from harness.migrations.patience import Patience, run_patiently
from harness.migrations.statements import split
from harness.postgres import Server
from tests.migrations.conftest import Rehearse
from tests.migrations.places import SHOP, ids, of

BATCHES = """DO $$ DECLARE n int; BEGIN LOOP
  UPDATE orders SET coupon = 'x' WHERE id IN (SELECT id FROM orders WHERE coupon IS DISTINCT FROM 'x' LIMIT 20);
  GET DIAGNOSTICS n = ROW_COUNT; EXIT WHEN n = 0; COMMIT;
END LOOP; END $$;
"""
BUILT = BATCHES.replace("COMMIT;", "EXECUTE 'COM' || 'MIT';")  # PL/pgSQL refuses that, wherever it runs
CALLED = f"CREATE PROCEDURE fill() LANGUAGE plpgsql AS {BATCHES.removeprefix('DO ').strip()}\nCALL fill();"


@pytest.mark.parametrize(
    ("runner", "sql", "says"),
    [
        ("psql", BATCHES, ""),
        ("psql", CALLED, ""),
        ("prisma@6", BATCHES, ""),
        ("one-transaction", BATCHES, "one-transaction has one open around it"),
        ("prisma@6", f"SELECT 1;\n{BATCHES}", "prisma@6 has one open around it"),
        ("psql", f"BEGIN;\n{BATCHES}COMMIT;", "the file has one open around it"),
        ("psql", BUILT, "0A000"),
    ],
)
def test_what_commits_itself_is_seen_as_its_runner_sends_it(
    rehearse: Rehearse, runner: str, sql: str, says: str
) -> None:
    report = rehearse(sql, phases=("observe", "data"), runner=runner)
    refused = [f.evidence for f in report.findings if f.id == "schema.refused"]
    assert [says in evidence for evidence in refused] == [True] * bool(says)
    assert [p.name for p in report.phases if p.status == "run"] == ["observe"] + ["data"] * (not says)
    if not says:
        seen = report.observations[-1]
        assert (seen.commits, seen.sampled, seen.grows) == (True, True, True)
        assert "data.bulk-write" not in ids(report)
    elif "around" in says:
        assert "no transaction around it" in of(report, "schema.refused").remedy


@pytest.mark.parametrize(("runner", "found"), [("one-transaction", True), ("psql", False)])
def test_a_commit_that_tidy_rows_do_not_reach_is_found_on_others(rehearse: Rehearse, runner: str, found: bool) -> None:
    sql = BATCHES.replace("IS DISTINCT FROM 'x'", "IS NULL")
    report = rehearse(sql, phases=("observe", "data"), runner=runner)
    assert ("schema.refused" in ids(report)) is found


@pytest.mark.parametrize(
    ("sql", "may"),
    [
        (BATCHES, True),
        ("CALL fill();", True),
        ("DO $$ BEGIN RAISE NOTICE 'COMMIT'; /* rollback */ END $$;", False),
        ("DO $$ BEGIN PERFORM committed FROM orders; END $$;", False),
        ("COMMIT;", False),
    ],
)
def test_who_may_commit(sql: str, may: bool) -> None:
    assert may_commit(split(sql, "m.sql").statements[0]) is may


def test_applied_patiently_what_commits_itself_runs_once_and_alone(server: Server) -> None:
    sql = "DO $$ BEGIN INSERT INTO t VALUES (1); COMMIT; RAISE deadlock_detected; END $$;"
    unit = Unit(split(sql, "m.sql").statements[0], None)
    database = server.create_database()
    with database.connect() as connection:
        connection.execute("CREATE TABLE t (x int)")
        progress = run_patiently(connection, [unit], Patience(attempts=5, first_pause=0.001))
        row = connection.execute("SELECT count(*) FROM t").fetchone()
    database.drop()
    assert progress.failure is not None
    assert (progress.failure.sqlstate, len(progress.attempts), row) == ("40P01", 1, (1,))


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE orders ADD COLUMN gone timestamptz;\nCREATE UNIQUE INDEX k ON orders (customer_id, code) WHERE gone IS NULL;",
        "ALTER TABLE orders ADD COLUMN region text NOT NULL DEFAULT 'eu';\nCREATE UNIQUE INDEX k ON orders (region, code);",
        "ALTER TABLE orders ADD COLUMN n text GENERATED ALWAYS AS (lower(code)) STORED;\nCREATE UNIQUE INDEX k ON orders (n);",
    ],
)
def test_a_key_that_only_the_made_up_row_repeats_breaks_nothing(rehearse: Rehearse, sql: str) -> None:
    assert "compat.old-app-write-fails" not in ids(rehearse(sql, phases=("observe", "compatibility")))


def test_a_key_that_the_running_release_may_repeat_is_predicted(rehearse: Rehearse) -> None:
    sql = """ALTER TABLE orders ADD COLUMN live boolean DEFAULT true;
    UPDATE orders SET live = id <= 4 AND id > (SELECT count(*) FROM orders) * 0;
    DELETE FROM orders o USING orders p WHERE o.status = p.status AND o.id > p.id;
    CREATE UNIQUE INDEX k ON orders (status) WHERE live;"""
    found = of(rehearse(sql, phases=("observe", "compatibility")), "compat.old-app-write-fails")
    assert (found.severity, found.status) == (Severity.MEDIUM, "predicted")
    assert "the row is made up" in found.evidence


def test_a_key_that_the_running_release_cannot_help_repeating_is_measured(rehearse: Rehearse) -> None:
    sql = "ALTER TABLE orders ADD COLUMN slot int DEFAULT 0;\nUPDATE orders SET slot = id - 1;\nCREATE UNIQUE INDEX k ON orders (slot);"
    found = of(rehearse(sql, phases=("observe", "compatibility")), "compat.old-app-write-fails")
    assert (found.severity, found.status) == (Severity.BLOCKER, "measured")


@pytest.mark.parametrize(
    ("sql", "severity", "status"),
    [
        ("ALTER SEQUENCE orders_id_seq RESTART;", Severity.BLOCKER, "measured"),
        ("SET search_path = ''; SELECT setval('public.orders_id_seq', 1, false);", Severity.BLOCKER, "measured"),
        ("ALTER TABLE orders ALTER COLUMN id RESTART WITH 1;", Severity.BLOCKER, "measured"),
        ("SELECT setval('orders_id_seq', 500);", Severity.HIGH, "predicted"),
        ("ALTER TABLE item ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY;", Severity.HIGH, "measured"),
        ("SELECT setval('orders_id_seq', (SELECT max(id) FROM orders));", None, ""),
        ("ALTER SEQUENCE orders_id_seq RESTART WITH 5000000;", None, ""),
        ("TRUNCATE orders RESTART IDENTITY CASCADE;", None, ""),
    ],
)
def test_a_sequence_below_its_keys_is_found(
    rehearse: Rehearse, sql: str, severity: Severity | None, status: str
) -> None:
    report = rehearse(sql, phases=("observe", "data"))
    found = [(f.severity, f.status) for f in report.findings if f.id == "data.sequence-behind"]
    assert found == ([(severity, status)] if severity else [])


def test_the_way_to_mend_a_sequence_mends_it(rehearse: Rehearse) -> None:
    sql = 'ALTER SEQUENCE orders_id_seq RENAME TO "Odd\'s";\nALTER SEQUENCE "Odd\'s" RESTART;'
    found = of(rehearse(sql, phases=("observe", "data")), "data.sequence-behind")
    assert "gives 1 next and orders.id goes to 1,000: the next INSERT fails" in found.evidence
    again = rehearse(f"{sql}\n{found.remedy}", phases=("observe", "data"))
    assert "data.sequence-behind" not in ids(again)


@pytest.mark.parametrize(
    ("sql", "hazard"),
    [
        ("ALTER TABLE orders DROP CONSTRAINT orders_pkey CASCADE;", "schema.no-primary-key"),
        ("ALTER TABLE orders DROP COLUMN id CASCADE;", "schema.no-primary-key"),
        ("ALTER TABLE orders DROP CONSTRAINT orders_pkey CASCADE, ADD PRIMARY KEY (id, code);", ""),
        ("ALTER TABLE orders REPLICA IDENTITY NOTHING;", "schema.no-replica-identity"),
        ("ALTER TABLE orders REPLICA IDENTITY FULL;", ""),
        ("ALTER TABLE orders SET (autovacuum_enabled = 0);", "schema.autovacuum-off"),
        ("ALTER TABLE orders SET (autovacuum_enabled = on, fillfactor = 80);", ""),
        ("CREATE TABLE made (x int); ALTER TABLE made REPLICA IDENTITY NOTHING;", ""),
    ],
)
def test_what_a_table_goes_without_is_told(rehearse: Rehearse, sql: str, hazard: str) -> None:
    report = rehearse(sql, phases=("observe", "schema"))
    upkeep = {"schema.no-primary-key", "schema.no-replica-identity", "schema.autovacuum-off"}
    assert ids(report) & upkeep == ({hazard} if hazard else set())
    if hazard.startswith("schema.no-"):
        assert "does not have a replica identity and publishes updates" in of(report, hazard).evidence
        assert of(report, hazard).severity == Severity.MEDIUM


def test_a_table_that_the_baseline_publishes_cannot_lose_its_identity(rehearse: Rehearse, tmp_path: Path) -> None:
    published = tmp_path / "published.sql"
    published.write_text(f"{SHOP.read_text(encoding='utf-8')}\nCREATE PUBLICATION feed FOR TABLE orders;\n")
    sql = "ALTER TABLE orders REPLICA IDENTITY NOTHING;"
    found = of(rehearse(sql, phases=("observe", "schema"), baseline=published), "schema.no-replica-identity")
    assert found.severity == Severity.BLOCKER
    assert "orders is published by feed" in found.evidence


SLUG = "ALTER TABLE setting ADD COLUMN slug varchar(50) DEFAULT '' NOT NULL UNIQUE;"


@pytest.mark.parametrize(
    ("sql", "certain"),
    [
        (SLUG, True),
        (f"{SLUG.replace(' UNIQUE', '')}\nCREATE UNIQUE INDEX CONCURRENTLY k ON setting (slug);", True),
        (f"{SLUG.replace(' UNIQUE', '')}\nALTER TABLE setting ADD CONSTRAINT k UNIQUE (slug);", True),
        (SLUG.replace("varchar(50) DEFAULT ''", "timestamptz DEFAULT now()"), True),
        (
            f"{SLUG.replace(' UNIQUE', '')}\nUPDATE setting SET slug = 'x';\nCREATE UNIQUE INDEX k ON setting (slug);",
            False,
        ),
    ],
)
def test_one_value_for_all_rows_under_a_unique_key_certainly_fails(
    rehearse: Rehearse, tmp_path: Path, sql: str, certain: bool
) -> None:
    found = of(rehearse(sql, phases=("observe", "data")), "data.fails-on-existing")
    assert (found.severity, found.status) == (Severity.HIGH, "measured" if certain else "predicted")
    assert ("fails on any two rows, whatever they hold: SELECT count(*) FROM setting" in found.evidence) is certain
    assert ("made up" in found.evidence) is not certain
    rows = tmp_path / "rows.sql"
    for number, severity in ((1, Severity.HIGH), (2, Severity.BLOCKER)):
        rows.write_text("".join(f"INSERT INTO setting VALUES ('{n}', 'x');\n" for n in range(number)))
        assert of(rehearse(sql, phases=("observe", "data"), data=rows), found.id).severity == severity


def test_rows_of_the_baseline_are_no_made_up_ones(rehearse: Rehearse, tmp_path: Path) -> None:
    dump = tmp_path / "dump.sql"
    dump.write_text(f"{SHOP.read_text(encoding='utf-8')}\nINSERT INTO setting VALUES ('a', 'x'), ('b', 'x');\n")
    found = of(rehearse(SLUG, phases=("observe", "data"), baseline=dump), "data.fails-on-existing")
    assert (found.severity, "the baseline has 2" in found.evidence) == (Severity.BLOCKER, True)


@pytest.mark.parametrize("default", ["gen_random_uuid()::text", "NULL"])
def test_a_default_that_differs_or_is_none_is_no_certain_failure(rehearse: Rehearse, default: str) -> None:
    sql = f"ALTER TABLE setting ADD COLUMN slug text DEFAULT {default} UNIQUE;"
    assert "data.fails-on-existing" not in ids(rehearse(sql, phases=("observe", "data")))
