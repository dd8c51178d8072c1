"""A database that is built once and cloned often."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import psycopg

from harness.postgres.database import Database
from harness.postgres.logins import Login

if TYPE_CHECKING:
    from harness.postgres.server import Server

__all__ = ["Template"]


class Template:
    """Something to clone: `Server.template` makes it. Its database is never connected to after it was built."""

    def __init__(self, server: Server, key: str, source: Database, owner: Login | None = None) -> None:
        self.server = server
        self.key = key
        self._source = source
        self._owner = owner
        self._lock = threading.Lock()
        self._derived: dict[str, Template] = {}

    @property
    def database(self) -> str:
        """The name of its database."""
        return self._source.name

    @classmethod
    def build(
        cls,
        server: Server,
        key: str,
        build: Callable[[psycopg.Connection[Any]], object],
        owner: Login | None = None,
        prepare: Callable[[psycopg.Connection[Any]], object] | None = None,
    ) -> Template:
        """Make the database and let `prepare` and `build` fill it; when that fails the database is dropped."""
        return cls._fill(server, key, server.create_database(owner=owner), build, owner, prepare)

    @classmethod
    def _fill(
        cls,
        server: Server,
        key: str,
        database: Database,
        build: Callable[[psycopg.Connection[Any]], object],
        owner: Login | None,
        prepare: Callable[[psycopg.Connection[Any]], object] | None = None,
    ) -> Template:
        try:
            if prepare is not None:
                with server.connect(database.name) as connection:
                    prepare(connection)
            with database.connect() as connection:
                build(connection)
            server.wait_for_exit(database.name)
        except BaseException:  # Ctrl-C too: a half-built template must not stay
            database.drop()
            raise
        return cls(server, key, database, owner)

    def clone(self) -> Database:
        """A new database with the same content."""
        return self.server.create_database(template=self._source.name, owner=self._owner)

    def derive(self, purpose: str, prepare: Callable[[psycopg.Connection[Any]], object]) -> Template:
        """This template with something added by `prepare`; made once for each `purpose`."""
        with self._lock:
            if purpose not in self._derived:
                key = f"{self.key}+{purpose}"
                self._derived[purpose] = self.server.kept(key) or self._fill(
                    self.server, key, self.clone(), prepare, self._owner
                )
            return self._derived[purpose]
