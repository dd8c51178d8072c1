"""Values that the migration itself compares columns with: rows that hold them show whether a backfill finds anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from harness.migrations.actions import Name, actions, bounded_parents, conditions, walk, writes
from harness.migrations.statements import Statement

__all__ = ["Literals", "bounds_in", "literals_in", "overwrites", "sought_empty"]

_MOST_KEYS = 20  # of a statement; some rows show what becomes of all


@dataclass(slots=True)
class Literals:
    """SQL literals by column name. Tables are not told apart: a comparison may stand in a join or a subquery.

    `together` are those that one row has to hold: (table, literals by column) of an upsert's or a MERGE's key.
    `brought` are those that an INSERT of the migration brings itself: production has no such key, or it would fail.
    """

    by_column: dict[str, list[str]] = field(default_factory=dict)
    together: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    brought: set[str] = field(default_factory=set)

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
            if name == "InsertStmt" and "onConflictClause" not in body:
                found.brought |= set(_brought(body))
            elif name in _KEYED:
                found.together += [(body["relation"]["relname"], key) for key in _KEYED[name](body)[:_MOST_KEYS] if key]
    return found


def overwrites(statement: Statement) -> bool:
    """Whether it writes over rows that have the keys which it gives itself, in VALUES: whether there are any, rows decide."""
    return any(_KEYED[name](body) for name, body in walk(statement.tree or {}) if name in _KEYED)


def _brought(insert: Mapping[str, Any]) -> Iterator[str]:
    for entry in insert.get("selectStmt", {}).get("SelectStmt", {}).get("valuesLists", ())[:_MOST_KEYS]:
        yield from filter(None, map(_literal, entry["List"]["items"]))


def _upserted(insert: Mapping[str, Any]) -> list[dict[str, str]]:
    """The keys of the rows that `INSERT (…) VALUES … ON CONFLICT (…) DO UPDATE` gives."""
    clause = insert.get("onConflictClause", {})
    if clause.get("action") != "ONCONFLICT_UPDATE":
        return []
    key = {entry["IndexElem"].get("name", "") for entry in clause.get("infer", {}).get("indexElems", ())}
    names = [entry["ResTarget"]["name"] for entry in insert.get("cols", ())]
    rows = _rows(insert.get("selectStmt", {}), names)
    return [{name: row[name] for name in key} for row in rows if key and key <= row.keys()]


def _merged(merge: Mapping[str, Any]) -> list[dict[str, str]]:
    """The keys of the rows that `MERGE … USING (VALUES …) AS source (…) ON …` gives."""
    source = merge.get("sourceRelation", {}).get("RangeSubselect", {})
    alias = source.get("alias", {})
    rows = _rows(source.get("subquery", {}), [entry["String"]["sval"] for entry in alias.get("colnames", ())])
    pairs: dict[str, str] = {}
    for name, body in walk(merge.get("joinCondition", {})):
        sides = [_dotted(body.get(side)) for side in ("lexpr", "rexpr")] if name == "A_Expr" else []
        given = [side for side in sides if side[:1] == [alias.get("aliasname")]]
        mine = [side for side in sides if side and side not in given]
        if given and mine:
            pairs[mine[0][-1]] = given[0][-1]
    return [
        {name: row[said] for name, said in pairs.items()} for row in rows if pairs and {*pairs.values()} <= row.keys()
    ]


_KEYED = {"InsertStmt": _upserted, "MergeStmt": _merged}


def _rows(query: Mapping[str, Any], names: Sequence[str]) -> list[dict[str, str]]:
    """By name what each row of a VALUES says, as far as it is a literal."""
    lists = query.get("SelectStmt", {}).get("valuesLists", ())
    rows = (zip(names, map(_literal, entry["List"]["items"]), strict=False) for entry in lists)
    return [{name: text for name, text in row if text is not None} for row in rows]


def _dotted(expression: Any) -> list[str]:
    fields = expression.get("ColumnRef", {}).get("fields", ()) if isinstance(expression, Mapping) else ()
    return [entry.get("String", {}).get("sval", "") for entry in fields]


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
