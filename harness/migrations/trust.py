"""What the server takes on trust: keys while triggers are off, and names that a function with its owner's rights looks up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg

from harness.migrations.findings import Finding, Severity
from harness.migrations.rehearsal import Rehearsal
from harness.migrations.running import run_units
from harness.migrations.schema import Schema, quoted_label, quoted_name, snapshot
from harness.migrations.telling import finding
from harness.migrations.tracing import execute

__all__ = ["check_trust"]

PHASE = "schema"
_TRIGGERS_OFF = re.compile(r"\bsession_replication_role\b|\bDISABLE\s+TRIGGER\b", re.IGNORECASE)
_DEFINERS = """
SELECT p.oid::regprocedure::text, quote_ident(n.nspname), p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.prosecdef AND n.nspname !~ '^(pg_|harness|information_schema)'
  AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS setting WHERE setting LIKE 'search_path=%')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
"""


def check_trust(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    """Rows without their parent after triggers were off, and SECURITY DEFINER without a search_path."""
    yield from _orphans(rehearsal, after)
    yield from _definers(rehearsal)


def _orphans(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    cause = next((s for s in rehearsal.statements if _TRIGGERS_OFF.search(s.text)), None)
    if cause is None:
        return
    keys = {name: key for name, key in after.constraints.items() if key["kind"] == "f" and key["valid"]}
    with rehearsal.clone(rehearsal.widest) as database, database.connect() as connection:
        then = _counted(connection, snapshot(connection), keys)
        run_units(connection, rehearsal.units)
        now = _counted(connection, after, keys)
    for name, count in now.items():
        if count > then.get(name, 0):
            key = keys[name]
            evidence = f"{count} row{'s' * (count != 1)} of {key['table']} refer{'s' * (count == 1)} to no row of {key['parent']}, and {key['name']} counts as valid"
            names = {"query": _without_parent(key, "*")}
            yield finding("data.orphans", Severity.HIGH, PHASE, cause, evidence, table=key["table"], names=names)


def _counted(connection: psycopg.Connection[Any], schema: Schema, keys: Mapping[str, Any]) -> dict[str, int]:
    """Rows without their parent, by those keys that the schema has."""
    found = {}
    for name in keys.keys() & schema.constraints.keys():
        row = execute(connection, _without_parent(schema.constraints[name], "count(*)")).fetchone()
        found[name] = int(row[0]) if row else 0
    return found


def _without_parent(key: Any, what: str) -> str:
    child, parent = quoted_label(key["table"]), quoted_label(key["parent"])
    pairs = list(zip(map(quoted_name, key["columns"]), map(quoted_name, key["parent_columns"]), strict=True))
    filled = " AND ".join(f"child.{mine} IS NOT NULL" for mine, _ in pairs)
    same = " AND ".join(f"parent.{theirs} = child.{mine}" for mine, theirs in pairs)
    return f"SELECT {what} FROM {child} AS child WHERE {filled} AND NOT EXISTS (SELECT FROM {parent} AS parent WHERE {same})"


def _definers(rehearsal: Rehearsal) -> Iterator[Finding]:
    if not any("definer" in s.text.lower() or "search_path" in s.text.lower() for s in rehearsal.statements):
        return
    with rehearsal.clone(rehearsal.base) as database, database.connect() as connection:
        before = set(connection.execute(_DEFINERS).fetchall())
        run_units(connection, rehearsal.units)
        connection.execute("RESET search_path")
        now = set(connection.execute(_DEFINERS).fetchall())
    for function, schema, name in sorted(now - before):
        evidence = f"{function} is SECURITY DEFINER and sets no search_path"
        names = {"function": str(function), "schema": str(schema)}
        statement = rehearsal.altering(str(name), "definer", "search_path")
        yield finding(
            "schema.definer-path", Severity.MEDIUM, PHASE, statement, evidence, status="predicted", names=names
        )
