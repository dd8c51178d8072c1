"""Functions that ran before the migration: gone, or broken by what they name and find out about when they are called."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import psycopg

from harness.errors import InputError
from harness.migrations.findings import Finding, Severity
from harness.migrations.rehearsal import Rehearsal
from harness.migrations.schema import Column, Schema
from harness.migrations.telling import finding
from harness.migrations.values import NUMBERS, plain_value
from harness.migrations.writing import new_failure

__all__ = ["check_calls"]

PHASE = "compatibility"
_MOST = 100  # functions that are called
_NOT_CALLED = "SELECT oid::regprocedure::text FROM pg_proc WHERE prorettype = 'trigger'::regtype"
# With what they give back, which may be rows of a table, and their text.
_BODIES = """
SELECT p.oid::regprocedure::text, p.prosrc || ' ' || coalesce(pg_get_function_sqlbody(p.oid), '') || ' ' || pg_get_function_result(p.oid),
       ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY u(t, n) ORDER BY n)
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.prokind = 'f' AND l.lanname IN ('sql', 'plpgsql') AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
  AND p.pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
ORDER BY 1
"""
_RESULTS = """
SELECT oid::regprocedure::text, coalesce(pg_get_function_result(oid), '') FROM pg_proc
WHERE prokind = 'f' AND pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
"""
_ENDS_OTHERS = re.compile(r"pg_(?:terminate|cancel)_backend|pg_sleep", re.IGNORECASE)  # this session's among them
_ENDED = "57014"
_PATIENCE = "SET LOCAL statement_timeout = '2s';"


def check_calls(
    rehearsal: Rehearsal, new: Schema, before: psycopg.Connection[Any], after: psycopg.Connection[Any]
) -> Iterator[Finding]:
    """Findings about functions that the old schema has. Both databases hold the same rows."""
    yield from _calls(rehearsal, rehearsal.before, new, before, after)
    yield from _broken(rehearsal, new, before, after)
    yield from _answering(rehearsal, before, after)


def _broken(
    rehearsal: Rehearsal, new: Schema, before: psycopg.Connection[Any], after: psycopg.Connection[Any]
) -> Iterator[Finding]:
    """Functions that name what is another now: called with values, and with NULL."""
    old = rehearsal.before
    names = sorted(_moved(old, new))
    if not names:
        return
    moved = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, names))})(?!\w)", re.IGNORECASE)
    bodies = [
        row for row in before.execute(_BODIES).fetchall() if moved.search(row[1]) and not _ENDS_OTHERS.search(row[1])
    ]
    for function, _, kinds in bodies[:_MOST]:
        if function not in new.functions:
            continue
        for values in _arguments(kinds, old):
            call = f"{function.partition('(')[0]}({', '.join(values)})"
            source = NUMBERS.format(series="generate_series(7, 7) AS g")
            now = new_failure(before, after, f"{_PATIENCE} SELECT {call} FROM {source}")
            if now is not None and now.sqlstate != _ENDED:
                evidence = f"a call of {function} worked and now says {now}: it names what is another now"
                named = next((name for name in names if name in now.message), "")
                yield finding(
                    "compat.old-app-read-fails",
                    Severity.HIGH,
                    PHASE,
                    rehearsal.speaks_of(named),
                    evidence,
                    remedy="-- in the same transaction: the function as it must be on the new schema\nCREATE OR REPLACE FUNCTION …;",
                )
                break


def _answering(
    rehearsal: Rehearsal, before: psycopg.Connection[Any], after: psycopg.Connection[Any]
) -> Iterator[Finding]:
    """Functions that give back another type, or other columns."""
    then, now = (dict(each.execute(_RESULTS).fetchall()) for each in (before, after))
    for function, result in sorted(then.items()):
        if function in now and now[function] != result and "trigger" not in {result, now[function]}:
            evidence = (
                f"{function} gave back {result} and gives back {now[function]} now: does the running release call it?"
            )
            yield finding(
                "compat.old-app-read-fails",
                Severity.MEDIUM,
                PHASE,
                rehearsal.altering(function.partition("(")[0].rpartition(".")[2].strip('"'), "create"),
                evidence,
                status="predicted",
                remedy="-- give the new one a name of its own until no release calls the old one",
            )


def _arguments(kinds: Sequence[str], schema: Schema) -> Iterator[list[str]]:
    """Plain values, as far as they are known, and NULL for each."""
    columns = [Column("", "", kind, True, None, "", "", n) for n, kind in enumerate(kinds)]
    with suppress(InputError):
        yield [f"({plain_value(column, schema, number='7')})::{column.type}" for column in columns]
    if kinds:
        yield [f"NULL::{kind}" for kind in kinds]


def _moved(old: Schema, new: Schema) -> set[str]:
    """Names of relations, types and functions that are gone, or of which something is another."""
    shapes = [{t: [(c.name, c.type) for c in schema.columns_of(t)] for t in schema.tables} for schema in (old, new)]
    names = {t for t, shape in shapes[0].items() if shapes[1].get(t) != shape}
    names |= {name for name, labels in old.enums.items() if new.enums.get(name) != labels}
    names |= {name.partition("(")[0] for name in old.functions if name not in new.functions}
    names |= set(old.sequences) - set(new.sequences)
    return {name.rpartition(".")[2].strip('"') for name in names}


def _calls(
    rehearsal: Rehearsal, old: Schema, new: Schema, before: psycopg.Connection[Any], after: psycopg.Connection[Any]
) -> Iterator[Finding]:
    gone = [name for name in old.functions if name not in new.functions]
    of_triggers = {str(row[0]) for row in before.execute(_NOT_CALLED).fetchall()} if gone else set()
    for function in sorted(set(gone) - of_triggers):
        name, _, given = function.removesuffix(")").partition("(")
        values = ", ".join(f"NULL::{kind}" for kind in given.split(",")) if given else ""
        sql = f"EXPLAIN SELECT {name}({values})"
        failure = new_failure(before, after, sql)
        if failure is not None:
            evidence = f"a call of {function} worked and now says {failure}: does the running release call it?"
            yield finding(
                "compat.old-app-read-fails",
                Severity.MEDIUM,
                PHASE,
                rehearsal.speaks_of(name.rsplit(".", maxsplit=1)[-1].strip('"')),
                evidence,
                status="predicted",
                remedy="-- keep the old signature beside the new one until no release calls it",
            )
