"""Which statements of a migration change rows or cannot be seen through, and so leave no trace in the schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from harness.migrations.actions import bodies, walk
from harness.migrations.lexing import code
from harness.migrations.reading import Script
from harness.migrations.statements import Statement

__all__ = ["data_work"]

_CHANGES = {
    "InsertStmt",
    "UpdateStmt",
    "DeleteStmt",
    "MergeStmt",
    "TruncateStmt",
    "CallStmt",
    "CreateTableAsStmt",
    "ExecuteStmt",
    "RefreshMatViewStmt",
    "AlterDefaultPrivilegesStmt",
    "AlterOwnerStmt",
    "SecLabelStmt",
}
_HARMLESS = re.compile(r"set_config|current_\w+|pg_sleep|pg_(?:try_)?advisory_\w+|version|count|now")
# In a DO block: a word that changes rows, or a call of a function that may. `ON DELETE CASCADE` is none.
_DOES = re.compile(
    r"(?<!\bon\s)\b(?:insert|update|delete|merge|truncate|copy|execute|perform|call|refresh)\b"
    r"|(?:\bselect|:=)\s*(?!exists\b|count\b|max\b|min\b)[\w.\"]+\s*\(",
    re.IGNORECASE,
)


def data_work(script: Script) -> list[Statement]:
    """The statements of `script` whose work no schema shows: rows, owners, default privileges, or a call that may do anything."""
    return [statement for statement in script.source.statements if _changes(statement)]


def _changes(statement: Statement) -> bool:
    kind = statement.kind
    if not kind:  # not understood
        return True
    return _WHEN[kind](statement) if kind in _WHEN else kind in _CHANGES


def _asks_for_more(statement: Statement) -> bool:
    """Whether a query writes, or calls what may."""
    return any(name in _CHANGES or name == "intoClause" or _calls(name, body) for name, body in walk(statement.node))


def _calls(name: str, body: object) -> bool:
    if name != "FuncCall" or not isinstance(body, dict):
        return False
    return _HARMLESS.fullmatch(body["funcname"][-1]["String"]["sval"]) is None


_SHOWN = {f"OBJECT_{name}" for name in ("TABLE", "SEQUENCE", "FUNCTION", "PROCEDURE", "ROUTINE", "SCHEMA", "COLUMN")}
_WHEN: Mapping[str, Callable[[Statement], bool]] = {
    "CreateTableAsStmt": lambda statement: statement.node.get("objtype") != "OBJECT_MATVIEW",  # its rows come with it
    "CopyStmt": lambda statement: bool(statement.node.get("is_from")),
    "DoStmt": lambda statement: any(_DOES.search(code(body)) for body in bodies(statement)),
    "SelectStmt": _asks_for_more,
    "ExplainStmt": _asks_for_more,
    "AlterTableStmt": lambda statement: any(
        entry["AlterTableCmd"].get("subtype") == "AT_ChangeOwner" for entry in statement.node.get("cmds", ())
    ),
    "GrantStmt": lambda statement: statement.node.get("objtype") not in _SHOWN,
}
