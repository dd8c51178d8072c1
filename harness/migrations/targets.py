"""The database that `apply` goes to: its address without its password, and how it stands now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from harness.errors import InputError, MachineError
from harness.postgres.dsn import misread, without_password
from harness.redaction import mask_address

__all__ = ["TargetDatabase", "identifier", "invalid_indexes", "open_target", "shown", "situation"]

ADVISORY_KEY = 72707369  # Prisma's own: its deploy and this command exclude each other (MIGRATIONS.md 4)
_NOT_LIBPQ = {
    "schema",
    "connection_limit",
    "pool_timeout",
    "pgbouncer",
    "socket_timeout",
    "sslaccept",
    "statement_cache_size",
}


@dataclass(frozen=True, slots=True)
class TargetDatabase:
    """An open connection and how to name the database without saying a secret."""

    connection: psycopg.Connection[Any]
    name: str


def shown(url: str) -> str:
    """`user@host:port/database`, never the password; raises InputError when this is no address."""
    parts = _parameters(url)
    if misread(url, _for_libpq(url)):  # its "host" or "database" is a piece of a password
        return mask_address(url)
    host = parts.get("host") or parts.get("hostaddr") or "local socket"
    return f"{parts.get('user', '?')}@{host}:{parts.get('port', 5432)}/{parts.get('dbname', '?')}"


def open_target(url: str, *, read_only: bool) -> TargetDatabase:
    """Connect; Prisma's own URL parameters are understood or left out. Raises InputError or MachineError."""
    parameters = _parameters(url)
    try:
        connection = psycopg.connect(make_conninfo(**parameters), autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as problem:
        words = str(problem).splitlines()[0]
        clean = without_password(words, url)
        remedy = misread(url, _for_libpq(url)) or "Check DATABASE_URL and that the server is up."
        raise MachineError(f"{shown(url)} does not answer: {clean.rstrip('.')}.", remedy) from None
    connection.execute("SET application_name = 'harness migrate apply'")
    if read_only:
        connection.execute("SET default_transaction_read_only = on")
    return TargetDatabase(connection, shown(url))


def identifier(connection: psycopg.Connection[Any]) -> str:
    """Tells this database from others of its name: its number, and its server's where that may be asked."""
    row = connection.execute("SELECT oid::text FROM pg_database WHERE datname = current_database()").fetchone()
    number = str(row[0]) if row else ""
    try:
        server = connection.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone()
    except psycopg.Error:  # some hosts do not let one ask
        return number
    return f"{number}@{server[0]}" if server else number


def invalid_indexes(connection: psycopg.Connection[Any]) -> dict[int, str]:
    """Names, as SQL writes them, of indexes that no query uses and that nobody is building now, by their number.

    One on a partitioned table is invalid until its parts are attached, and cannot be dropped concurrently.
    """
    rows = connection.execute(
        "SELECT c.oid::int8, CASE WHEN n.nspname = 'public' AND c.relname !~ '[.]' THEN format('%%I', c.relname) "
        "ELSE format('%%I.%%I', n.nspname, c.relname) END FROM pg_catalog.pg_index i "
        "JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE NOT i.indisvalid AND c.relkind = 'i' AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p "
        "WHERE p.datid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) "
        "AND p.index_relid = i.indexrelid) ORDER BY 2",
        (),
    ).fetchall()
    return {int(number): str(name) for number, name in rows}


def situation(connection: psycopg.Connection[Any], tables: Sequence[str]) -> dict[str, Any]:
    """Version, sizes of the touched tables (rows None when nobody ever counted them), and who is in the way now."""
    version = connection.execute("SHOW server_version").fetchone()
    sizes = connection.execute(
        "SELECT c.oid::regclass::text, nullif(c.reltuples, -1)::int8, pg_total_relation_size(c.oid) FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') "
        "AND CASE WHEN n.nspname = 'public' AND c.relname !~ '[.]' THEN c.relname ELSE n.nspname || '.' || c.relname END = ANY(%s)",
        (list(tables),),
    ).fetchall()
    old = connection.execute(
        "SELECT pid, state, extract(epoch FROM now() - xact_start)::float8 FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start < now() - interval '1 second' ORDER BY 3 DESC LIMIT 5"
    ).fetchall()
    return {
        "version": str(version[0]) if version else "",
        "tables": [{"table": table, "rows_estimated": rows, "bytes": size} for table, rows, size in sizes],
        "old_transactions": [{"pid": pid, "state": state, "seconds": round(age, 1)} for pid, state, age in old],
    }


def _parameters(url: str) -> Mapping[str, Any]:
    try:
        return conninfo_to_dict(_for_libpq(url))
    except (psycopg.ProgrammingError, ValueError):
        raise InputError(
            "DATABASE_URL is not an address of PostgreSQL.",
            misread(url, _for_libpq(url)) or "It looks like postgresql://user:password@host:5432/database.",
        ) from None


def _for_libpq(url: str) -> str:
    """Prisma adds parameters that libpq refuses; `schema` becomes the search path."""
    if "://" not in url:
        return url
    scheme, _, rest = url.partition("://")
    user, at, _ = rest.partition("@")
    start = len(user) + 1 if at and "/" not in user else 0  # as libpq reads it: a password may hold ? and #
    path, _, query = rest[start:].partition("?")
    fields = [field for field in query.split("&") if field and not field.endswith("=")]
    kept = [
        field.replace("+", "%20") if field.startswith("options=") else field
        for field in fields
        if field.partition("=")[0] not in _NOT_LIBPQ
    ]
    schema = dict(parse_qsl(query)).get("schema")
    if schema and schema != "public":
        kept.append(f"options={quote(f'-c search_path={schema}')}")
    scheme = "postgresql" if scheme.startswith("postgresql+") else scheme
    return f"{scheme}://{rest[:start]}{path}{'?' if kept else ''}{'&'.join(kept)}"
