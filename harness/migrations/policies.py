"""What row level security shows after the migration and showed before: counted on made-up rows, as no owner sees it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from pglast import ast, parse_sql
from pglast.enums import BoolExprType
from pglast.stream import RawStream

from harness.migrations.findings import Finding, Severity
from harness.migrations.rehearsal import Rehearsal
from harness.migrations.running import run_units
from harness.migrations.schema import Schema, quoted_label
from harness.migrations.statements import Statement
from harness.migrations.telling import finding
from harness.migrations.tracing import Failure, execute, failure_of

__all__ = ["check_policies"]

PHASE = "schema"
_EVERY_ROW = "true"


@dataclass(frozen=True, slots=True)
class _Asked:
    """Conditions of policies: one of `permitting` must hold, and all of `restricting`."""

    permitting: frozenset[str]
    restricting: frozenset[str]

    @property
    def sql(self) -> str:
        parts = [] if _EVERY_ROW in self.permitting else [" OR ".join(sorted(self.permitting))]
        parts += sorted(self.restricting)
        return " AND ".join(f"({part})" for part in parts) if len(parts) > 1 else "".join(parts) or _EVERY_ROW

    def narrower(self, then: _Asked) -> bool:
        """Whether it may hide what was shown."""
        wider = _EVERY_ROW in self.permitting or self.permitting >= then.permitting
        return not (wider and self.restricting <= then.restricting)


def check_policies(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    """Tables of which a SELECT finds fewer rows, or others, since their policies ask for another thing than they did."""
    yield from _less(rehearsal, after)
    yield from _more(rehearsal, after)


def _less(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    """Tables of which a SELECT finds fewer rows."""
    before = rehearsal.before
    asked: dict[str, tuple[str, str]] = {}
    for table in sorted(after.tables):
        then, now = _shown_if(before, table), _shown_if(after, table)
        if before.is_table(table) and after.is_table(table) and then and now and now.narrower(then):
            asked[table] = then.sql, now.sql
    if not asked:
        return
    template = rehearsal.sized(min(rehearsal.options.rows, 1000))
    with rehearsal.clone(template) as database, database.connect() as connection:
        counts = {table: _count(connection, table, then) for table, (then, _) in asked.items()}
        run_units(connection, rehearsal.units)
        for table, (_, condition) in asked.items():
            found, kept = counts[table], _count(connection, table, condition)
            if isinstance(found, Failure) or not found:
                if _wider(asked[table][0], condition):
                    continue
                told = "no made-up row passed before, so what is hidden cannot be counted here"
            elif isinstance(kept, Failure):
                told = f"a session that sets nothing is told {kept}"
            else:
                told = f"{found - kept:,} of {found:,} made-up rows do not pass in a session that sets nothing"
            if isinstance(found, Failure) or isinstance(kept, Failure) or not found or kept < found:
                yield _hidden(rehearsal, table, condition, told)


def _more(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    """Tables of which a SELECT finds rows that policies kept back: theirs ask for less, or are for more roles."""
    before = rehearsal.before
    asked: dict[str, tuple[str, str]] = {}
    for table in sorted(after.tables):
        on = all(schema.tables.get(table, {}).get("row_security") for schema in (before, after))
        then, now = _shown_if(before, table), _shown_if(after, table)
        if on and then and now and then.narrower(now):
            asked[table] = then.sql, now.sql
        elif on and (joined := _joined(before, after, table)):
            yield _shown(rehearsal, table, f"policies of {table} are for {', '.join(joined)} too from now on")
    if not asked:
        return
    template = rehearsal.sized(min(rehearsal.options.rows, 1000))
    with rehearsal.clone(template) as database, database.connect() as connection:
        run_units(connection, rehearsal.units)
        for table, (then_asked, condition) in asked.items():
            shown = _count(connection, table, f"({condition}) AND NOT coalesce(({then_asked}), false)")
            passing = _count(connection, table, condition)
            if isinstance(shown, Failure) or not passing:  # what a session sets decides: the words alone can tell
                if _wider(condition, then_asked):
                    continue
                told = "how many rows that are depends on what a session sets, and cannot be counted here"
            elif shown:
                told = f"{shown:,} made-up row{'s' * (shown != 1)} that did not pass before do now in a session that sets nothing"
            else:
                continue
            evidence = f"policies of {table} asked for {then_asked} and ask for {condition}: {told}"
            yield _shown(rehearsal, table, evidence)


def _wider(then: str, now: str) -> bool:
    """Whether its words alone say that a condition hides nothing more: alternatives were added, or demands left out."""
    any_of, all_of = BoolExprType.OR_EXPR, BoolExprType.AND_EXPR
    return _parts(then, any_of) <= _parts(now, any_of) or _parts(now, all_of) <= _parts(then, all_of)


def _parts(condition: str, kind: BoolExprType) -> set[str]:
    """What AND or OR joins at the top of a condition."""
    select: Any = parse_sql(f"SELECT WHERE {condition}")[0].stmt
    pending: list[Any] = [select.whereClause]
    parts: set[str] = set()
    while pending:
        each = pending.pop()
        if isinstance(each, ast.BoolExpr) and each.boolop == kind:
            pending += each.args or ()
        else:
            parts.add(RawStream()(each))
    return parts


def _joined(before: Schema, after: Schema, table: str) -> list[str]:
    """Roles that a permissive policy of that name was not for."""
    return sorted(
        {
            role
            for name, policy in after.policies.items()
            if policy["table"] == table and policy["permissive"] and policy["command"] in {"*", "r"}
            for role in policy["roles"] or ()
            if (old := before.policies.get(name)) and not {role, "PUBLIC"} & set(old["roles"] or ())
        }
    )


def _shown(rehearsal: Rehearsal, table: str, evidence: str) -> Finding:
    remedy = (
        "-- look whether these rows are meant to be seen; a policy that all others must agree with keeps them back\n"
        f"CREATE POLICY … ON {quoted_label(table)} AS RESTRICTIVE USING (…);"
    )
    return _told("compat.rows-shown", rehearsal.altering(_bare(table), "policy"), table, evidence, remedy)


def _hidden(rehearsal: Rehearsal, table: str, condition: str, told: str) -> Finding:
    evidence = (
        f"whoever does not own {table} finds only rows with {condition}: {told}; does the running release fit to that?"
    )
    remedy = (
        "-- first release code whose sessions fit to the policies; as its login\n"
        f"SELECT count(*) FROM {quoted_label(table)} WHERE NOT coalesce({condition}, false);"
    )
    return _told(
        "compat.rows-hidden", rehearsal.altering(_bare(table), "policy", "row level security"), table, evidence, remedy
    )


def _bare(table: str) -> str:
    return table.rsplit(".", maxsplit=1)[-1]


def _told(hazard: str, statement: Statement, table: str, evidence: str, remedy: str) -> Finding:
    """What nobody has read rows for: a prediction."""
    return finding(hazard, Severity.MEDIUM, PHASE, statement, evidence, table=table, status="predicted", remedy=remedy)


def _shown_if(schema: Schema, table: str) -> _Asked | None:
    """What SELECT asks of a row, whatever the role; None where nothing permits any."""
    if not schema.tables.get(table, {}).get("row_security"):
        return _Asked(frozenset({_EVERY_ROW}), frozenset())
    mine = [p for p in schema.policies.values() if p["table"] == table and p["command"] in {"*", "r"}]
    permitting = frozenset(p["using"] or _EVERY_ROW for p in mine if p["permissive"])
    restricting = frozenset(p["using"] for p in mine if not p["permissive"] and p["using"]) - {_EVERY_ROW}
    return _Asked(permitting, restricting) if permitting else None


def _count(connection: psycopg.Connection[Any], table: str, condition: str) -> int | Failure:
    try:
        with connection.transaction():
            row = execute(connection, f"SELECT count(*) FROM {quoted_label(table)} WHERE {condition}").fetchone()
    except psycopg.Error as problem:
        return failure_of(problem)
    return int(row[0]) if row else 0
