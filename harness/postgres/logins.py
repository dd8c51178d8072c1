"""Logins with few rights: they own databases of the harness's, and nothing else on the server.

What somebody else wrote (a migration, a dump) runs as such a login, so that the server itself refuses what would reach
outside its database: files and programs, other databases, roles, settings of the server.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from harness.postgres.database import MARK

__all__ = ["LOGIN_PATTERN", "Login", "drop_login", "make_login", "make_role"]

LOGIN_PATTERN = r"^harness_[0-9a-f]{8}_login_[0-9]+$"


@dataclass(frozen=True, slots=True)
class Login:
    """A role of the harness's own that may log in. `key` tells logins with other rights apart."""

    name: str
    key: str
    password: str = field(repr=False)


def make_login(
    connection: psycopg.Connection[Any], name: str, key: str, attributes: Sequence[str], member_of: Sequence[str]
) -> Login:
    """Make the role `name` over a superuser's connection. `attributes` are words of CREATE ROLE, `member_of` are roles.

    It may switch triggers off in its sessions, as loading rows needs, and row security does not hide its own rows.
    """
    login = Login(name, key, secrets.token_hex(16))
    verifier = connection.pgconn.encrypt_password(login.password.encode(), name.encode(), b"scram-sha-256").decode()
    words = sql.SQL(" ").join(sql.SQL(word) for word in ("LOGIN", "BYPASSRLS", *attributes))
    role = sql.Identifier(name)
    connection.execute(sql.SQL("CREATE ROLE {} {} PASSWORD {}").format(role, words, sql.Literal(verifier)))
    connection.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(role, sql.Literal(f"{MARK}; a login")))
    connection.execute(sql.SQL("ALTER ROLE {} SET lc_messages = 'C'").format(role))
    if connection.info.server_version >= 150000:
        connection.execute(sql.SQL("GRANT SET ON PARAMETER session_replication_role TO {}").format(role))
    for group in member_of:
        connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), role))
    return login


def make_role(connection: psycopg.Connection[Any], name: str, login: Login | None) -> bool:
    """Make a role that cannot log in, with `login` as its member, if there is one. False when there is another one of that name."""
    known = "SELECT coalesce(shobj_description(oid, 'pg_authid') LIKE %s, false) FROM pg_catalog.pg_roles WHERE rolname = %s"
    row = connection.execute(known, (f"{MARK}; a role%", name)).fetchone()
    if row is not None and not row[0]:
        return False
    role = sql.Identifier(name)
    if row is None:
        connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(role))
        connection.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(role, sql.Literal(f"{MARK}; a role")))
    if login is not None:
        connection.execute(sql.SQL("GRANT {} TO {}").format(role, sql.Identifier(login.name)))
    return True


def drop_login(connection: psycopg.Connection[Any], name: str) -> None:
    """Drop a login whose databases are gone; absent is fine."""
    if connection.execute("SELECT FROM pg_catalog.pg_roles WHERE rolname = %s", (name,)).fetchone() is not None:
        connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))  # its right to a parameter
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))
