"""A rehearsal runs somebody's SQL as a login that owns its database and nothing else.

So the server itself refuses what would reach outside, whatever a function builds at run time; the guard (which reads
the text, before anything runs) only says it sooner and better. What is allowed by name gets the rights that it needs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from harness.errors import MachineError
from harness.migrations.statements import Statement

if TYPE_CHECKING:
    from harness.postgres import Server
    from harness.postgres.logins import Login

__all__ = ["add_extensions", "install_watch", "login_for", "refuse_lacking_extension"]


@dataclass(frozen=True, slots=True)
class _Rights:
    """Words of CREATE ROLE, and roles to be a member of."""

    attributes: tuple[str, ...] = ()
    member_of: tuple[str, ...] = ()


_ENOUGH: Mapping[str, _Rights] = {  # what else is allowed by name needs a superuser
    "psql": _Rights(),
    "roles": _Rights(attributes=("CREATEROLE",)),
    "copy-file": _Rights(
        member_of=("pg_read_server_files", "pg_write_server_files", "pg_execute_server_program"),
    ),
}
_NOT_INSTALLED = {"0A000", "58P01"}  # from 16 on, and before
_WATCH = """
CREATE SCHEMA harness_watch;
CREATE FUNCTION harness_watch.rewritten() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN RAISE NOTICE 'harness:rewrite:%', pg_catalog.pg_event_trigger_table_rewrite_oid(); END $$;
CREATE EVENT TRIGGER harness_rewrite ON table_rewrite EXECUTE FUNCTION harness_watch.rewritten();
"""


def login_for(server: Server, allowed: Collection[str]) -> Login | None:
    """The login as which a rehearsal runs; None for the server's own: it is no superuser, or one was allowed."""
    if not server.may_confine() or any(name not in _ENOUGH for name in allowed):
        return None
    rights = [_ENOUGH[name] for name in sorted(set(allowed))]
    attributes = [word for right in rights for word in right.attributes]
    member_of = [role for right in rights for role in right.member_of]
    return server.login(f"rehearsal {' '.join([*attributes, *member_of])}".strip(), attributes, member_of)


def install_watch(connection: psycopg.Connection[Any]) -> bool:
    """The event trigger that tells rewrites. False where this login may not make one: file nodes tell most of them."""
    try:
        with connection.transaction():
            connection.execute(_WATCH)
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def add_extensions(connection: psycopg.Connection[Any], statements: Sequence[Statement]) -> None:
    """Make the extensions of a baseline that its owner may not make, before any of the baseline's own SQL is there."""
    for statement in statements:
        if statement.kind != "CreateExtensionStmt":
            continue
        name, schema = str(statement.node["extname"]), _schema_of(statement)
        row = connection.execute(
            "SELECT bool_or(superuser AND NOT trusted) FROM pg_available_extension_versions WHERE name = %s", (name,)
        ).fetchone()
        if row is None or not row[0]:
            continue
        query = sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(name))
        if schema:
            connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
            query += sql.SQL(" SCHEMA {}").format(sql.Identifier(schema))
        connection.execute(query)


def refuse_lacking_extension(statement: Statement, sqlstate: str | None) -> None:
    """Raise MachineError when this server lacks the extension that a statement makes: that is no fault of the SQL."""
    if statement.kind == "CreateExtensionStmt" and sqlstate in _NOT_INSTALLED:
        raise MachineError(
            f"{statement.position}: this PostgreSQL does not have the extension {statement.node['extname']}: "
            "nothing after it can be rehearsed here.",
            "Give --database a server that has it, by its postgresql:// or in a container with an image of yours.",
        )


def _schema_of(statement: Statement) -> str:
    for entry in statement.node.get("options", ()):
        option = entry["DefElem"]
        if option.get("defname") == "schema":
            return str(option["arg"]["String"]["sval"])
    return ""
