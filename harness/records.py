"""The records of a run: one definition behind JSON Lines, Parquet and DataFrame.

Each class is one row of one table. The runner yields them, listeners write them, notebooks read them.
Ids are strings, times UTC, durations integer microseconds. Columns named in `MEASURED` differ from run to
run even with the same input and seed; every other column is the same byte for byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, Self

import msgspec

__all__ = [
    "BODY_LIMIT",
    "RACING_VERBS",
    "SCHEMA_VERSION",
    "TABLES",
    "Body",
    "CalendlyCall",
    "Cell",
    "ChangedCells",
    "Check",
    "CheckKind",
    "Delivery",
    "Exchange",
    "Log",
    "Outcome",
    "Record",
    "RowChange",
    "Scenario",
    "Step",
    "table_of",
]

SCHEMA_VERSION = 2

BODY_LIMIT = 65_536  # characters of a body that are kept; what is longer says `truncated`

RACING_VERBS = frozenset({"parallel"})
"""Verbs whose requests really race: which of them comes first is decided by the machine, not by the seed."""

Outcome = Literal["passed", "failed", "error", "skipped"]

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time that has its zone; a line with another is no record."""


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="record"):
    """Base of all records. `scenario_id` and `attempt` (from 1) say which execution of which case in this run.

    The tag of a class is the name of its table. What is measured stands last. The run is named once, by the manifest, and
    by the first column of each table.
    """

    MEASURED: ClassVar[tuple[str, ...]] = ()

    scenario_id: str
    attempt: int


class Scenario(Record, frozen=True, kw_only=True, gc=False, tag="scenarios"):
    """One execution of one case (a scenario with its matrix values). Written when it ends.

    `case_id` is the same in every run; `scenario_id` has, where a run runs each case several times, the round too.
    """

    MEASURED = ("worker", "started_at", "duration_us")

    case_id: str
    name: str
    feature: str
    file: str
    line: int
    tags: tuple[str, ...]
    covers: tuple[str, ...]
    actor: str
    target: str
    params: str  # the matrix values as JSON, keys sorted; "{}" without a matrix
    seed: int
    outcome: Outcome
    flaky: bool  # passed after a failed attempt
    fault: bool  # an error that is a fault of the harness, not of the scenario
    failure: str | None  # the first mismatch, one line
    failure_text: str | None  # the whole message, as the terminal shows it
    notes: tuple[str, ...]  # what a reader should know of it, passed or not: a fault left to chance that never struck
    rerun: str  # the command that runs this case again
    worker: int
    started_at: Instant
    duration_us: int


class Step(Record, frozen=True, kw_only=True, gc=False, tag="steps"):
    """One step, in order from 1. Step 0 is the set-up (`given`)."""

    MEASURED = ("duration_us",)

    step: int
    phase: Literal["given", "when", "then"]
    verb: str
    title: str  # the step as a person reads it
    line: int
    column: int
    outcome: Outcome
    clock: Instant  # the scenario's clock when the step began
    detail: str  # JSON: what the step did beyond requests (faults set, clock moved, captured names)
    duration_us: int


CheckKind = Literal["response", "row", "count", "log", "call", "delivery", "invariant", "outcome", "fault"]


class Check(Record, frozen=True, kw_only=True, gc=False, tag="checks"):
    """One comparison, passed or not."""

    MEASURED = ("tries",)

    step: int
    kind: CheckKind
    path: str
    matcher: str
    expected: str
    actual: str
    outcome: Literal["passed", "failed", "error"]
    line: int
    column: int
    tries: int  # how often an `eventually` looked; 1 otherwise


class Body(Record, frozen=True, kw_only=True, gc=False, tag="bodies"):
    """A request, response or delivery body after redaction, stored once under the hash of its text."""

    body_id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]  # sha256 hex of `text`
    text: str
    truncated: bool

    @classmethod
    def of(cls, text: str, *, scenario_id: str, attempt: int) -> Self:
        """The record of `text`, which is redacted already: at most BODY_LIMIT characters, addressed by their hash."""
        content = text[:BODY_LIMIT].encode("utf-8", "replace")
        return cls(
            scenario_id=scenario_id,
            attempt=attempt,
            body_id=hashlib.sha256(content).hexdigest(),
            text=content.decode("utf-8"),
            truncated=len(text) > BODY_LIMIT,
        )


class Exchange(Record, frozen=True, kw_only=True, gc=False, tag="exchanges"):
    """One HTTP request from a visitor to the target and its answer."""

    MEASURED = ("duration_us",)

    step: int
    exchange: int
    actor: str
    method: str
    path: str
    request_headers: str  # JSON, redacted
    request_body: str | None  # a body_id
    status: int | None  # None: no answer came, `error` says why
    response_headers: str
    response_body: str | None
    error: str | None
    clock: Instant
    duration_us: int


class RowChange(Record, frozen=True, kw_only=True, gc=False, tag="row_changes"):
    """One changed cell. An insert has no `before`, a delete no `after`."""

    step: int
    change: int  # order of the row operation within the scenario, from 1
    transaction: int  # order of the transaction within the scenario, from 1
    table: str
    key: str  # JSON of the primary key
    operation: Literal["insert", "update", "delete", "truncate"]
    column: str
    before: str | None  # PostgreSQL's text of the value as JSON
    after: str | None


class Cell(msgspec.Struct, frozen=True, gc=False):
    """What the RowChange records of one row operation differ in, as they have it."""

    column: str
    before: str | None
    after: str | None


class ChangedCells(Record, frozen=True, kw_only=True, gc=False, tag="changed_cells"):
    """The RowChange records of one row operation, which differ in their last three columns alone.

    Most records of a run are changed cells, so an operation is handed on, and stands in a worker's part, as one.
    """

    step: int
    change: int
    transaction: int
    table: str
    key: str
    operation: Literal["insert", "update", "delete", "truncate"]
    cells: tuple[Cell, ...]

    @classmethod
    def of(cls, change: RowChange) -> Self:
        """The operation whose only cell is `change`."""
        columns: Mapping[str, Any] = {name: getattr(change, name) for name in RowChange.__struct_fields__}
        cell = {name: columns[name] for name in Cell.__struct_fields__}
        return cls(**{name: columns[name] for name in columns if name not in cell}, cells=(Cell(**cell),))

    def each(self) -> Iterator[RowChange]:
        """The records one by one."""
        columns: Mapping[str, Any] = {name: getattr(self, name) for name in self.__struct_fields__ if name != "cells"}
        for cell in self.cells:
            yield RowChange(**columns, column=cell.column, before=cell.before, after=cell.after)


class CalendlyCall(Record, frozen=True, kw_only=True, gc=False, tag="calendly_calls"):
    """One call of the application to a simulated provider (Calendly, or Stripe beside it)."""

    MEASURED = ("duration_us",)

    step: int
    call: int
    provider: Literal["calendly", "stripe"]
    method: str
    url: str
    request_body: str | None
    status: int | None
    response_body: str | None
    fault: str | None  # the fault that struck, as the scenario wrote it
    matched: bool  # False: no endpoint of the simulator fits
    clock: Instant
    duration_us: int


class Delivery(Record, frozen=True, kw_only=True, gc=False, tag="deliveries"):
    """One attempt to deliver one webhook."""

    MEASURED = ("duration_us",)

    step: int
    delivery: int
    provider: Literal["calendly", "stripe"]
    event: str
    url: str
    delivery_attempt: int
    request_headers: str
    request_body: str | None
    status: int | None
    response_body: str | None
    outcome: Literal["delivered", "refused", "lost", "timeout", "held"]
    clock: Instant
    duration_us: int


class Log(Record, frozen=True, kw_only=True, gc=False, tag="logs"):
    """One log record of the target, redacted."""

    step: int
    log: int
    level: str
    logger: str
    message: str
    fields: str  # JSON of the structured fields
    clock: Instant


TABLES: dict[str, type[Record]] = {
    str(cls.__struct_config__.tag): cls
    for cls in (Scenario, Step, Check, Body, Exchange, RowChange, CalendlyCall, Delivery, Log)
}


def table_of(record: Record | type[Record]) -> str:
    """The name of the table that `record`, or one of that class, is a row of."""
    return str(record.__struct_config__.tag)
