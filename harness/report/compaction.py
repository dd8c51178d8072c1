"""From the parts that workers wrote to one events.jsonl in scenario order and one Parquet file a table.

Reads each record once; memory holds a few batches of rows and where each execution stands, however long the run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct, field

from harness.records import RACING_VERBS, TABLES, Body, ChangedCells, Check, Record, RowChange, Scenario, Step
from harness.report.arrow import TableWriter
from harness.report.cases import Cases
from harness.report.disk import disk_errors
from harness.report.lines import expanded, read_all, split
from harness.report.parts import Execution, Parts

__all__ = ["EVENTS", "MEASURED", "Compacted", "compact"]

EVENTS = "events.jsonl"
MEASURED = "measured.jsonl"


class Compacted(Struct):
    """What compaction found: the cases in order, counts of checks.

    `evidence` is the SHA-256 of the lines of events.jsonl that the seed decides: all but those of the scenarios in
    `raced`, and but bodies, which a raced scenario may bring first and whose hashes stand in the other lines.
    """

    cases: Cases
    unfinished: list[str] = field(default_factory=list)
    raced: dict[str, None] = field(default_factory=dict)  # in order, each once
    checks: int = 0
    evidence: str = ""
    notes: list[str] = field(default_factory=list)


def compact(
    parts: Parts,
    into: Path,
    run_id: str,
    planned: Iterable[str],
    cases: Cases,
    listen: Callable[[Sequence[bytes], Sequence[bytes]], None],
) -> Compacted:
    """Write events.jsonl, measured.jsonl and data/*.parquet into `into`; fill `cases`.

    `listen` hears of every execution with a result, in order: its lines, and those of bodies that came before it.
    """
    found, digest = Compacted(cases, notes=list(parts.notes)), hashlib.sha256()
    (into / "data").mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        events = stack.enter_context((into / EVENTS).open("wb"))
        measured = stack.enter_context((into / MEASURED).open("wb"))
        tables = {kind: TableWriter(into / "data" / f"{name}.parquet", name, run_id) for name, kind in TABLES.items()}
        tables[ChangedCells] = tables[RowChange]
        for execution in parts.executions(planned):
            lines = _add_rows(execution, tables, found)
            with disk_errors(into):
                events.write(b"\n".join([*lines.evidence, b""]))
                measured.write(b"\n".join([*lines.measured, b""]))
            if execution.scenario_id not in found.raced:
                digest.update(b"\n".join([*lines.decided, b""]))
            if execution.finished:
                listen(lines.whole, execution.known_bodies)
        for writer in {*tables.values()}:
            writer.close()
    found.evidence = digest.hexdigest()
    return found


class _Lines(Struct):
    """The lines of one execution as tables have them, none with its newline."""

    whole: list[bytes] = field(default_factory=list)
    evidence: list[bytes] = field(default_factory=list)
    measured: list[bytes] = field(default_factory=list)
    decided: list[bytes] = field(default_factory=list)
    """Those of `evidence` that the seed decides if nothing raced."""


def _add_rows(execution: Execution, tables: Mapping[type[Record], TableWriter], found: Compacted) -> _Lines:
    """Append the execution's records to their tables. Damaged ones are left out of everything, and noted."""
    lines = _Lines()
    whole, evidence, measured = lines.whole, lines.evidence, lines.measured
    rows: dict[type[Record], list[Record]] = {}
    for line, record in zip(execution.lines, read_all(execution.lines), strict=True):
        if isinstance(record, str):
            table = line.split(b'"', 4)[3].decode("utf-8", "replace")
            found.notes.append(f"{execution.scenario_id}: a record of {table} is left out: {record}.")
            continue
        kind = type(record)
        if kind in rows:
            rows[kind].append(record)
        else:
            rows[kind] = [record]
        if kind is ChangedCells:
            cells = expanded(line)
            whole += cells
            evidence += cells
            measured += [b"{}"] * len(cells)
        else:
            head, rest = split(line, kind)
            whole.append(line)
            evidence.append(head)
            measured.append(rest)
            if kind is Scenario and isinstance(record, Scenario):  # asking the class first costs less
                found.cases.add(record, line)
    for kind, records in rows.items():
        tables[kind].add(records)
    bodies = len(rows.get(Body, ()))  # which come first
    lines.decided = evidence[bodies:] if bodies else evidence
    found.checks += len(rows.get(Check, ()))
    if any(isinstance(step, Step) and step.verb in RACING_VERBS for step in rows.get(Step, ())):
        found.raced[execution.scenario_id] = None
    if not execution.finished:
        found.unfinished.append(execution.scenario_id)
    return lines
