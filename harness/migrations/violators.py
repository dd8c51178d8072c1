"""Which existing rows a statement would refuse: counted, with the keys of some, and the query to run in production."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from pglast import parse_sql
from pglast.ast import IndexStmt
from pglast.stream import RawStream

from harness.migrations.actions import Action, Name, actions, quoted
from harness.migrations.statements import Statement

__all__ = ["Violators", "count_violators", "counting", "queries"]


@dataclass(frozen=True, slots=True)
class Violators:
    """How many rows do not fit, keys of at most three, and the counting query."""

    count: int
    samples: tuple[str, ...]
    query: str


def queries(statement: Statement, connection: psycopg.Connection[Any]) -> Iterator[tuple[Name, str, str]]:
    """(table, condition, counting query) of each action that existing rows can refuse."""
    for action in actions(statement):
        if asked := counting(action, statement, connection):
            yield asked


def counting(action: Action, statement: Statement, connection: psycopg.Connection[Any]) -> tuple[Name, str, str] | None:
    """(table, condition, counting query) of one action; None when existing rows do not matter to it."""
    condition = _condition(action, statement, connection) if action.table is not None else ""
    if action.table is None or not condition:
        return None
    return action.table, condition, f"SELECT count(*) FROM {action.table.sql} WHERE {condition}"


def count_violators(statement: Statement, connection: psycopg.Connection[Any]) -> Violators | None:
    """Count them on this connection; None when the statement has no shape that can be counted."""
    for table, condition, query in queries(statement, connection):
        try:
            with connection.transaction():
                row = connection.execute(query).fetchone()
                samples = connection.execute(f"SELECT * FROM {table.sql} WHERE {condition} LIMIT 3").fetchall()
        except psycopg.Error:
            continue
        if row and row[0]:
            return Violators(int(row[0]), tuple(str(sample[0]) for sample in samples), query)
    return None


def _condition(action: Action, statement: Statement, connection: psycopg.Connection[Any]) -> str:
    """SQL that is true for rows which the action refuses; empty when it has no such shape."""
    if action.not_valid:
        return ""
    if action.kind == "create_index" and action.unique:
        return _repeated_in_index(action, statement)
    maker = _CONDITIONS.get(action.kind)
    return maker(action, statement, connection) if maker else ""


def _nulls(action: Action, _statement: Statement, _connection: psycopg.Connection[Any]) -> str:
    columns = [action.column] if action.column else list(action.columns)
    return " OR ".join(f"{quoted(column)} IS NULL" for column in columns)


def _every_row(action: Action, _statement: Statement, _connection: psycopg.Connection[Any]) -> str:
    """A required column without a default refuses every row."""
    return "true" if "required" in action.values and "default" not in action.values else ""


def _without_parent(action: Action, _statement: Statement, connection: psycopg.Connection[Any]) -> str:
    if action.parent is None:
        return ""
    return _orphans(action.columns, action.parent.sql, action.parent_columns or _key_of(connection, action.parent))


def _repeated(action: Action) -> str:
    if not action.columns or action.table is None:
        return ""
    if (action.node or {}).get("without_overlaps"):
        operators = ["="] * (len(action.columns) - 1) + ["&&"]
        return _beside_another(action.table, list(zip(action.columns, operators, strict=True)))
    if (action.node or {}).get("nulls_not_distinct"):
        return _alike([*map(quoted, action.columns)], action.table.sql)
    names = ", ".join(map(quoted, action.columns))
    repeated = f"({names}) IN (SELECT {names} FROM {action.table.sql} GROUP BY {names} HAVING count(*) > 1)"
    if action.kind == "add_primary_key":
        return " OR ".join([repeated, *(f"{quoted(column)} IS NULL" for column in action.columns)])
    return repeated


def _excluded(action: Action) -> str:
    """For an exclusion constraint on plain columns of all rows."""
    node = action.node or {}
    parts = [entry["List"]["items"] for entry in node.get("exclusions", ())]
    if action.table is None or node.get("where_clause") or not all("name" in part[0]["IndexElem"] for part in parts):
        return ""
    operators = [part[1]["List"]["items"][-1]["String"]["sval"] for part in parts]
    return _beside_another(
        action.table, [(part[0]["IndexElem"]["name"], o) for part, o in zip(parts, operators, strict=True)]
    )


def _beside_another(table: Name, pairs: list[tuple[str, str]]) -> str:
    """Rows for which there is another one that all the operators hold with."""
    mine = quoted(table.name)
    held = " AND ".join(f"other.{quoted(column)} {operator} {mine}.{quoted(column)}" for column, operator in pairs)
    apart = f"(other.tableoid, other.ctid) <> ({mine}.tableoid, {mine}.ctid)"
    return f"EXISTS (SELECT FROM {table.sql} AS other WHERE {apart} AND {held})"


def _repeated_in_index(action: Action, statement: Statement) -> str:
    """As `_repeated`, for keys that are expressions and for an index of some rows only."""
    index = parse_sql(statement.text)[0].stmt
    if action.table is None or not isinstance(index, IndexStmt):
        return ""
    keys = [quoted(key.name) if key.name else f"({RawStream()(key.expr)})" for key in index.indexParams or ()]
    names = ", ".join(keys)
    some = f" WHERE {RawStream()(index.whereClause)}" if index.whereClause else ""
    if index.nulls_not_distinct:
        rows = _alike(keys, f"{action.table.sql}{some}")
        return f"{rows} AND ({some.removeprefix(' WHERE ')})" if some else rows
    row = names if len(keys) == 1 and names.startswith("(") else f"({names})"
    rows = f"{row} IN (SELECT {names} FROM {action.table.sql}{some} GROUP BY {names} HAVING count(*) > 1)"
    return f"{rows} AND ({some.removeprefix(' WHERE ')})" if some else rows


def _alike(keys: Sequence[str], rows: str) -> str:
    """Where NULL is like NULL too: IN says nothing of it."""
    names = [f"key_{number}" for number, _ in enumerate(keys, start=1)]
    same = " AND ".join(f"{key} IS NOT DISTINCT FROM {name}" for key, name in zip(keys, names, strict=True))
    several = f"SELECT {', '.join(keys)} FROM {rows} GROUP BY {', '.join(keys)} HAVING count(*) > 1"
    return f"EXISTS (SELECT FROM ({several}) AS several ({', '.join(names)}) WHERE {same})"


def _orphans(columns: tuple[str, ...], parent: str, keys: tuple[str, ...]) -> str:
    if not keys or len(keys) != len(columns):
        return ""
    present = " AND ".join(f"{quoted(column)} IS NOT NULL" for column in columns)
    joined = " AND ".join(f"parent.{quoted(key)} = {quoted(column)}" for key, column in zip(keys, columns, strict=True))
    if set(columns) & set(keys):
        tuple_of = ", ".join(map(quoted, columns))
        return f"{present} AND ({tuple_of}) NOT IN (SELECT {', '.join(map(quoted, keys))} FROM {parent})"
    return f"{present} AND NOT EXISTS (SELECT FROM {parent} AS parent WHERE {joined})"


def _key_of(connection: psycopg.Connection[Any], parent: Name) -> tuple[str, ...]:
    rows = connection.execute(
        "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) "
        "WHERE i.indisprimary AND i.indrelid = to_regclass(%s)",
        (parent.sql,),
    ).fetchall()
    return tuple(row[0] for row in rows)


def _validated(action: Action, connection: psycopg.Connection[Any]) -> str:
    row = connection.execute(
        "SELECT contype, pg_get_expr(conbin, conrelid), confrelid::regclass::text, "
        "ARRAY(SELECT attname FROM unnest(conkey) k JOIN pg_attribute ON attrelid = conrelid AND attnum = k)::text[], "
        "ARRAY(SELECT attname FROM unnest(confkey) k JOIN pg_attribute ON attrelid = confrelid AND attnum = k)::text[] "
        "FROM pg_constraint WHERE conname = %s AND conrelid = to_regclass(%s)",
        (action.name, action.table.sql if action.table else ""),
    ).fetchone()
    if row is None:
        return ""
    kind, expression, parent, columns, keys = row
    if kind == "n":
        return f"{quoted(columns[0])} IS NULL"
    return f"NOT ({expression})" if kind == "c" else _orphans(tuple(columns), parent, tuple(keys))


def _outside_enum(action: Action, connection: psycopg.Connection[Any]) -> str:
    """Values that are no label of the enum which the column is to have; empty when the new type is none."""
    kind = (action.node or {}).get("def", {}).get("ColumnDef", {}).get("typeName", {})
    name = ".".join(quoted(entry["String"]["sval"]) for entry in kind.get("names", ()))
    row = connection.execute(
        "SELECT array_agg(quote_literal(enumlabel) ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = to_regtype(%s)",
        (name,),
    ).fetchone()
    return f"{quoted(action.column)}::text NOT IN ({', '.join(row[0])})" if row and row[0] else ""


def _too_long(action: Action) -> str:
    column = (action.node or {}).get("def", {}).get("ColumnDef", {})
    kind = column.get("typeName", {})
    names = [entry["String"]["sval"] for entry in kind.get("names", ())]
    sizes = [
        entry["A_Const"]["ival"].get("ival", 0)
        for entry in kind.get("typmods", ())
        if "ival" in entry.get("A_Const", {})
    ]
    if names and names[-1] in {"varchar", "bpchar"} and sizes and "raw_default" not in column:
        if kind.get("arrayBounds"):
            elements = f"unnest({quoted(action.column)}) AS element"
            return f"EXISTS (SELECT FROM {elements} WHERE length(element::text) > {sizes[0]})"
        return f"length({quoted(action.column)}::text) > {sizes[0]}"
    limits = {"int2": 32767, "int4": 2147483647}
    if names and names[-1] in limits and "raw_default" not in column:
        return f"abs({quoted(action.column)}) > {limits[names[-1]]}"
    return ""


def _check_text(statement: Statement, action: Action) -> str:
    """The CHECK's expression as SQL."""
    for entry in getattr(parse_sql(statement.text)[0].stmt, "cmds", None) or ():
        definition = entry.def_
        candidates = [definition, *(getattr(definition, "constraints", None) or ())]
        for constraint in candidates:
            if (
                getattr(constraint, "raw_expr", None) is not None
                and (getattr(constraint, "conname", None) or "") == action.name
            ):
                return str(RawStream()(constraint.raw_expr))
    return "true"


_CONDITIONS: dict[str, Callable[[Action, Statement, psycopg.Connection[Any]], str]] = {
    "set_not_null": _nulls,
    "add_not_null": _nulls,
    "add_column": _every_row,
    "add_unique": lambda action, _statement, _connection: _repeated(action),
    "add_primary_key": lambda action, _statement, _connection: _repeated(action),
    "add_exclusion": lambda action, _statement, _connection: _excluded(action),
    "add_foreign_key": _without_parent,
    "add_check": lambda action, statement, _connection: f"NOT ({_check_text(statement, action)})",
    "validate": lambda action, _statement, connection: _validated(action, connection),
    "alter_type": lambda action, _statement, connection: _outside_enum(action, connection) or _too_long(action),
}
