"""What row level security lets through after the migration and did before: counted on made-up rows, as no owner sees it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from pglast.parser import parse_sql_json

from harness.migrations.access import ACCESSES, OWNER, Access, Asked, asked_of, functions_in, roles_of, wider
from harness.migrations.actions import Name, quoted, walk
from harness.migrations.computed import about_function, same_body
from harness.migrations.findings import Finding, Severity
from harness.migrations.rehearsal import Rehearsal
from harness.migrations.running import run_units
from harness.migrations.schema import Schema, quoted_label
from harness.migrations.statements import Statement
from harness.migrations.telling import finding
from harness.migrations.tracing import Failure, execute, failure_of

__all__ = ["check_policies", "check_views_over"]

PHASE = "schema"
_MOST = 1000  # rows that conditions are tried on


@dataclass(frozen=True, slots=True)
class _Change:
    """Commands of which policies of a table ask one thing before, and another after the migration."""

    table: str
    then: str
    then_now: str  # with the names that columns have after it
    now: str
    accesses: tuple[Access, ...]
    role: str

    @property
    def commands(self) -> str:
        return ", ".join(dict.fromkeys(access.words for access in self.accesses))

    @property
    def who(self) -> str:
        who = {"PUBLIC": f"whoever does not own {self.table}", OWNER: f"the owner of {self.table}"}
        return who.get(self.role, f"role {self.role}")

    def reads(self) -> bool:
        return any(access.words == "SELECT" for access in self.accesses)


def check_policies(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    """Tables of which a command reaches other rows since their policies ask for another thing than they did."""
    before = rehearsal.before
    kept = [table for table in sorted(after.tables) if before.is_table(table) and after.is_table(table)]
    for table in kept:
        if before.tables[table]["row_security"] and after.tables[table]["row_security"]:
            yield from _asked_anew(rehearsal, after, table)
    less = [change for table in kept for change in _changes(before, after, table, less=True)]
    more = [change for table in kept for change in _changes(before, after, table, less=False)]
    if not less and not more:
        return
    template = rehearsal.sized(min(rehearsal.options.rows, _MOST))
    with rehearsal.clone(template) as database, database.connect() as connection:
        counts = [_count(connection, change.table, change.then) for change in less]
        run_units(connection, rehearsal.units)
        hidden = ((c, _kept_back(connection, c, found)) for c, found in zip(less, counts, strict=True))
        for change, told in _once(hidden):
            yield _hidden(rehearsal, after, change, told)
        for change, told in _once((c, _let_through(connection, c)) for c in more):
            yield _shown(rehearsal, after, change, told)


def _asked_anew(rehearsal: Rehearsal, after: Schema, table: str) -> Iterator[Finding]:
    """Functions that policies ask, and that are others: no condition differs, and other rows pass."""
    then, now = rehearsal.before.functions, after.functions
    changed = [name for name, text in now.items() if then.get(name, text) != text]
    for function in functions_in(after, table, changed):
        hazard, told = "compat.rows-shown", "which has another body now: does it let pass what it let pass before?"
        if same_body(then[function], now[function]):
            hazard, told = _declared_otherwise(rehearsal, table, function)
        if told:
            evidence = f"policies of {table} ask {function}, {told}"
            remedy = (
                f"-- compare, as the application's login, before and after\nSELECT count(*) FROM {quoted_label(table)};"
            )
            yield _told(hazard, about_function(rehearsal, function), table, evidence, remedy)


def _declared_otherwise(rehearsal: Rehearsal, table: str, function: str) -> tuple[str, str]:
    """What becomes of the conditions where only the declaration is another (hazard, words); empty where nothing does."""
    asked = {
        text for p in rehearsal.before.policies.values() if p["table"] == table for text in (p["using"], p["check"])
    }
    conditions = sorted(filter(None, asked))
    with rehearsal.clone(rehearsal.widest) as database:
        with database.connect() as connection:
            then = [(_count(connection, table, each), _plan(connection, table, each)) for each in conditions]
        with database.connect() as connection:
            run_units(connection, rehearsal.units)
        with database.connect() as connection:
            now = [(_count(connection, table, each), _plan(connection, table, each)) for each in conditions]
    for (found, plan), (kept, planned) in zip(then, now, strict=True):
        if found != kept:
            fewer = isinstance(found, int) and isinstance(kept, int) and kept < found
            told = f"which is declared otherwise: {kept} made-up rows pass now where {found} did"
            return ("compat.rows-hidden" if fewer else "compat.rows-shown"), told
        if plan != planned and f"{_bare(function.partition('(')[0])}(" not in planned:
            told = "which is declared otherwise: it is asked once, when a query is planned, and a prepared one keeps that answer for whoever comes next"
            return "compat.rows-shown", told
    return "", ""


def _plan(connection: psycopg.Connection[Any], table: str, condition: str) -> str:
    """How the server would look for the rows that pass."""
    try:
        rows = execute(
            connection, f"EXPLAIN (COSTS OFF) SELECT FROM {quoted_label(table)} WHERE {condition}"
        ).fetchall()
    except psycopg.Error as problem:
        return str(problem)
    return "\n".join(row[0] for row in rows)


def check_views_over(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    """New views of tables with policies: what is read through them is read with the rights of their owner."""
    for view, text in sorted(after.views.items()):
        if view in rehearsal.before.tables or after.tables[view]["invoker"]:
            continue
        tree = json.loads(parse_sql_json(text))
        names = [Name(body["relname"], body.get("schemaname", "")) for kind, body in walk(tree) if kind == "RangeVar"]
        held = [label for name in names if (label := _held(rehearsal.before, after, name))]
        if not held:
            continue
        stored = after.kind(view) == "m"
        evidence = (
            f"{view} shows rows of {held[0]} {'as they were stored' if stored else 'with the rights of its owner'}: "
            f"policies of {held[0]} do not hold for whoever may read {view}"
        )
        remedy = f"ALTER VIEW {quoted_label(view)} SET (security_invoker = true);" if not stored else ""
        remedy = (
            remedy
            or f"-- no policy can be on it: let only those read it who may see every row\nREVOKE ALL ON {quoted_label(view)} FROM PUBLIC;"
        )
        statement = rehearsal.altering(_bare(view), "view")
        yield _told("compat.rows-shown", statement, view, evidence, remedy)


def _held(before: Schema, after: Schema, name: Name) -> str:
    """The table of that name whose policies hold before and after for others than its owner; empty for another."""
    label = name.name if name.schema in {"", "public"} else f"{name.schema}.{name.name}"
    tables = [schema.tables.get(label, {}) for schema in (before, after)]
    return label if all(entry.get("row_security") and not entry["forced"] for entry in tables) else ""


def _changes(before: Schema, after: Schema, table: str, *, less: bool) -> list[_Change]:
    """Commands that reach fewer rows (`less`), or more, by role: everybody first."""
    grouped: dict[tuple[str, str, str, str], list[Access]] = {}
    names = _new_names(before, after, table)
    for role in roles_of(table, before, after):
        for access in ACCESSES:
            then, now = (asked_of(schema, table, access, role) for schema in (before, after))
            same = then.renamed(names)
            if _to_tell(before, after, table, access, less=less) and _differs(same, now, less=less):
                grouped.setdefault((role, then.sql, same.sql, now.sql), []).append(access)
    return [_Change(table, then, same, now, tuple(found), role) for (role, then, same, now), found in grouped.items()]


def _new_names(before: Schema, after: Schema, table: str) -> dict[str, str]:
    """Columns that have another name, by the old one."""
    if before.tables[table]["oid"] != after.tables[table]["oid"]:
        return {}
    now = {column.number: quoted(column.name) for column in after.columns_of(table)}
    names = {column.name: now.get(column.number, column.name) for column in before.columns_of(table)}
    return {old: new for old, new in names.items() if old != new}


def _once(changes: Iterable[tuple[_Change, str]]) -> Iterator[tuple[_Change, str]]:
    """Changes of which there is something to tell, a command of a table once: of the first role for which it is so."""
    known: set[tuple[str, Access]] = set()
    for change, told in changes:
        left = tuple(access for access in change.accesses if (change.table, access) not in known)
        if told and left:
            known |= {(change.table, access) for access in left}
            yield replace(change, accesses=left), told


def _differs(then: Asked, now: Asked, *, less: bool) -> bool:
    return then.sql != now.sql and (now.narrower(then) if less else then.narrower(now))


def _to_tell(before: Schema, after: Schema, table: str, access: Access, *, less: bool) -> bool:
    """What nobody may any more, and policies that are switched off altogether, are told where the schema is inspected."""
    if not less:
        return bool(before.tables[table]["row_security"] and after.tables[table]["row_security"])
    return any(asked_of(after, table, access, role).permitting for role in roles_of(table, after) if role != OWNER)


def _kept_back(connection: psycopg.Connection[Any], change: _Change, found: int | Failure) -> str:
    """How many rows that passed before do not now; empty where none is kept back."""
    kept = _count(connection, change.table, change.now)
    if isinstance(found, Failure) or not found:
        if wider(change.then_now, change.now):
            return ""
        return "no made-up row passed before, so what is hidden cannot be counted here"
    if isinstance(kept, Failure):
        return f"a session that sets nothing is told {kept}"
    if kept < found:
        return f"{found - kept:,} of {found:,} made-up rows do not pass in a session that sets nothing"
    return ""


def _let_through(connection: psycopg.Connection[Any], change: _Change) -> str:
    """How many rows pass that did not before; empty where none does."""
    shown = _count(connection, change.table, f"({change.now}) AND NOT coalesce(({change.then_now}), false)")
    passing = _count(connection, change.table, change.now)
    if not isinstance(shown, Failure) and shown:
        return (
            f"{shown:,} made-up row{'s' * (shown != 1)} that did not pass before do now in a session that sets nothing"
        )
    if wider(change.now, change.then_now):
        return ""
    if isinstance(shown, Failure) or not passing:  # what a session sets decides: the words alone can tell
        return "how many rows that are depends on what a session sets, and cannot be counted here"
    return (
        "no made-up row is among those that pass now and did not before" if wider(change.then_now, change.now) else ""
    )


def _shown(rehearsal: Rehearsal, after: Schema, change: _Change, told: str) -> Finding:
    table = change.table
    asked = "let nothing through" if change.then == "false" else f"asked for {change.then}"
    evidence = f"policies of {table} {asked} and ask for {change.now}: {told} ({change.commands} by {change.who})"
    if change.reads():
        hazard, remedy = "compat.rows-shown", "-- look whether these rows are meant to be seen"
    else:
        hazard, remedy = "compat.rows-writable", "-- look whether these rows are meant to be written"
    remedy += (
        "; a policy that all others must agree with keeps them back\n"
        f"CREATE POLICY … ON {quoted_label(table)} AS RESTRICTIVE{_for(change)} {_clause(change)} (…);"
    )
    return _told(hazard, _cause(rehearsal, after, table), table, evidence, remedy)


def _for(change: _Change) -> str:
    return "" if "," in change.commands else f" FOR {change.commands}"


def _clause(change: _Change) -> str:
    return "WITH CHECK" if all(access.becoming for access in change.accesses) else "USING"


def _hidden(rehearsal: Rehearsal, after: Schema, change: _Change, told: str) -> Finding:
    table = change.table
    if all(access.becoming for access in change.accesses):
        hazard = "compat.old-app-write-fails"
        evidence = f"{change.who} writes only rows with {change.now} ({change.commands}): {told}; does the running release fit to that?"
    else:
        hazard = "compat.rows-hidden"
        evidence = f"{change.who} finds only rows with {change.now} ({change.commands}): {told}; does the running release fit to that?"
    remedy = (
        "-- first release code whose sessions fit to the policies; as its login\n"
        f"SELECT count(*) FROM {quoted_label(table)} WHERE NOT coalesce({change.now}, false);"
    )
    return _told(hazard, _cause(rehearsal, after, table), table, evidence, remedy)


def _cause(rehearsal: Rehearsal, after: Schema, table: str) -> Statement:
    """The last statement that names a policy which is another now, else the last about policies of the table."""
    bare = _bare(table)
    then, now = rehearsal.before.policies, after.policies
    changed = {key for key in then.keys() | now.keys() if then.get(key) != now.get(key)}
    names = [key.removeprefix(f"{table}.").lower() for key in changed if key.startswith(f"{table}.")]
    words = [f"policy {name}" for name in names] + [f'policy "{name}"' for name in names]
    if any(word in s.text.lower() for s in rehearsal.lasting for word in words):
        return rehearsal.altering(bare, *words)
    return rehearsal.altering(bare, "policy", "row level security")


def _bare(label: str) -> str:
    return label.rsplit(".", maxsplit=1)[-1]


def _told(hazard: str, statement: Statement, table: str, evidence: str, remedy: str) -> Finding:
    """What nobody has read rows for: a prediction."""
    return finding(hazard, Severity.MEDIUM, PHASE, statement, evidence, table=table, status="predicted", remedy=remedy)


def _count(connection: psycopg.Connection[Any], table: str, condition: str) -> int | Failure:
    try:
        with connection.transaction():
            row = execute(connection, f"SELECT count(*) FROM {quoted_label(table)} WHERE {condition}").fetchone()
    except psycopg.Error as problem:
        return failure_of(problem)
    return int(row[0]) if row else 0
