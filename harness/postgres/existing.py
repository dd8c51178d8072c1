"""A server that somebody else runs: connected to, never started or stopped.

Only databases that the harness made there are touched. Those of a harness that died are dropped by the next one:
a live harness holds an advisory lock on the number of its run, so a run whose lock is free is over.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from harness.errors import InputError, MachineError
from harness.postgres.database import MARK, NAME_PATTERN, drop_database
from harness.postgres.dsn import Dsn, misread, without_password
from harness.postgres.logins import LOGIN_PATTERN, drop_login
from harness.redaction import mask_address

__all__ = ["OLDEST_MAJOR", "connect_existing", "hold_run", "sweep_databases"]

OLDEST_MAJOR = 14


def connect_existing(url: str) -> tuple[dict[str, str], str]:
    """The libpq parameters of `url` and the server's version.

    InputError when the URL is wrong; MachineError when the server does not answer or may not be used.
    """
    try:
        parameters = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except psycopg.ProgrammingError as error:
        said = without_password(str(error).strip().rstrip("."), url)
        raise InputError(f"{mask_address(url)} is not a database URL: {said}.", misread(url)) from None
    parameters.setdefault("dbname", "postgres")
    return parameters, _examine(parameters, url)


def _examine(parameters: dict[str, str], url: str) -> str:
    shown = mask_address(url)
    try:
        with psycopg.connect(Dsn.of({"connect_timeout": "10"} | parameters), autocommit=True) as connection:
            return _usable_version(connection, shown)
    except psycopg.OperationalError as error:
        said = without_password(str(error).strip().split("\n")[0].rstrip("."), url)
        remedy = misread(url) or "Is it up, and may this user connect?"
        raise MachineError(f"The database server {shown} does not answer: {said}.", remedy) from None


def _usable_version(connection: psycopg.Connection[Any], shown: str) -> str:
    row = connection.execute(
        "SELECT current_setting('server_version'), current_setting('server_version_num')::int / 10000,"
        " rolcreatedb OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"
    ).fetchone()
    version, major, may_create = row or ("unknown", 0, False)
    if major < OLDEST_MAJOR:
        raise MachineError(
            f"The database server {shown} is PostgreSQL {version}; the harness needs {OLDEST_MAJOR} or newer.",
            "Choose another server, or --database embedded.",
        )
    if not may_create:
        raise MachineError(
            f"The user of {shown} may not make databases, and the harness works in databases of its own only.",
            "Grant it CREATEDB (ALTER ROLE … CREATEDB), or choose --database embedded.",
        )
    return str(version).split()[0]


def hold_run(connection: psycopg.Connection[Any], run: str) -> None:
    """Say on this connection, for as long as it lives, that `run` (eight hex digits) is alive."""
    connection.execute("SELECT pg_advisory_lock(%s, %s)", (_LOCK_SPACE, _lock_number(run)))


def sweep_databases(connection: psycopg.Connection[Any]) -> int:
    """Drop the marked databases of runs that are over, then their logins; the number of databases dropped."""
    rows = connection.execute(
        "SELECT datname FROM pg_catalog.pg_database WHERE datname ~ %s"
        " AND pg_catalog.shobj_description(oid, 'pg_database') LIKE %s ORDER BY datname",
        (NAME_PATTERN, f"{MARK}%"),
    ).fetchall()
    swept = sum(_sweep_one(connection, str(name), drop_database) for (name,) in rows)
    logins = connection.execute(
        "SELECT rolname FROM pg_catalog.pg_roles WHERE rolname ~ %s"
        " AND pg_catalog.shobj_description(oid, 'pg_authid') LIKE %s ORDER BY rolname",
        (LOGIN_PATTERN, f"{MARK}%"),
    ).fetchall()
    for (name,) in logins:
        _sweep_one(connection, str(name), drop_login)
    return swept


_LOCK_SPACE = 0x626F6F6B  # "book"


def _lock_number(run: str) -> int:
    return int(run, 16) - 2**31


def _sweep_one(
    connection: psycopg.Connection[Any], name: str, drop: Callable[[psycopg.Connection[Any], str], None]
) -> bool:
    found = re.match("harness_([0-9a-f]{8})_", name)
    if found is None:
        return False
    key = (_LOCK_SPACE, _lock_number(found.group(1)))
    row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", key).fetchone()
    if row is None or not row[0]:
        return False
    try:
        drop(connection, name)
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s, %s)", key)
    return True
