"""The safe way of one statement, made from that statement: what it means comes out, and nothing else (MIGRATIONS.md 6).

Where no SQL is known to do the same more gently there are words. `harness.migrations.hazards` holds what is said
of a hazard whatever the statement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from harness.migrations.actions import Name, quoted, walk
from harness.migrations.altering import (
    OUTSIDE,
    QUIET,
    altered_safely,
    beside,
    index_below,
    is_partitioned,
    label_of,
    partitions_of,
)
from harness.migrations.schema import Schema
from harness.migrations.statements import Statement

__all__ = ["half_detached", "safe_way"]

_WORD = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_INDEX = re.compile(
    r"create\s+(?P<unique>unique\s+)?index\s+(?:concurrently\s+)?(?P<tolerant>if\s+not\s+exists\s+)?"
    rf"(?:(?P<name>{_WORD})\s+)?on\s+(?:only\s+)?(?P<table>{_WORD}(?:\s*\.\s*{_WORD})?)\s*(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_REINDEX = re.compile(
    r"(?P<head>reindex\s*(?:\([^)]*\)\s*)?(?:index|table|schema|database)\s)\s*(?:concurrently\s+)?(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_REFRESH = re.compile(
    r"(?P<head>refresh\s+materialized\s+view\s)\s*(?:concurrently\s+)?(?P<rest>.*)", re.IGNORECASE | re.DOTALL
)
_SHRINK = "-- plain VACUUM makes the space free for new rows and blocks nobody; pg_repack or pg_squeeze give it back beside the traffic"
_WORDS = {
    "VacuumStmt": _SHRINK,
    "ClusterStmt": "-- pg_repack orders the rows beside the traffic; often an index that covers the query makes the order needless",
    "DoStmt": "-- a function or DO block is one transaction: write each step as a statement of its own, an index with CONCURRENTLY",
    "SelectStmt": "-- a function is one transaction: write each step as a statement of its own, an index with CONCURRENTLY",
    "CallStmt": "-- a procedure: write each step as a statement of its own, an index with CONCURRENTLY",
}


def safe_way(statement: Statement, schema: Schema, *, rewrites: bool = False) -> str:
    """What to run instead, or words; empty when there is nothing better to say than what the hazard says anyway.

    `schema` is the one before the migration; `rewrites` says that every row was seen to be written anew.
    """
    if words := _WORDS.get(statement.kind):
        return words
    if maker := _STATEMENTS.get(statement.kind):
        return maker(statement, schema)
    return altered_safely(statement, schema, rewrites) if statement.kind == "AlterTableStmt" else ""


def half_detached(statement: Statement) -> str:
    """What to do about DETACH … CONCURRENTLY, which a lock_timeout ends halfway; empty for another statement."""
    command = next(
        (body for name, body in walk(statement.tree) if name == "PartitionCmd" and body.get("concurrent")), None
    )
    if command is None:
        return ""
    relation = statement.node["relation"]
    whole, part = (Name(each["relname"], each.get("schemaname", "")) for each in (relation, command["name"]))
    return (
        f"{OUTSIDE}{statement.text.rstrip(';')};\n-- it waits by design: a lock_timeout that ends it leaves the partition pending, then\n"
        f"ALTER TABLE {whole.sql} DETACH PARTITION {part.sql} FINALIZE;"
    )


def _of_index(statement: Statement, schema: Schema) -> str:
    match = _INDEX.fullmatch(statement.text.rstrip("; \n"))
    if match is None:
        return "-- the same statement with CONCURRENTLY after INDEX, outside a transaction"
    relation = statement.node["relation"]
    table = Name(relation["relname"], relation.get("schemaname", ""))
    if is_partitioned(schema, label_of(table)):
        name = statement.node.get("idxname") or f"{table.name}_{'_'.join(_index_columns(statement))}_idx"
        tree = "\n".join(_index_tree(match, table, name, schema))
        return f"-- the parent's own index first, which builds nothing; then each partition's, outside a transaction\n{tree}"
    name = f"{match['name']} " if match["name"] else ""
    head = f"CREATE {match['unique'] or ''}INDEX CONCURRENTLY {match['tolerant'] or ''}{name}"
    return f"{OUTSIDE}{head}ON {match['table']} {match['rest']};"


def _index_columns(statement: Statement) -> list[str]:
    return [entry["IndexElem"].get("name", "expr") for entry in statement.node.get("indexParams", ())]


def _index_tree(match: re.Match[str], table: Name, name: str, schema: Schema) -> Iterator[str]:
    """ON ONLY the partitioned table, the same below for each partition, attached one by one."""
    head = f"CREATE {match['unique'] or ''}INDEX"
    yield f"{head} {quoted(name)} ON ONLY {table.sql} {match['rest']};"
    for child in partitions_of(schema, label_of(table)):
        below = index_below(child.name, name)
        if is_partitioned(schema, label_of(child)):
            yield from _index_tree(match, child, below, schema)
        else:
            yield f"{head} CONCURRENTLY {quoted(below)} ON {child.sql} {match['rest']};"
        yield f"ALTER INDEX {beside(table, name)} ATTACH PARTITION {beside(child, below)};"


def _of_reindex(statement: Statement, _schema: Schema) -> str:
    match = _REINDEX.fullmatch(statement.text.rstrip("; \n"))
    return f"{OUTSIDE}{match['head']}CONCURRENTLY {match['rest']};" if match else QUIET


def _of_refresh(statement: Statement, _schema: Schema) -> str:
    match = _REFRESH.fullmatch(statement.text.rstrip("; \n"))
    if match is None or statement.node.get("skipData"):
        return QUIET
    return f"-- needs a unique index on the view, and reads go on\n{match['head']}CONCURRENTLY {match['rest']};"


_STATEMENTS: dict[str, Callable[[Statement, Schema], str]] = {
    "IndexStmt": _of_index,
    "ReindexStmt": _of_reindex,
    "RefreshMatViewStmt": _of_refresh,
}
