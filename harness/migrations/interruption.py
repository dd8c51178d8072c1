"""Phase 4: a failure at each statement: what is left, does a second run finish, and what does a second run do anyway?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import psycopg

from harness.migrations import fingerprints
from harness.migrations.actions import Name, subjects
from harness.migrations.advice import half_detached
from harness.migrations.batches import Unit, refuses_transaction
from harness.migrations.findings import Finding, Severity
from harness.migrations.rehearsal import Rehearsal, ordered_labels
from harness.migrations.repeating import repeats
from harness.migrations.running import Outcome, run_units
from harness.migrations.schema import Schema, differences, quoted_label, snapshot
from harness.migrations.sessions import Session, check_session
from harness.migrations.statements import Statement
from harness.migrations.telling import finding
from harness.migrations.tolerance import apart, tolerant
from harness.migrations.tracing import Failure, execute

if TYPE_CHECKING:
    from harness.postgres import Database

__all__ = ["check_interruption"]

PHASE = "failure"
MOST = 12  # places where a run is interrupted; a longer file is interrupted at this many, evenly spread


@dataclass(frozen=True, slots=True)
class _Broken:
    """A run that failed before `unit`: what it left, and how the second run went."""

    unit: Unit
    left: tuple[str, ...]
    again: Failure | None


def check_interruption(rehearsal: Rehearsal) -> list[Finding]:
    """Interrupt, look, run the migration that was interrupted again. Empty when the migration does not run even once."""
    template = rehearsal.widest
    with rehearsal.clone(template) as database, database.connect() as connection:
        session = Session.of(connection)
        if not run_units(connection, rehearsal.units).complete:
            return []
        found = [*check_session(rehearsal, session, Session.of(connection)), *_twice(rehearsal, connection)]
    broken = [_interrupt(rehearsal, unit) for unit in _places(rehearsal)]
    found += _partly(rehearsal, [entry for entry in broken if entry.left])
    for unit in rehearsal.units:
        if unit.transaction is None and (table := _built_on(rehearsal, unit.statement)):
            found += _failed_build(rehearsal, unit, table)
        if unit.transaction is None and half_detached(unit.statement):
            found += _failed_detach(rehearsal, unit)
    return found


def _built_on(rehearsal: Rehearsal, statement: Statement) -> str:
    """The table of the baseline on which a statement builds indexes CONCURRENTLY; empty when it builds none there."""
    if statement.kind not in {"IndexStmt", "ReindexStmt"} or not refuses_transaction(statement):
        return ""
    for name in subjects(statement):
        if label := rehearsal.label(name.name, name.schema):
            return label
        indexes = rehearsal.before.indexes.values() if statement.kind == "ReindexStmt" else ()
        return next((str(index["table"]) for index in indexes if index["name"] == name.name), "")
    return ""


def _twice(rehearsal: Rehearsal, connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    connection.execute("DISCARD TEMP")  # a second run is another session's
    before = fingerprints.take(connection, snapshot(connection))
    outcome = run_units(connection, rehearsal.units)
    if outcome.failure and outcome.failed:
        runner = rehearsal.runner(rehearsal.plan.target[0])
        guard = (
            "Prisma records what is applied; a run by hand does not"
            if runner.startswith("prisma")
            else "nothing records that it was applied"
        )
        evidence = f"applied a second time the server says {outcome.failure} ({guard})"
        statement = outcome.failed.statement
        yield finding("rerun.fails", Severity.LOW, PHASE, statement, evidence, remedy=tolerant(statement))
        return
    after = fingerprints.take(connection, snapshot(connection))
    changes = [change.text for change in fingerprints.compare(before, after)]
    changes += [
        f"{after.rows[oid] - count} more rows in {before.labels[oid]}"
        for oid, count in before.rows.items()
        if after.rows.get(oid, 0) > count
    ]
    if changes:
        statement = next(
            (s for s in rehearsal.statements if s.kind in {"UpdateStmt", "InsertStmt", "DeleteStmt", "DoStmt"}),
            rehearsal.statements[0],
        )
        yield finding(
            "rerun.changes-data-again",
            Severity.MEDIUM,
            PHASE,
            statement,
            f"a second run changed rows again: {'; '.join(changes[:3])}",
        )


def _beginnings(rehearsal: Rehearsal) -> list[int]:
    """Positions of the units with which a migration begins: runners record those before it, and go on with it."""
    return list(accumulate((len(script.source.statements) for script in rehearsal.plan.target), initial=0))


def _places(rehearsal: Rehearsal) -> list[Unit]:
    """Units before which a part of their migration may already be committed, one for each committed state."""
    places, beginnings = [], set(_beginnings(rehearsal))
    for position, (earlier, unit) in enumerate(pairwise(rehearsal.units), start=1):
        apart = earlier.transaction is None or unit.transaction != earlier.transaction
        same = position > 1 and _in_a_row(rehearsal.units[position - 2 : position + 1])
        if apart and position not in beginnings and not same:
            places.append(unit)
    step = max(1, len(places) // MOST)
    return places[::step][:MOST]


def _in_a_row(units: Sequence[Unit]) -> bool:
    """Whether they all do the same, so that a failure before the last leaves what one before the second leaves."""
    return all(repeats(later.statement, earlier.statement) for earlier, later in pairwise(units))


def _interrupt(rehearsal: Rehearsal, unit: Unit) -> _Broken:
    """Run what comes before `unit`, fail there, compare, and run everything again."""
    position = next(n for n, each in enumerate(rehearsal.units) if each is unit)
    begin = max(start for start in _beginnings(rehearsal) if start <= position)
    with rehearsal.clone(rehearsal.widest) as database:
        with (
            database.connect() as connection
        ):  # what the session holds (advisory locks, tables of its own) ends with it
            run_units(connection, rehearsal.units[:begin])
            schema = snapshot(connection) if begin else rehearsal.before
            prints = fingerprints.take(connection, schema)
            run_units(connection, rehearsal.units[begin:position])
            connection.execute("ROLLBACK") if connection.info.transaction_status.name != "IDLE" else None
            now = snapshot(connection)
            left = [*differences(schema, now), *_rows_left(prints, fingerprints.take(connection, now))]
        again = _second_run(rehearsal.units[begin:], database) if left else None
    return _Broken(unit, tuple(left), again)


def _rows_left(before: fingerprints.Prints, after: fingerprints.Prints) -> list[str]:
    more = [
        f"{after.rows[oid] - count:+} rows in {before.labels[oid]}"
        for oid, count in before.rows.items()
        if after.rows.get(oid, count) > count
    ]
    return [change.text for change in fingerprints.compare(before, after)] + more


def _second_run(units: Sequence[Unit], database: Database) -> Failure | None:
    with database.connect() as fresh:
        return run_units(fresh, units).failure


def _sound(entry: _Broken) -> bool:
    """Whether what is left troubles nobody: steps that are apart on purpose leave a new constraint or index, and no more."""
    return all(line.startswith(("constraint ", "index ")) and line.endswith(": new") for line in entry.left)


def _partly(rehearsal: Rehearsal, broken: Sequence[_Broken]) -> Iterator[Finding]:
    if not broken:
        return
    first = broken[0]
    stuck = next((entry for entry in broken if entry.again), None)
    runner = rehearsal.runner(rehearsal.plan.target[0])
    remedy = apart(rehearsal.statements)
    by_hand = bool(remedy) and not runner.startswith("prisma") and all(map(_sound, broken))
    severity = Severity.HIGH if stuck and not by_hand else Severity.MEDIUM
    lines = ordered_labels(list(dict.fromkeys(str(entry.unit.statement.position.line) for entry in broken)))
    evidence = f"with {runner} a failure at line {lines} leaves a part done, for example: {'; '.join(first.left[:3])}"
    yield finding("tx.not-atomic", severity, PHASE, first.unit.statement, evidence, remedy=remedy)
    if stuck:
        line = stuck.unit.statement.position.line
        after = f"; run by hand from line {line} on it goes on where it stopped" if by_hand else ""
        after += rehearsal.after_failure(stuck.unit.statement)
        evidence = f"after a failure at line {line} a second run says {stuck.again}{after}"
        yield finding("rerun.stuck", severity, PHASE, stuck.unit.statement, evidence, remedy=remedy)


def _failed_build(rehearsal: Rehearsal, unit: Unit, table: str) -> Iterator[Finding]:
    """Make a concurrent build fail as it does in production: it waits for a writer longer than lock_timeout."""
    position = rehearsal.units.index(unit)
    with (
        rehearsal.clone(rehearsal.widest) as database,
        database.connect() as connection,
    ):
        run_units(connection, rehearsal.units[:position])
        before = snapshot(connection)
        failed = _held_up(database, connection, unit, table, "ROW EXCLUSIVE")
        invalid = _invalid(snapshot(connection), before)
        if failed.complete or not invalid:
            return
        again = run_units(connection, [unit])
        names = {
            "name": Name(invalid[0], table.rpartition(".")[0]).sql,
            "plain": unit.statement.text.replace("IF NOT EXISTS ", "").replace("if not exists ", ""),
        }
        evidence = f"a build that failed with {failed.failure} left {invalid[0]} INVALID; "
        if again.complete and invalid[0] in _invalid(snapshot(connection), before):
            evidence += "the second run succeeded and left it INVALID"
            anew = unit.statement.kind == "ReindexStmt"  # which has built its own, and leaves the other for ever
            hazard = "index.invalid-left" if anew else "index.steps-over-invalid"
            severity = Severity.LOW if anew else Severity.MEDIUM
        else:
            evidence += f"the second run said {again.failure}" if again.failure else "the second run built it"
            hazard, severity = "index.invalid-left", Severity.LOW
        yield finding(hazard, severity, PHASE, unit.statement, evidence, table=table, names=names)


def _held_up(database: Database, connection: psycopg.Connection[Any], unit: Unit, table: str, mode: str) -> Outcome:
    """Run `unit` while somebody else holds `table` in `mode`, and lock_timeout ends what waits for them."""
    with database.connect() as other:
        other.execute("BEGIN")
        execute(other, f"LOCK TABLE {quoted_label(table)} IN {mode} MODE")
        connection.execute("SET lock_timeout = '60ms'")
        failed = run_units(connection, [unit])
        other.execute("ROLLBACK")
    connection.execute("SET lock_timeout = 0")
    return failed


def _failed_detach(rehearsal: Rehearsal, unit: Unit) -> Iterator[Finding]:
    """End DETACH … CONCURRENTLY where it waits for those who read the table: the partition is neither in it nor free."""
    (parent,) = {
        label for name in subjects(unit.statement)[:1] if (label := rehearsal.label(name.name, name.schema))
    } or {""}
    if not parent:
        return
    with rehearsal.clone(rehearsal.widest) as database, database.connect() as connection:
        run_units(connection, rehearsal.units[: rehearsal.units.index(unit)])
        failed = _held_up(database, connection, unit, parent, "ACCESS SHARE")
        pending = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhdetachpending"
        ).fetchone()
        again = run_units(connection, [unit])
    if failed.failure and pending and again.failure:
        evidence = (
            f"a detach that failed with {failed.failure} left {pending[0]} pending: its rows are missed in {parent} already, "
            f"and a second run says {again.failure}"
        )
        remedy = half_detached(unit.statement)
        yield finding("rerun.stuck", Severity.MEDIUM, PHASE, unit.statement, evidence, table=parent, remedy=remedy)


def _invalid(schema: Schema, before: Schema) -> list[str]:
    return [
        str(index["name"]) for key, index in schema.indexes.items() if not index["valid"] and key not in before.indexes
    ]
