"""Statements that do the same as the one before them: a seed of thousands of rows is looked at once, and run in full."""

from __future__ import annotations

from harness.migrations.statements import Statement
from harness.migrations.trees import walk

__all__ = ["repeats"]

_CONSTANT = {
    "A_Const",
    "TypeCast",
    "TypeName",
    "typeName",
    "arg",
    "String",
    "List",
    "ResTarget",
    "RangeVar",
    "SelectStmt",
    "SetToDefault",
    "Integer",
}


def repeats(statement: Statement, earlier: Statement | None) -> bool:
    """Whether both insert constants into the same columns of the same table: the same locks, the same triggers."""
    if earlier is None or statement.kind != "InsertStmt" or earlier.kind != "InsertStmt":
        return False
    return _shape(statement) is not None and _shape(statement) == _shape(earlier)


def _shape(statement: Statement) -> tuple[str, ...] | None:
    """Table and columns; None where something is computed, and may do anything."""
    node = statement.node
    if any(part in node for part in ("withClause", "onConflictClause", "returningList")):
        return None
    relation = node["relation"]
    query = node.get("selectStmt", {}).get("SelectStmt", {})
    if "valuesLists" not in query or not all(name in _CONSTANT for name, _ in walk(query)):
        return None
    columns = (column["ResTarget"]["name"] for column in node.get("cols", ()))
    return (relation.get("schemaname", ""), relation["relname"], *columns)
