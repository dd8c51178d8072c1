"""A server that others use: databases of the harness's own, and nothing else touched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from harness.errors import InputError, MachineError
from harness.postgres import Sandbox, Server, open_server
from harness.postgres.dsn import Dsn
from tests.postgres.processes import Machine, harness
from tests.postgres.shop import SHOP, state_of


@pytest.fixture(scope="module")
def theirs() -> Iterator[Server]:
    """A server of its own for this module, in the part of somebody else's."""
    with open_server("embedded") as server:
        server.admin("CREATE ROLE maker LOGIN CREATEDB; CREATE ROLE reader LOGIN")
        server.admin("CREATE DATABASE books")
        yield server


def url(server: Server, user: str = "postgres", database: str = "books") -> str:
    directory = server._parameters["host"]
    return f"postgresql://{user}@/{database}?host={directory}"


def names(server: Server) -> set[str]:
    return {name for (name,) in server.admin("SELECT datname FROM pg_database")}


@pytest.mark.parametrize("user", ["postgres", "maker"])
def test_its_own_databases_come_and_go(theirs: Server, user: str) -> None:
    before = names(theirs)
    with open_server(url(theirs, user)) as server:
        assert server.info.kind == "existing"
        with Sandbox(server.template("t", lambda connection: connection.execute("CREATE TABLE t (i int)") and None)):
            assert len(names(theirs) - before) == 3
        server.create_database()
    assert names(theirs) == before


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM customer",
        "CREATE TABLE extra (i int)",
        "ALTER TABLE customer DROP COLUMN name CASCADE",
        "SELECT nextval('ticket')",
    ],
)
def test_without_a_superuser_each_scenario_gets_a_new_clone(theirs: Server, statement: str) -> None:
    with (
        open_server(url(theirs, "maker")) as server,
        Sandbox(server.template("shop", lambda connection: connection.execute(SHOP) and None)) as sandbox,
    ):
        before = _rows(theirs, sandbox)
        sandbox.begin()
        sandbox.execute(statement)
        assert len(sandbox.changes()) == (40 if "DELETE" in statement else 0)
        assert sandbox.reset().replaced
        assert _rows(theirs, sandbox) == before


def _rows(theirs: Server, sandbox: Sandbox) -> dict[str, Any]:
    parameters = theirs._parameters | {"dbname": sandbox.database.name}
    with psycopg.connect(Dsn.of(parameters), autocommit=True) as connection:
        return state_of(connection)


def test_a_transaction_left_open_is_ended_without_a_superuser_too(theirs: Server) -> None:
    with (
        open_server(url(theirs, "maker")) as server,
        Sandbox(
            server.template("t", lambda connection: connection.execute("CREATE TABLE t (i int)") and None)
        ) as sandbox,
        sandbox.database.connect(autocommit=False) as app,
    ):
        app.execute("INSERT INTO t VALUES (1)")
        assert len(sandbox.reset().terminated) == 1
        with pytest.raises(psycopg.OperationalError):
            app.commit()


def test_roles_and_settings_of_others_are_told_and_left_alone(theirs: Server) -> None:
    with open_server(url(theirs)) as server, Sandbox(server.template("e", lambda connection: None)) as sandbox:
        sandbox.execute("CREATE ROLE newcomer")
        assert sandbox.reset().left_alone == ("role newcomer made",)
        assert theirs.admin("SELECT 1 FROM pg_roles WHERE rolname = 'newcomer'") == [(1,)]
    theirs.admin("DROP ROLE newcomer")


def test_databases_of_a_dead_harness_are_dropped_by_the_next_one(theirs: Server, tmp_path: Path) -> None:
    before = names(theirs)
    machine = Machine(tmp_path / "c", tmp_path / "r")
    with harness(machine, "time.sleep(60)", choice=url(theirs)) as process:
        process.kill()
        process.wait()
        assert len(names(theirs) - before) == 3
        notes: list[str] = []
        open_server(url(theirs), note=notes.append).close()
        assert names(theirs) == before
        assert notes[0] == "Dropped 3 database(s) that an earlier run had to leave behind."


def test_databases_of_a_live_harness_are_left_alone(theirs: Server) -> None:
    with open_server(url(theirs)) as one:
        database = one.create_database()
        open_server(url(theirs)).close()
        with database.connect() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_database_that_only_looks_like_the_harnesss_is_not_swept(theirs: Server) -> None:
    theirs.admin("CREATE DATABASE harness_0123abcd_7")
    open_server(url(theirs)).close()
    assert "harness_0123abcd_7" in names(theirs)
    theirs.admin("DROP DATABASE harness_0123abcd_7")


def test_a_user_who_may_make_no_databases_is_refused(theirs: Server) -> None:
    with pytest.raises(MachineError, match="may not make databases") as caught:
        open_server(url(theirs, "reader"))
    assert "CREATEDB" in caught.value.remedy


def test_a_server_that_does_not_answer() -> None:
    with pytest.raises(MachineError, match="does not answer") as caught:
        open_server("postgresql://u:secret@127.0.0.1:1/d")
    assert "secret" not in str(caught.value)
    assert "Is it up" in caught.value.remedy


def test_a_url_that_cannot_be_read() -> None:
    with pytest.raises(InputError, match="is not a database URL") as caught:
        open_server("postgresql://u:secret@h/d?nonsense=1")
    assert "secret" not in str(caught.value)


def test_the_password_is_nowhere_in_what_is_recorded(theirs: Server) -> None:
    with_password = url(theirs).replace("postgres@", "postgres:secret@")
    notes: list[str] = []
    with open_server(with_password, note=notes.append) as server:
        assert "secret" not in f"{server!r} {server.info} {server.admin_dsn!r} {notes}"
        assert "secret" in server.admin_dsn


def test_a_lost_connection_of_the_administrator_is_made_again_with_its_lock(theirs: Server) -> None:
    with open_server(url(theirs)) as server:
        server.create_database()
        theirs.admin(
            sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}").format(
                sql.Literal("books")
            )
        )
        database = server.create_database()
        open_server(url(theirs)).close()
        assert database.name in names(theirs)
