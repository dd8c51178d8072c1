"""Migrations on disk: order, baselines, what changed since a commit."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.migrations.batches import runner_for
from harness.migrations.bookkeeping import Entry, stuck
from harness.migrations.reading import plan, read
from tests.migrations.places import PRODUCTION, UPDATE


def folder(path: Path, *names: str) -> Path:
    for name in names:
        (path / name).mkdir(parents=True)
        (path / name / "migration.sql").write_text(f"SELECT '{name}';")
    return path


def test_prisma_folders_go_by_name_undated_last_loose_files_after(tmp_path: Path) -> None:
    folder(tmp_path, "20250202000000_b", "add_by_hand", "20250101000000_a")
    (tmp_path / "loose.sql").write_text("SELECT 1;")
    assert [s.name for s in read(tmp_path)] == ["20250101000000_a", "20250202000000_b", "add_by_hand", "loose.sql"]


def test_the_checksum_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_bytes(b"SELECT 1;\r\n")
    assert read(tmp_path)[0].checksum == hashlib.sha256(b"SELECT 1;\r\n").hexdigest()


def test_a_prisma_migration_stands_on_those_before_it(tmp_path: Path) -> None:
    folder(tmp_path, "20250101000000_a", "20250202000000_b", "20250303000000_c")
    planned = plan(tmp_path / "20250202000000_b")
    assert [s.name for s in planned.baseline] == ["20250101000000_a"]
    assert planned.prisma


def test_productions_history_gives_the_baseline_of_the_update() -> None:
    for planned in (plan(UPDATE), plan(UPDATE, [PRODUCTION])):
        assert [s.name for s in planned.target] == ["make_client_id_nullable.sql"]
        assert planned.baseline[0].name.endswith("_init")
        assert len(planned.baseline) == 9


def test_a_baseline_that_holds_the_migration_ends_before_it(tmp_path: Path) -> None:
    for name in ("1.sql", "2.sql", "3.sql"):
        (tmp_path / name).write_text("SELECT 1;")
    assert [s.name for s in plan(tmp_path / "2.sql", [tmp_path]).baseline] == ["1.sql"]


def test_since_takes_what_changed_and_leaves_the_rest_as_baseline(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(
            ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.test", *words],
            check=True,
            capture_output=True,
        )

    git("init", "-q")
    folder(tmp_path, "20250101000000_a")
    git("add", ".")
    git("commit", "-qm", "first")
    folder(tmp_path, "20250202000000_b")
    planned = plan(tmp_path, since="HEAD")
    assert [s.name for s in planned.target] == ["20250202000000_b"]
    assert [s.name for s in planned.baseline] == ["20250101000000_a"]
    with pytest.raises(InputError, match="git cannot say"):
        plan(tmp_path, since="no-such-revision")


def test_down_scripts_are_found_and_not_run_as_migrations(tmp_path: Path) -> None:
    (tmp_path / "1_add.up.sql").write_text("SELECT 1;")
    (tmp_path / "1_add.down.sql").write_text("SELECT 2;")
    (script,) = read(tmp_path)
    assert script.down is not None
    assert script.down.name == "1_add.down.sql"


def test_numbers_are_numbers_and_flyways_letters_mean_something(tmp_path: Path) -> None:
    def names(folder: Path, *files: str) -> list[str]:
        folder.mkdir()
        for name in files:
            (folder / name).write_text("SELECT 1;")
        return [script.name for script in read(folder)]

    assert names(tmp_path / "counted", "10_c.sql", "2_b.sql", "1_a.sql") == ["1_a.sql", "2_b.sql", "10_c.sql"]
    assert names(tmp_path / "mixed", "10_c.sql", "2_b.sql", "x.sql") == ["10_c.sql", "2_b.sql", "x.sql"]
    flyway = names(tmp_path / "flyway", "V10__c.sql", "V2__b.sql", "V2_1__b.sql", "U2__b.sql", "R__views.sql")
    assert flyway == ["V2__b.sql", "V2_1__b.sql", "V10__c.sql", "R__views.sql"]
    assert [script.down and script.down.name for script in read(tmp_path / "flyway")] == ["U2__b.sql", None, None, None]


def test_every_file_of_sql_counts_and_no_folder_is_one(tmp_path: Path) -> None:
    (tmp_path / "x.sql").mkdir()
    for name in ("1.sql", "2.SQL", "3.txt"):
        (tmp_path / name).write_text("SELECT 1;")
    assert [script.name for script in read(tmp_path)] == ["1.sql", "2.SQL"]


def test_one_number_twice_is_told(tmp_path: Path) -> None:
    for name in ("1_a.sql", "2_b.sql", "2_c.sql"):
        (tmp_path / name).write_text("SELECT 1;")
    assert plan(tmp_path).notes == ("2_b.sql and 2_c.sql have the same number: they are run in this order",)


@pytest.mark.parametrize(
    ("up", "down", "wrapped"),
    [
        ("-- +goose Up", "-- +goose Down", True),
        ("-- +goose NO TRANSACTION\n-- +goose Up", "-- +goose Down", False),
        ("-- +migrate Up", "-- +migrate Down", True),
        ("-- +migrate Up notransaction", "-- +migrate Down", False),
        ("-- migrate:up", "-- migrate:down", True),
        ("-- migrate:up transaction:false", "-- migrate:down", False),
    ],
)
def test_a_file_with_both_directions_is_its_way_up_and_its_way_back(
    tmp_path: Path, up: str, down: str, wrapped: bool
) -> None:
    (tmp_path / "1.sql").write_text(f"{up}\nCREATE TABLE t ();\n{down}\nDROP TABLE t;\n")
    (script,) = read(tmp_path)
    assert [s.text for s in script.source.statements] == ["CREATE TABLE t ()"]
    assert script.way_back is not None
    (back,) = script.way_back.source.statements
    assert (back.text, back.position.line) == ("DROP TABLE t", up.count("\n") + 4)
    assert script.way_back.way_back is None
    assert runner_for(script, "auto") == ("one-transaction" if wrapped else "psql")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: p / "nowhere.sql", "does not exist"),
        (lambda p: p, "holds no .sql file"),
        (
            lambda p: (p / "migration_lock.toml").write_text('#\nprovider = "mysql"') and folder(p, "2_x"),
            r"toml:2:1: .*mysql",
        ),
        (lambda p: (p / "20250101000000_x").mkdir() or folder(p, "20250202000000_y"), "has no migration.sql"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, make: Callable[[Path], Path], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(make(tmp_path))


def test_bytes_that_are_not_utf8_are_refused_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_bytes(b"SELECT 1;\nSELECT '\xff';")
    with pytest.raises(InputError, match=r"a\.sql:2:1: this file is not UTF-8"):
        _ = read(tmp_path)[0].text


def test_an_unfinished_prisma_migration_is_seen() -> None:
    entries = [Entry("a", "x", finished=True, rolled_back=False), Entry("b", "y", finished=False, rolled_back=False)]
    assert stuck(entries) == entries[1]
    assert stuck([Entry("b", "y", finished=False, rolled_back=True)]) is None
