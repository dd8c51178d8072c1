"""Unique keys that no two rows can have: on columns that the migration adds with one value for every row."""

from __future__ import annotations

from collections.abc import Sequence

from harness.migrations.actions import Action, actions, quoted, walk
from harness.migrations.statements import Statement

__all__ = ["alike", "apart_first"]

_KEYS = {"add_unique", "add_primary_key", "create_index"}
_ONE_FOR_ALL = {"now", "transaction_timestamp", "statement_timestamp"}  # the same all through a statement
_LEAVES_VALUES = {"AlterTableStmt", "IndexStmt", "RenameStmt", "CommentStmt", "VariableSetStmt", "TransactionStmt"}


def alike(statement: Statement, statements: Sequence[Statement]) -> Action | None:
    """The key of `statement` on columns whose value is the same in every row, as `statements` up to it leave them.

    None where it has none, or where a statement in between may have given them other values.
    """
    same: set[tuple[str, str]] = set()
    for each in statements:
        if each.kind not in _LEAVES_VALUES:
            same.clear()
        found = actions(each)
        for action in found:
            at = (action.table.sql if action.table else "", action.column)
            if action.kind == "add_column" and not action.if_exists and _constant(action):
                same.add(at)
            elif action.kind in {"alter_type", "rename_column"}:
                same.discard(at)
        if each is statement:
            return next((action for action in found if _key_on(action, same)), None)
    return None


def _constant(action: Action) -> bool:
    for entry in (action.node or {}).get("constraints", ()):
        if entry["Constraint"]["contype"] != "CONSTR_DEFAULT":
            continue
        inside = list(walk(entry["Constraint"].get("raw_expr", {})))
        calls = {body["funcname"][-1]["String"]["sval"] for name, body in inside if name == "FuncCall"}
        return calls <= _ONE_FOR_ALL and not any(name == "A_Const" and body.get("isnull") for name, body in inside)
    return False


def _key_on(action: Action, same: set[tuple[str, str]]) -> bool:
    if action.kind not in _KEYS or action.table is None or not action.columns:
        return False
    node = action.node or {}
    whole = not node.get("whereClause") and len(action.columns) == len(node.get("indexParams", action.columns))
    unique = action.unique or action.kind != "create_index"
    return unique and whole and all((action.table.sql, column) in same for column in action.columns)


def apart_first(key: Action) -> str:
    """The order that works, as SQL."""
    table = key.table.sql if key.table else "…"
    names = ", ".join(map(quoted, key.columns))
    setting = ", ".join(f"{quoted(column)} = …" for column in key.columns)
    return (
        f"-- the column without its key first, then values that differ, then the key\n"
        f"ALTER TABLE {table} ADD COLUMN {names} …;\n"
        f"UPDATE {table} SET {setting};  -- another value for each row, in batches\n"
        f"CREATE UNIQUE INDEX CONCURRENTLY ON {table} ({names});"
    )
