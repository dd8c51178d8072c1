"""Phase 3: what the migration does to rows that are there, and which of them make it fail."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from harness.migrations import fingerprints
from harness.migrations.actions import Action, actions, quoted, subjects, walk
from harness.migrations.advice import safe_way
from harness.migrations.alike import alike, apart_first
from harness.migrations.attributes import about_attributes, kept_as_text
from harness.migrations.batches import Unit
from harness.migrations.findings import Finding, Severity
from harness.migrations.fingerprints import Change
from harness.migrations.gaps import fills_only_gaps
from harness.migrations.halfway import Halfway
from harness.migrations.literals import overwrites
from harness.migrations.refusals import depends_on_rows, refused
from harness.migrations.rehearsal import Rehearsal, ordered_labels
from harness.migrations.reverse import fills_gaps
from harness.migrations.running import Outcome, run_units
from harness.migrations.schema import differences, snapshot
from harness.migrations.sequences import Position, behind, positions
from harness.migrations.statements import Statement
from harness.migrations.telling import finding
from harness.migrations.timezones import check_time_zones
from harness.migrations.tracing import COMMITS_ITSELF, Failure
from harness.migrations.violators import Violators, count_violators

if TYPE_CHECKING:
    from harness.postgres import Template

__all__ = ["check_existing_rows"]

PHASE = "data"
_RUN_CODE = {"DoStmt", "CallStmt", "SelectStmt"}


@dataclass(frozen=True, slots=True)
class _Run:
    """The migration on one set of rows."""

    rows: str
    outcome: Outcome
    changes: tuple[tuple[Change, Sequence[Statement]], ...]  # with the statements that may have made them
    violators: Violators | None
    lacking: tuple[str, ...]  # of the schema that it leaves where there are no rows
    positions: tuple[Mapping[tuple[str, str], Position], Mapping[tuple[str, str], Position]]


def check_existing_rows(rehearsal: Rehearsal) -> list[Finding]:
    """Run on tidy rows, on given rows and on awkward ones; compare fingerprints and count what does not fit."""
    runs = {"plain": _run(rehearsal, rehearsal.sized(min(rehearsal.options.rows, 1000)), "generated")}
    if rehearsal.given is not None:
        runs["given"] = _run(rehearsal, rehearsal.given, "given")
    runs["awkward"] = _run(rehearsal, rehearsal.awkward, "of every kind that the schema allows")
    rehearsal.remember_widest(complete=runs["awkward"].outcome.complete)
    found = list(_failures(rehearsal, runs))
    best = next(
        (runs[name] for name in ("awkward", "given", "plain") if name in runs and runs[name].outcome.complete), None
    )
    if best is not None:
        found += [made for change, among in best.changes if (made := _of_change(rehearsal, change, among, best))]
    counted = next((runs[name] for name in ("given", "plain") if name in runs and runs[name].outcome.complete), None)
    if counted is not None:
        found += behind(rehearsal, *counted.positions, counted.rows)
    found += _outcomes(rehearsal, runs)
    found += _backfills(rehearsal, runs)
    found += check_time_zones(rehearsal)
    return found


def _run(rehearsal: Rehearsal, template: Template, rows: str) -> _Run:
    violators: list[Violators | None] = []

    def inspect(connection: psycopg.Connection[Any], unit: Unit) -> None:
        violators.append(count_violators(unit.statement, connection))

    with rehearsal.clone(template) as database, database.connect() as connection:
        computed = _computed(rehearsal)
        before = fingerprints.take(connection, rehearsal.before, rehearsal.after, computed=computed)
        then = now = positions(connection, rehearsal.before)
        halfway = Halfway(rehearsal, template, computed, connection)
        halfway.begin(before)
        outcome = run_units(connection, rehearsal.units, inspect, halfway.after)
        changes: list[tuple[Change, Sequence[Statement]]] = []
        lacking: list[str] = []
        if outcome.complete:
            after = snapshot(connection)
            prints = fingerprints.take(connection, after, computed=computed)
            found = fingerprints.compare(before, prints)
            changes = [(e, rehearsal.lasting) for e in found if not fills_only_gaps(rehearsal, template, connection, e)]
            changes += _hidden(halfway, before, prints)
            now = positions(connection, after)
            if rehearsal.after is not None:
                lacking = [line for line in differences(rehearsal.after, after) if line.endswith(": gone")]
    return _Run(rows, outcome, tuple(changes), violators[0] if violators else None, tuple(lacking), (then, now))


def _hidden(
    halfway: Halfway, before: fingerprints.Prints, after: fingerprints.Prints
) -> list[tuple[Change, Sequence[Statement]]]:
    """Of tables that have other rows at the end, whose columns could not be compared then; each column once."""
    others = {label for oid, label in before.labels.items() if after.rows.get(oid, -1) not in {-1, before.rows[oid]}}
    first = {(change.kind, change.table, change.column): (change, among) for change, among in reversed(halfway.changes)}
    return [each for each in first.values() if each[0].table in others]


def _computed(rehearsal: Rehearsal) -> set[tuple[int, int]]:
    """Columns, by table OID and number, for which USING says more than a cast."""
    found = set()
    for action in (each for statement in rehearsal.statements for each in actions(statement)):
        using = (action.node or {}).get("def", {}).get("ColumnDef", {}).get("raw_default", {})
        inside = {name for name, _ in walk(using)}
        if (
            action.kind == "alter_type"
            and action.table
            and inside
            and (_COMPUTES & inside or "ColumnRef" not in inside)
        ):
            for label in rehearsal.labels(action.table):
                if column := rehearsal.before.columns.get((label, action.column)):
                    found.add((int(rehearsal.before.tables[label]["oid"]), column.number))
    return found


_COMPUTES = {"A_Expr", "FuncCall", "CaseExpr", "CoalesceExpr", "BoolExpr", "NullTest", "MinMaxExpr", "SubLink"}


def _failures(rehearsal: Rehearsal, runs: Mapping[str, _Run]) -> Iterator[Finding]:
    """At most one: the first statement that existing rows refuse. Only given rows, or a refusal of every row that could
    be there, make it a blocker: made-up ones show that it can fail, and the query says whether it will."""
    for name in ("given", "plain", "awkward"):
        run = runs.get(name)
        if run is None or run.outcome.failure is None or run.outcome.failed is None:
            continue
        if (
            run.outcome.failure.endless or run.outcome.failure.sqlstate == COMMITS_ITSELF
        ):  # only where rows are left to do does a backfill get that far
            yield refused(rehearsal, PHASE, run.outcome.failed, run.outcome.failure)
            return
        if not depends_on_rows(rehearsal, run.outcome.failure):
            return
        statement = run.outcome.failed.statement
        if name == "plain" and (said := _refused_anyway(rehearsal, statement)):
            yield refused(rehearsal, PHASE, run.outcome.failed, said)
            return
        hopeless = any(
            a.kind == "add_column" and {"required", "default"} & {*a.values} == {"required"} for a in actions(statement)
        )
        key = alike(statement, rehearsal.statements)
        there = _rows_there(rehearsal, key)
        blocks = name == "given" or (name == "plain" and hopeless) or there > 1
        certain = blocks or key is not None
        severity = Severity.BLOCKER if blocks else Severity.HIGH if name == "plain" or key else Severity.MEDIUM
        action = next((a for a in actions(statement) if a.table), None)
        counted = run.violators
        number = (
            f"{counted.count:,} {'row' if counted.count == 1 else 'rows'} {run.rows} "
            f"{'does' if counted.count == 1 else 'do'} not fit (first keys: {', '.join(counted.samples)}); "
            if counted
            else ""
        )
        invented = (
            ""
            if certain
            else f"; the rows are made up, so production's decide: {counted.query if counted else 'look for rows that the message describes'}"
        )
        yield finding(
            "data.fails-on-existing",
            severity,
            PHASE,
            statement,
            f"{number}the server said {run.outcome.failure}{rehearsal.after_failure(statement)}{invented}{_always(key, there)}",
            table=action.table.name if action and action.table else "",
            status="measured" if certain else "predicted",
            names={"query": counted.query if counted else "-- look for rows that the message describes"},
            remedy=apart_first(key) if key else safe_way(statement, rehearsal.before) if hopeless else "",
            about=run.outcome.failure.message,
        )  # where no row can be mended beforehand
        return


def _refused_anyway(rehearsal: Rehearsal, statement: Statement) -> Failure | None:
    """What the server says to the statement where there is no row at all: then no row of production decides."""
    if any(rehearsal.row_counts(rehearsal.base).values()):
        return None
    with rehearsal.clone(rehearsal.base) as database, database.connect() as connection:
        outcome = run_units(connection, rehearsal.units)
    at_it = outcome.failed is not None and outcome.failed.statement is statement
    return outcome.failure if at_it else None


def _rows_there(rehearsal: Rehearsal, key: Action | None) -> int:
    """Rows that the baseline itself has in the table of a key that no two rows can have."""
    label = rehearsal.label(key.table.name, key.table.schema) if key and key.table else ""
    return rehearsal.row_counts(rehearsal.base).get(label, 0) if label else 0


def _always(key: Action | None, there: int) -> str:
    if key is None or key.table is None:
        return ""
    names = ordered_labels([quoted(column) for column in key.columns])
    baseline = f" (the baseline has {there:,})" if there > 1 else ""
    return (
        f"; every row has the same value in {names} then, so it fails on any two rows, whatever they hold{baseline}: "
        f"SELECT count(*) FROM {key.table.sql}"
    )


def _outcomes(rehearsal: Rehearsal, runs: Mapping[str, _Run]) -> Iterator[Finding]:
    """At most one: what the migration brings about without rows and not with them, though it says that all went well."""
    for name in ("given", "plain", "awkward"):
        if name in runs and runs[name].lacking:
            run = runs[name]
            invented = "" if name == "given" else "; the rows are made up, so production's decide"
            evidence = f"it ran to its end on rows {run.rows}, and left out {'; '.join(run.lacking[:3])}{invented}"
            blocks = [s for s in rehearsal.statements if s.kind in _RUN_CODE]
            missing = run.lacking[0].removesuffix(": gone").rpartition(".")[2]
            blocks.sort(key=lambda statement: missing not in statement.text)
            yield finding(
                "data.left-out",
                Severity.HIGH,
                PHASE,
                blocks[0] if blocks else rehearsal.speaks_of(),
                evidence.replace(": gone", ""),
                status="measured" if name == "given" else "predicted",
            )
            return


def _of_change(rehearsal: Rehearsal, change: Change, among: Sequence[Statement], run: _Run) -> Finding | None:
    statement = _cause(rehearsal, change, among)
    called = [s for s in rehearsal.statements if s.kind == "CreateFunctionStmt" and _last_name(s) in statement.text]
    if change.kind == "values changed" and any(map(fills_gaps, (statement, *called))):
        return None
    on_purpose = statement.kind in {"UpdateStmt", "InsertStmt", "MergeStmt"}
    lost = change.kind != "values changed"
    hazard = "data.loss" if lost else "data.changed"
    severity = Severity.BLOCKER if lost else Severity.LOW if on_purpose else Severity.HIGH
    names = {"column": quoted(change.column) if change.column else "…"}
    return finding(
        hazard,
        severity,
        PHASE,
        statement,
        f"{change.text} (rows {run.rows})",
        table=change.table,
        names=names,
        status="predicted" if not lost and overwrites(statement) else "measured",
        remedy=kept_as_text(rehearsal.before, change) if change.kind == "attributes gone" else "",
        about=change.column,
    )


def _last_name(function: Statement) -> str:
    return str(function.node["funcname"][-1]["String"]["sval"])


def _cause(rehearsal: Rehearsal, change: Change, among: Sequence[Statement]) -> Statement:
    """The statement that names the column, else the table, else the first."""
    if change.kind == "attributes gone":
        return about_attributes(rehearsal, "DROP", "drop", "Drop")
    by_table: list[Statement] = []
    for statement in among:
        for action in actions(statement):
            names = {action.column, *action.values}
            if action.table and action.table.name == change.table.split(".")[-1]:
                if change.column and change.column in names and action.kind in {"drop_column", "alter_type"}:
                    return statement
                if action.kind in _CAUSES[change.kind]:
                    sets = change.column and change.column in _assigned(action)
                    by_table.insert(0 if sets else len(by_table), statement)
    if by_table:
        return by_table[0]
    blocks = [s for s in rehearsal.statements if s.kind in _RUN_CODE]
    name = change.table.rsplit(".", maxsplit=1)[-1]
    return next((s for s in blocks if name in s.text), blocks[0] if blocks else rehearsal.speaks_of())


def _assigned(action: Action) -> set[str]:
    """Columns that an UPDATE or INSERT names as those that it writes."""
    targets = [*(action.node or {}).get("targetList", ()), *(action.node or {}).get("cols", ())]
    return {target["ResTarget"]["name"] for target in targets if "name" in target.get("ResTarget", {})}


_CAUSES: Mapping[str, frozenset[str]] = {
    "table gone": frozenset({"drop_table"}),
    "rows gone": frozenset({"delete", "truncate", "merge"}),
    "column gone": frozenset({"drop_column"}),
    "values lost": frozenset({"alter_type"}),
    "values changed": frozenset({"update", "alter_type", "insert", "merge"}),
}


def _backfills(rehearsal: Rehearsal, runs: Mapping[str, _Run]) -> Iterator[Finding]:
    for position, unit in enumerate(rehearsal.units):
        statement = unit.statement
        counts = [run.outcome.counts[position] for run in runs.values() if position in run.outcome.counts]
        if statement.kind not in {"UpdateStmt", "DeleteStmt", "MergeStmt"} or not counts or any(counts):
            continue
        certain = _cannot_match(rehearsal, statement)
        why = certain or "no row matched; the rows were made up, so production's may"
        table = subjects(statement)[0].name
        where = subjects(statement)[0].sql
        condition = re.split(r"\bwhere\b", statement.text, maxsplit=1, flags=re.IGNORECASE)
        query = (
            f"SELECT count(*) FROM {where} WHERE {condition[1].strip()}"
            if len(condition) == 2
            else f"SELECT count(*) FROM {where}"
        )
        yield finding(
            "data.touches-nothing",
            Severity.MEDIUM if certain else Severity.LOW,
            PHASE,
            statement,
            f"0 rows of {table} on {len(counts)} sets of rows: {why}",
            table=table,
            status="measured" if certain else "predicted",
            names={"query": query},
        )


def _cannot_match(rehearsal: Rehearsal, statement: Statement) -> str:
    """Why the WHERE can never be true: IS NULL on a column that has no NULL by then."""
    table = statement.node["relation"]["relname"]
    added = {
        a.column: a
        for s in rehearsal.statements
        for a in actions(s)
        if a.kind == "add_column" and a.table and a.table.name == table
    }
    for name, body in walk(statement.node.get("whereClause", {})):
        if name != "NullTest" or body.get("nulltesttype") != "IS_NULL":
            continue
        fields = body["arg"].get("ColumnRef", {}).get("fields", ())
        column = fields[-1]["String"]["sval"] if fields and "String" in fields[-1] else ""
        known = [rehearsal.before.columns.get((label, column)) for label in rehearsal.labels(subjects(statement)[0])]
        if known and all(each is not None and each.not_null for each in known):
            return f"{column} is NOT NULL"
        if column in added and "default" in added[column].values:
            return f"{column} was added with a default, which every existing row already has"
    return ""
