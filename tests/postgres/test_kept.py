"""A template that a server brings along: filled once, the same as one that is filled, and gone when others take its place."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from harness.errors import InputError
from harness.postgres import Keep, Sandbox, Server, open_server
from harness.postgres.places import Places
from harness.scenario.fixtures import catalogue, kept
from harness.scenario.targets import parse_target
from tests.support.directories import short_directory

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cache(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache in which nothing is kept, but what every server starts from."""
    with short_directory() as place:
        for entry in Places.find().cache.iterdir():
            if entry.is_dir() and not entry.name.startswith(("kept-", ".")):
                (place / entry.name).symlink_to(entry)
        monkeypatch.setenv("BOOKING_HARNESS_CACHE", str(place))
        yield place


def entries(cache: Path) -> list[Path]:
    return sorted(cache.glob("kept-*"))


def fill(connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE TABLE thing (id int PRIMARY KEY, name text); INSERT INTO thing VALUES (1, 'one')")


def never(connection: psycopg.Connection[Any]) -> None:
    raise AssertionError("filled again")


def changed(keep: Keep) -> list[tuple[str, Any]]:
    """What a sandbox over the template of a server with `keep` tells of a scenario that changes a row; twice the same."""
    with open_server("embedded", keep=keep) as server, Sandbox(server.template("things", keep.build)) as sandbox:
        told: list[list[tuple[str, Any]]] = []
        for _ in range(2):
            sandbox.begin()
            sandbox.execute("UPDATE thing SET name = 'two'")
            told.append([(each.operation, each.after) for each in sandbox.changes()])
            sandbox.reset()
        assert told[0] == told[1]
        return told[0]


def test_the_template_is_filled_once_and_what_stands_on_it_works_as_ever(cache: Path) -> None:
    first = changed(Keep("things", "a" * 64, fill))
    assert first == [("update", {"id": 1, "name": "two"})]
    assert changed(Keep("things", "a" * 64, never)) == first
    assert len(entries(cache)) == 1
    with pytest.raises(AssertionError, match="filled again"):
        changed(Keep("things", "b" * 64, never))  # another digest


def test_a_server_with_one_template_makes_others_as_ever(cache: Path) -> None:
    with open_server("embedded", keep=Keep("things", "a" * 64, fill)) as server:
        other = server.template("other", lambda connection: connection.execute("CREATE TABLE other (id int)") and None)
        with other.clone().connect() as connection:
            names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert names == [("other",)]


def test_what_cannot_be_filled_is_told_to_who_asks_for_it(cache: Path) -> None:
    def refuse(connection: psycopg.Connection[Any]) -> None:
        raise InputError("The migration is refused.")

    notes: list[str] = []
    with open_server("embedded", keep=Keep("things", "a" * 64, refuse), note=notes.append) as server:
        assert [note for note in notes if "not kept" in note and "refused" in note]
        with pytest.raises(InputError, match="refused"):
            server.template("things", refuse)
    assert not entries(cache)


def test_without_room_for_it_a_server_starts_as_ever(cache: Path) -> None:
    changed(Keep("things", "a" * 64, fill))
    (entry,) = entries(cache)
    (cache / f".unfinished-{entry.name.replace('a' * 32, 'b' * 32)}").write_text("in the way")
    assert changed(Keep("things", "b" * 64, fill)) == [("update", {"id": 1, "name": "two"})]
    assert entries(cache) == [entry]


@pytest.mark.parametrize("damaged", ["cluster/global/pg_control", "templates.json"])
def test_what_was_kept_and_is_damaged_is_made_anew(cache: Path, damaged: str) -> None:
    changed(Keep("things", "a" * 64, fill))
    (entry,) = entries(cache)
    (entry / damaged).write_text("")
    for build in (fill, fill, never):  # without it, made anew, as it was kept
        assert changed(Keep("things", "a" * 64, build)) == [("update", {"id": 1, "name": "two"})]


def test_the_rows_of_a_project_are_for_the_servers_account_alone(cache: Path) -> None:
    changed(Keep("things", "a" * 64, fill))
    (entry,) = entries(cache)
    assert not [path for path in (entry, *entry.rglob("*")) if path.lstat().st_mode & stat.S_IRWXO]


def test_only_the_last_few_stay(cache: Path) -> None:
    changed(Keep("things", "a" * 64, fill))
    (made,) = entries(cache)
    for number in range(6):
        older = cache / f"kept-older-{number}"
        older.mkdir()
        os.utime(older, (time.time() - 3600 * (number + 1),) * 2)
    in_use = cache / "kept-older-5"
    os.utime(in_use)
    changed(Keep("things", "b" * 64, fill))
    names = [path.name for path in entries(cache)]
    assert len(names) == 4
    assert {made.name, in_use.name} <= set(names)
    assert "kept-older-4" not in names


def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "fixtures", tmp_path / "fixtures")
    return tmp_path / "fixtures"


def digest_of(fixtures: Path, target: str = "reference") -> str | None:
    found = kept(fixtures, parse_target(target))
    return found.digest if found else None


def test_whatever_a_template_is_made_of_makes_another_digest(tmp_path: Path) -> None:
    fixtures = project(tmp_path)
    before = digest_of(fixtures)
    assert before == digest_of(fixtures)
    assert before != digest_of(fixtures, "legacy")
    migration = fixtures / "migrations" / "make_client_id_nullable.sql"
    migration.write_text(migration.read_text() + "\n-- a word more\n")
    with_another_migration = digest_of(fixtures)
    assert with_another_migration not in {before, None}
    rows = fixtures / "catalogues" / "production.yaml"
    rows.write_text(rows.read_text().replace("Bea Builder", "Ben Builder"))
    catalogue.cache_clear()  # which a process reads once
    assert digest_of(fixtures) not in {before, with_another_migration, None}


@pytest.mark.parametrize("target", ["defect:M1", "reference"])
def test_nothing_is_kept_of_a_schema_with_a_defect_or_a_project_with_a_mistake(tmp_path: Path, target: str) -> None:
    fixtures = project(tmp_path)
    if target == "reference":
        (fixtures / "migrations" / "history.txt").write_text("[nonsense]\n")
    assert digest_of(fixtures, target) is None
