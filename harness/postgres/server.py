"""A server in use: its databases, and its templates, each built once."""

from __future__ import annotations

import itertools
import os
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, LiteralString, Self, TypeVar

import psycopg
from psycopg import sql

from harness.errors import MachineError
from harness.postgres.database import MARK, Database, drop_database, end_connections
from harness.postgres.dsn import Dsn
from harness.postgres.endings import close_at_the_end, forget
from harness.postgres.existing import hold_run, sweep_databases
from harness.postgres.logins import Login, drop_login, make_login, make_role
from harness.postgres.places import room_remedy
from harness.postgres.records import ServerInfo
from harness.postgres.template import Template

__all__ = ["Server"]

Answer = TypeVar("Answer")


class Server:
    """A PostgreSQL server. `owned` says that the harness started it, so that everything on it is the harness's;
    `sandboxes` counts those that are open on it.

    Use it as a context manager, or call close(); it is closed at the end of the process in any case. One thread
    at a time uses its administrative connection; databases and sandboxes are independent of each other.
    """

    def __init__(
        self,
        info: ServerInfo,
        parameters: Mapping[str, str],
        *,
        owned: bool,
        stop: Callable[[], None] | None = None,
        explain: Callable[[], str] | None = None,
        kept: Mapping[str, str] | None = None,
    ) -> None:
        self.info = info
        self.owned = owned
        self.admin_dsn = Dsn.of(parameters)
        self._parameters = dict(parameters)
        self._stop = stop
        self._explain = explain  # the last words of the server's log
        self._kept = dict(kept or {})  # the databases of templates that came with it, by their keys
        self._run = secrets.token_hex(4)
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._admin: psycopg.Connection[Any] | None = None
        self._databases: dict[str, Database] = {}
        self._templates: dict[str, Template] = {}
        self._logins: dict[str, Login] = {}
        self._process = os.getpid()
        self._closed = False
        self.sandboxes = 0
        close_at_the_end(self)

    def __repr__(self) -> str:
        return f"<Server {self.info.kind} {self.info.version}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def major(self) -> int:
        """The server's major version, like 18."""
        return int(self.info.version.split(".")[0].split("b")[0].split("r")[0])

    def create_database(self, *, template: str | None = None, owner: Login | None = None) -> Database:
        """Make a database, empty or a copy of the database `template` (to which nobody may be connected).

        With `owner` it belongs to that login, and connections to it are that login's.
        """
        with self._lock:
            name = f"harness_{self._run}_{next(self._numbers)}"
            self._create(name, template, owner)
            user = {"user": owner.name, "password": owner.password} if owner else {}
            database = Database(self._parameters | user | {"dbname": name}, self._drop)
            self._databases[name] = database
            return database

    def template(
        self,
        key: str,
        build: Callable[[psycopg.Connection[Any]], object],
        *,
        owner: Login | None = None,
        prepare: Callable[[psycopg.Connection[Any]], object] | None = None,
    ) -> Template:
        """The template called `key`; the first call builds it: `build` gets an autocommit connection to an empty
        database. What `build` raises passes through, and leaves no database behind.

        With `owner` it and its clones belong to that login, as which `build` connects too; `prepare` comes first and
        has the server's own rights.
        """
        with self._lock:
            name = f"{key} of {owner.name}" if owner else key
            if name not in self._templates:
                kept = self.kept(name)
                self._templates[name] = kept or Template.build(self, key, build, owner, prepare)
            return self._templates[name]

    def kept(self, key: str) -> Template | None:
        """The template called `key` that came with this server, if one did."""
        name = self._kept.get(key)
        return Template(self, key, Database(self._parameters | {"dbname": name}, self._drop)) if name else None

    def may_confine(self) -> bool:
        """Whether `login` works here: the server's own login is a superuser."""
        with self._lock:
            return self._connection().info.parameter_status("is_superuser") == "on"

    def login(self, key: str, attributes: Sequence[str] = (), member_of: Sequence[str] = ()) -> Login:
        """The login called `key`, made on the first call; it lasts as long as this server is in use."""
        with self._lock:
            if key not in self._logins:
                name = f"harness_{self._run}_login_{next(self._numbers)}"
                self._logins[key] = make_login(self._connection(), name, key, attributes, member_of)
            return self._logins[key]

    def add_role(self, name: str, login: Login | None) -> bool:
        """A role of that name, without rights, with `login` as its member. False on a server that the harness did not
        start, and when there is another role of that name."""
        with self._lock:
            return self.owned and make_role(self._connection(), name, login)

    def add_member(self, role: str, member: str) -> None:
        """Let one role that was added do what another may."""
        self.admin(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(member)))

    def let_create(self, database: Database, role: str) -> None:
        """Let a role make schemas in a database, as in production those do who own what is in it."""
        self.admin(
            sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(sql.Identifier(database.name), sql.Identifier(role))
        )

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """A connection with the server's own rights; the caller closes it."""
        return psycopg.connect(Dsn.of(self._parameters | {"dbname": database}), autocommit=True)

    def admin(self, query: LiteralString | sql.Composed, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Run a statement outside any of the harness's databases; its rows, or none."""
        with self._lock:
            text = sql.SQL(query) if isinstance(query, str) else query
            cursor = self._asking(lambda connection: connection.execute(text, parameters or None))
            return cursor.fetchall() if cursor.description else []

    def wait_for_exit(self, name: str) -> None:
        """End all connections to one of the harness's databases; returns when their processes are gone."""
        with self._lock:
            self._asking(lambda connection: end_connections(connection, name))

    def claim(self) -> int:
        """On a server that others use: say that this run is alive, and drop what dead runs left. The number dropped."""
        with self._lock:
            return self._asking(sweep_databases)

    def close(self) -> None:
        """Drop the databases or stop the server, whichever leaves nothing behind. Does nothing the second time,
        and nothing in a forked child."""
        if self._closed or os.getpid() != self._process:
            return
        self._closed = True
        forget(self)
        with self._lock:
            try:
                if not self.owned:
                    self._drop_all()
            finally:
                if self._admin is not None:
                    self._admin.close()
                if self._stop is not None:
                    self._stop()

    def _asking(self, ask: Callable[[psycopg.Connection[Any]], Answer]) -> Answer:
        """Ask again over a new connection when somebody, such as a scenario, had ended this one."""
        try:
            return ask(self._connection())
        except psycopg.OperationalError:
            if self._admin is None or not self._admin.closed:
                raise
        return ask(self._connection())

    def _connection(self) -> psycopg.Connection[Any]:
        if self._admin is None or self._admin.closed:
            try:
                self._admin = psycopg.connect(self.admin_dsn, autocommit=True, connect_timeout=10)
                if not self.owned:
                    hold_run(self._admin, self._run)
            except psycopg.OperationalError as error:
                raise self._unreachable(error) from error
        return self._admin

    def _unreachable(self, error: psycopg.Error) -> MachineError:
        said = self._explain() if self._explain else ""
        if remedy := room_remedy(said):
            return MachineError(f"There is no room left, so the database server stopped: {said}.", remedy)
        return MachineError(f"The database server does not answer: {_first_line(error)}.", "Is it up?")

    def _create(self, name: str, template: str | None, owner: Login | None) -> None:
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if owner is not None:
            statement += sql.SQL(" OWNER {}").format(sql.Identifier(owner.name))
        if template is not None:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
            if self.major >= 15:  # a copy of the files; before 15 the only way
                statement += sql.SQL(" STRATEGY file_copy")
        try:
            self.admin(statement)
        except (psycopg.errors.DiskFull, psycopg.errors.IoError) as error:
            raise MachineError(f"There is no room for another database: {_first_line(error)}.", "Free some.") from error
        mark = sql.Literal(f"{MARK}; run {self._run}")
        self.admin(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), mark))

    def _drop(self, name: str) -> None:
        if self._closed:
            return
        with self._lock:
            self._asking(lambda connection: drop_database(connection, name))
            self._databases.pop(name, None)

    def _drop_all(self) -> None:
        for name in list(self._databases):
            self._asking(partial(drop_database, name=name))
        for login in self._logins.values():
            drop_login(self._connection(), login.name)


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().split("\n")[0].rstrip(".")
