"""Which statements of a migration change rows or cannot be seen through, and so leave no trace in the schema."""

from __future__ import annotations

import re

from harness.migrations.actions import walk
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
}
_HARMLESS = re.compile(r"set_config|current_\w+|pg_sleep|pg_(?:try_)?advisory_\w+|version|count|now")
# In a DO block: a word that changes rows, or a call of a function that may. `ON DELETE CASCADE` is none.
_DOES = re.compile(
    r"(?<!\bon\s)\b(?:insert|update|delete|merge|truncate|copy|execute|perform|call|refresh)\b"
    r"|(?:\bselect|:=)\s*(?!exists\b|count\b|max\b|min\b)[\w.\"]+\s*\(",
    re.IGNORECASE,
)


def data_work(script: Script) -> list[Statement]:
    """The statements of `script` that change rows, or may: a function that is called, a block that calls one."""
    return [statement for statement in script.source.statements if _changes(statement)]


def _changes(statement: Statement) -> bool:
    kind, node = statement.kind, statement.node
    if not kind:  # not understood
        return True
    if kind == "CreateTableAsStmt" and node.get("objtype") == "OBJECT_MATVIEW":
        return False  # its rows come with it
    if kind == "CopyStmt":
        return bool(node.get("is_from"))
    if kind == "DoStmt":
        return _DOES.search(re.sub(r"--[^\n]*", "", statement.text)) is not None
    if kind in {"SelectStmt", "ExplainStmt"}:
        return any(name in _CHANGES or name == "intoClause" or _calls(name, body) for name, body in walk(node))
    return kind in _CHANGES


def _calls(name: str, body: object) -> bool:
    if name != "FuncCall" or not isinstance(body, dict):
        return False
    return _HARMLESS.fullmatch(body["funcname"][-1]["String"]["sval"]) is None
