"""Roles that SQL names or becomes: production has them, and a throwaway server gets them made."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

from harness.migrations.actions import bodies, walk
from harness.migrations.lexing import code
from harness.migrations.statements import Statement

__all__ = ["become_in", "hand_over", "let_own", "roles_in"]

_SETTINGS = {"role", "session_authorization"}
_NAME = r"""(?P<name>"(?:[^"]|"")+"|[a-z_][\w$]*)"""
_OWNER = re.compile(rf"\bowner\s+to\s+{_NAME}", re.IGNORECASE)
_SWITCH = re.compile(rf"\bset\s+(?:local\s+|session\s+)?(?:role|session\s+authorization)\s+{_NAME}", re.IGNORECASE)
_NOBODY = re.compile(r"none$|default$|current_user$|session_user$|pg_", re.IGNORECASE)


def roles_in(statements: Sequence[Statement]) -> list[str]:
    """Roles that owners, grants and policies name, and those that a session becomes, as far as the statements do not
    make them themselves."""
    named = {name for statement in statements for name in _named(statement)}
    return sorted({*named, *become_in(statements)} - _made(statements))


def become_in(statements: Sequence[Statement]) -> list[str]:
    """Roles as which parts of it run (SET ROLE, SET SESSION AUTHORIZATION), in order; made by none of the statements."""
    switched = [name for statement in statements for name in _switched(statement)]
    made = _made(statements)
    return [name for name in dict.fromkeys(switched) if name not in made and not _NOBODY.match(name)]


def _made(statements: Sequence[Statement]) -> set[str]:
    return {str(s.node.get("role", "")) for s in statements if s.kind == "CreateRoleStmt"}


def _named(statement: Statement) -> Iterator[str]:
    for _, body in walk(statement.tree):
        if body.get("roletype") == "ROLESPEC_CSTRING" and not str(body["rolename"]).startswith("pg_"):
            yield str(body["rolename"])
    for text in bodies(statement):
        yield from (_unquoted(match["name"]) for match in _OWNER.finditer(code(text, quoted=True)))


def _switched(statement: Statement) -> Iterator[str]:
    for name, body in walk(statement.tree):
        if name == "VariableSetStmt" and body.get("name") in _SETTINGS:
            yield from _texts(body.get("args", ()))
        elif name == "FuncCall" and body["funcname"][-1]["String"]["sval"] == "set_config":
            setting, *values = _texts(body.get("args", ())[:2]) or ("",)
            yield from values if setting in _SETTINGS else ()
    for text in bodies(statement):
        yield from (_unquoted(match["name"]) for match in _SWITCH.finditer(code(text, quoted=True)))


def _texts(constants: Sequence[Mapping[str, Any]]) -> list[str]:
    return [text for entry in constants if (text := entry.get("A_Const", {}).get("sval", {}).get("sval"))]


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


def hand_over(connection: psycopg.Connection[Any], roles: Sequence[str]) -> None:
    """Let the first of the roles own what this login owns, as in production whoever migrates becomes the owner."""
    for role in roles[:1]:
        connection.execute(sql.SQL("REASSIGN OWNED BY CURRENT_USER TO {}").format(sql.Identifier(role)))


def let_own(connection: psycopg.Connection[Any], role: str, owner: str) -> None:
    """Let `role` own things in the schemas of this database, as `ALTER … OWNER TO` asks of a new owner."""
    names = {"role": sql.Identifier(role), "owner": sql.Identifier(owner)}
    connection.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {role}").format(**names))
    connection.execute(
        sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT CREATE ON SCHEMAS TO {role}").format(**names)
    )
