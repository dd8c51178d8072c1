"""A database that the harness made, and the mark that proves it.

Nothing destructive runs in a database without the mark (DESIGN.md section 3, "A production guard"): its name has
the harness's form *and* its comment says that it may be dropped. A name alone may be a coincidence.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from harness.errors import InputError, MachineError
from harness.postgres.dsn import Dsn, sqlalchemy_url

__all__ = ["MARK", "NAME_PATTERN", "Database", "check_mark", "drop_database", "end_connections", "marked"]

MARK = "booking-harness: a throwaway database, dropped without asking"
NAME_PATTERN = r"^harness_[0-9a-f]{8}_[0-9]+$"
_PATIENCE = 5.0  # seconds that connections get to end before a database is dropped with force

_MARKED: LiteralString = """
    SELECT d.datname ~ %s AND coalesce(pg_catalog.shobj_description(d.oid, 'pg_database') LIKE %s, false)
    FROM pg_catalog.pg_database d WHERE d.datname = %s
"""
_OTHERS: LiteralString = """
    SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
    WHERE datname = %s AND pid <> pg_catalog.pg_backend_pid()
"""


class Database:
    """One throwaway database. `on_drop` does the dropping, since that needs a connection to another database."""

    def __init__(self, parameters: Mapping[str, str], on_drop: Callable[[str], None]) -> None:
        self._parameters = dict(parameters)
        self._on_drop = on_drop
        self.name = self._parameters["dbname"]
        self.dsn = Dsn.of(self._parameters)
        self.sqlalchemy_url = sqlalchemy_url(self._parameters)

    def __repr__(self) -> str:
        return f"<Database {self.name}>"

    def connect(self, *, autocommit: bool = True) -> psycopg.Connection[Any]:
        """A new connection; the caller closes it."""
        return psycopg.connect(self.dsn, autocommit=autocommit)

    def drop(self) -> None:
        """End the connections to it and drop it; nothing happens when it is gone already.

        Raises InputError when it does not carry the harness's mark.
        """
        self._on_drop(self.name)


def marked(connection: psycopg.Connection[Any], name: str) -> bool | None:
    """Whether the database `name` carries the mark; None when there is no such database."""
    row = connection.execute(_MARKED, (NAME_PATTERN, f"{MARK}%", name)).fetchone()
    return None if row is None else bool(row[0])


def check_mark(connection: psycopg.Connection[Any], name: str) -> None:
    """Raise InputError when the database `name` was not made by the harness."""
    if not marked(connection, name):
        raise InputError(
            f"The database {name!r} was not made by the harness, so nothing is deleted or undone in it.",
            "Give the harness a server; it makes and drops databases of its own there, named harness_….",
        )


def drop_database(connection: psycopg.Connection[Any], name: str) -> None:
    """Drop the marked database `name` over a connection to another one; absent is fine."""
    if marked(connection, name) is None:
        return
    check_mark(connection, name)
    end_connections(connection, name)
    try:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    except (psycopg.errors.ObjectInUse, psycopg.errors.InsufficientPrivilege) as error:
        raise MachineError(
            f"The database {name} cannot be dropped: {str(error).splitlines()[0]}.",
            "Somebody with more rights is connected to it; the next start drops it when that has ended.",
        ) from error


def end_connections(connection: psycopg.Connection[Any], name: str) -> None:
    """End all other connections to `name` and wait for their exit: far faster than DROP's own waiting.

    Those of somebody with more rights cannot be ended, only waited for.
    """
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
            if not connection.execute(_OTHERS, (name,)).fetchall():
                return
        time.sleep(0.001)
