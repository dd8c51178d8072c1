"""From the parts that workers wrote to one events.jsonl in scenario order and one Parquet file a table.

Reads each record once; memory holds a few batches of rows and where each execution stands, however long the run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from harness.records import RACING_VERBS, TABLES, Check, Scenario, Step
from harness.report.arrow import TableWriter
from harness.report.cases import Cases
from harness.report.disk import disk_errors
from harness.report.lines import Row, join, read_all
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
    raced: list[str] = field(default_factory=list)
    checks: int = 0
    evidence: str = ""
    notes: list[str] = field(default_factory=list)


def compact(
    parts: Parts,
    into: Path,
    run_id: str,
    planned: Sequence[str],
    cases: Cases,
    listen: Callable[[Execution, Row | None], None],
) -> Compacted:
    """Write events.jsonl, measured.jsonl and data/*.parquet into `into`; fill `cases`.

    `listen` hears of every execution in order.
    """
    found, digest = Compacted(cases, notes=list(parts.notes)), hashlib.sha256()
    (into / "data").mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        events = stack.enter_context((into / EVENTS).open("wb"))
        measured = stack.enter_context((into / MEASURED).open("wb"))
        tables = {name: TableWriter(into / "data" / f"{name}.parquet", name, run_id) for name in TABLES}
        for execution in parts.executions(planned):
            whole, scenario = _add_rows(execution, tables, found)
            with disk_errors(into):
                events.write(b"".join([line.evidence + b"\n" for line in whole.lines]))
                measured.write(b"".join([line.measured + b"\n" for line in whole.lines]))
            if execution.scenario_id not in found.raced:
                digest.update(b"".join([line.evidence + b"\n" for line in whole.lines if line.table != "bodies"]))
            listen(whole, scenario)
        for writer in tables.values():
            writer.close()
    found.evidence = digest.hexdigest()
    return found


def _add_rows(execution: Execution, tables: dict[str, TableWriter], found: Compacted) -> tuple[Execution, Row | None]:
    """Append the execution's records to their tables. Damaged ones are left out of everything, and noted."""
    scenario: Row | None = None
    damaged: set[int] = set()
    records = read_all([join(line.evidence, line.measured) for line in execution.lines])
    for number, (line, record) in enumerate(zip(execution.lines, records, strict=True)):
        if isinstance(record, str):
            damaged.add(number)
            found.notes.append(f"{execution.scenario_id}: a record of {line.table} is left out: {record}.")
            continue
        tables[line.table].add(record)
        if isinstance(record, Scenario):
            scenario = msgspec.to_builtins(record)
            found.cases.add(scenario)
        found.checks += isinstance(record, Check)
        if isinstance(record, Step) and record.verb in RACING_VERBS and execution.scenario_id not in found.raced:
            found.raced.append(execution.scenario_id)
    if not execution.finished:
        found.unfinished.append(execution.scenario_id)
    if damaged:
        kept = tuple(line for number, line in enumerate(execution.lines) if number not in damaged)
        execution = replace(execution, lines=kept)
    return execution, scenario
