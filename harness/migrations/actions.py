"""What a statement sets out to do, read off its parse tree: the relations it names and each single action.

Only names and shapes are read here. What a statement really does to locks and rows is measured, never derived.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pglast.keywords import RESERVED_KEYWORDS, TYPE_FUNC_NAME_KEYWORDS
from pglast.parser import ParseError, parse_plpgsql_json, parse_sql_json

from harness.migrations.statements import Statement
from harness.migrations.trees import TEMPORARY, walk

__all__ = [
    "Action",
    "Name",
    "actions",
    "bodies",
    "bounded_parents",
    "conditions",
    "lasting",
    "quoted",
    "subjects",
    "walk",
    "writes",
]

_COMMANDS = {
    "AT_DropNotNull": "drop_not_null",
    "AT_SetNotNull": "set_not_null",
    "AT_DropColumn": "drop_column",
    "AT_AlterColumnType": "alter_type",
    "AT_SetExpression": "set_expression",
    "AT_ValidateConstraint": "validate",
    "AT_DropConstraint": "drop_constraint",
    "AT_AlterConstraint": "alter_constraint",
    "AT_AttachPartition": "attach_partition",
    "AT_DetachPartition": "detach_partition",
}
_CONSTRAINTS = {
    "CONSTR_CHECK": "add_check",
    "CONSTR_FOREIGN": "add_foreign_key",
    "CONSTR_UNIQUE": "add_unique",
    "CONSTR_PRIMARY": "add_primary_key",
    "CONSTR_EXCLUSION": "add_exclusion",
    "CONSTR_NOTNULL": "add_not_null",
}
_RENAMES = {
    "OBJECT_COLUMN": "rename_column",
    "OBJECT_TABLE": "rename_table",
    "OBJECT_TABCONSTRAINT": "rename_constraint",
    "OBJECT_INDEX": "rename_index",
    "OBJECT_TYPE": "rename_type",
    "OBJECT_ATTRIBUTE": "rename_attribute",
}
_DROPS = {
    "OBJECT_TABLE": "drop_table",
    "OBJECT_INDEX": "drop_index",
    "OBJECT_TYPE": "drop_type",
    "OBJECT_VIEW": "drop_view",
    "OBJECT_MATVIEW": "drop_view",
    "OBJECT_SEQUENCE": "drop_sequence",
}
_WRITES = {"UpdateStmt": "update", "DeleteStmt": "delete", "InsertStmt": "insert"}


@dataclass(frozen=True, slots=True)
class Name:
    """A name as written: the schema is empty when it was not given."""

    name: str
    schema: str = ""

    @property
    def sql(self) -> str:
        """Quoted where PostgreSQL needs it."""
        return f"{quoted(self.schema)}.{quoted(self.name)}" if self.schema else quoted(self.name)


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a statement does. `kind` is a verb such as `set_not_null`; fields that do not apply are empty."""

    kind: str
    table: Name | None = None
    column: str = ""
    name: str = ""
    columns: tuple[str, ...] = ()
    parent: Name | None = None
    parent_columns: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    not_valid: bool = False
    concurrently: bool = False
    if_exists: bool = False  # IF EXISTS or IF NOT EXISTS
    unique: bool = False
    cascade: bool = False
    node: Mapping[str, Any] | None = None


def quoted(name: str) -> str:
    """An identifier as SQL."""
    plain = name.isidentifier() and name.isascii() and name == name.lower() and name not in _RESERVED
    return name if plain else '"' + name.replace('"', '""') + '"'


_RESERVED = RESERVED_KEYWORDS | TYPE_FUNC_NAME_KEYWORDS  # no names of tables or columns without quotes


def bodies(statement: Statement) -> Iterator[str]:
    """The texts of a function or a DO block, without their quotes; nothing for another statement."""
    for name, entry in walk(statement.tree) if statement.kind in {"DoStmt", "CreateFunctionStmt"} else ():
        if name == "DefElem" and entry.get("defname") == "as":
            yield from (text.get("sval", "") for kind, text in walk(entry.get("arg")) if kind == "String")


def writes(statement: Statement) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(kind, node) of the UPDATE, DELETE or INSERT that a statement is, or that its body in PL/pgSQL says."""
    if statement.kind in _WRITES:
        yield statement.kind, statement.node
    if statement.kind not in {"DoStmt", "CreateFunctionStmt"}:
        return
    try:
        block = json.loads(parse_plpgsql_json(statement.text))
    except (ParseError, ValueError):
        return  # another language, or what this parser does not know: what it does is seen when it runs
    for name, body in walk(block):
        if name == "PLpgSQL_expr":
            try:
                trees = json.loads(parse_sql_json(body.get("query", ""))).get("stmts", ())
            except ParseError:
                continue  # an expression and no statement
            yield from ((kind, node) for entry in trees for kind, node in entry["stmt"].items() if kind in _WRITES)


def conditions(write: Mapping[str, Any]) -> list[Any]:
    """Where an UPDATE or DELETE looks for its rows: its WHERE, and the queries before it (WITH) that it reads."""
    where = [write.get("whereClause") or {}, write.get("fromClause") or write.get("usingClause") or []]
    read = {body["relname"] for name, body in walk(where) if name == "RangeVar"}
    named = [e["CommonTableExpr"] for e in (write.get("withClause") or {}).get("ctes", ())]
    return [*where, *(entry["ctequery"] for entry in named if entry["ctename"] in read)]


def subjects(statement: Statement) -> tuple[Name, ...]:
    """The relations a statement is about; empty when that cannot be told (a DO block, a function call)."""
    node, kind = statement.node, statement.kind
    if kind in {"TruncateStmt", "LockStmt"}:
        return tuple(_range(relation["RangeVar"]) for relation in node.get("relations", ()))
    if kind == "VacuumStmt":
        return tuple(
            _range(entry["VacuumRelation"]["relation"])
            for entry in node.get("rels", ())
            if "relation" in entry["VacuumRelation"]
        )
    if kind == "DropStmt":
        return tuple(_dotted(entry) for entry in node.get("objects", ()))
    made = node.get("relation") or node.get("view") or node.get("into", {}).get("rel")
    return (_range(made), *_partitions(node)) if made else ()


def bounded_parents(statement: Statement) -> tuple[Name, ...]:
    """What `CREATE TABLE … PARTITION OF` makes a part of: it locks that, and reads its default partition."""
    if statement.kind != "CreateStmt" or "partbound" not in statement.node:
        return ()
    return tuple(_range(entry["RangeVar"]) for entry in statement.node.get("inhRelations", ()))


def _partitions(node: Mapping[str, Any]) -> Iterator[Name]:
    """Tables that an ALTER TABLE attaches or detaches."""
    for entry in node.get("cmds", ()):
        command = entry["AlterTableCmd"].get("def", {}).get("PartitionCmd")
        if command:
            yield _range(command["name"])


def lasting(statement: Statement) -> bool:
    """Whether it is about more than temporary tables."""
    names = subjects(statement)
    return not names or any(name.schema != TEMPORARY for name in names)


def actions(statement: Statement) -> tuple[Action, ...]:
    """Every action of a statement; a statement of no known shape gives one action of kind `other`."""
    node, kind = statement.node, statement.kind
    if kind == "AlterTableStmt":
        table = _range(node["relation"])
        if node.get("objtype") == "OBJECT_TYPE":
            return tuple(_attribute(table, entry["AlterTableCmd"]) for entry in node.get("cmds", ()))
        found = [action for entry in node.get("cmds", ()) for action in _command(table, entry["AlterTableCmd"])]
        return tuple(found)
    if kind == "RenameStmt":
        return (_rename(node),)
    if kind == "DropStmt":
        return tuple(_drop(node, entry) for entry in node.get("objects", ()))
    if kind in _WRITES:
        return (Action(_WRITES[kind], _range(node["relation"]), node=node),)
    simple = _simple(kind, node)
    return (simple,) if simple else (Action("other", node=node),)


def _simple(kind: str, node: Mapping[str, Any]) -> Action | None:
    maker = _SIMPLE.get(kind)
    return maker(node) if maker else None


def _create_table(node: Mapping[str, Any]) -> Action:
    relation = node.get("relation") or node["into"]["rel"]
    what = "create_view" if node.get("objtype") == "OBJECT_MATVIEW" else "create_table"
    return Action(what, _range(relation), if_exists=bool(node.get("if_not_exists")), node=node)


def _alter_enum(node: Mapping[str, Any]) -> Action:
    what = "rename_enum_value" if "oldVal" in node else "add_enum_value"
    values = (node["oldVal"], node["newVal"]) if "oldVal" in node else (node["newVal"],)
    tolerant = bool(node.get("skipIfNewValExists"))
    return Action(what, name=_last(node["typeName"]), values=values, if_exists=tolerant, node=node)


def _truncate(node: Mapping[str, Any]) -> Action:
    first = _range(node["relations"][0]["RangeVar"])
    return Action("truncate", first, cascade=node.get("behavior") == "DROP_CASCADE", node=node)


def _command(table: Name, command: Mapping[str, Any]) -> Iterator[Action]:
    subtype = command.get("subtype", "AT_AddColumn")
    body = command.get("def", {})
    cascade = command.get("behavior") == "DROP_CASCADE"
    missing_ok = bool(command.get("missing_ok"))
    if subtype == "AT_AddColumn":
        yield from _add_column(table, body["ColumnDef"], missing_ok)
    elif subtype in {"AT_AddConstraint", "AT_AddIndexConstraint"}:
        yield _constraint(table, body["Constraint"])
    elif subtype == "AT_ColumnDefault":
        yield Action("set_default" if body else "drop_default", table, command.get("name", ""), node=command)
    else:
        name = command.get("name", "")
        kind = _COMMANDS.get(subtype, "other")
        name = name or body.get("ATAlterConstraint", {}).get("conname", "")
        named = {"name": name} if kind in {"validate", "drop_constraint", "alter_constraint"} else {"column": name}
        yield Action(kind, table, cascade=cascade, if_exists=missing_ok, node=command, **named)


def _attribute(type_: Name, command: Mapping[str, Any]) -> Action:
    """Of a composite type: the parser has the same commands for it as for a table."""
    subtype = command.get("subtype", "AT_AddColumn")
    added = command.get("def", {}).get("ColumnDef", {}).get("colname", "")
    kind = {"AT_AddColumn": "add_attribute", "AT_DropColumn": "drop_attribute"}.get(subtype, "alter_attribute")
    named = (command.get("name") or added,)
    missing_ok = bool(command.get("missing_ok"))
    return Action(kind, name=type_.name, columns=named, values=(type_.sql,), if_exists=missing_ok, node=command)


def _add_column(table: Name, column: Mapping[str, Any], missing_ok: bool) -> Iterator[Action]:
    kinds = {entry["Constraint"]["contype"] for entry in column.get("constraints", ())}
    required = bool(kinds & {"CONSTR_NOTNULL", "CONSTR_PRIMARY"})
    has_default = bool(kinds & {"CONSTR_DEFAULT", "CONSTR_IDENTITY", "CONSTR_GENERATED"}) or _is_serial(column)
    marks = tuple(mark for mark, wanted in (("required", required), ("default", has_default)) if wanted)
    yield Action("add_column", table, column["colname"], values=marks, if_exists=missing_ok, node=column)
    for entry in column.get("constraints", ()):
        constraint = entry["Constraint"]
        if constraint["contype"] in {"CONSTR_FOREIGN", "CONSTR_UNIQUE", "CONSTR_PRIMARY", "CONSTR_CHECK"}:
            yield _constraint(table, constraint, column["colname"])


def _is_serial(column: Mapping[str, Any]) -> bool:
    return _last(column.get("typeName", {}).get("names", ())) in {
        "serial",
        "bigserial",
        "smallserial",
        "serial4",
        "serial8",
    }


def _constraint(table: Name, constraint: Mapping[str, Any], column: str = "") -> Action:
    keys = _strings(constraint.get("fk_attrs") or constraint.get("keys") or ()) or ((column,) if column else ())
    parent = constraint.get("pktable")
    kind = _CONSTRAINTS.get(constraint["contype"], "other")
    if constraint.get("indexname"):
        kind = "adopt_index"
    return Action(
        kind,
        table,
        column=column,
        name=constraint.get("conname", ""),
        columns=keys,
        parent=_range(parent) if parent else None,
        parent_columns=_strings(constraint.get("pk_attrs", ())),
        not_valid=bool(constraint.get("skip_validation")),
        unique=kind in {"add_unique", "add_primary_key"},
        node=constraint,
    )


def _rename(node: Mapping[str, Any]) -> Action:
    kind = _RENAMES.get(node.get("renameType", ""), "other")
    table = _range(node["relation"]) if "relation" in node else None
    old = node.get("subname") or (
        table.name if table else _last(node.get("object", {}).get("List", {}).get("items", ()))
    )
    return Action(kind, table, column=node.get("subname", ""), values=(old, node["newname"]), node=node)


def _drop(node: Mapping[str, Any], entry: Mapping[str, Any]) -> Action:
    name = _dotted(entry)
    kind = _DROPS.get(node.get("removeType", ""), "other")
    table = name if kind in {"drop_table", "drop_view"} else None
    cascade = node.get("behavior") == "DROP_CASCADE"
    return Action(
        kind,
        table,
        name=name.name,
        concurrently=bool(node.get("concurrent")),
        if_exists=bool(node.get("missing_ok")),
        cascade=cascade,
        node=node,
    )


def _index(node: Mapping[str, Any]) -> Action:
    elements = [entry["IndexElem"] for entry in node.get("indexParams", ())]
    return Action(
        "create_index",
        _range(node["relation"]),
        name=node.get("idxname", ""),
        columns=tuple(element["name"] for element in elements if "name" in element),
        unique=bool(node.get("unique")),
        concurrently=bool(node.get("concurrent")),
        if_exists=bool(node.get("if_not_exists")),
        node=node,
    )


def _range(relation: Mapping[str, Any]) -> Name:
    return Name(relation["relname"], relation.get("schemaname", ""))


def _dotted(entry: Mapping[str, Any]) -> Name:
    if "TypeName" in entry:
        parts = _strings(entry["TypeName"].get("names", ()))
    elif "List" in entry:
        parts = _strings(entry["List"].get("items", ()))
    else:
        parts = _strings([entry])
    return Name(parts[-1], parts[-2] if len(parts) > 1 else "") if parts else Name("")


def _strings(entries: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(entry["String"]["sval"] for entry in entries if "String" in entry)


def _last(names: Sequence[Mapping[str, Any]]) -> str:
    strings = _strings(names)
    return strings[-1] if strings else ""


_SIMPLE: dict[str, Callable[[Mapping[str, Any]], Action]] = {
    "IndexStmt": _index,
    "CreateStmt": _create_table,
    "CreateTableAsStmt": _create_table,
    "CreateEnumStmt": lambda node: Action(
        "create_enum", name=_last(node["typeName"]), values=_strings(node.get("vals", ())), node=node
    ),
    "AlterEnumStmt": _alter_enum,
    "TruncateStmt": _truncate,
    "MergeStmt": lambda node: Action("merge", _range(node["relation"]), node=node),
    "ViewStmt": lambda node: Action("create_view", _range(node["view"]), node=node),
    "CreateTrigStmt": lambda node: Action("create_trigger", _range(node["relation"]), name=node["trigname"], node=node),
    "CreateFunctionStmt": lambda node: Action("create_function", name=_last(node["funcname"]), node=node),
    "VariableSetStmt": lambda node: Action(
        "set", name=node.get("name", ""), if_exists=bool(node.get("is_local")), node=node
    ),
}
