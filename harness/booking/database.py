"""The database of a deployment: its address as deployments write it, its connections, and whether the tables are there."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import sqlalchemy
from sqlalchemy import Engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from .models import METADATA
from .settings import ConfigurationError, Settings

__all__ = ["NotReady", "check_ready", "open_engine"]

SESSION = "-c lock_timeout=10s -c statement_timeout=20s -c idle_in_transaction_session_timeout=30s"
DRIVER = "postgresql+psycopg"
DRIVERS = frozenset({"postgres", "postgresql", DRIVER})
OF_PRISMA = (
    "connection_limit",
    "pgbouncer",
    "pool_timeout",
    "schema",
    "socket_timeout",
    "sslaccept",
    "statement_cache_size",
)
COLUMNS = sqlalchemy.text(
    "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = ANY(current_schemas(false))"
)


@dataclass(frozen=True)
class NotReady(Exception):
    """The machine has not what the flow needs: no database that answers, or one without its tables."""

    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}"


def open_engine(settings: Settings) -> Engine:
    """The engine; no connection is opened yet. Raises ConfigurationError for an address that is none of PostgreSQL's."""
    url = address(settings.database_url)
    schema = url.query.get("schema")
    session = f"{SESSION} -c search_path={schema}" if isinstance(schema, str) and schema else SESSION
    usual = {"options": session, "connect_timeout": max(2, ceil(settings.provider_timeout))}
    return sqlalchemy.create_engine(
        url.difference_update_query(OF_PRISMA),
        pool_size=settings.pool_size,
        max_overflow=settings.pool_overflow,
        pool_timeout=settings.provider_timeout,
        connect_args={name: value for name, value in usual.items() if name not in url.query},
    )


def address(text: str) -> URL:
    """DATABASE_URL as psycopg takes it; what it holds is never shown."""
    try:
        url = sqlalchemy.make_url(text)
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            "database_url (DATABASE_URL) is no address of a database. Try: postgresql://user:password@host:5432/name"
        ) from None
    if url.drivername not in DRIVERS:
        raise ConfigurationError(f"database_url (DATABASE_URL) is for {url.drivername}; the flow needs postgresql://…")
    if "@" in (url.host or ""):  # what is taken for the host is a piece of the password, and no message may show it
        raise ConfigurationError(
            "database_url (DATABASE_URL) has more than one @. In a password write @ as %40, / as %2F and % as %25"
        )
    return url.set(drivername=DRIVER)


def check_ready(engine: Engine) -> None:
    """Nothing when the database answers and has every table and column. Raises NotReady."""
    name = engine.url.set(query={}).render_as_string(hide_password=True)
    try:
        with engine.connect() as connection:
            there = {(row[0], row[1]) for row in connection.execute(COLUMNS)}
    except SQLAlchemyError as error:
        words = str(getattr(error, "orig", None) or type(error).__name__).strip().splitlines()
        raise NotReady(
            f"The database {name} cannot be reached: {words[0] if words else 'no reason given'}.",
            "Check DATABASE_URL and that the server is up.",
        ) from None
    needed = [(table.name, column.name) for table in METADATA.sorted_tables for column in table.columns]
    missing = [f"{table}.{column}" for table, column in needed if (table, column) not in there]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise NotReady(
            f"The database {name} lacks {', '.join(missing[:5])}{more}.", "Apply the migrations, in their order."
        )
