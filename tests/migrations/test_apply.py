"""`apply`: dry by default, refuses what was not checked, verifies, keeps a record, never says the password."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError, InputError, MachineError
from harness.migrations.applying import Applied, ApplyOptions, apply
from harness.migrations.as_json import render
from harness.migrations.checking import check
from harness.migrations.followed import Checked, read_check
from harness.migrations.identity import Identity
from harness.migrations.patience import Patience
from harness.migrations.reading import Script, plan, read
from harness.migrations.rehearsal import Options
from harness.migrations.targets import ADVISORY_KEY, shown
from harness.postgres import Database, Server
from harness.scenario.fixtures import catalogue, history, populate
from tests.migrations.places import FIXTURES, UPDATE

NULLABLE = "SELECT NOT attnotnull FROM pg_attribute WHERE attrelid = '\"Booking\"'::regclass AND attname = 'clientId'"


@dataclass
class Production:
    """A stand-in for production, and what a check saw of it."""

    database: Database
    identity: Identity
    scripts: list[Script]
    records: Path

    def apply(self, **options: Any) -> Applied:
        identity = options.pop("identity", self.identity)
        chosen = {
            "execute": True,
            "checked": identity and Checked(identity),
            "records": self.records,
            "patience": Patience(lock_timeout=0.05, attempts=4, first_pause=0.01),
        }
        return apply(str(self.database.dsn), self.scripts, ApplyOptions(**{**chosen, **options}))

    def ask(self, sql: str) -> Any:
        with self.database.connect() as connection:
            row = connection.execute(sql).fetchone()
        return row[0] if row else None


@pytest.fixture(scope="module")
def identity(server: Server) -> Identity:
    report = check(server, plan(UPDATE), Options(rows=50, phases=("observe",)))
    assert report.identity is not None
    return report.identity


@pytest.fixture
def production(server: Server, identity: Identity, tmp_path: Path) -> Iterator[Production]:
    template = server.template(
        "production", lambda c: populate(c, history(FIXTURES, ("before",)), catalogue(FIXTURES, "production"))
    )
    database = template.clone()
    yield Production(database, identity, read(UPDATE), tmp_path / "records")
    database.drop()


def test_a_dry_run_changes_nothing_and_says_what_would_hold(production: Production) -> None:
    result = production.apply(execute=False)
    assert result.good
    assert production.ask(NULLABLE) is False
    text = "\n".join(result.lines)
    assert "dry run: nothing is changed" in text
    assert "then it must hold that Booking: column clientId text" in text


def test_it_applies_verifies_and_records(production: Production) -> None:
    result = production.apply()
    assert (result.outcome, result.good) == ("applied", True)
    assert production.ask(NULLABLE) is True
    assert "its transactions wrote no row" in result.verified
    assert result.record is not None
    record = json.loads(result.record.read_text())
    assert record["outcome"] == "applied"
    assert record["attempts"][0]["failure"] is None
    assert record["scripts"][0]["checksum"] == production.scripts[0].checksum


def test_a_second_time_finds_it_there(production: Production) -> None:
    production.apply()
    result = production.apply()
    assert (result.outcome, result.good) == ("already applied", True)
    assert result.attempts == []


@pytest.mark.parametrize(
    "work",
    [
        "UPDATE \"User\" SET lang = 'en';",
        'INSERT INTO "User" (id) SELECT id FROM "User" WHERE false;',
        'WITH gone AS (DELETE FROM "User" WHERE false RETURNING 1) SELECT 1 FROM gone;',
        "DO $$ BEGIN UPDATE \"User\" SET lang = 'en'; END $$;",
        "CREATE OR REPLACE FUNCTION fill() RETURNS integer LANGUAGE sql AS 'SELECT 1'; SELECT fill();",
    ],
)
def test_work_on_rows_that_nobody_recorded_is_not_taken_for_done(
    production: Production, tmp_path: Path, work: str
) -> None:
    file = tmp_path / "lang.sql"
    file.write_text(f'ALTER TABLE "User" ADD COLUMN lang text;\n{work}\n')
    production.scripts = read(file)
    production.identity = _with_lang(production)
    with production.database.connect() as connection:
        connection.execute('ALTER TABLE "User" ADD COLUMN lang text')
    result = production.apply()
    assert (result.outcome, result.good) == ("refused", False)
    assert "no record says that this very file was applied" in result.lines[-1]
    with production.database.connect() as connection:
        connection.execute('ALTER TABLE "User" DROP COLUMN lang')
    assert production.apply().outcome == "applied"
    assert production.apply().outcome == "already applied"
    assert production.apply(records=tmp_path / "elsewhere").outcome == "refused"


def test_a_block_that_only_defines_is_no_work_on_rows(production: Production, tmp_path: Path) -> None:
    file = tmp_path / "lang.sql"
    block = 'IF NOT EXISTS (SELECT 1 FROM pg_class WHERE false) THEN ALTER TABLE "User" ADD COLUMN lang text; END IF;'
    file.write_text(f"SELECT set_config('search_path', 'public', false);\nDO $$ BEGIN {block} END $$;\n")
    production.scripts = read(file)
    production.identity = _with_lang(production)
    with production.database.connect() as connection:
        connection.execute('ALTER TABLE "User" ADD COLUMN lang text')
    assert production.apply().outcome == "already applied"


def _with_lang(production: Production) -> Identity:
    """What a check sees of a file that adds the column `lang`."""
    checksums = {script.name: script.checksum for script in production.scripts}
    return Identity(("User",), (), ("User: column lang text",), checksums)


def test_a_target_that_the_check_did_not_see_is_refused(production: Production) -> None:
    with production.database.connect() as connection:
        connection.execute('ALTER TABLE "Booking" DROP CONSTRAINT "Booking_clientId_fkey"')
    result = production.apply()
    assert (result.outcome, result.good) == ("refused", False)
    assert "it lacks Booking: constraint Booking_clientId_fkey" in result.lines[-1]
    assert production.ask(NULLABLE) is False


def test_more_than_the_check_saw_is_no_obstacle(production: Production) -> None:
    with production.database.connect() as connection:
        populate(connection, history(FIXTURES, ("reference",)), None)
    assert production.apply().outcome == "applied"


def test_another_file_than_the_checked_one_is_refused(production: Production, tmp_path: Path) -> None:
    other = tmp_path / UPDATE.name
    other.write_text(UPDATE.read_text() + '\nDROP TABLE "Booking";\n')
    production.scripts = read(other)
    with pytest.raises(InputError, match="is not the file that was checked"):
        production.apply()
    assert production.ask('SELECT count(*) FROM "Booking"') == 0  # it is still there


def test_two_at_once_cannot(production: Production) -> None:
    with production.database.connect() as other:
        other.execute("SELECT pg_advisory_lock(%s)", (ADVISORY_KEY,))
        result = production.apply(wait_for_other=0.2)
    assert (result.outcome, result.good) == ("refused", False)
    assert "another migration is running" in result.lines[-1]
    assert production.ask(NULLABLE) is False


def test_it_waits_for_its_turn(production: Production) -> None:
    results: list[Applied] = []
    threads = [threading.Thread(target=lambda: results.append(production.apply())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.outcome for result in results) == ["already applied", "applied"]


def test_a_lock_that_is_never_free_is_a_failure(production: Production) -> None:
    with production.database.connect() as holder:
        holder.execute("BEGIN")
        holder.execute('SELECT 1 FROM "Booking"')
        result = production.apply()
    assert (result.outcome, result.good) == ("failed", False)
    assert len(result.attempts) == 4
    assert production.ask(NULLABLE) is False
    assert "55P03" in result.lines[-1]


def test_an_alter_that_fails_is_not_a_success(production: Production, tmp_path: Path) -> None:
    """S7: the original exited 0 though the ALTER failed."""
    broken = tmp_path / "broken.sql"
    broken.write_text('ALTER TABLE "Booking" ALTER COLUMN "nowhere" DROP NOT NULL;')
    production.scripts = read(broken)
    result = production.apply(identity=None)
    assert (result.outcome, result.good) == ("failed", False)
    assert "42703" in result.lines[-1]


@pytest.mark.parametrize(("schema", "name"), [("public", "tn"), ("Shop", '"Shop".tn')])
def test_an_invalid_index_that_a_failure_leaves_is_told(
    production: Production, tmp_path: Path, schema: str, name: str
) -> None:
    with production.database.connect() as connection:
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"; CREATE TABLE "{schema}".twice (nick text)')
        connection.execute(f"INSERT INTO \"{schema}\".twice VALUES ('a'), ('a')")
    file = tmp_path / "index.sql"
    file.write_text(f'CREATE UNIQUE INDEX CONCURRENTLY tn ON "{schema}".twice (nick);')
    production.scripts = read(file)
    result = production.apply(identity=None)
    assert (result.outcome, result.good) == ("failed", False)
    remedy = f"DROP INDEX CONCURRENTLY {name};"
    assert result.lines[-1] == f"but the index {name} stays, invalid; remove it before the next attempt: {remedy}"
    assert result.record is not None
    assert json.loads(result.record.read_text())["left_behind"] == [remedy]
    again = production.apply(identity=None)
    assert again.left_behind == []  # the one that was there before is not this attempt's
    with production.database.connect() as connection:
        connection.execute(remedy)  # it is SQL that works


def test_an_outcome_that_does_not_hold_is_not_verified(production: Production) -> None:
    wrong = replace(production.identity, after=(*production.identity.after, "Booking: column never_there text"))
    result = production.apply(identity=wrong)
    assert (result.outcome, result.good) == ("not verified", False)
    assert "missing: Booking: column never_there text" in result.lines[-1]


def test_rows_written_by_a_migration_that_writes_none_are_noticed(production: Production, tmp_path: Path) -> None:
    with production.database.connect() as connection:
        connection.execute(
            "CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS "
            "$$ BEGIN UPDATE \"User\" SET name = 'x' WHERE name <> 'x'; END $$"
        )
        connection.execute("CREATE EVENT TRIGGER meddler ON ddl_command_end EXECUTE FUNCTION meddle()")
    result = production.apply()
    assert result.outcome == "not verified"
    assert 'rows of "User" were written by a migration that writes none' in result.lines[-1]


@pytest.mark.parametrize("session", ["", "SELECT set_config('search_path', '', false);", "SET ROLE pg_read_all_data;"])
def test_prismas_book_is_read_and_kept(production: Production, tmp_path: Path, session: str) -> None:
    """Also where the migration leaves its session with another search_path or role."""
    with production.database.connect() as connection:
        connection.execute(
            "CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz, "
            "migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(), "
            "applied_steps_count integer NOT NULL DEFAULT 0)"
        )
        connection.execute(
            "INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ('1', 'x', '20250101000000_broken')"
        )
    assert "20250101000000_broken began and never finished (P3009)" in production.apply().lines[-1]
    with production.database.connect() as connection:
        connection.execute("UPDATE _prisma_migrations SET finished_at = now()")
    file = tmp_path / "make_client_id_nullable.sql"
    text = UPDATE.read_text().replace('"Booking"', 'public."Booking"')
    file.write_text(f"{text.rstrip()}\n{session}\n")
    production.scripts = [replace(script, prisma=True) for script in read(file)]
    production.identity = replace(production.identity, checksums={s.name: s.checksum for s in production.scripts})
    assert production.apply(runner="psql").outcome == "applied"
    assert (
        production.ask("SELECT checksum FROM _prisma_migrations WHERE migration_name LIKE 'make%'")
        == production.scripts[0].checksum
    )


def test_what_reaches_outside_is_refused_here_too(production: Production, tmp_path: Path) -> None:
    file = tmp_path / "evil.sql"
    file.write_text("DROP DATABASE production;")
    with pytest.raises(InputError, match="would reach outside"):
        apply(str(production.database.dsn), read(file), ApplyOptions(execute=True, records=None))


def test_the_checks_document_carries_the_identity(server: Server, tmp_path: Path, identity: Identity) -> None:
    report = check(server, plan(UPDATE), Options(rows=50, phases=("observe",)))
    file = tmp_path / "migration.json"
    file.write_text(render(report))
    assert read_check(file).identity == identity
    file.write_text("{}")
    with pytest.raises(InputError, match="does not say what a check saw"):
        read_check(file)


SECRET = "hunter2-not-to-be-seen"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (
            f"postgresql://sam:{SECRET}@db.example.test:6543/booking?schema=public&connection_limit=5",
            "sam@db.example.test:6543/booking",
        ),
        (f"postgres://sam:{SECRET}@db.example.test/booking", "sam@db.example.test:5432/booking"),
        (f"host=db user=sam password={SECRET} dbname=booking", "sam@db:5432/booking"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, name: str) -> None:
    assert shown(url) == name


def test_no_password_in_what_is_said_when_nobody_answers(tmp_path: Path) -> None:
    url = f"postgresql://sam:{SECRET}@127.0.0.1:1/booking"
    with pytest.raises(MachineError) as caught:
        apply(url, read(UPDATE), ApplyOptions(records=tmp_path))
    assert SECRET not in str(caught.value)
    assert "sam@127.0.0.1:1/booking does not answer" in str(caught.value)


@pytest.mark.parametrize("password", ["p#ss-TAIL", "p/ss-TAIL", "p?ss-TAIL", "p@ss-TAIL", "p/s?s-TAIL", "p%zz-TAIL"])
def test_no_piece_of_a_password_that_nobody_escaped_is_said(tmp_path: Path, password: str) -> None:
    url = f"postgresql://sec:{password}@host.invalid:1/booking?schema=public"
    with pytest.raises(HarnessError) as caught:
        apply(url, read(UPDATE), ApplyOptions(records=tmp_path))
    said = f"{caught.value} {caught.value.remedy}"
    assert "TAIL" not in said
    assert "ss-" not in said
    assert ("write @ as %40" in said) == any(sign in password for sign in "@/%")


def test_a_number_sign_and_a_question_mark_are_sent_as_they_are() -> None:
    assert shown("postgresql://sec:p#s?s@host:6543/booking?schema=public") == "sec@host:6543/booking"


def test_an_address_that_is_none_is_a_mistake_without_quoting_it() -> None:
    with pytest.raises(InputError) as caught:
        shown(f"mysql+{SECRET}")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(("number", "outcome"), [(signal.SIGKILL, "begun"), (signal.SIGINT, "interrupted")])
def test_one_that_is_ended_in_the_middle_leaves_a_record_and_nothing_else(
    production: Production, tmp_path: Path, number: int, outcome: str
) -> None:
    file = tmp_path / "slow.sql"
    file.write_text('BEGIN;\nALTER TABLE "User" ADD COLUMN half integer;\nSELECT pg_sleep(60);\nCOMMIT;\n')
    command = [sys.executable, "-m", "harness", "migrate", "apply", str(file), "--unchecked", "--execute"]
    process = subprocess.Popen(
        [*command, "--records", str(tmp_path / "records")],
        env=os.environ | {"DATABASE_URL": str(production.database.dsn)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    sleeping = "SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60)%' AND state = 'active'"
    deadline = time.monotonic() + 60
    while not production.ask(sleeping):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(20) != 0
    (record,) = (tmp_path / "records").iterdir()
    assert json.loads(record.read_text())["outcome"] == outcome
    gone = "SELECT count(*) = 0 FROM pg_attribute WHERE attname = 'half' AND attrelid = '\"User\"'::regclass"
    assert production.ask(gone)


def test_rows_of_a_copy_are_applied(production: Production, tmp_path: Path) -> None:
    file = tmp_path / "rows.sql"
    file.write_text("CREATE TABLE copied (x integer);\nCOPY copied FROM stdin;\n1\n2\n\\.\n")
    result = apply(str(production.database.dsn), read(file), ApplyOptions(execute=True, records=None))
    assert result.outcome == "applied", result.lines
    assert production.ask("SELECT count(*) = 2 FROM copied")
