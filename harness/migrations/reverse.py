"""The way back, derived: for each action the SQL that undoes it, from the schema as it was."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.migrations.actions import Action, actions, bodies, conditions, lasting, quoted, walk, writes
from harness.migrations.schema import Schema
from harness.migrations.statements import Statement

__all__ = ["Reverse", "fills_gaps", "reverse"]

_NOTHING = {"set", "validate", "create_schema", "adopt_index"}
_NEUTRAL = {
    "TransactionStmt",
    "CommentStmt",
    "VacuumStmt",
    "SelectStmt",
    "LockStmt",
    "ReindexStmt",
    "ClusterStmt",
    "RefreshMatViewStmt",
    "VariableSetStmt",
    "VariableShowStmt",
    "CreateExtensionStmt",
}


@dataclass(frozen=True, slots=True)
class Reverse:
    """`sql` undoes it; None when nothing does. `known` False: this kind of statement is not one that is derived."""

    statement: Statement
    sql: str | None
    known: bool = True
    why: str = ""


def reverse(statements: Sequence[Statement], before: Schema, after: Schema) -> list[Reverse]:
    """The way back, last action first. Rows are not looked at: what a reverse loses shows when it is run."""
    statements = [statement for statement in statements if lasting(statement)]
    added = {(a.table.name, a.column) for s in statements for a in actions(s) if a.kind == "add_column" and a.table}
    made = {a.table.name for s in statements for a in actions(s) if a.kind == "create_table" and a.table}
    found: list[Reverse] = []
    for statement in reversed(statements):
        if statement.kind in _NEUTRAL:
            continue
        for action in reversed(actions(statement)):
            if action.kind in _NOTHING or (
                action.table and action.table.name in made and action.kind != "create_table"
            ):
                continue
            found.append(_one(statement, action, before, after, added))
    return found


def fills_gaps(statement: Statement) -> bool:
    """Whether every write of a statement is an UPDATE of rows where each column that it sets IS NULL: nothing is overwritten.

    What a body builds at run time cannot be read, so one that builds anything does not.
    """
    if any(re.search(r"\bexecute\b", body, re.IGNORECASE) for body in bodies(statement)):
        return False
    written = list(writes(statement))
    return bool(written) and all(kind == "UpdateStmt" and _fills(node) for kind, node in written)


def _fills(update: Mapping[str, Any]) -> bool:
    columns = {entry["ResTarget"]["name"] for entry in update.get("targetList", ())}
    tested = {
        body["arg"]["ColumnRef"]["fields"][-1].get("String", {}).get("sval")
        for name, body in walk(conditions(update))
        if name == "NullTest"
        and body.get("nulltesttype", "IS_NULL") == "IS_NULL"
        and "ColumnRef" in body.get("arg", {})
    }
    return bool(columns) and columns <= tested


def _one(statement: Statement, action: Action, before: Schema, after: Schema, added: set[tuple[str, str]]) -> Reverse:
    if action.kind == "drop_table" and action.table and action.table.name not in before.tables:
        return Reverse(statement, "")
    if action.kind in {"update", "delete", "truncate", "drop_table", "add_enum_value"}:
        return _of_rows(statement, action, added)
    if action.table and action.column and (action.table.name, action.column) in added and action.kind != "add_column":
        return Reverse(statement, "")  # goes with the column
    maker = _MAKERS.get(action.kind)
    if maker is None:
        return Reverse(statement, None, known=False, why="no reverse is derived for this kind of statement")
    sql = maker(action, before, after)
    return Reverse(statement, sql, why="" if sql is not None else "it was not in the baseline")


def _of_rows(statement: Statement, action: Action, added: set[tuple[str, str]]) -> Reverse:
    if action.kind == "update" and action.table and action.node:
        columns = {entry["ResTarget"]["name"] for entry in action.node.get("targetList", ())}
        if all((action.table.name, column) in added for column in columns) or fills_gaps(statement):
            return Reverse(statement, "")
    why = {
        "update": "the values that it overwrote are not kept",
        "delete": "deleted rows are not kept",
        "truncate": "deleted rows are not kept",
        "drop_table": "its rows are not kept",
        "add_enum_value": "PostgreSQL cannot remove a value from an enum",
    }
    return Reverse(statement, None, why=why[action.kind])


def _alter(action: Action, rest: str) -> str:
    return f"ALTER TABLE {action.table.sql if action.table else ''} {rest}"


def _add_column_again(action: Action, before: Schema, _after: Schema) -> str | None:
    column = before.columns.get((action.table.name if action.table else "", action.column))
    if column is None:
        return "" if action.if_exists else None
    default = f" DEFAULT {column.default}" if column.default and not column.generated else ""
    return _alter(action, f"ADD COLUMN {quoted(column.name)} {column.type}{default}")


def _type_back(action: Action, before: Schema, after: Schema) -> str | None:
    """Texts go back without USING, so that a value which no longer fits is refused and not cut off."""
    table = action.table.name if action.table else ""
    column, now = before.columns.get((table, action.column)), after.columns.get((table, action.column))
    if column is None:
        return None
    texts = now is not None and all("char" in kind or kind == "text" for kind in (column.type, now.type))
    using = "" if texts else f" USING {quoted(action.column)}::{column.type}"
    return _alter(action, f"ALTER COLUMN {quoted(action.column)} TYPE {column.type}{using}")


def _default_back(action: Action, before: Schema, _after: Schema) -> str | None:
    column = before.columns.get((action.table.name if action.table else "", action.column))
    if column is None:
        return None
    return _alter(
        action,
        f"ALTER COLUMN {quoted(action.column)} "
        + (f"SET DEFAULT {column.default}" if column.default else "DROP DEFAULT"),
    )


def _drop_new_constraint(action: Action, before: Schema, after: Schema) -> str | None:
    """By its name; without one, the new constraint on these columns. A key on a new column goes with the column."""
    table = action.table.name if action.table else ""
    here = {key: entry for key, entry in after.constraints.items() if entry["table"] == table}
    if action.name:
        return _alter(action, f"DROP CONSTRAINT IF EXISTS {quoted(action.name)}")
    new = [entry for key, entry in here.items() if key not in before.constraints]
    mine = next((entry for entry in new if tuple(entry["columns"] or ()) == action.columns or not action.columns), None)
    return _alter(action, f"DROP CONSTRAINT {quoted(mine['name'])}") if mine else ""


def _constraint_again(action: Action, before: Schema, _after: Schema) -> str | None:
    old = before.constraints.get(f"{action.table.name if action.table else ''}.{action.name}")
    return _alter(action, f"ADD CONSTRAINT {quoted(action.name)} {old['definition']}") if old else ""


_LATE = re.compile(r" NOT VALID$| NOT ENFORCED$| DEFERRABLE| INITIALLY DEFERRED")


def _constraint_as_before(action: Action, before: Schema, after: Schema) -> str | None:
    """Its deferrability and whether it is enforced, where they differ: both stand at the end of a definition."""
    label = f"{action.table.name if action.table else ''}.{action.name}"
    old, new = before.constraints.get(label), after.constraints.get(label)
    if old is None or new is None or old["definition"] == new["definition"]:
        return ""
    then = set(_LATE.findall(old["definition"]))
    words = " DEFERRABLE" if " DEFERRABLE" in then else " NOT DEFERRABLE"
    words += " INITIALLY DEFERRED" * (" INITIALLY DEFERRED" in then)
    if old["enforced"] != new["enforced"]:
        words = " ENFORCED" if old["enforced"] else " NOT ENFORCED"
    return _alter(action, f"ALTER CONSTRAINT {quoted(action.name)}{words}")


def _drop_index(action: Action, before: Schema, after: Schema) -> str | None:
    table = action.table.name if action.table else ""
    new = [
        i
        for key, i in after.indexes.items()
        if i["table"] == table and key not in before.indexes and (i["name"] == action.name or not action.name)
    ]
    return f"DROP INDEX IF EXISTS {quoted(new[0]['name'])}" if new else ""


def _index_again(action: Action, before: Schema, _after: Schema) -> str | None:
    return next(
        (str(index["definition"]) for index in before.indexes.values() if index["name"] == action.name),
        "" if action.if_exists else None,
    )


def _view_again(action: Action, before: Schema, after: Schema) -> str | None:
    name = action.table.name if action.table else ""
    kind = "MATERIALIZED VIEW" if (before if name in before.tables else after).kind(name) == "m" else "VIEW"
    if name not in before.views:
        return f"DROP {kind} IF EXISTS {quoted(name)}"
    head = f"DROP {kind} IF EXISTS {quoted(name)}; " if name in after.views else ""
    indexes = "; ".join(str(i["definition"]) for i in before.indexes.values() if i["table"] == name)
    return f"{head}CREATE {kind} {quoted(name)} AS {before.views[name].rstrip(';')}" + (
        f"; {indexes}" if indexes else ""
    )


def _type_again(action: Action, before: Schema, _after: Schema) -> str | None:
    labels = before.enums.get(action.name)
    if labels is None:
        return "" if action.if_exists else None
    values = ", ".join("'" + label.replace("'", "''") + "'" for label in labels)
    return f"CREATE TYPE {quoted(action.name)} AS ENUM ({values})"


def _rename_back(action: Action, _before: Schema, _after: Schema) -> str | None:
    old, new = action.values
    table = action.table.sql if action.table else ""
    if action.kind == "rename_table":
        return f"ALTER TABLE {quoted(new)} RENAME TO {quoted(old)}"
    if action.kind == "rename_index":
        return f"ALTER INDEX {quoted(new)} RENAME TO {quoted(old)}"
    if action.kind == "rename_type":
        return f"ALTER TYPE {quoted(new)} RENAME TO {quoted(old)}"
    what = "CONSTRAINT" if action.kind == "rename_constraint" else "COLUMN"
    return f"ALTER TABLE {table} RENAME {what} {quoted(new)} TO {quoted(old)}"


def _value_back(action: Action, _before: Schema, _after: Schema) -> str | None:
    old, new = action.values
    return f"ALTER TYPE {quoted(action.name)} RENAME VALUE '{new}' TO '{old}'"


_Maker = Callable[[Action, Schema, Schema], str | None]
_MAKERS: dict[str, _Maker] = {
    "drop_not_null": lambda a, b, _: (
        _alter(a, f"ALTER COLUMN {quoted(a.column)} SET NOT NULL") if _was_required(a, b) else ""
    ),
    "set_not_null": lambda a, b, _: (
        "" if _was_required(a, b) else _alter(a, f"ALTER COLUMN {quoted(a.column)} DROP NOT NULL")
    ),
    "add_column": lambda a, b, _: (
        "" if (a.table.name if a.table else "", a.column) in b.columns else _alter(a, f"DROP COLUMN {quoted(a.column)}")
    ),
    "drop_column": _add_column_again,
    "alter_type": _type_back,
    "add_check": _drop_new_constraint,
    "add_foreign_key": _drop_new_constraint,
    "add_unique": _drop_new_constraint,
    "add_primary_key": _drop_new_constraint,
    "add_exclusion": _drop_new_constraint,
    "add_not_null": _drop_new_constraint,
    "drop_constraint": _constraint_again,
    "alter_constraint": _constraint_as_before,
    "set_default": _default_back,
    "drop_default": _default_back,
    "create_index": _drop_index,
    "drop_index": _index_again,
    "create_table": lambda a, b, _: (
        "" if a.table and a.table.name in b.tables else f"DROP TABLE {a.table.sql if a.table else ''}"
    ),
    "create_view": _view_again,
    "drop_view": _view_again,
    "create_enum": lambda a, _, __: f"DROP TYPE {quoted(a.name)}",
    "drop_type": _type_again,
    "rename_column": _rename_back,
    "rename_table": _rename_back,
    "rename_constraint": _rename_back,
    "rename_index": _rename_back,
    "rename_type": _rename_back,
    "rename_enum_value": _value_back,
}


def _was_required(action: Action, before: Schema) -> bool:
    column = before.columns.get((action.table.name if action.table else "", action.column))
    return column is not None and column.not_null
