"""What all databases of a server share: roles, memberships, settings, databases, tablespaces, ALTER SYSTEM.

A new clone does not undo these, so they are compared with the state in the beginning and put back one by one, by
the statements a person would use. That happens only on a server that the harness started, while a single sandbox is
open on it: elsewhere nobody can tell whose change it is, and it is reported and left alone. Workers whose scenarios
make roles or change settings therefore need a server each.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from msgspec import Struct
from psycopg import sql

if TYPE_CHECKING:
    from harness.postgres.server import Server

__all__ = ["SharedGuard", "SharedState"]

_ROLES: LiteralString = """
    SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls,
           rolconnlimit, rolpassword, rolvaliduntil::text,
           (SELECT description FROM pg_shdescription d WHERE d.objoid = r.oid AND d.classoid = 'pg_authid'::regclass)
    FROM pg_authid r
"""
_MEMBERS: LiteralString = """
    SELECT r.rolname, u.rolname, to_jsonb(m) - 'oid' - 'roleid' - 'member' - 'grantor' FROM pg_auth_members m
    JOIN pg_authid r ON r.oid = m.roleid JOIN pg_authid u ON u.oid = m.member
"""
_SETTINGS: LiteralString = """
    SELECT d.datname, r.rolname, s.setconfig FROM pg_db_role_setting s
    LEFT JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole
    WHERE d.datname IS NULL OR d.datname !~ '^harness_[0-9a-f]{8}_[0-9]+$'
"""
_DATABASES: LiteralString = """
    SELECT datname, datistemplate, datallowconn, datconnlimit, datacl::text FROM pg_database
    WHERE datname !~ '^harness_[0-9a-f]{8}_[0-9]+$'
"""
_SYSTEM: LiteralString = "SELECT name, setting FROM pg_file_settings WHERE sourcefile LIKE '%postgresql.auto.conf'"
_ATTRIBUTES = ("SUPERUSER", "INHERIT", "CREATEROLE", "CREATEDB", "LOGIN", "REPLICATION", "BYPASSRLS")
_LISTS = frozenset(
    {
        "search_path",
        "temp_tablespaces",
        "local_preload_libraries",
        "session_preload_libraries",
        "shared_preload_libraries",
        "unix_socket_directories",
    }
)

Row = tuple[Any, ...]
Connection = psycopg.Connection[Any]


class SharedState(Struct, frozen=True):
    """All of it, by name. Each value is a row of the query above that reads it."""

    roles: dict[str, Row]
    members: dict[tuple[str, str], dict[str, Any]]
    settings: dict[tuple[str | None, str | None], tuple[str, ...]]
    databases: dict[str, Row]
    tablespaces: frozenset[str]
    slots: frozenset[str]
    system: dict[str, str]

    @classmethod
    def read(cls, connection: Connection) -> SharedState:
        """The state now. Needs a superuser."""

        def rows(query: LiteralString) -> list[Row]:
            return connection.execute(query).fetchall()

        return cls(
            roles={row[0]: row for row in rows(_ROLES)},
            members={(role, member): options for role, member, options in rows(_MEMBERS)},
            settings={(database, role): tuple(config) for database, role, config in rows(_SETTINGS)},
            databases={row[0]: row for row in rows(_DATABASES)},
            tablespaces=frozenset(name for (name,) in rows("SELECT spcname FROM pg_tablespace")),
            slots=frozenset(name for (name,) in rows("SELECT slot_name FROM pg_replication_slots")),
            system=dict(rows(_SYSTEM)),
        )


class SharedGuard:
    """Notices after a scenario that the shared state changed, and puts it back where that is safe."""

    def __init__(self, server: Server, connection: Connection) -> None:
        self._server = server
        self._before = SharedState.read(connection)
        self._fingerprint = _fingerprint(connection)

    def check(self, connection: Connection, fingerprint: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What was put back, and what was left alone, in words. `fingerprint` is that of harness.shared() now.

        The database that held what new roles own must be gone already.
        """
        if fingerprint == self._fingerprint:
            return (), ()
        if self._server.owned and self._server.sandboxes == 1:
            put_back, left_alone = _put_back(connection, self._before)
        else:
            now = SharedState.read(connection)
            put_back, left_alone = (), tuple(what for what, _ in _statements(now, self._before))
            self._before = now
        self._fingerprint = _fingerprint(connection)
        return put_back, left_alone


def _fingerprint(connection: Connection) -> str:
    row = connection.execute("SELECT harness.shared()").fetchone()
    return str(row[0]) if row else ""


def _put_back(connection: Connection, before: SharedState) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Make the shared state what it was; what was put back, and what could not be."""
    now = SharedState.read(connection)
    done = []
    for what, statement in _statements(now, before):
        connection.execute(statement)
        done.append(what)
    if now.system != before.system:
        _reload(connection)
    after = SharedState.read(connection)
    different = (name for name in SharedState.__struct_fields__ if getattr(after, name) != getattr(before, name))
    return tuple(done), tuple(f"{name} of the server differ" for name in different)


Step = tuple[str, sql.Composed]


def _statements(now: SharedState, before: SharedState) -> Iterator[Step]:
    for name in sorted(now.databases.keys() - before.databases.keys()):
        yield f"database {name} made", _named("DROP DATABASE {} WITH (FORCE)", name)
    for name in sorted(now.tablespaces - before.tablespaces):
        yield f"tablespace {name} made", _named("DROP TABLESPACE {}", name)
    for name in sorted(now.slots - before.slots):
        yield f"replication slot {name} made", sql.SQL("SELECT pg_drop_replication_slot({})").format(sql.Literal(name))
    yield from _roles(now, before)
    yield from _members(now, before)
    yield from _settings(now, before)
    yield from _system(now, before)


def _named(statement: LiteralString, *names: str) -> sql.Composed:
    return sql.SQL(statement).format(*map(sql.Identifier, names))


def _roles(now: SharedState, before: SharedState) -> Iterator[Step]:
    for name in sorted(now.roles.keys() - before.roles.keys()):
        yield f"role {name} made", _named("DROP OWNED BY {0} CASCADE; DROP ROLE {0}", name)
    for name, row in sorted(before.roles.items()):
        if name not in now.roles:
            yield f"role {name} dropped", _named("CREATE ROLE {}", name)
        if now.roles.get(name) != row:
            yield f"role {name} changed", _role(row)


def _role(row: Row) -> sql.Composed:
    name, *flags, limit, password, until, comment = row
    words = " ".join(word if flag else f"NO{word}" for word, flag in zip(_ATTRIBUTES, flags, strict=True))
    return sql.SQL(
        "ALTER ROLE {name} WITH {words} CONNECTION LIMIT {limit} PASSWORD {password};"
        " UPDATE pg_authid SET rolvaliduntil = {until}::timestamptz WHERE rolname = {text};"  # SQL has no word for NULL
        " COMMENT ON ROLE {name} IS {comment}"
    ).format(
        name=sql.Identifier(name),
        text=sql.Literal(name),
        words=sql.SQL(words),
        limit=sql.Literal(limit),
        password=sql.Literal(password),
        until=sql.Literal(until),
        comment=sql.Literal(comment),
    )


def _members(now: SharedState, before: SharedState) -> Iterator[Step]:
    known = before.roles.keys()
    for (role, member), options in sorted(now.members.items(), key=lambda item: item[0]):
        if before.members.get((role, member)) != options and {role, member} <= known:
            yield f"membership of {member} in {role} made", _named("REVOKE {} FROM {} CASCADE", role, member)
    for (role, member), options in sorted(before.members.items(), key=lambda item: item[0]):
        if now.members.get((role, member)) != options:
            yield f"membership of {member} in {role} ended", _grant(role, member, options)


def _grant(role: str, member: str, options: dict[str, Any]) -> sql.Composed:
    statement = _named("GRANT {} TO {}", role, member)
    if "set_option" not in options:  # before PostgreSQL 16
        return statement + sql.SQL(" WITH ADMIN OPTION" if options["admin_option"] else "")
    words = {name.removesuffix("_option").upper(): str(value).upper() for name, value in sorted(options.items())}
    return statement + sql.SQL(" WITH " + ", ".join(f"{name} {value}" for name, value in words.items()))


def _settings(now: SharedState, before: SharedState) -> Iterator[Step]:
    for key in sorted(now.settings.keys() | before.settings.keys(), key=str):
        database, role = key
        gone = (database or "") in now.databases.keys() - before.databases.keys() or (
            role is not None and role not in before.roles
        )
        if now.settings.get(key) == before.settings.get(key) or gone:
            continue
        subject = _subject(database, role)
        yield f"settings of {role or 'all roles'} in {database or 'all databases'}", subject + sql.SQL(" RESET ALL")
        for setting in before.settings.get(key, ()):
            name, _, value = setting.partition("=")
            yield f"setting {name}", subject + sql.SQL(" ") + _assignment(name, value)


def _subject(database: str | None, role: str | None) -> sql.Composed:
    if role is None:
        return _named("ALTER DATABASE {}", database) if database else sql.SQL("ALTER ROLE ALL").format()
    where = _named(" IN DATABASE {}", database) if database else sql.SQL("").format()
    return _named("ALTER ROLE {}", role) + where


def _system(now: SharedState, before: SharedState) -> Iterator[Step]:
    for name in sorted(now.system.keys() | before.system.keys()):
        if now.system.get(name) == before.system.get(name):
            continue
        value = before.system.get(name)
        change = _named("RESET {}", name) if value is None else _assignment(name, value)
        yield f"ALTER SYSTEM {name}", sql.SQL("ALTER SYSTEM ") + change


def _assignment(name: str, value: str) -> sql.Composed:
    """SET name TO value. The catalogue keeps the value of a setting that is a list of names as SQL already."""
    words = sql.SQL(value) if name in _LISTS else sql.Literal(value)
    return sql.SQL("SET {} TO {}").format(sql.Identifier(*name.split(".")), words)


def _reload(connection: Connection) -> None:
    """Read the configuration again, and wait (at most a second) until the server has."""
    loaded = connection.execute("SELECT pg_conf_load_time(), pg_reload_conf()").fetchone()
    deadline = time.monotonic() + 1
    while loaded and time.monotonic() < deadline:
        time.sleep(0.002)
        if connection.execute("SELECT pg_conf_load_time()").fetchone() != loaded[:1]:
            return
