"""`apply` heeds the check that it follows, and asks the target what would fail there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.migrations.applying import ApplyOptions, apply
from harness.migrations.as_json import render
from harness.migrations.followed import read_check
from harness.migrations.obstacles import obstacles
from harness.migrations.reading import read
from harness.migrations.records import Applied
from harness.postgres import Database, Server
from tests.migrations.conftest import Rehearse
from tests.support.commands import harness

BASE = "CREATE TABLE parent (id int PRIMARY KEY);\nCREATE TABLE pet (id int PRIMARY KEY, nick text, age int, owner int, price numeric(8, 2));\n"
ROWS = (
    "INSERT INTO parent VALUES (1); INSERT INTO pet VALUES (1, 'hush-a', 3, 1, 1.25), (2, 'hush-a', NULL, 9, 2), "
    "(3, NULL, -4, NULL, NULL), (4, 'hush-b', 5, 1, 3)"
)

Follow = Callable[..., Applied]


@pytest.fixture
def target(server: Server) -> Iterator[Database]:
    """A production with rows that a check has not seen."""
    database = server.create_database()
    with database.connect() as connection:
        connection.execute(BASE)
        connection.execute(ROWS)
    yield database
    database.drop()


@pytest.fixture
def follow(rehearse: Rehearse, target: Database, tmp_path: Path) -> Follow:
    """Check a migration, then apply it to the target as the check's own document says."""
    base = tmp_path / "base.sql"
    base.write_text(BASE)

    def run(sql: str, *phases: str, execute: bool = True, instead: tuple[str, str] = ("", "")) -> Applied:
        report = rehearse(sql, baseline=base, phases=("lint", "observe", *phases), rows=20)
        document = tmp_path / "migration.json"
        document.write_text(render(report).replace(*instead))
        options = ApplyOptions(
            execute=execute, runner="psql", checked=read_check(document), records=tmp_path / "records"
        )
        return apply(str(target.dsn), report.plan.target, options)

    return run


def test_a_blocker_that_nobody_accepted_is_refused_dry_or_not(follow: Follow, target: Database) -> None:
    sql = "ALTER TABLE pet DROP COLUMN price;"
    for execute in (False, True):
        result = follow(sql, "data", execute=execute)
        assert (result.outcome, result.good) == ("refused", False)
        told = "\n".join(result.lines)
        assert "found by the check: blocker data.loss (" in told
        assert "-- harness: allow data.loss because …" in told
        assert "migration.sql:1" in told
    with target.connect() as connection:
        connection.execute("SELECT price FROM pet")


def test_one_that_is_accepted_in_the_sql_is_applied(follow: Follow) -> None:
    result = follow("-- harness: allow data.* because it is the old price\nALTER TABLE pet DROP COLUMN price;", "data")
    assert result.outcome == "applied", result.lines
    assert "not looked at by the check: failure, traffic" in "\n".join(result.lines)


def test_high_is_told_and_no_obstacle(follow: Follow) -> None:
    result = follow("ALTER TABLE pet DROP COLUMN price;", "data", instead=('"blocker"', '"high"'))
    assert result.outcome == "applied", result.lines
    assert any(line.startswith("  found by the check: high data.loss (") for line in result.lines)


def test_another_major_version_than_that_of_the_check_is_told(follow: Follow) -> None:
    result = follow("ALTER TABLE pet ADD COLUMN x int;", execute=False, instead=('"PostgreSQL 18.', '"PostgreSQL 15.'))
    (told,) = [line for line in result.lines if "was checked on PostgreSQL 15" in line]
    assert "--database embedded:/usr/lib/postgresql/18/bin" in told


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("CREATE UNIQUE INDEX CONCURRENTLY pn ON pet (nick);", "2 rows of pet now are what it refuses: SELECT count(*) FROM pet WHERE"),
        ("ALTER TABLE pet ADD CONSTRAINT pn UNIQUE (nick);", "2 rows of pet"),
        ("ALTER TABLE pet ALTER COLUMN nick SET NOT NULL;", "1 row of pet now is what it refuses: SELECT count(*) FROM pet WHERE nick IS NULL"),
        ("ALTER TABLE pet ADD CONSTRAINT c CHECK (age > 0);", "1 row of pet"),
        ("ALTER TABLE pet ADD CONSTRAINT f FOREIGN KEY (owner) REFERENCES parent (id);", "1 row of pet"),
        ("ALTER TABLE pet ADD COLUMN IF NOT EXISTS born date NOT NULL;", "4 rows of pet"),
    ],
)  # fmt: skip
def test_rows_that_a_statement_refuses_are_counted_beforehand(
    follow: Follow, target: Database, sql: str, told: str
) -> None:
    for execute in (False, True):
        result = follow(sql, execute=execute)
        assert result.outcome == "refused", result.lines
        assert any(line.startswith("refused: it would fail here: ") and told in line for line in result.lines)
        assert "hush" not in "\n".join(result.lines)
        assert result.attempts == []


def test_a_constraint_that_is_there_is_validated_against_the_rows(
    follow: Follow, target: Database, tmp_path: Path
) -> None:
    result = follow(
        "ALTER TABLE pet ADD CONSTRAINT c CHECK (age > 0) NOT VALID;\nALTER TABLE pet VALIDATE CONSTRAINT c;",
        execute=False,
    )
    assert result.outcome == "dry run", result.lines  # the constraint is not there yet: nothing is known of it
    with target.connect() as connection:
        connection.execute("ALTER TABLE pet ADD CONSTRAINT d CHECK (age > 0) NOT VALID")
        file = tmp_path / "validate.sql"
        file.write_text("ALTER TABLE pet VALIDATE CONSTRAINT d;")
        (found,) = obstacles(connection, read(file))
    assert found.certain


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE pet SET nick = id::text;\nALTER TABLE pet ALTER COLUMN nick SET NOT NULL;",
        "DO $$ BEGIN UPDATE pet SET nick = id::text; END $$;\nCREATE UNIQUE INDEX pn ON pet (nick);",
        "ALTER TABLE pet ALTER nick TYPE text USING id::text, ALTER nick SET NOT NULL;",
        "ALTER TABLE pet ADD COLUMN IF NOT EXISTS age int NOT NULL;",
        "DROP TABLE pet;\nCREATE TABLE pet (id int, nick text);\nCREATE UNIQUE INDEX pn ON pet (nick);",
    ],
)
def test_rows_that_the_migration_itself_may_mend_are_no_obstacle(target: Database, tmp_path: Path, sql: str) -> None:
    file = tmp_path / "m.sql"
    file.write_text(sql)
    with target.connect() as connection:
        assert not any(found.certain for found in obstacles(connection, read(file)))
    result = apply(str(target.dsn), read(file), ApplyOptions(execute=True, records=None))
    assert result.outcome == "applied", result.lines


@pytest.mark.parametrize("some", ["", "IF NOT EXISTS "])
def test_an_invalid_index_of_that_name_is_told_with_what_removes_it(
    follow: Follow, target: Database, some: str
) -> None:
    sql = f"CREATE INDEX CONCURRENTLY {some}pn ON pet (nick);"
    with target.connect() as connection:
        connection.execute("CREATE INDEX pn ON pet (nick)")
        connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'pn'::regclass")
    result = follow(sql)
    assert result.outcome == "refused"
    assert "there is an INVALID index pn already" in result.lines[-1]
    assert result.lines[-1].endswith("DROP INDEX CONCURRENTLY pn;")
    again = follow(f"DROP INDEX CONCURRENTLY IF EXISTS pn;\n{sql}")
    assert again.outcome == "applied", again.lines


def test_a_count_that_takes_too_long_is_told_and_no_verdict(target: Database, tmp_path: Path) -> None:
    file = tmp_path / "slow.sql"
    file.write_text("ALTER TABLE pet ADD CONSTRAINT c CHECK (pg_sleep(9) IS NOT NULL AND id > 0);")
    with target.connect() as connection:
        (found,) = obstacles(connection, read(file))
    assert (found.certain, str(found)) == (
        False,
        f"{file}:1: rows that it may refuse could not be counted (not within 5s)",
    )


def test_a_document_without_an_observation_says_what_is_missing(rehearse: Rehearse, tmp_path: Path) -> None:
    document = tmp_path / "migration.json"
    document.write_text(render(rehearse("ALTER TABLE place ADD COLUMN x int;", phases=("data",))))
    with pytest.raises(InputError, match=r"its phase `observe` is missing or did not end \(not asked for\)"):
        read_check(document)


def test_the_command_exits_1(rehearse: Rehearse, target: Database, tmp_path: Path) -> None:
    base, document = tmp_path / "base.sql", tmp_path / "migration.json"
    base.write_text(BASE)
    report = rehearse("ALTER TABLE pet DROP COLUMN price;", baseline=base, phases=("lint", "observe", "data"))
    document.write_text(render(report))
    words = (
        "migrate",
        "apply",
        str(tmp_path / "migration.sql"),
        "--checked",
        str(document),
        "--records",
        str(tmp_path / "r"),
    )
    done = harness(*words, env={"DATABASE_URL": target.sqlalchemy_url.replace("+psycopg", "")})
    assert (done.code, "refused: the check found" in done.out) == (1, True), str(done)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        (
            "CREATE UNIQUE INDEX pn ON pet (nick);",
            "(the server's DETAIL is left out, since it may hold values of rows)",
        ),
        ("CREATE VIEW v AS SELECT * FROM pet; DROP TABLE pet;", "(DETAIL: view v depends on table pet)"),
        ("DO $$ BEGIN RAISE 'no' USING DETAIL = 'hush-a', ERRCODE = '42000'; END $$;", "DETAIL is left out"),
    ],
)
def test_a_failure_shows_what_the_server_says_besides_unless_a_row_is_in_it(
    target: Database, tmp_path: Path, sql: str, told: str
) -> None:
    file = tmp_path / "m.sql"
    file.write_text(sql)
    result = apply(str(target.dsn), read(file), ApplyOptions(execute=True, records=None))
    assert result.outcome == "failed"
    assert told in result.lines[-1]
    assert f"{file}:1 failed: " in result.lines[-1]
    assert "hush" not in "\n".join(result.lines)
