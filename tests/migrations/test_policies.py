"""Row level security that lets through more than it did, or less: for every command, and for every role."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.migrations.conftest import Rehearse
from tests.migrations.places import ids, of

NOTES = (
    "CREATE TABLE note (id int PRIMARY KEY, who text NOT NULL, open boolean NOT NULL); "
    "ALTER TABLE note ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON note TO clerk USING ({using});"
)
TENANT = "who = current_setting('app.who')"
APART = (
    "CREATE TABLE note (id int PRIMARY KEY, who text NOT NULL, open boolean NOT NULL);"
    "ALTER TABLE note ENABLE ROW LEVEL SECURITY; CREATE POLICY look ON note FOR SELECT USING (true);"
    "CREATE POLICY put ON note FOR INSERT WITH CHECK (open);"
    "CREATE POLICY change ON note FOR UPDATE TO clerk USING (open) WITH CHECK (open);"
    "CREATE POLICY fence ON note AS RESTRICTIVE FOR UPDATE USING (id > 100);"
)


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    """A file for the schema of a test."""
    return tmp_path / "baseline.sql"


@pytest.mark.parametrize(
    ("then", "sql", "told"),
    [
        (TENANT, "ALTER POLICY own ON note USING (true)", {"compat.rows-shown"}),
        ("NOT open", "ALTER POLICY own ON note USING (true)", {"compat.rows-shown"}),
        (TENANT, f"ALTER POLICY own ON note USING ({TENANT} OR open)", {"compat.rows-shown"}),
        (TENANT, f"ALTER POLICY own ON note USING ({TENANT} AND open)", {"compat.rows-hidden"}),
        (
            f"{TENANT} AND id > 0",
            f"ALTER POLICY own ON note USING ({TENANT})",
            {"compat.rows-shown"},
        ),
        (
            TENANT,
            f"ALTER POLICY own ON note USING (({TENANT} AND id > 0) OR open)",
            {"compat.rows-shown", "compat.rows-hidden"},
        ),
        (TENANT, "ALTER POLICY own ON note TO PUBLIC", {"compat.rows-shown"}),
        (TENANT, "CREATE POLICY all_of_them ON note USING (true)", {"compat.rows-shown"}),
        (TENANT, "CREATE POLICY fewer ON note AS RESTRICTIVE USING (open)", {"compat.rows-hidden"}),
        (TENANT, "CREATE POLICY adding ON note FOR INSERT WITH CHECK (open)", {"compat.rows-writable"}),
        (TENANT, "ALTER POLICY own ON note RENAME TO mine", set()),
        ("true", "ALTER POLICY own ON note USING (open)", {"compat.rows-hidden"}),
    ],
)
def test_policies_that_show_more_are_told(
    rehearse: Rehearse, baseline: Path, then: str, sql: str, told: set[str]
) -> None:
    baseline.write_text(NOTES.format(using=then))
    report = rehearse(f"SELECT 1;\n{sql};", baseline=baseline, phases=("schema",))
    assert ids(report) == told
    assert [f.position.line for f in report.findings] == [2] * len(told)


WRITABLE, HIDDEN, REFUSED = {"compat.rows-writable"}, {"compat.rows-hidden"}, {"compat.old-app-write-fails"}


@pytest.mark.parametrize(
    ("sql", "told", "commands"),
    [
        ("ALTER POLICY change ON note USING (true)", WRITABLE, "UPDATE"),
        ("ALTER POLICY change ON note WITH CHECK (true)", WRITABLE, "UPDATE"),
        ("ALTER POLICY change ON note TO PUBLIC", WRITABLE, "UPDATE"),
        ("ALTER POLICY change ON note TO clerk, boss", WRITABLE, "UPDATE"),
        ("ALTER POLICY put ON note WITH CHECK (true)", WRITABLE, "INSERT"),
        ("CREATE POLICY more ON note FOR UPDATE USING (NOT open)", WRITABLE, "UPDATE"),
        ("CREATE POLICY gone ON note FOR DELETE USING (open)", WRITABLE, "DELETE"),
        ("CREATE POLICY all_of_it ON note USING (true)", WRITABLE, ""),
        ("DROP POLICY fence ON note", WRITABLE, "UPDATE"),
        ("ALTER POLICY fence ON note TO boss", WRITABLE, "UPDATE"),
        ("ALTER POLICY fence ON note USING (id > 10)", WRITABLE, "UPDATE"),
        ("ALTER POLICY change ON note USING (open AND id > 500)", HIDDEN, "UPDATE"),
        ("ALTER POLICY change ON note TO boss", WRITABLE | HIDDEN, "UPDATE"),
        ("ALTER POLICY put ON note WITH CHECK (open AND id > 500)", REFUSED, "INSERT"),
        ("ALTER POLICY look ON note USING ((SELECT true))", set(), ""),
        ("ALTER TABLE note FORCE ROW LEVEL SECURITY", HIDDEN | REFUSED, ""),
    ],
)
def test_policies_that_let_other_rows_be_written_are_told(
    rehearse: Rehearse, baseline: Path, sql: str, told: set[str], commands: str
) -> None:
    baseline.write_text(APART)
    report = rehearse(f"SELECT 1;\n{sql};", baseline=baseline, phases=("schema",))
    assert ids(report) == told
    assert {f.position.line for f in report.findings} <= {2}
    if commands:
        assert all(f"({commands}" in finding.evidence for finding in report.findings)


def test_an_owner_that_policies_hold_no_longer_is_told(rehearse: Rehearse, baseline: Path) -> None:
    baseline.write_text(NOTES.format(using=TENANT) + "ALTER TABLE note FORCE ROW LEVEL SECURITY;")
    report = rehearse("ALTER TABLE note NO FORCE ROW LEVEL SECURITY;", baseline=baseline, phases=("schema",))
    assert ids(report) == {"compat.rows-shown"}
    assert "by the owner of note" in of(report, "compat.rows-shown").evidence


@pytest.mark.parametrize("then", [TENANT, "open"])
def test_a_condition_that_is_asked_once_for_all_rows_is_the_same(rehearse: Rehearse, baseline: Path, then: str) -> None:
    """`(SELECT f())` in a policy is how its function is called once: no row more, none less."""
    baseline.write_text(NOTES.format(using=then))
    once = then.replace("current_setting('app.who')", "(SELECT current_setting('app.who'))")
    sql = f"ALTER POLICY own ON note USING ({once});"
    assert ids(rehearse(sql, baseline=baseline, phases=("schema",))) == set()


def test_a_condition_that_no_made_up_row_tells_apart_is_told_by_its_words(rehearse: Rehearse, baseline: Path) -> None:
    baseline.write_text(NOTES.format(using="who <> 'locked'"))
    report = rehearse("ALTER POLICY own ON note USING (true);", baseline=baseline, phases=("schema",))
    assert ids(report) == {"compat.rows-shown"}


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("CREATE VIEW notes AS SELECT n.id FROM note AS n", "with the rights of its owner"),
        ("CREATE VIEW notes WITH (security_invoker = true) AS SELECT id FROM note", ""),
        ("CREATE MATERIALIZED VIEW notes AS SELECT * FROM public.note", "as they were stored"),
        ("CREATE VIEW notes AS SELECT * FROM other", ""),
    ],
)
def test_a_new_view_past_policies_is_told(rehearse: Rehearse, baseline: Path, sql: str, told: str) -> None:
    baseline.write_text(NOTES.format(using=TENANT) + "CREATE TABLE other (id int PRIMARY KEY);")
    report = rehearse(f"SELECT 1;\n{sql};", baseline=baseline, phases=("schema",))
    assert ids(report) == ({"compat.rows-shown"} if told else set())
    for found in report.findings:
        assert (told in found.evidence, found.position.line) == (True, 2)


@pytest.mark.parametrize("then", [TENANT, "open", "who <> 'who'"])
def test_a_policy_of_a_column_that_is_renamed_is_the_same(rehearse: Rehearse, baseline: Path, then: str) -> None:
    baseline.write_text(NOTES.format(using=then))
    sql = 'ALTER TABLE note RENAME COLUMN who TO "Owner";\nALTER TABLE note RENAME COLUMN open TO shut;'
    assert ids(rehearse(sql, baseline=baseline, phases=("schema",))) == set()


@pytest.mark.parametrize(("body", "told"), [("SELECT true", True), ("SELECT $1 = current_user", False)])
def test_a_function_that_policies_ask_and_that_is_another_is_told(
    rehearse: Rehearse, baseline: Path, body: str, told: bool
) -> None:
    function = "CREATE OR REPLACE FUNCTION mine(text) RETURNS boolean LANGUAGE sql STABLE AS $$ {} $$;"
    baseline.write_text(function.format("SELECT $1 = current_user") + NOTES.format(using="mine(who)"))
    report = rehearse(f"SELECT 1;\n{function.format(body)}", baseline=baseline, phases=("schema",))
    assert ids(report) == ({"compat.rows-shown"} if told else set())
    assert all(f.position.line == 2 and "mine(text)" in f.evidence for f in report.findings)
