"""Values that the migration itself compares columns with: rows that hold them show whether a backfill finds anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from harness.migrations.actions import Name, actions, bounded_parents, conditions, walk, writes
from harness.migrations.statements import Statement

__all__ = ["Literals", "literals_in", "sought_empty"]


@dataclass(slots=True)
class Literals:
    """SQL literals by column name. Tables are not told apart: a comparison may stand in a join or a subquery."""

    by_column: dict[str, list[str]] = field(default_factory=dict)

    def add(self, pairs: Iterable[tuple[str, str]]) -> None:
        """More of them, by column name."""
        for column, literal in pairs:
            known = self.by_column.setdefault(column, [])
            if literal not in known:
                known.append(literal)

    def of(self, _table: str, column: str) -> Sequence[str]:
        """Literals compared with a column of that name."""
        return self.by_column.get(column, ())


def literals_in(statements: Sequence[Statement]) -> Literals:
    """Collect `column = literal`, `column IN (…)`, `LIKE` and their kin from WHERE clauses."""
    found = Literals()
    for statement in statements:
        for name, body in walk(statement.tree or {}):
            if name == "A_Expr":
                _add(found, body.get("lexpr"), body.get("rexpr"))
                _add(found, body.get("rexpr"), body.get("lexpr"))
    return found


def _add(found: Literals, column: Any, value: Any) -> None:
    if not isinstance(column, Mapping) or not isinstance(value, Mapping) or "ColumnRef" not in column:
        return
    last = column["ColumnRef"]["fields"][-1]
    if "String" not in last:
        return
    values = value["List"]["items"] if "List" in value else [value]
    found.by_column.setdefault(last["String"]["sval"], [])
    found.add((last["String"]["sval"], text) for entry in values if (text := _literal(entry)) is not None)


def _literal(entry: Mapping[str, Any]) -> str | None:
    constant = entry.get("TypeCast", {}).get("arg", entry).get("A_Const")
    if constant is None:
        return None
    if "sval" in constant:
        text = constant["sval"].get("sval", "").replace("%", "x").replace("'", "''")
        return f"'{text}'"
    if "ival" in constant:
        return f"'{constant['ival'].get('ival', 0)}'"
    if "fval" in constant:
        return f"'{constant['fval']['fval']}'"
    if "boolval" in constant:
        return f"'{str(constant['boolval'].get('boolval', False)).lower()}'"
    return None


def bounds_in(statements: Sequence[Statement]) -> Iterator[tuple[Name, list[str]]]:
    """(the whole, literals in the order of its key) of each new partition: rows that the default partition may have."""
    for statement in statements:
        bounds = [(parent, statement.node["partbound"]) for parent in bounded_parents(statement)]
        if statement.kind == "AlterTableStmt":
            relation = statement.node["relation"]
            whole = Name(relation["relname"], relation.get("schemaname", ""))
            bounds = [
                (whole, body["bound"])
                for name, body in walk(statement.tree)
                if name == "PartitionCmd" and "bound" in body
            ]
        for parent, bound in bounds:
            ends = bound.get("lowerdatums") or bound.get("listdatums", ())[:1]
            yield parent, [text for text in takewhile(bool, map(_literal, ends)) if text]


def sought_empty(statements: Sequence[Statement]) -> dict[Name, set[str]]:
    """By table the columns that an UPDATE or DELETE seeks with IS NULL, as a backfill does.

    Not those that an earlier statement made NOT NULL: no row has a NULL there by then.
    """
    found: dict[Name, set[str]] = {}
    filled: set[tuple[Name | None, str]] = set()
    for statement in statements:
        filled |= {(action.table, action.column) for action in actions(statement) if action.kind == "set_not_null"}
        for kind, node in writes(statement):
            if kind == "InsertStmt":
                continue
            table = Name(node["relation"]["relname"], node["relation"].get("schemaname", ""))
            for name, body in walk(conditions(node)):
                if name == "NullTest" and body.get("nulltesttype") == "IS_NULL":
                    last = body["arg"].get("ColumnRef", {}).get("fields", [{}])[-1]
                    column = last.get("String", {}).get("sval", "")
                    if column and (table, column) not in filled:
                        found.setdefault(table, set()).add(column)
    return found
