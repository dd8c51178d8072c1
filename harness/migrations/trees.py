"""Parse trees, pglast's JSON of them: walked, and told which names in them mean a temporary table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["TEMPORARY", "name_temporary", "walk"]

TEMPORARY = "pg_temp"  # the schema under which every session finds its own


def walk(node: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every (node name, body) below and including `node`, as they stand in the text; of a constant only itself.

    With a stack of its own: a file may hold an INSERT of a million values.
    """
    left = [node]
    while left:
        here = left.pop()
        if type(here) is list:
            left.extend(reversed(here))
        elif type(here) is tuple:
            name, body = here
            yield name, body
            if name != "A_Const":
                left.extend(_below(body))
        elif type(here) is dict:
            left.extend(_below(here))


def _below(body: Mapping[str, Any]) -> list[Any]:
    """What is named or listed in a node, last first."""
    inside: list[Any] = []
    for name, value in body.items():
        if type(value) is dict:
            inside.append((name, value))
        elif type(value) is list:
            inside.append(value)
    inside.reverse()
    return inside


def name_temporary(trees: Sequence[dict[str, Any]]) -> None:
    """Give each name that means a temporary table of these statements its schema, in place: a table of the baseline with
    that name is hidden from the CREATE to the DROP, or to the end of the transaction that ends it."""
    there: dict[str, bool] = {}  # whether it goes with its transaction
    made: set[str] = set()  # in the transaction that is open: ROLLBACK takes them back
    inside = False
    for tree in trees:
        kind, node = next(iter(tree.items()))
        if kind == "TransactionStmt":
            what = node.get("kind", "TRANS_STMT_BEGIN")
            inside = _CONTROL.get(what, inside)
            if what in {"TRANS_STMT_COMMIT", "TRANS_STMT_ROLLBACK"}:
                gone = made if what == "TRANS_STMT_ROLLBACK" else {name for name, goes in there.items() if goes}
                there = {name: goes for name, goes in there.items() if name not in gone}
                made = set()
        elif kind == "DiscardStmt" and node.get("target") in {"DISCARD_ALL", "DISCARD_TEMP"}:
            there = {}
        elif kind == "DropStmt":
            _drop(node, there)
        else:
            new = _name(tree, there)
            there |= new
            made |= new.keys() if inside else set()
            if kind == "RenameStmt" and node.get("renameType") == "OBJECT_TABLE":
                old = node["relation"]
                if old.get("schemaname") == TEMPORARY and old["relname"] in there:
                    there[node["newname"]] = there.pop(old["relname"])


_CONTROL = {
    "TRANS_STMT_BEGIN": True,
    "TRANS_STMT_START": True,
    "TRANS_STMT_COMMIT": False,
    "TRANS_STMT_ROLLBACK": False,
}


def _name(tree: dict[str, Any], there: Mapping[str, bool]) -> dict[str, bool]:
    """Name the relations of one statement; gives the temporary ones that it makes, which it does not read itself."""
    new: dict[str, bool] = {}
    named = {body["ctename"] for name, body in walk(tree) if name == "CommonTableExpr"}
    drops = any("ONCOMMIT_DROP" in {body.get("oncommit"), body.get("onCommit")} for _, body in walk(tree))
    for _, body in walk(tree):
        if "relname" not in body or not isinstance(body, dict):
            continue
        temporary = body.get("relpersistence") == "t"
        if temporary:
            new[body["relname"]] = drops
        if temporary or ("schemaname" not in body and body["relname"] in there and body["relname"] not in named):
            body["schemaname"] = TEMPORARY
    return new


def _drop(node: Mapping[str, Any], there: dict[str, bool]) -> None:
    for entry in node.get("objects", ()):
        items = entry.get("List", {}).get("items", [])
        names = [item["String"]["sval"] for item in items if "String" in item]
        if len(names) == 1 and names[0] in there:
            items.insert(0, {"String": {"sval": TEMPORARY}})
        if len(names) in {1, 2} and (len(names) == 1 or names[0] == TEMPORARY):
            there.pop(names[-1], None)
