"""Phase 6: the way back, really tried: a given down script or the derived reverse, before and after new rows exist."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import psycopg

from harness.errors import InputError
from harness.migrations import fingerprints
from harness.migrations.actions import quoted
from harness.migrations.attributes import about_attributes, kept_as_text
from harness.migrations.compatibility import new_kinds
from harness.migrations.findings import Finding, Severity
from harness.migrations.gaps import fills_only_gaps
from harness.migrations.generator import row_sql
from harness.migrations.literals import overwrites
from harness.migrations.reading import Script, read
from harness.migrations.rehearsal import Rehearsal, ordered_labels
from harness.migrations.reverse import Reverse, fills_gaps, reverse
from harness.migrations.running import run_units
from harness.migrations.schema import Schema, differences, snapshot
from harness.migrations.stages import stages
from harness.migrations.statements import Statement
from harness.migrations.telling import finding
from harness.migrations.tracing import Failure, execute, failure_of

__all__ = ["check_way_back"]

PHASE = "way back"
MOST_LINES = 12  # that are named one by one


def check_way_back(rehearsal: Rehearsal) -> tuple[list[Finding], list[str]]:
    """Up and down on tidy rows, then up, one row of each new kind, and down again. Also the SQL of a derived way back,
    empty where there is none that runs."""
    with rehearsal.clone(rehearsal.widest) as database, database.connect() as connection:
        before = rehearsal.before
        prints = fingerprints.take(connection, before)
        if not run_units(connection, rehearsal.units).complete:
            return [], []
        after = snapshot(connection)
        given = _given_down(rehearsal)
        steps: Sequence[Reverse] = reverse(rehearsal.statements, before, after, stages(rehearsal))
        down = [step.sql for step in steps if step.sql]
        if given is not None:
            down, steps = given, []
        elif not differences(before, after):  # what it did to the schema it took back itself
            down = []
        written = _written(rehearsal) if steps else {}
        derived = [*down, *_left_out(steps, written)] if given is None else []
        found = list(_one_way(steps, written))
        blocked = {f.statement for f in found}
        _tell_underived(rehearsal, steps)
        failure = _run(connection, down)
        if failure is None:
            found = _joined(found, _restored(rehearsal, after, prints, connection, given=given is not None))
            _tell_left(rehearsal, steps, snapshot(connection))
        elif given is not None:
            found.append(
                finding(
                    "down.fails",
                    Severity.HIGH,
                    PHASE,
                    rehearsal.statements[0],
                    f"the down script says {failure}",
                    names={"statement": down[0]},
                )
            )
        else:
            derived = []
            rehearsal.notes.append(
                f"the way back that is derived from the statements does not run and is not shown: {failure}"
            )
    if failure is None:
        found += [f for f in _after_new_rows(rehearsal, down) if f.statement not in blocked]
    return found, derived


def _tell_underived(rehearsal: Rehearsal, steps: Sequence[Reverse]) -> None:
    places = sorted({step.statement.position for step in steps if not step.known})
    if places:
        lines = {place.line for place in places}
        if len(rehearsal.plan.target) > 1:  # several files have a first line
            named = list(dict.fromkeys(place.place for place in places))[:MOST_LINES]
            told = ordered_labels(named)
        else:
            named, told = sorted(map(str, lines)), _lines(lines)
        what = f"{told} {'do: they are' if len(named) > 1 else 'does: it is'}"
        rehearsal.notes.append(f"no way back is derived for what {what} left out of it")


def _tell_left(rehearsal: Rehearsal, steps: Sequence[Reverse], now: Schema) -> None:
    left = differences(rehearsal.before, now)
    if left and steps and all(step.sql is not None for step in steps):
        rehearsal.notes.append(
            f"the derived way back leaves {len(left)} difference{'s' * (len(left) != 1)} to the schema before, first: {left[0]}"
        )


def _given_down(rehearsal: Rehearsal) -> list[str] | None:
    """The scripts that undo it, the last migration's first; None where a migration has none, as half a way is none. One
    that is there and says nothing undoes nothing: that is no reason to derive another."""
    backs: list[Script | None]
    if rehearsal.options.down:
        backs = [read(rehearsal.options.down)[0]]
    else:
        backs = [script.way_back for script in reversed(rehearsal.plan.target)]
    if not all(backs):
        if any(backs):
            having = f"{sum(map(bool, backs))} of {len(backs)} migrations have"
            rehearsal.notes.append(f"only {having} a way back: it was derived from the statements instead")
        return None
    return [statement.text for script in backs if script for statement in script.source.statements]


def _left_out(steps: Sequence[Reverse], counts: Mapping[int, int]) -> Iterator[str]:
    """What a derived way back does not undo, as remarks in it: nobody is to take it for the whole way."""
    lines: dict[str, set[int]] = {}
    for step in steps:
        if step.known and not step.sql and step.why and counts.get(step.statement.number) != 0:
            lines.setdefault(step.why, set()).add(step.statement.position.line)
    for why, left in lines.items():
        yield f"-- {_lines(left)} {'are' if len(left) > 1 else 'is'} left out: {why}"


def _lines(numbers: Collection[int]) -> str:
    """`line 3`, `lines 3, 4 and 7`, `lines 3, 4, 7 and 2,996 more`."""
    shown = [str(number) for number in sorted(numbers)[:MOST_LINES]]
    further = len(numbers) - len(shown)
    return f"line{'s' * (len(numbers) > 1)} {ordered_labels([*shown, *[f'{further:,} more'] * (further > 0)])}"


def _joined(one_way: Sequence[Finding], measured: Iterable[Finding]) -> list[Finding]:
    """What was measured stands with what is known of the same statement anyway: it is one loss."""
    found = list(one_way)
    for each in measured:
        same = (each.id, each.statement, each.position.file)
        place = next((n for n, f in enumerate(one_way) if (f.id, f.statement, f.position.file) == same), None)
        if place is None:
            found.append(each)
        else:
            found[place] = replace(found[place], evidence=f"{found[place].evidence}; {each.evidence}")
    return found


def _one_way(steps: Sequence[Reverse], counts: Mapping[int, int]) -> Iterator[Finding]:
    for step in steps:
        if step.sql is not None or not step.known or counts.get(step.statement.number) == 0:
            continue
        hazard = "down.none" if step.statement.kind == "AlterEnumStmt" else "down.loses-data"
        table = step.statement.node.get("relation", {}).get("relname", "")
        yield finding(
            hazard, Severity.HIGH, PHASE, step.statement, f"no statement brings it back: {step.why}", table=table
        )


def _written(rehearsal: Rehearsal) -> dict[int, int]:
    """Rows written by each statement on awkward rows: a statement that writes none has nothing to undo."""
    with rehearsal.clone(rehearsal.awkward) as database, database.connect() as connection:
        outcome = run_units(connection, rehearsal.units)
    return {rehearsal.units[position].statement.number: count for position, count in outcome.counts.items()}


def _run(connection: psycopg.Connection[Any], down: Sequence[str]) -> Failure | None:
    try:
        connection.execute("DISCARD TEMP")  # another session goes the way back
        for sql in down:
            execute(connection, sql)
    except psycopg.Error as problem:
        return failure_of(problem)
    return None


def _restored(
    rehearsal: Rehearsal,
    after: Schema,
    prints: fingerprints.Prints,
    connection: psycopg.Connection[Any],
    *,
    given: bool,
) -> Iterator[Finding]:
    now = snapshot(connection)
    lost = [
        change
        for change in fingerprints.compare(prints, fingerprints.take(connection, now), blanks=False)
        if change.kind != "rows gone" or given
    ]
    for change in lost[:3]:
        within = change.kind == "attributes gone"
        statement = (
            about_attributes(rehearsal, "DROP", "drop") if within else _about(rehearsal, change.table, change.column)
        )
        filled = any(fills_gaps(s) for s in rehearsal.statements if change.table in s.text)
        if filled or fills_only_gaps(rehearsal, rehearsal.widest, connection, change):
            continue
        keyed = change.kind == "values changed" and overwrites(statement)
        yield finding(
            "down.loses-data",
            Severity.MEDIUM if keyed else Severity.HIGH,
            PHASE,
            statement,
            f"after up and down: {change.text}{'; does production have rows with these keys?' * keyed}",
            table=change.table,
            status="predicted" if keyed else "measured",
            remedy=kept_as_text(rehearsal.before, change) if within else "",
            about=change.column,
        )
    yield from () if given else _with_what_came(rehearsal, after, now)
    left = differences(rehearsal.before, now)
    if given and left:
        evidence = f"{len(left)} difference{'s' * (len(left) != 1)} to the schema before, first: {left[0]}"
        yield finding(
            "down.not-exact", Severity.MEDIUM, PHASE, rehearsal.statements[0], evidence, names={"difference": left[0]}
        )


def _with_what_came(rehearsal: Rehearsal, after: Schema, now: Schema) -> Iterator[Finding]:
    """Tables that another one of their name gives way to again: whatever was written meanwhile goes with it."""
    for table, entry in rehearsal.before.tables.items():
        oids = [schema.tables.get(table, {}).get("oid") for schema in (after, now)]
        if rehearsal.before.is_table(table) and after.is_table(table) and oids[0] != entry["oid"] == oids[1]:
            evidence = f"rows that are written into {table} after the migration go with it: the table of that name is another one then"
            statement = rehearsal.altering(table.rsplit(".", maxsplit=1)[-1], "rename")
            yield finding("down.loses-data", Severity.HIGH, PHASE, statement, evidence, table=table)


def _after_new_rows(rehearsal: Rehearsal, down: Sequence[str]) -> Iterator[Finding]:
    template = rehearsal.sized(min(rehearsal.options.rows, 1000))
    before, after = rehearsal.before, rehearsal.after
    if after is None or not down:
        return
    for table, column, value, words in new_kinds(before, after):
        with rehearsal.clone(template) as database, database.connect() as connection:
            run_units(connection, rehearsal.units)
            try:
                row = row_sql(connection, after, table, {column: value})
            except InputError:
                continue  # no row of this table can be made up; the rehearsal's notes say so
            if _run(connection, [row]):
                continue
            failure = _run(connection, down)
        if failure:
            condition = f"{quoted(column)} IS NULL" if value == "NULL" else f"{quoted(column)} = {value}"
            query = f"SELECT count(*) FROM {'.'.join(map(quoted, table.split('.', 1)))} WHERE {condition}"
            evidence = f"with one row with {words} the way back says {failure}; before that it works"
            statement = _about(rehearsal, table, column)
            yield finding(
                "down.impossible-after-new-rows",
                Severity.HIGH,
                PHASE,
                statement,
                evidence,
                table=table,
                names={"query": query},
                about=column,
            )


def _about(rehearsal: Rehearsal, table: str, column: str) -> Statement:
    for wanted in (column, table):
        for statement in rehearsal.lasting:
            if wanted and wanted in statement.text and table.rsplit(".", maxsplit=1)[-1] in statement.text:
                return statement
    return rehearsal.speaks_of()
