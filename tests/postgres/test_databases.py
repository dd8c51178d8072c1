"""Databases of the harness's own, and the guard in front of all others."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import create_engine, text

from harness.errors import InputError
from harness.postgres import Server, Template
from harness.postgres.database import drop_database
from harness.postgres.dsn import Dsn, sqlalchemy_url


def names(server: Server) -> set[str]:
    return {name for (name,) in server.admin("SELECT datname FROM pg_database")}


def test_a_database_can_be_used_and_dropped(server: Server) -> None:
    database = server.create_database()
    with database.connect() as connection:
        assert connection.execute("SELECT current_database()").fetchone() == (database.name,)
    database.drop()
    database.drop()
    assert database.name not in names(server)


def test_dropping_ends_the_connections(server: Server) -> None:
    database = server.create_database()
    connection = database.connect()
    database.drop()
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connection.close()


def test_sqlalchemy_connects_by_the_url(server: Server) -> None:
    database = server.create_database()
    engine = create_engine(database.sqlalchemy_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT current_database()")).scalar() == database.name
    engine.dispose()
    database.drop()


@pytest.mark.parametrize(
    ("parameters", "url"),
    [
        ({"host": "h", "port": "5", "user": "u", "password": "p@ss/?", "dbname": "d"},
         "postgresql+psycopg://u:p%40ss%2F%3F@h:5/d"),
        ({"host": "/run/a b", "port": "5432", "user": "u", "dbname": "d"},
         "postgresql+psycopg://u@/d?host=%2Frun%2Fa%20b&port=5432"),
        ({"host": "::1", "user": "u", "dbname": "d", "sslmode": "require"},
         "postgresql+psycopg://u@[::1]/d?sslmode=require"),
    ],
)  # fmt: skip
def test_urls_quote_what_needs_it(parameters: dict[str, str], url: str) -> None:
    assert sqlalchemy_url(parameters) == url
    arguments = create_engine(url).dialect.create_connect_args(create_engine(url).url)[1]
    assert {name: str(value) for name, value in arguments.items() if name in parameters} == parameters


def test_a_password_is_in_the_string_but_not_in_its_repr() -> None:
    dsn = Dsn.of({"host": "h", "user": "u", "password": "hush", "dbname": "d"})
    assert "hush" in dsn
    assert "hush" not in repr(dsn)
    assert "hush" not in f"{[dsn]}"


def test_a_template_is_built_once(server: Server) -> None:
    built = []

    def build(connection: psycopg.Connection[Any]) -> None:
        built.append(connection)
        connection.execute("CREATE TABLE t AS SELECT 7 AS i")

    one, other = (server.template("once", build).clone() for _ in range(2))
    assert len(built) == 1
    for database in (one, other):
        with database.connect() as connection:
            assert connection.execute("SELECT i FROM t").fetchone() == (7,)
            connection.execute("DELETE FROM t")
        database.drop()


def test_a_template_whose_building_fails_leaves_nothing_and_can_be_tried_again(server: Server) -> None:
    before = names(server)
    with pytest.raises(psycopg.errors.SyntaxError):
        server.template("broken", lambda connection: connection.execute("CREATE") and None)
    assert names(server) == before
    assert isinstance(server.template("broken", lambda connection: None), Template)


@pytest.mark.parametrize("name", ["the_books", "harness_0123abcd_1"])
def test_a_database_without_the_mark_is_never_dropped(server: Server, name: str) -> None:
    server.admin(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    with psycopg.connect(server.admin_dsn, autocommit=True) as connection:
        with pytest.raises(InputError, match=f"'{name}' was not made by the harness, so nothing is deleted") as caught:
            drop_database(connection, name)
        assert "it makes and drops databases of its own" in caught.value.remedy
    assert name in names(server)
    server.admin(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def test_a_mark_under_another_name_does_not_count(server: Server) -> None:
    database = server.create_database()
    server.admin(sql.SQL("ALTER DATABASE {} RENAME TO renamed").format(sql.Identifier(database.name)))
    with psycopg.connect(server.admin_dsn, autocommit=True) as connection, pytest.raises(InputError):
        drop_database(connection, "renamed")
    server.admin("DROP DATABASE renamed")
