"""Putting the journal and its guards into a template, once; every clone then has them."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import psycopg
from psycopg import sql

from harness.postgres.restoring import install_restoring

__all__ = ["install_journal", "is_superuser"]


def install_journal(connection: psycopg.Connection[Any]) -> None:
    """Install everything in one transaction, in the schema `harness` of this database.

    Without a superuser only the journal: changes of the schema go unnoticed then, so that nothing may be put back
    in place.
    """
    with connection.transaction():
        _run(connection, "journal.sql")
        if is_superuser(connection):
            install_restoring(connection)
            _run(connection, "guards.sql")


def is_superuser(connection: psycopg.Connection[Any]) -> bool:
    """Whether this connection may do everything."""
    return connection.info.parameter_status("is_superuser") == "on"


def _run(connection: psycopg.Connection[Any], name: str) -> None:
    text = files("harness.postgres").joinpath(name).read_text(encoding="utf-8")
    connection.execute(sql.SQL(text))
