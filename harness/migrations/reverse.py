"""The way back, derived: for each action the SQL that undoes it, from the schema as it was."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from harness.migrations.actions import Action, Name, actions, bodies, conditions, lasting, quoted, walk, writes
from harness.migrations.schema import Schema
from harness.migrations.statements import Statement

__all__ = ["Reverse", "fills_gaps", "reverse"]

_NOTHING = {"set", "validate", "create_schema"}
_REPLACING = {"create_trigger", "create_function"}
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


def reverse(
    statements: Sequence[Statement], before: Schema, after: Schema, stages: Sequence[Schema] = ()
) -> list[Reverse]:
    """The way back, last action first. Rows are not looked at: what a reverse loses shows when it is run.

    `stages` is the schema before each statement and after the last, where names move on the way.
    """
    around = list(pairwise(stages)) if stages else [(before, after)] * len(statements)
    known = {label for schema in (before, after, *stages) for label in schema.tables}
    each = [
        [_resolved(action, path, known) for action in actions(statement)] if lasting(statement) else []
        for statement, path in zip(statements, _paths(statements), strict=True)
    ]
    along = _along(each, [schema for schema, _ in around])
    found: list[Reverse] = []
    for statement, mine, (then, now) in reversed(list(zip(statements, each, around, strict=True))):
        if statement.kind not in _NEUTRAL:
            kept = [action for action in reversed(mine) if action.kind not in _NOTHING and id(action) not in along]
            found += [_one(statement, action, then, now) for action in kept]
    return found


def _along(each: Sequence[Sequence[Action]], schemas: Sequence[Schema]) -> set[int]:
    """Actions on tables and columns that the migration itself made: they go with them, and what is made and dropped again
    needs no way back. A rename stays, since what is to go has to have its name again."""
    new: dict[tuple[str, str], Action] = {}  # by table, and column or nothing
    along: set[int] = set()
    for mine, schema in zip(each, schemas, strict=True):
        for action in mine:
            owner = _label(action) or f"type {action.name}"
            part = action.column or "".join(action.columns[:1] if action.kind.endswith("_attribute") else ())
            table, column = (owner, ""), (owner, part)
            if action.kind in {"rename_table", "rename_column"}:
                _renamed(new, action)
            elif action.kind == "create_table" and table[0] not in schema.tables:
                new[table] = action
            elif action.kind in {"add_column", "add_attribute"} and table not in new and column not in schema.columns:
                new[column] = action
            elif table in new or (part and column in new):
                along.add(id(action))
                if action.kind in {"drop_table", "drop_column", "drop_attribute"}:
                    gone = new.pop(table if action.kind == "drop_table" else column, None)
                    along |= {id(gone)} if gone else set()
            elif action.kind == "update" and all((table[0], name) in new for name in _targets(action)):
                along.add(id(action))
    return along


def _renamed(new: dict[tuple[str, str], Action], action: Action) -> None:
    """The same under the name that they have from now on."""
    if action.kind == "rename_column":
        if (made := new.pop((_label(action), action.column), None)) is not None:
            new[_label(action), action.values[1]] = made
        return
    moved = _label(replace(action, table=Name(action.values[1], action.table.schema if action.table else "")))
    for table, column in [key for key in new if key[0] == _label(action)]:
        new[moved, column] = new.pop((table, column))


def _targets(action: Action) -> set[str]:
    return {entry["ResTarget"]["name"] for entry in (action.node or {}).get("targetList", ())}


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


def _one(statement: Statement, action: Action, before: Schema, after: Schema) -> Reverse:
    if action.kind == "drop_table" and _label(action) not in before.tables:
        return Reverse(statement, "")
    if action.kind in _OF_ROWS:
        filled = action.kind == "update" and fills_gaps(statement)
        return Reverse(statement, "", why=_STAYS) if filled else Reverse(statement, None, why=_OF_ROWS[action.kind])
    maker = _MAKERS.get(action.kind)
    if maker is None:
        return Reverse(statement, None, known=False, why="no reverse is derived for this kind of statement")
    sql = maker(action, before, after)
    if sql is None and action.kind in _REPLACING:
        return Reverse(statement, None, known=False, why="what was there before is not derived")
    return Reverse(statement, sql, why="" if sql is not None else "it was not in the baseline")


_STAYS = "what it filled in stays, since nothing tells which rows had no value"
_OF_ROWS = {
    "update": "the values that it overwrote are not kept",
    "delete": "deleted rows are not kept",
    "truncate": "deleted rows are not kept",
    "drop_table": "its rows are not kept",
    "add_enum_value": "PostgreSQL cannot remove a value from an enum",
}


def _label(action: Action) -> str:
    """What the schema calls the table of an action; empty without one."""
    if action.table is None:
        return ""
    name, schema = action.table.name, action.table.schema
    return name if schema in {"", "public"} and "." not in name else f"{schema or 'public'}.{name}"


def _resolved(action: Action, path: Sequence[str], known: Collection[str]) -> Action:
    """With the schema of its table, where `search_path` leads to another than `public`."""
    if action.table is None or action.table.schema:
        return action
    name = action.table.name
    there = [space for space in path if (name if space == "public" else f"{space}.{name}") in known]
    there = there or [label.partition(".")[0] for label in sorted(known) if label.partition(".")[2] == name]
    schema = there[0] if there and there[0] != "public" else ""
    return replace(action, table=Name(name, schema))


def _paths(statements: Sequence[Statement]) -> Iterator[Sequence[str]]:
    """Where each statement looks for a name without its schema, as far as the file says so."""
    path: Sequence[str] = ("public",)
    for statement in statements:
        if statement.kind == "VariableSetStmt" and statement.node.get("name") == "search_path":
            named = [body.get("sval", {}).get("sval", "") for key, body in walk(statement.tree) if key == "A_Const"]
            path = [part.strip().strip('"') for entry in named for part in entry.split(",")] or ("public",)
        yield path


def _alter(action: Action, rest: str) -> str:
    return f"ALTER TABLE {action.table.sql if action.table else ''} {rest}"


def _add_column_again(action: Action, before: Schema, _after: Schema) -> str | None:
    column = before.columns.get((_label(action), action.column))
    if column is None:
        return "" if action.if_exists else None
    default = f" DEFAULT {column.default}" if column.default and not column.generated else ""
    return _alter(action, f"ADD COLUMN {quoted(column.name)} {column.type}{default}")


def _type_back(action: Action, before: Schema, after: Schema) -> str | None:
    """Texts go back without USING, so that a value which no longer fits is refused and not cut off."""
    table = _label(action)
    column, now = before.columns.get((table, action.column)), after.columns.get((table, action.column))
    if column is None:
        return None
    texts = now is not None and all("char" in kind or kind == "text" for kind in (column.type, now.type))
    enums = now is not None and all(
        _bare(each.type) in schema.enums for each, schema in ((column, before), (now, after))
    )
    through = f"::text{'[]' * column.type.endswith('[]')}" if enums else ""  # no cast leads from an enum to another
    using = "" if texts else f" USING {quoted(action.column)}{through}::{column.type}"
    return _alter(action, f"ALTER COLUMN {quoted(action.column)} TYPE {column.type}{using}")


def _bare(kind: str) -> str:
    return kind.removesuffix("[]").strip('"')


def _expression_back(action: Action, before: Schema, _after: Schema) -> str | None:
    column = before.columns.get((_label(action), action.column))
    if column is None or not column.generated:
        return None
    return _alter(action, f"ALTER COLUMN {quoted(action.column)} SET EXPRESSION AS ({column.default})")


def _default_back(action: Action, before: Schema, _after: Schema) -> str | None:
    column = before.columns.get((_label(action), action.column))
    if column is None:
        return None
    return _alter(
        action,
        f"ALTER COLUMN {quoted(action.column)} "
        + (f"SET DEFAULT {column.default}" if column.default else "DROP DEFAULT"),
    )


def _drop_new_constraint(action: Action, before: Schema, after: Schema) -> str | None:
    """By its name; without one, the new constraint on these columns. A key on a new column goes with the column."""
    table = _label(action)
    here = {key: entry for key, entry in after.constraints.items() if entry["table"] == table}
    if action.name:
        return _alter(action, f"DROP CONSTRAINT IF EXISTS {quoted(action.name)}")
    then = {key: entry["definition"] for key, entry in before.constraints.items()}  # a name may be taken again
    new = [entry for key, entry in here.items() if then.get(key) != entry["definition"]]
    mine = next((entry for entry in new if tuple(entry["columns"] or ()) == action.columns or not action.columns), None)
    return _alter(action, f"DROP CONSTRAINT {quoted(mine['name'])}") if mine else ""


def _constraint_again(action: Action, before: Schema, _after: Schema) -> str | None:
    old = before.constraints.get(f"{_label(action)}.{action.name}")
    return _alter(action, f"ADD CONSTRAINT {quoted(action.name)} {old['definition']}") if old else ""


_LATE = re.compile(r" NOT VALID$| NOT ENFORCED$| DEFERRABLE| INITIALLY DEFERRED")


def _constraint_as_before(action: Action, before: Schema, after: Schema) -> str | None:
    """Its deferrability and whether it is enforced, where they differ: both stand at the end of a definition."""
    label = f"{_label(action)}.{action.name}"
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
    table = _label(action)
    new = [
        i
        for key, i in after.indexes.items()
        if i["table"] == table
        and before.indexes.get(key, {}).get("oid") != i["oid"]  # a name may be taken again
        and (i["name"] == action.name or not action.name)
    ]
    schema = action.table.schema if action.table else ""  # an index is in that of its table
    return f"DROP INDEX IF EXISTS {Name(new[0]['name'], schema).sql}" if new else ""


def _index_again(action: Action, before: Schema, _after: Schema) -> str | None:
    return next(
        (str(index["definition"]) for index in before.indexes.values() if index["name"] == action.name),
        "" if action.if_exists else None,
    )


def _view_again(action: Action, before: Schema, after: Schema) -> str | None:
    name, written = _label(action), action.table.sql if action.table else ""
    kind = "MATERIALIZED VIEW" if (before if name in before.tables else after).kind(name) == "m" else "VIEW"
    if name not in before.views:
        return f"DROP {kind} IF EXISTS {written}"
    head = f"DROP {kind} IF EXISTS {written}; " if name in after.views else ""
    indexes = "; ".join(str(i["definition"]) for i in before.indexes.values() if i["table"] == name)
    return f"{head}CREATE {kind} {written}{before.view_options(name)} AS {before.views[name].rstrip(';')}" + (
        f"; {indexes}" if indexes else ""
    )


def _type_again(action: Action, before: Schema, _after: Schema) -> str | None:
    labels = before.enums.get(action.name)
    if labels is None:
        return "" if action.if_exists else None
    values = ", ".join("'" + label.replace("'", "''") + "'" for label in labels)
    return f"CREATE TYPE {quoted(action.name)} AS ENUM ({values})"


def _attribute_back(action: Action, before: Schema, _after: Schema) -> str | None:
    """Of a composite type; one that comes back stands last, and has no value."""
    there = dict(zip(before.attributes.get(action.name) or (), before.composites.get(action.name) or (), strict=True))
    (name,), (written,) = action.columns, action.values
    if action.kind == "add_attribute":
        return f"ALTER TYPE {written} DROP ATTRIBUTE {quoted(name)}"
    if name not in there:
        return "" if action.if_exists else None
    return f"ALTER TYPE {written} ADD ATTRIBUTE {quoted(name)} {there[name]}"


def _drop_trigger(action: Action, before: Schema, _after: Schema) -> str | None:
    table = action.table.sql if action.table else ""
    there = f"{_label(action)}.{action.name}" in before.triggers
    return None if there else f"DROP TRIGGER {quoted(action.name)} ON {table}"


def _drop_function(action: Action, before: Schema, after: Schema) -> str | None:
    """Of one that is new; the body of one that was replaced is not known here."""
    signature = re.compile(rf'(?:.*\.)?"?{re.escape(action.name)}"?\(')
    new = [name for name in after.functions if name not in before.functions and signature.match(name)]
    return f"DROP ROUTINE {new[0]}" if len(new) == 1 else None


def _rename_back(action: Action, _before: Schema, _after: Schema) -> str | None:
    old, new = action.values
    table = action.table.sql if action.table else ""
    if action.kind == "rename_table":
        moved = Name(new, action.table.schema if action.table else "")
        return f"ALTER TABLE {moved.sql} RENAME TO {quoted(old)}"
    if action.kind == "rename_index":
        return f"ALTER INDEX {quoted(new)} RENAME TO {quoted(old)}"
    if action.kind == "rename_type":
        return f"ALTER TYPE {quoted(new)} RENAME TO {quoted(old)}"
    if action.kind == "rename_attribute":
        return f"ALTER TYPE {table} RENAME ATTRIBUTE {quoted(new)} TO {quoted(old)}"
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
        "" if (_label(a), a.column) in b.columns else _alter(a, f"DROP COLUMN {quoted(a.column)}")
    ),
    "drop_column": _add_column_again,
    "alter_type": _type_back,
    "add_check": _drop_new_constraint,
    "add_foreign_key": _drop_new_constraint,
    "add_unique": _drop_new_constraint,
    "add_primary_key": _drop_new_constraint,
    "add_exclusion": _drop_new_constraint,
    "add_not_null": _drop_new_constraint,
    "adopt_index": _drop_new_constraint,
    "drop_constraint": _constraint_again,
    "alter_constraint": _constraint_as_before,
    "set_expression": _expression_back,
    "set_default": _default_back,
    "drop_default": _default_back,
    "create_index": _drop_index,
    "drop_index": _index_again,
    "create_table": lambda a, b, _: "" if _label(a) in b.tables else f"DROP TABLE {a.table.sql if a.table else ''}",
    "create_view": _view_again,
    "drop_view": _view_again,
    "create_enum": lambda a, _, __: f"DROP TYPE {quoted(a.name)}",
    "drop_type": _type_again,
    "create_trigger": _drop_trigger,
    "create_function": _drop_function,
    "rename_column": _rename_back,
    "rename_table": _rename_back,
    "rename_constraint": _rename_back,
    "rename_index": _rename_back,
    "rename_type": _rename_back,
    "rename_enum_value": _value_back,
    "rename_attribute": _rename_back,
    "add_attribute": _attribute_back,
    "drop_attribute": _attribute_back,
}


def _was_required(action: Action, before: Schema) -> bool:
    column = before.columns.get((_label(action), action.column))
    return column is not None and column.not_null
