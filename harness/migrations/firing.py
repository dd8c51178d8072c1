"""Triggers that are there before and after, and fire for less: what they did elsewhere, or refused, is not done any more."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import psycopg
from pglast.parser import parse_sql_json

from harness.migrations.findings import Finding, Severity
from harness.migrations.rehearsal import Rehearsal, ordered_labels
from harness.migrations.schema import Schema
from harness.migrations.statements import Statement
from harness.migrations.telling import finding
from harness.migrations.tracing import execute
from harness.migrations.writing import Writes

__all__ = ["check_firing"]

PHASE = "compatibility"
_COUNTED = "SELECT relid::regclass::text, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_xact_user_tables"
_VERBS = ("inserted", "updated", "deleted")
_EVENTS = {4: "INSERT", 16: "UPDATE", 8: "DELETE", 32: "TRUNCATE"}
_TIMES = {2: "BEFORE", 64: "INSTEAD OF"}
_OFF = " (disabled)"
_A_CONDITION = "fires only WHEN a condition holds"
_Effects = Counter[tuple[str, str]]
_Trigger = Mapping[str, Any]


def check_firing(
    rehearsal: Rehearsal,
    writes: Writes,
    before: psycopg.Connection[Any],
    after: psycopg.Connection[Any],
    told: Collection[str],
) -> Iterator[Finding]:
    """What writes do to other tables, on both databases; of tables `told` it is known already that triggers do another thing."""
    for table in writes.diverted():
        if _switched_off(rehearsal.before, writes.new, table):
            continue  # which is told of the trigger itself
        found = list(_elsewhere(rehearsal, writes, table, before, after))
        yield from found
        if not found and table not in told:
            yield from _fewer(rehearsal, writes.new, table)


def _switched_off(old: Schema, new: Schema, table: str) -> bool:
    mine = [key for key in old.triggers if key.rpartition(".")[0] == table]
    return any(new.triggers.get(key, "").endswith(_OFF) and not old.triggers[key].endswith(_OFF) for key in mine)


def _elsewhere(
    rehearsal: Rehearsal, writes: Writes, table: str, before: psycopg.Connection[Any], after: psycopg.Connection[Any]
) -> Iterator[Finding]:
    less: list[str] = []
    more: list[str] = []
    for command, sql in writes.of(table):
        then, now = _effects(before, sql), _effects(after, sql)
        if then is None or now is None or _on(table, then) != _on(table, now):
            continue  # a write that is swallowed, or made another, takes what follows from it along
        for other, verb in sorted(then.keys() | now.keys()):
            was, is_now = (each.get((other, verb), 0) for each in (then, now))
            if other in {table, f'"{table}"'} or other not in {*rehearsal.before.tables} & {*writes.new.tables}:
                continue
            words = f"{command} on {table} {verb} {was:,} of {other} too, and {is_now:,} now"
            if is_now < was:
                less.append(words)
            elif verb == "deleted" and is_now > was:
                more.append(words)
    for hazard, lines, remedy in (
        ("schema.trigger-off", less, "-- let the trigger fire as it did until no release counts on it"),
        ("compat.writes-changed", more, "-- look whether these rows are meant to go"),
    ):
        if lines:
            evidence = "; ".join(dict.fromkeys(lines))
            cause = _cause(rehearsal, table)
            yield finding(hazard, Severity.MEDIUM, PHASE, cause, evidence, table=table, remedy=remedy)


def _on(table: str, effects: _Effects) -> dict[tuple[str, str], int]:
    return {key: count for key, count in effects.items() if key[0].strip('"') == table and count}


def _effects(connection: psycopg.Connection[Any], sql: str) -> _Effects | None:
    """Rows that a write inserts, updates and deletes, by table; None when it is refused. Rolled back."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            start = _counts(connection)  # of transactions before, as long as the server has not collected them
            execute(connection, sql)
            return _counts(connection) - start
    except psycopg.Error:
        return None


def _counts(connection: psycopg.Connection[Any]) -> _Effects:
    rows = connection.execute(_COUNTED).fetchall()
    return Counter({(row[0], verb): row[1 + n] for row in rows for n, verb in enumerate(_VERBS)})


def _fewer(rehearsal: Rehearsal, new: Schema, table: str) -> Iterator[Finding]:
    """Triggers that are asked less often, as they are written: no made-up row shows what that means."""
    then, now = _by_function(rehearsal.before, table), _by_function(new, table)
    for function in sorted(then.keys() & now.keys()):
        lost = list(_lost(then[function], now[function]))
        if not lost:
            continue
        evidence = f"the trigger of {table} that calls {function} {ordered_labels(lost)}: does anything count on what it did, or refused?"
        yield finding(
            "schema.trigger-off",
            Severity.LOW if lost == [_A_CONDITION] and all(map(_of_changes_alone, now[function])) else Severity.MEDIUM,
            PHASE,
            _cause(rehearsal, table),
            evidence,
            table=table,
            status="predicted",
            remedy="-- let the trigger fire as it did until no release counts on it",
        )


def _lost(then: Sequence[_Trigger], now: Sequence[_Trigger]) -> Iterator[str]:
    """For what it was asked, and is not now."""
    left = {event for each in now for event in _events(each)}
    gone = [event for event in _EVENTS.values() if any(event in _events(t) for t in then) and event not in left]
    if gone:
        yield f"fires on {' and '.join(gone)} no more"
    if len(then) != 1 or len(now) != 1:
        return
    (was,), (is_now,) = then, now
    if was.get("timing") != is_now.get("timing"):
        yield f"fires {_time(is_now)} and not {_time(was)}"
    if was.get("row") and not is_now.get("row"):
        yield "fires for each statement and not for each row"
    columns = [each["String"]["sval"] for each in is_now.get("columns", ())]
    before = [each["String"]["sval"] for each in was.get("columns", ())]
    if columns and "UPDATE" in _events(was) and (not before or not set(before) <= set(columns)):
        yield f"fires on UPDATE only of {ordered_labels(columns)}"
    if is_now.get("whenClause") and _plain(is_now["whenClause"]) != _plain(was.get("whenClause")):
        yield "fires only WHEN another condition holds" if was.get("whenClause") else _A_CONDITION


def _of_changes_alone(trigger: _Trigger) -> bool:
    """Whether it asks what changed: an UPDATE that leaves all as it is then passes it by, and nothing else does."""
    clause = trigger.get("whenClause", {}).get("A_Expr", {})
    return clause.get("kind") == "AEXPR_DISTINCT" and "columns" not in trigger


def _plain(tree: Any) -> Any:
    """A tree without where it stood in its text."""
    if isinstance(tree, dict):
        return {key: _plain(value) for key, value in tree.items() if key != "location"}
    return [_plain(each) for each in tree] if isinstance(tree, list) else tree


def _by_function(schema: Schema, table: str) -> dict[str, list[_Trigger]]:
    """Enabled triggers of a table, by what they call."""
    found: dict[str, list[_Trigger]] = defaultdict(list)
    for key, text in schema.triggers.items():
        if key.rpartition(".")[0] == table and not text.endswith(_OFF):
            found[text.rpartition("EXECUTE FUNCTION ")[2]].append(_parsed(text))
    return found


def _parsed(text: str) -> _Trigger:
    tree: _Trigger = json.loads(parse_sql_json(text))["stmts"][0]["stmt"]["CreateTrigStmt"]
    return tree


def _events(trigger: _Trigger) -> list[str]:
    return [word for bit, word in _EVENTS.items() if trigger.get("events", 0) & bit]


def _time(trigger: _Trigger) -> str:
    return _TIMES.get(trigger.get("timing", 0), "AFTER")


def _cause(rehearsal: Rehearsal, table: str) -> Statement:
    return rehearsal.altering(table.rsplit(".", maxsplit=1)[-1], "trigger", "rule")
