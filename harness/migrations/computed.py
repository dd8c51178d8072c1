"""What a function computed before the migration replaced it: indexes and stored columns keep its old answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg

from harness.migrations.findings import Finding, Severity
from harness.migrations.rehearsal import Rehearsal, ordered_labels
from harness.migrations.running import run_units
from harness.migrations.schema import Schema
from harness.migrations.telling import finding

__all__ = ["check_computed"]

PHASE = "schema"
# By function what rests on it, and the file that is another one when it was computed anew.
_RESTS = """
SELECT p.oid::regprocedure::text, 'index ' || c.oid::regclass, pg_relation_filenode(c.oid)::int8,
       'REINDEX INDEX CONCURRENTLY ' || c.oid::regclass || ';'
FROM pg_depend d JOIN pg_proc p ON p.oid = d.refobjid JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'i'
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_proc'::regclass
UNION ALL
SELECT p.oid::regprocedure::text, 'stored column ' || f.adrelid::regclass || '.' || quote_ident(a.attname),
       pg_relation_filenode(f.adrelid)::int8,
       '-- ' || f.adrelid::regclass || '.' || quote_ident(a.attname) || ': UPDATE every row in batches, which computes it'
FROM pg_depend d JOIN pg_proc p ON p.oid = d.refobjid JOIN pg_attrdef f ON f.oid = d.objid
JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum AND a.attgenerated = 's'
WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_proc'::regclass
"""


def check_computed(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    """Functions with another body, and what was computed with the old one and not again."""
    before = rehearsal.before.functions
    replaced = sorted(name for name, body in before.items() if after.functions.get(name, body) != body)
    if not replaced:
        return
    with rehearsal.clone(rehearsal.base) as database, database.connect() as connection:
        then = _resting(connection)
        run_units(connection, rehearsal.units)
        now = _resting(connection)
    for function in replaced:
        kept = [what for what, file in then.get(function, {}).items() if now.get(function, {}).get(what) == file]
        if kept:
            named = ordered_labels([what for what, _ in kept])
            evidence = f"{function} has another body, and {named} {'was' if len(kept) == 1 else 'were'} computed with the old one"
            names = {"anew": "\n".join(remedy for _, remedy in kept)}
            bare = function.partition("(")[0].rsplit(".", maxsplit=1)[-1].strip('"')
            cause = rehearsal.altering(bare, "function")
            yield finding("index.stale", Severity.HIGH, PHASE, cause, evidence, status="predicted", names=names)


def _resting(connection: psycopg.Connection[Any]) -> dict[str, dict[tuple[str, str], int]]:
    """By function (what, how to compute it anew): its file."""
    found: dict[str, dict[tuple[str, str], int]] = {}
    for function, what, file, remedy in connection.execute(_RESTS).fetchall():
        found.setdefault(function, {})[what, remedy] = file
    return found
