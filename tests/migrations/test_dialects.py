"""Files as other tools write them: Liquibase's changesets, and migrations that a runner books one by one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.migrations.batches import runner_for
from harness.migrations.checking import check
from harness.migrations.linting import lint
from harness.migrations.reading import plan, read
from harness.migrations.rehearsal import Options
from harness.postgres import Server
from tests.migrations.conftest import Rehearse
from tests.migrations.places import SHOP, ids, of

CHANGELOG = """--liquibase formatted sql
--property name:kind value:text

--changeset alice:1 labels:shop
ALTER TABLE orders ADD COLUMN channel ${kind};
--rollback ALTER TABLE orders
--rollback DROP COLUMN channel;

--changeset "bob the builder":"two words" runInTransaction:false
CREATE INDEX CONCURRENTLY orders_code_idx ON orders (code);
/* liquibase rollback
DROP INDEX orders_code_idx;
*/

--changeset carol:3 endDelimiter:/ splitStatements:true
CREATE FUNCTION one() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 6 / 2; END $$
/
CREATE FUNCTION two() RETURNS int LANGUAGE sql AS 'SELECT 2'
/
--rollback DROP FUNCTION one(); DROP FUNCTION two();

--changeset carol:4 dbms:oracle
CREATE TABLE elsewhere (id number);
"""


@pytest.fixture
def changelog(tmp_path: Path) -> Path:
    """Liquibase's formatted SQL."""
    file = tmp_path / "changelog.sql"
    file.write_text(CHANGELOG)
    return file


def test_each_changeset_is_a_migration_with_its_way_back(changelog: Path) -> None:
    scripts = read(changelog)
    assert [script.name for script in scripts] == [
        "changelog.sql alice:1",
        "changelog.sql bob the builder:two words",
        "changelog.sql carol:3",
    ]
    assert [[s.text for s in script.source.statements] for script in scripts] == [
        ["ALTER TABLE orders ADD COLUMN channel text"],
        ["CREATE INDEX CONCURRENTLY orders_code_idx ON orders (code)"],
        [
            "CREATE FUNCTION one() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 6 / 2; END $$",
            "CREATE FUNCTION two() RETURNS int LANGUAGE sql AS 'SELECT 2'",
        ],
    ]
    backs = [script.way_back for script in scripts]
    assert [[" ".join(s.text.split()) for s in back.source.statements] for back in backs if back] == [
        ["ALTER TABLE orders DROP COLUMN channel"],
        ["DROP INDEX orders_code_idx"],
        ["DROP FUNCTION one()", "DROP FUNCTION two()"],
    ]
    assert [back.source.statements[0].position.line for back in backs if back] == [6, 12, 20]
    assert [runner_for(script, "auto") for script in scripts] == ["one-transaction", "psql", "one-transaction"]


def test_what_of_a_changeset_is_not_rehearsed_is_told(tmp_path: Path) -> None:
    file = tmp_path / "x.sql"
    file.write_text(
        CHANGELOG + "--changeset dan:5 context:test failOnError:false\n"
        "--precondition-sql-check expectedResult:0 SELECT count(*) FROM orders\nSELECT 1;\n"
        "--rollback changesetId:1 changesetAuthor:alice\n"
    )
    told = plan(file).notes
    assert [note.split(": ", 1)[0] for note in told] == ["x.sql:4 alice:1", "x.sql:22 carol:4", *["x.sql:24 dan:5"] * 4]
    for words in (
        "another database",
        "labels shop",
        "context test",
        "goes on after",
        "preconditions",
        "another change",
    ):
        assert any(words in note for note in told), words
    assert read(file)[-1].way_back is None
    file.write_text(CHANGELOG.replace("--changeset alice:1", "--changset alice:1"))
    assert plan(file).notes[0] == "x.sql:5: what stands before the first changeset is in none, and left out"


def test_statements_that_stay_together_are_one_query(tmp_path: Path) -> None:
    file = tmp_path / "x.sql"
    begin = "-- liquibase formatted sql\n-- changeset a:1 runInTransaction:false splitStatements:false\n"
    file.write_text(f"{begin}SELECT 1; SELECT 2;\n")
    assert runner_for(read(file)[0], "auto") == "one-transaction"
    file.write_text(f"{begin}SELECT 1;\n")
    assert runner_for(read(file)[0], "auto") == "psql"


def test_a_changelog_is_rehearsed_and_its_rollbacks_are_tried(server: Server, changelog: Path) -> None:
    options = Options(rows=1000, production_rows=1000, phases=("observe", "failure", "way back"))
    assert (
        ids(check(server, plan(changelog, [SHOP]), options)) & {"tx.not-atomic", "rerun.stuck", "down.not-exact"}
        == set()
    )
    changelog.write_text(CHANGELOG.replace("DROP COLUMN channel", "DROP COLUMN chanel"))
    failed = of(check(server, plan(changelog, [SHOP]), options), "down.fails")
    assert 'column "chanel" of relation "orders" does not exist' in failed.evidence


def test_a_failure_between_two_migrations_is_no_half_done_one(server: Server, tmp_path: Path) -> None:
    """Each runner records what it has applied: a second run begins at the migration that failed."""
    (tmp_path / "V1__a.sql").write_text("ALTER TABLE orders ADD COLUMN a int;")
    second = tmp_path / "V2__b.sql"
    second.write_text("ALTER TABLE orders ADD COLUMN b int;")
    options = Options(rows=1000, production_rows=1000, phases=("observe", "failure"))
    assert ids(check(server, plan(tmp_path, [SHOP]), options)) & {"tx.not-atomic", "rerun.stuck"} == set()
    second.write_text("ALTER TABLE orders ADD COLUMN b int; ALTER TABLE orders ADD COLUMN c int;")
    stuck = of(check(server, plan(tmp_path, [SHOP]), options), "rerun.stuck")
    assert 'column "b"' in stuck.evidence


@pytest.mark.parametrize("down", ["-- +goose Down", "-- +goose Down\n-- cannot be undone"])
def test_a_way_back_that_says_nothing_undoes_nothing(rehearse: Rehearse, down: str) -> None:
    sql = f"-- +goose Up\nALTER TABLE orders ADD COLUMN a int;\n{down}\n"
    report = rehearse(sql, name="1_x.sql", runner="auto", phases=("observe", "way back"))
    assert of(report, "down.not-exact").evidence.startswith("1 difference to the schema before")


@pytest.mark.parametrize(
    ("name", "sql", "told"),
    [
        (
            "1.sql",
            "-- +goose ENVSUB ON\n-- +goose Up\nSELECT '${A:-b}', '$HOME';\n-- +goose Down\n",
            "goose ${A:-b}, $HOME",
        ),
        (
            "1.sql",
            "-- +goose Up\n-- +goose ENVSUB ON\nSELECT $x$a$x$;\n-- +goose ENVSUB OFF\nSELECT '${B}';",
            "goose $x, $a",
        ),
        ("1.sql", "-- +goose Up\nSELECT '${B}';", ""),
        ("V1__a.sql", "SELECT 1;\nSELECT '${schema}', '$1';", "Flyway ${schema}"),
        ("R__a.sql", "-- ${comment}\nSELECT '${owner}';", "Flyway ${owner}"),
        ("a.sql", "--liquibase formatted sql\n--changeset a:1\nSELECT '${owner}';", "Liquibase ${owner}"),
        ("a.sql", "--liquibase formatted sql\n--property name:o value:x\n--changeset a:1\nSELECT '${o}';", ""),
        ("a.sql", "SELECT '${owner}';", ""),
        ("a.sql", "--liquibase formatted sql\nSELECT '${owner}';", ""),
    ],
)
def test_what_the_runner_would_replace_is_told(tmp_path: Path, name: str, sql: str, told: str) -> None:
    (tmp_path / name).write_text(sql)
    found = [f.evidence for f in lint(read(tmp_path / name)) if f.id == "check.placeholder"]
    whose, _, names = told.partition(" ")
    assert found == ([f"{whose} writes a value where {names} stands; it is rehearsed as it stands"] if told else [])


def test_a_json_that_becomes_jsonb_says_what_is_not_kept(rehearse: Rehearse, tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.sql"
    baseline.write_text("CREATE TABLE doc (id int PRIMARY KEY, body json);")
    sql, phases = "ALTER TABLE doc ALTER body TYPE jsonb;", ("observe", "data", "compatibility", "way back")
    report = rehearse(sql, baseline=baseline, phases=phases)
    assert ids(report) & {"down.loses-data", "data.loss", "data.changed"} == set()
    assert "neither the order of keys, nor a key that is said twice" in of(report, "compat.old-app-read-fails").evidence
    baseline.write_text(baseline.read_text() + """INSERT INTO doc VALUES (1, '{"b": 1, "b": 2, "a": 3}');""")
    lost = of(rehearse(sql, baseline=baseline, phases=phases), "down.loses-data")
    assert lost.evidence.endswith("jsonb keeps neither the order of keys, nor a key that is said twice, nor blanks")


def test_since_takes_the_new_changesets_of_a_changed_file(changelog: Path) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.test")
        subprocess.run(["git", "-C", str(changelog.parent), *who, *words], check=True, capture_output=True)

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    told = CHANGELOG.replace("RETURN 6 / 2", "RETURN 7 / 2").replace(
        "--rollback DROP COLUMN", "--rollback  DROP COLUMN"
    )
    changelog.write_text(f"{told}\n--changeset dave:5\nCREATE TABLE dave (id int PRIMARY KEY);\n")
    planned = plan(changelog, since="HEAD")
    assert [script.name for script in planned.target] == ["changelog.sql carol:3", "changelog.sql dave:5"]
    assert [script.name for script in planned.baseline] == [
        "changelog.sql alice:1",
        "changelog.sql bob the builder:two words",
    ]
    (note,) = [note for note in planned.notes if "checksum" in note]
    assert note.startswith("changelog.sql:15 carol:3 is another than at HEAD")
    based = plan(changelog, [changelog], since="HEAD")
    assert based.baseline == planned.baseline
