"""What somebody would take to production because the check said so: how sure it is, and what decides."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from harness.errors import InputError
from harness.migrations.applying import ApplyOptions, apply
from harness.migrations.findings import Severity
from harness.migrations.followed import Checked
from harness.migrations.tracing import execute
from harness.postgres import Server
from tests.migrations.conftest import Rehearse
from tests.migrations.places import SHOP, ids, of

LISTED = "ALTER TABLE item ADD CONSTRAINT item_state_known CHECK (state IN ('open', 'sent'));"


def test_made_up_rows_never_make_a_measured_blocker(rehearse: Rehearse) -> None:
    report = rehearse(LISTED, phases=("lint", "observe", "data", "failure", "compatibility"))
    found = of(report, "data.fails-on-existing")
    assert (found.severity, found.status) == (Severity.MEDIUM, "predicted")
    assert (
        "the rows are made up, so production's decide: SELECT count(*) FROM item WHERE NOT (state IN" in found.evidence
    )
    assert "plain rows were made to fit item.item_state_known, which is new" in report.notes
    assert [phase.name for phase in report.phases if phase.status == "run"] == [
        "lint",
        "observe",
        "data",
        "failure",
        "compatibility",
    ]


def test_another_check_of_the_same_name_has_rows_of_its_own(rehearse: Rehearse) -> None:
    rehearse(LISTED, phases=("observe",))
    report = rehearse(LISTED.replace("'open'", "'lost'"), phases=("observe", "data"))
    assert of(report, "data.fails-on-existing").severity == Severity.MEDIUM


def test_rows_that_cannot_be_made_to_fit_leave_the_rest_unchecked_and_are_high(rehearse: Rehearse) -> None:
    sql = "ALTER TABLE item ADD CONSTRAINT impossible CHECK (md5(state) = 'x');"
    report = rehearse(sql, phases=("observe", "data", "failure"))
    found = of(report, "data.fails-on-existing")
    assert (found.severity, found.status) == (Severity.HIGH, "predicted")
    assert report.phases[3].status == "not checked"
    assert not report.notes


def test_given_rows_that_do_not_fit_are_a_measured_blocker(rehearse: Rehearse, tmp_path: Path) -> None:
    rows = tmp_path / "rows.sql"
    rows.write_text(
        "INSERT INTO customer (id, email) VALUES (1, 'a@example.com');\n"
        "INSERT INTO orders (id, customer_id, total, code, placed) VALUES (1, 1, 1, 'a', now());\n"
        "INSERT INTO item (id, order_id, position, amount, state) VALUES (1, 1, 1, 1, 'lost');\n",
        encoding="utf-8",
    )
    found = of(rehearse(LISTED, phases=("observe", "data"), data=rows), "data.fails-on-existing")
    assert (found.severity, found.status) == (Severity.BLOCKER, "measured")
    assert "made up" not in found.evidence


def test_given_rows_that_the_baseline_refuses_are_bad_input_with_their_line(rehearse: Rehearse, tmp_path: Path) -> None:
    rows = tmp_path / "rows.sql"
    rows.write_text("-- mine\nINSERT INTO customer (id) VALUES (1);\n", encoding="utf-8")
    with pytest.raises(InputError, match='null value in column "email"') as told:
        rehearse(LISTED, phases=("data",), data=rows)
    assert str(told.value.position) == f"{rows}:2:1"


@pytest.mark.parametrize(
    ("sql", "severity", "status", "who"),
    [
        ("ALTER TABLE orders ENABLE ROW LEVEL SECURITY;", Severity.HIGH, "predicted", "only its owner reaches"),
        (
            "ALTER TABLE orders ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;",
            Severity.BLOCKER,
            "measured",
            "not even its owner",
        ),
        (
            "CREATE TABLE made (id int); ALTER TABLE made ENABLE ROW LEVEL SECURITY;",
            Severity.LOW,
            "predicted",
            "only its owner reaches",
        ),
        (
            "ALTER TABLE orders ENABLE ROW LEVEL SECURITY; CREATE POLICY r ON orders FOR SELECT USING (true);",
            Severity.HIGH,
            "predicted",
            "no policy permits INSERT, UPDATE, DELETE",
        ),
    ],
)
def test_row_security_without_a_policy_is_told_with_whom_it_shuts_out(
    rehearse: Rehearse, sql: str, severity: Severity, status: str, who: str
) -> None:
    found = of(rehearse(sql, phases=("observe", "schema")), "compat.rows-hidden")
    assert (found.severity, found.status) == (severity, status)
    assert who in found.evidence


def test_a_policy_for_everything_hides_nothing(rehearse: Rehearse) -> None:
    sql = "ALTER TABLE orders ENABLE ROW LEVEL SECURITY; CREATE POLICY a ON orders USING (true);"
    assert "compat.rows-hidden" not in ids(rehearse(sql, phases=("observe", "schema")))


def test_the_time_zone_of_the_session_is_told_with_what_it_costs(rehearse: Rehearse) -> None:
    sql = "ALTER TABLE customer ALTER COLUMN joined TYPE timestamptz;"
    found = of(rehearse(sql, phases=("observe", "data")), "data.depends-on-timezone")
    assert found.severity == Severity.HIGH
    assert "only in UTC is customer not rewritten" in found.evidence
    again = rehearse(f"{found.remedy}", phases=("observe", "data"))
    assert "data.depends-on-timezone" not in ids(again)


@pytest.mark.parametrize(
    "column", ["timestamptz DEFAULT now()", "date DEFAULT CURRENT_DATE", "uuid DEFAULT gen_random_uuid()"]
)
def test_what_differs_between_any_two_runs_is_not_put_down_to_the_zone(rehearse: Rehearse, column: str) -> None:
    report = rehearse(f"ALTER TABLE orders ADD COLUMN made {column};", phases=("observe", "data"))
    assert "data.depends-on-timezone" not in ids(report)


@pytest.mark.parametrize(
    ("runner", "sql", "found"),
    [
        ("psql", "BEGIN; ALTER TABLE orders ADD a int;", True),
        ("prisma@6", "BEGIN; ALTER TABLE orders ADD a int;", True),
        ("one-transaction", "BEGIN; ALTER TABLE orders ADD a int;", False),
        ("psql", "BEGIN; ALTER TABLE orders ADD a int; COMMIT; START TRANSACTION; ALTER TABLE orders ADD b int;", True),
        ("psql", "BEGIN; ALTER TABLE orders ADD a int; COMMIT; SELECT 1;", False),
        ("psql", "BEGIN; COMMIT; BEGIN;", False),
    ],
)
def test_work_that_nobody_commits_is_told(rehearse: Rehearse, runner: str, sql: str, found: bool) -> None:
    report = rehearse(sql, phases=("lint",), runner=runner)
    assert ("tx.never-committed" in ids(report)) is found


STEPS = """ALTER TABLE item ADD CONSTRAINT positive CHECK (amount >= 0) NOT VALID;
ALTER TABLE item VALIDATE CONSTRAINT positive;
"""


def test_steps_that_are_apart_on_purpose_are_graded_by_what_the_runner_makes_of_them(rehearse: Rehearse) -> None:
    phases = ("observe", "data", "failure")
    by_hand = rehearse(STEPS, phases=phases)
    assert {of(by_hand, name).severity for name in ("tx.not-atomic", "rerun.stuck")} == {Severity.MEDIUM}
    assert "run by hand from line 2 on it goes on" in of(by_hand, "rerun.stuck").evidence
    assert "-- split the file" in of(by_hand, "rerun.stuck").remedy
    recorded = of(rehearse(STEPS, phases=phases, runner="prisma@7.4"), "rerun.stuck")
    assert recorded.severity == Severity.HIGH
    assert "P3009 until `migrate resolve --rolled-back" in recorded.evidence
    together = rehearse(STEPS, phases=phases, runner="one-transaction", production_rows=10**9, max_wait=0.001)
    held = of(together, "lock.held-across-statements")
    assert held.severity == Severity.HIGH
    assert held.remedy.startswith("-- two migrations")
    assert "COMMIT" not in held.remedy
    opened = rehearse(f"BEGIN;\n{STEPS}COMMIT;", phases=phases)
    assert "COMMIT" in of(opened, "lock.held-across-statements").remedy


def test_steps_that_leave_more_than_a_constraint_stay_high(rehearse: Rehearse) -> None:
    sql = f"ALTER TABLE item ADD COLUMN kept int;\n{STEPS}"
    assert of(rehearse(sql, phases=("observe", "failure")), "rerun.stuck").severity == Severity.HIGH


@pytest.mark.parametrize("runner", ["prisma@6", "prisma@7.4"])
def test_one_statement_under_prisma_leaves_nothing_but_stops_the_next_deploy(rehearse: Rehearse, runner: str) -> None:
    sql = "ALTER TABLE orders ALTER COLUMN coupon SET NOT NULL;"
    report = rehearse(sql, phases=("observe", "data", "failure"), runner=runner)
    assert {"tx.not-atomic", "rerun.stuck"}.isdisjoint(ids(report))
    assert "P3009 until `migrate resolve --rolled-back" in of(report, "data.fails-on-existing").evidence


@pytest.mark.parametrize(
    ("comment", "why"),
    [
        ("-- harness: ignore lock.* because x", "line 1 reads like a suppression and is none"),
        ("-- harness: allow all because x", "line 1 allows all, and there is no such hazard"),
        ("-- harness: allow lock.*", "line 1 allows lock.* without a reason"),
    ],
)
def test_a_suppression_without_effect_is_told(rehearse: Rehearse, comment: str, why: str) -> None:
    report = rehearse(f"{comment}\nALTER TABLE orders ADD COLUMN a int;", phases=("lint",))
    found = of(report, "check.suppression")
    assert (found.severity, why in found.evidence) == (Severity.LOW, True)


def test_a_suppression_after_the_last_statement_is_told(rehearse: Rehearse) -> None:
    sql = "ALTER TABLE orders ADD COLUMN a int;\n\n-- harness: allow lock.* because x\n"
    assert "after the last statement" in of(rehearse(sql, phases=("lint",)), "check.suppression").evidence


def test_a_changed_column_is_told_at_the_statement_that_sets_it(rehearse: Rehearse) -> None:
    sql = "UPDATE item\n   SET state = 'x'\n WHERE id = 3;\n/* ; */ UPDATE item SET\n position = position + 1;\n"
    found = [f for f in rehearse(sql, phases=("observe", "data")).findings if f.id == "data.changed"]
    assert {f.evidence.split()[2]: f.position.line for f in found} == {"item.state": 1, "item.position": 4}


UNSEEN = {
    "functions": (
        "CREATE OR REPLACE FUNCTION order_total(integer) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT 0.0';",
        "",
    ),
    "grants": ("GRANT SELECT (name), UPDATE ON setting TO reader;", ""),
    "revoked": ("REVOKE EXECUTE ON FUNCTION order_total(integer) FROM PUBLIC;", ""),
    "policies": ("CREATE POLICY mine ON setting FOR SELECT USING (name <> 'x');", ""),
    "row security": ("ALTER TABLE setting ENABLE ROW LEVEL SECURITY;", ""),
    "rules": ("CREATE RULE kept AS ON DELETE TO setting DO INSTEAD NOTHING;", ""),
    "sequences": ("CREATE SEQUENCE ticket;", ""),
    "domains": ("CREATE DOMAIN short AS text CHECK (length(VALUE) < 9);", ""),
    "default privileges": (
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;",
        "may do more than a schema tells",
    ),
    "owners": ("ALTER TABLE setting OWNER TO reader;", "may do more than a schema tells"),
}


@pytest.mark.parametrize(("more", "refused"), UNSEEN.values(), ids=UNSEEN)
def test_half_of_a_migration_is_not_taken_for_all_of_it(
    server: Server, rehearse: Rehearse, tmp_path: Path, more: str, refused: str
) -> None:
    column = "ALTER TABLE setting ADD COLUMN note text;"
    with server.connect("postgres") as connection, suppress(psycopg.errors.DuplicateObject):
        connection.execute("CREATE ROLE reader")
    report = rehearse(f"{column}\n{more}\n", phases=("observe",), allow=("superuser",))
    database = server.create_database()
    try:
        with database.connect() as connection:
            execute(connection, SHOP.read_text(encoding="utf-8"))
            execute(connection, column)
        options = ApplyOptions(checked=Checked(report.identity), records=tmp_path / "records")
        result = apply(str(database.dsn), report.plan.target, options)
        assert (result.outcome, refused in "\n".join(result.lines)) == ("refused" if refused else "dry run", True)
        with database.connect() as connection:
            execute(connection, more)
        again = apply(str(database.dsn), report.plan.target, options)
        assert again.outcome == ("refused" if refused else "already applied"), again.lines
    finally:
        database.drop()


def test_what_a_failure_leaves_names_no_login_of_the_rehearsal(rehearse: Rehearse) -> None:
    sql = "ALTER TABLE orders ALTER COLUMN id DROP IDENTITY; ALTER TABLE item ADD COLUMN a int;"
    left = of(rehearse(sql, phases=("observe", "failure")), "tx.not-atomic").evidence
    assert "identity" in left
    assert "harness_" not in left
