"""What rests on a function that is another now: indexes, stored columns and checks keep what it answered before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from harness.migrations.findings import Finding, Severity
from harness.migrations.rehearsal import Rehearsal, ordered_labels
from harness.migrations.running import run_units
from harness.migrations.schema import Schema, redeclared
from harness.migrations.statements import Statement
from harness.migrations.telling import finding
from harness.migrations.tracing import execute

__all__ = ["about_function", "check_computed", "same_body"]

PHASE = "schema"
# By function what rests on it, the file (of a check, the constraint) that is another one when it was computed anew, how
# to do so, and a query whose answer is another when the function answers otherwise.
_RESTS = """
SELECT p.oid::regprocedure::text, 'index', c.oid::regclass::text, pg_relation_filenode(c.oid)::int8,
       'REINDEX INDEX CONCURRENTLY ' || c.oid::regclass || ';',
       format('SELECT sum(hashtextextended(row(%s)::text, 0)::numeric) FROM %s',
              concat_ws(', ', pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid)), i.indrelid::regclass)
FROM pg_depend d JOIN pg_proc p ON p.oid = d.refobjid JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'i' JOIN pg_index i ON i.indexrelid = c.oid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_proc'::regclass
UNION ALL
SELECT p.oid::regprocedure::text, 'stored column', f.adrelid::regclass || '.' || quote_ident(a.attname),
       pg_relation_filenode(f.adrelid)::int8,
       '-- ' || f.adrelid::regclass || '.' || quote_ident(a.attname) || ': UPDATE every row in batches, which computes it',
       format('SELECT sum(hashtextextended((%s)::text, 0)::numeric) FROM %s', pg_get_expr(f.adbin, f.adrelid), f.adrelid::regclass)
FROM pg_depend d JOIN pg_proc p ON p.oid = d.refobjid JOIN pg_attrdef f ON f.oid = d.objid
JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum AND a.attgenerated = 's'
WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_proc'::regclass
UNION ALL
SELECT p.oid::regprocedure::text, 'check', k.conrelid::regclass || '.' || quote_ident(k.conname), k.oid::int8,
       format('SELECT count(*) FROM %s WHERE NOT (%s);  -- must be 0', k.conrelid::regclass, pg_get_expr(k.conbin, k.conrelid)),
       format('SELECT nullif(count(*), 0) FROM %s WHERE NOT (%s)', k.conrelid::regclass, pg_get_expr(k.conbin, k.conrelid))
FROM pg_depend d JOIN pg_proc p ON p.oid = d.refobjid JOIN pg_constraint k ON k.oid = d.objid AND k.contype = 'c' AND k.conrelid <> 0
WHERE d.classid = 'pg_constraint'::regclass AND d.refclassid = 'pg_proc'::regclass
"""


@dataclass(frozen=True, slots=True)
class _Rest:
    """Something that rests on a function, and what it answers on the rows that are there."""

    kind: str
    name: str
    file: int
    anew: str
    answer: object

    @property
    def what(self) -> str:
        return f"{self.kind} {self.name}"


def same_body(then: str, now: str) -> bool:
    """Whether two functions, as `Schema.functions` tells them, differ at most in what they are declared to be."""
    return then.partition(" ")[0] == now.partition(" ")[0]


def _declared(function: str, word: str) -> bool:
    """Whether a function is declared `strict`, `immutable`, …"""
    return word in function.split(" ")[1:]


def check_computed(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    """Functions with another body or declared otherwise, and what was computed with the old one and not again."""
    before = rehearsal.before.functions
    replaced = sorted(name for name, text in before.items() if after.functions.get(name, text) != text)
    if not replaced:
        return
    with rehearsal.clone(rehearsal.widest) as database:
        with database.connect() as connection:
            then = _resting(connection)
        with database.connect() as connection:
            run_units(connection, rehearsal.units)
        with database.connect() as connection:  # no setting of the migration decides how names are found
            now = _resting(connection)
    for function in replaced:
        pairs = [(old, new) for old in then.get(function, ()) if (new := _kept(old, now.get(function, ())))]
        differing = {old.what for old, new in pairs if old.answer != new.answer}
        asked = [rest for rest, _ in pairs]
        if same_body(before[function], after.functions[function]):
            yield from _unrestorable(rehearsal, after, function, asked)
            asked = [rest for rest in asked if rest.what in differing]
        yield from _stale(rehearsal, after, function, [rest for rest in asked if rest.kind != "check"])
        for rest in asked:
            if rest.kind == "check":
                yield _unfit(rehearsal, after, function, rest, shown=rest.what in differing)


def _stale(rehearsal: Rehearsal, after: Schema, function: str, kept: Sequence[_Rest]) -> Iterator[Finding]:
    if not kept:
        return
    named = ordered_labels([rest.what for rest in kept])
    were = "was" if len(kept) == 1 else "were"
    evidence = f"{_other(rehearsal, after, function)}, and {named} {were} computed with the old one"
    names = {"anew": "\n".join(rest.anew for rest in kept)}
    yield _told("index.stale", rehearsal, function, evidence, names=names)


def _unfit(rehearsal: Rehearsal, after: Schema, function: str, rest: _Rest, *, shown: bool) -> Finding:
    """A check that counts as valid, though no row was held against what it asks now."""
    rows = "made-up rows do not fit it any more" if shown else "no made-up row shows a difference"
    evidence = f"{_other(rehearsal, after, function)}, and {rest.what} asks it: {rows}; an UPDATE of a row that does not fit is refused"
    severity = Severity.HIGH if shown else Severity.MEDIUM
    return _told("index.stale", rehearsal, function, evidence, severity, {"anew": rest.anew})


def _unrestorable(rehearsal: Rehearsal, after: Schema, function: str, rests: Sequence[_Rest]) -> Iterator[Finding]:
    """Indexes and stored columns that PostgreSQL would not make with the function as it is declared now."""
    kept = [rest for rest in rests if rest.kind != "check"]
    was, now = rehearsal.before.functions[function], after.functions[function]
    if kept and _declared(was, "immutable") and not _declared(now, "immutable"):
        named = ordered_labels([rest.what for rest in kept])
        evidence = f"{_other(rehearsal, after, function)}, and {named} rests on it: made anew, as a restore does, it is refused (42P17)"
        yield _told("schema.not-restorable", rehearsal, function, evidence, names={"function": function})


def _other(rehearsal: Rehearsal, after: Schema, function: str) -> str:
    change = redeclared(rehearsal.before.functions[function], after.functions[function])
    return f"{function} {'has ' * change.startswith('another')}{change}"


def _told(
    hazard: str,
    rehearsal: Rehearsal,
    function: str,
    evidence: str,
    severity: Severity = Severity.HIGH,
    names: Mapping[str, str] | None = None,
) -> Finding:
    return finding(
        hazard, severity, PHASE, about_function(rehearsal, function), evidence, status="predicted", names=names
    )


def about_function(rehearsal: Rehearsal, function: str) -> Statement:
    """The statement that makes a function, or declares it otherwise."""
    bare = function.partition("(")[0].rsplit(".", maxsplit=1)[-1].strip('"')
    return rehearsal.altering(bare, "function", "routine")


def _kept(old: _Rest, now: Sequence[_Rest]) -> _Rest | None:
    """The same thing after the migration; None where it is gone or was computed anew."""
    return next((new for new in now if (new.what, new.file) == (old.what, old.file)), None)


def _resting(connection: psycopg.Connection[Any]) -> dict[str, list[_Rest]]:
    """By function what rests on it."""
    found: dict[str, list[_Rest]] = {}
    for function, kind, name, file, anew, query in connection.execute(_RESTS).fetchall():
        found.setdefault(function, []).append(_Rest(kind, name, file, anew, _answer(connection, query)))
    return found


def _answer(connection: psycopg.Connection[Any], query: str) -> object:
    try:
        with connection.transaction(force_rollback=True):
            row = execute(connection, query).fetchone()
    except psycopg.Error as problem:
        return f"refused with {problem.sqlstate}"
    return row[0] if row else None
