"""What is stored in the columns that the running release leaves out, where their defaults are others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg

from harness.migrations.actions import quoted
from harness.migrations.computed import about_function
from harness.migrations.findings import Finding, Severity
from harness.migrations.rehearsal import Rehearsal
from harness.migrations.schema import Column, Schema
from harness.migrations.statements import Statement
from harness.migrations.telling import finding
from harness.migrations.writing import first_row

__all__ = ["check_defaults"]

PHASE = "compatibility"
_REMEDY = "-- first release code that writes the column itself, then change what stands there by default"


def check_defaults(
    rehearsal: Rehearsal, new: Schema, before: psycopg.Connection[Any], after: psycopg.Connection[Any]
) -> Iterator[Finding]:
    """Defaults of columns that were there: each is asked on both databases, and what differs by itself in one session."""
    old = rehearsal.before
    same_functions = old.functions == new.functions
    for column in old.columns.values():
        now = new.columns.get((column.table, column.name))
        if now is None or not _left_to_default(old, column) or not _left_to_default(new, now):
            continue
        was, stands = _default(old, column), _default(new, now)
        if (was == stands and (same_functions or was is None)) or (stands is None and new.requires(now)):
            continue  # without a default a required column is refused, which is told as that
        told = _difference(before, after, was or "NULL", stands or "NULL", now.type)
        if told:
            yield _found(rehearsal, new, column, told, was=was, stands=stands)
        elif was is not None and was == stands and _repeats(before, after, was):
            told = "another value for each row before, and one for all rows of a statement now"
            yield _found(rehearsal, new, column, told, was=was, stands=stands)


def _left_to_default(schema: Schema, column: Column) -> bool:
    """Whether a default decides what is stored, and no trigger of its own or sequence."""
    return schema.is_table(column.table) and not column.generated and not column.identity


def _default(schema: Schema, column: Column) -> str | None:
    """Its own, else that of its domain."""
    return column.default or next(
        (str(e["default"]) for e in schema.domains_under(column.type) if e["default"] is not None), None
    )


def _difference(
    before: psycopg.Connection[Any], after: psycopg.Connection[Any], was: str, stands: str, kind: str
) -> str:
    """What is stored now in place of what was, in words; empty where it is the same, or nobody can tell."""
    then, again, now = (_value(on, text, kind) for on, text in ((before, was), (before, was), (after, stands)))
    if then == again:
        return f"{_shown(then)} was, and {_shown(now)} is now" if then != now and () not in (then, now) else ""
    # a clock or a counter: both in one session, at one moment
    sql = f"SELECT ({was}) IS DISTINCT FROM ({was}), (({was})::{kind}) IS DISTINCT FROM (({stands})::{kind})"
    return f"{was} was, and {stands} is now" if first_row(after, sql) == (False, True) else ""


def _repeats(before: psycopg.Connection[Any], after: psycopg.Connection[Any], text: str) -> bool:
    """Whether rows of one statement have the same value now, and had not: a volatile function that is declared otherwise."""
    sql = f"SELECT count(DISTINCT v) FROM (SELECT ({text})::text AS v FROM generate_series(1, 100) OFFSET 0) AS rows"
    several, one = first_row(before, sql), first_row(after, sql)
    return several is not None and several > (1,) and one == (1,)


def _value(connection: psycopg.Connection[Any], text: str, kind: str) -> tuple[Any, ...]:
    """As the type that the column has now; empty where that is refused."""
    return (
        first_row(connection, f"SELECT ({text})::{kind}::text") or first_row(connection, f"SELECT ({text})::text") or ()
    )


def _shown(value: tuple[Any, ...]) -> str:
    return "NULL" if value[0] is None else f"'{value[0]}'"


def _found(
    rehearsal: Rehearsal, new: Schema, column: Column, told: str, *, was: str | None, stands: str | None
) -> Finding:
    evidence = f"the running release leaves {column.table}.{column.name} to its default: {told}, without an error"
    filled = was is None  # where nothing stood nobody can have counted on it
    return finding(
        "compat.writes-changed",
        Severity.INFO if filled else Severity.MEDIUM,
        PHASE,
        _cause(rehearsal, new, column) if was == stands else _changing(rehearsal, column),
        evidence,
        table=column.table,
        names={"column": quoted(column.name)},
        remedy=_REMEDY,
        about=column.name,
    )


def _changing(rehearsal: Rehearsal, column: Column) -> Statement:
    return rehearsal.altering(column.table.rsplit(".", maxsplit=1)[-1], f"{column.name.lower()} set default", "default")


def _cause(rehearsal: Rehearsal, new: Schema, column: Column) -> Statement:
    """The statement about the function that answers otherwise."""
    then = rehearsal.before.functions
    changed = [name for name, text in new.functions.items() if then.get(name, text) != text]
    default = _default(new, column) or ""
    named = [name for name in changed if name.partition("(")[0].rpartition(".")[2] in default]
    return about_function(rehearsal, (named or changed)[0]) if changed else _changing(rehearsal, column)
