"""The command line: formats, exit codes, one document on standard output."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.postgres import Database, Server
from harness.report import read_manifest, verify
from harness.scenario.fixtures import catalogue, history, populate
from tests.migrations.places import FIXTURES, PRODUCTION, SHOP, UPDATE
from tests.report.sample import write_run
from tests.support.commands import harness

CASES = FIXTURES / "migration-cases"
FAST = ("--database", "embedded", "--rows", "200", "--phase", "lint", "--phase", "observe")


def test_help_says_what_and_gives_examples() -> None:
    for command in ("check", "rollout", "apply"):
        done = harness("migrate", command, "--help")
        assert done.code == 0
        assert "Examples:" in done.out
        assert "Exit codes:" in done.out


def test_json_is_the_only_thing_on_standard_output(tmp_path: Path) -> None:
    done = harness(
        "migrate", "check", str(UPDATE), "--baseline", str(PRODUCTION), *FAST, "--json", "--report", str(tmp_path)
    )
    document = json.loads(done.out)
    assert {"verdict", "findings", "phases", "locks", "rollout"} <= document.keys()
    assert document["locks"][0]["mode"] == "ACCESS EXCLUSIVE"
    fields = {"id", "severity", "phase", "file", "line", "statement", "evidence", "status", "remedy", "reason"}
    assert all(fields <= finding.keys() for finding in document["findings"])
    assert json.loads((tmp_path / "migration.json").read_text()) == document
    assert done.code == 0


def test_what_is_left_with_a_run_belongs_to_it(tmp_path: Path) -> None:
    write_run(tmp_path / "run", 1, failing=False)
    done = harness(
        "migrate", "check", str(UPDATE), "--baseline", str(PRODUCTION), *FAST, "--report", str(tmp_path / "run")
    )
    assert done.code == 0, done.err
    assert {"migration.json", "migration.txt"} <= read_manifest(tmp_path / "run").outputs.keys()
    assert verify(tmp_path / "run") == []


@pytest.mark.parametrize(("threshold", "code"), [("blocker", 0), ("high", 0), ("medium", 1), ("low", 1)])
def test_the_threshold_decides_the_exit_code(threshold: str, code: int) -> None:
    file = CASES / "columns" / "drop_not_null_twice.sql"
    assert harness("migrate", "check", str(file), "-b", str(SHOP), *FAST, "--fail-on", threshold).code == code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("check", "nowhere.sql"), "nowhere.sql does not exist"),
        (("check", str(UPDATE), "--fail-on", "terrible"), "severity 'terrible' is not known"),
        (("check", str(UPDATE), "--format", "pdf"), "format 'pdf' is not known"),
        (("check", str(UPDATE), "--database", "oracle://x"), "oracle"),
        (("apply", str(UPDATE)), "DATABASE_URL is not set"),
        (("rollout", str(CASES / "columns" / "drop.sql"), "-b", str(SHOP)), "this is another migration"),
    ],
)
def test_bad_input_is_4_with_a_remedy(arguments: tuple[str, ...], message: str) -> None:
    env = {key: "" for key in os.environ if key == "DATABASE_URL"}
    done = harness("migrate", *arguments, env=env)
    assert done.code == 4, str(done)
    assert message in done.err


@pytest.fixture
def production(server: Server) -> Iterator[Database]:
    template = server.template(
        "production", lambda c: populate(c, history(FIXTURES, ("before",)), catalogue(FIXTURES, "production"))
    )
    database = template.clone()
    yield database
    database.drop()


def test_apply_rehearses_first_applies_and_is_idempotent(production: Database, tmp_path: Path) -> None:
    env = {"DATABASE_URL": production.sqlalchemy_url.replace("postgresql+psycopg", "postgresql")}
    words = ("migrate", "apply", str(UPDATE), "--records", str(tmp_path), "--database", "embedded")
    dry = harness(*words, env=env)
    assert (dry.code, "dry run" in dry.out) == (0, True), str(dry)
    done = harness(*words, "--execute", env=env)
    assert (done.code, "applied and verified" in done.out) == (0, True), str(done)
    again = harness(*words, "--execute", env=env)
    assert (again.code, "already applied" in again.out) == (0, True), str(again)
    assert len(list(tmp_path.glob("apply-*.json"))) == 3


def test_apply_that_fails_exits_1(production: Database, tmp_path: Path) -> None:
    broken = tmp_path / "broken.sql"
    broken.write_text('ALTER TABLE "Booking" ALTER COLUMN "nowhere" DROP NOT NULL;')
    env = {"DATABASE_URL": production.sqlalchemy_url.replace("postgresql+psycopg", "postgresql")}
    done = harness("migrate", "apply", str(broken), "--unchecked", "--execute", "--records", str(tmp_path), env=env)
    assert (done.code, "42703" in done.out) == (1, True), str(done)


def test_apply_to_nobody_exits_10(tmp_path: Path) -> None:
    env = {"DATABASE_URL": "postgresql://sam:hunter2-secret@127.0.0.1:1/x"}
    done = harness("migrate", "apply", str(UPDATE), "--unchecked", "--records", str(tmp_path), env=env)
    assert done.code == 10, str(done)
    assert "hunter2-secret" not in done.out + done.err
