"""The recorder: everything that happens in one scenario becomes a record, redacted, in order, at once.

Branches of a `parallel` step record into buffers of their own, which are written in the order of the branches, so
that two runs of one seed leave the same records.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from harness import records
from harness.postgres import RowOperation
from harness.redaction import Redactor

__all__ = ["BODY_LIMIT", "Recorder", "compact"]

BODY_LIMIT = 64 * 1024
"""Characters of a body that are kept; the rest is cut and the record says so."""

Sink = Callable[[records.Record], None]

_NUMBERED = {
    records.Exchange: "exchange",
    records.CalendlyCall: "call",
    records.Delivery: "delivery",
    records.Log: "log",
}


class Recorder:
    """Writes the records of one execution of one case to `sink` and keeps what the checks ask for.

    `step` is the step that records belong to; the runner moves it.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        run_id: str,
        scenario_id: str,
        attempt: int,
        redactor: Redactor,
        clock: Callable[[], datetime],
    ) -> None:
        self._sink = sink
        self._identity = {"run_id": run_id, "scenario_id": scenario_id, "attempt": attempt}
        self._redactor = redactor
        self._clock = clock
        self._local = threading.local()
        self._numbers: Counter[str] = Counter()
        self._bodies: set[str] = set()
        self._tables: dict[str, list[records.Record]] = {}
        self.step = 0

    # -- what is kept -------------------------------------------------------------------------------------------

    def exchanges(self, step: int | None = None) -> list[records.Exchange]:
        """The requests so far, or those of one step, in order."""
        return self._kept(records.Exchange, step)

    def calls(self, step: int | None = None) -> list[records.CalendlyCall]:
        return self._kept(records.CalendlyCall, step)

    def deliveries(self, step: int | None = None) -> list[records.Delivery]:
        return self._kept(records.Delivery, step)

    def logs(self, step: int | None = None) -> list[records.Log]:
        return self._kept(records.Log, step)

    def _kept(self, kind: type[Any], step: int | None) -> list[Any]:
        return [r for r in self._tables.get(kind.TABLE, ()) if step is None or r.step == step]  # type: ignore[attr-defined]  # every kept table has a step

    # -- writing ------------------------------------------------------------------------------------------------

    def write(self, kind: type[records.Record], **columns: Any) -> None:
        """One record of `kind`, in this thread's order."""
        record = kind(**self._identity, **columns)
        buffer = getattr(self._local, "buffer", None)
        if buffer is not None:
            buffer.append(record)
        else:
            self._emit(record)

    def _emit(self, record: records.Record) -> None:
        column = _NUMBERED.get(type(record))
        if column:
            self._numbers[column] += 1
            record = replace(record, **{column: self._numbers[column]})
            self._tables.setdefault(record.TABLE, []).append(record)
        self._sink(record)

    @contextmanager
    def branch(self) -> Iterator[list[records.Record]]:
        """Within this block this thread's records go to the list it yields; `merge` writes them."""
        buffer: list[records.Record] = []
        self._local.buffer = buffer
        try:
            yield buffer
        finally:
            self._local.buffer = None

    def merge(self, buffers: Sequence[Sequence[records.Record]]) -> None:
        """Write what branches recorded, branch by branch."""
        for buffer in buffers:
            for record in buffer:
                self._emit(record)

    # -- the kinds ----------------------------------------------------------------------------------------------

    def body(self, content: bytes | str | None) -> str | None:
        """Keep a body once, redacted; returns its id, or None when there is none."""
        if not content:
            return None
        text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
        text = self._redactor.text(text[: BODY_LIMIT + 1])
        truncated = len(text) > BODY_LIMIT
        text = text[:BODY_LIMIT]
        body_id = hashlib.sha256(text.encode()).hexdigest()
        if body_id not in self._bodies:
            self._bodies.add(body_id)
            self.write(records.Body, body_id=body_id, text=text, truncated=truncated)
        return body_id

    def headers(self, headers: Mapping[str, str]) -> str:
        return compact(self._redactor.headers(headers))

    def exchange(self, **columns: Any) -> None:
        self.write(records.Exchange, step=self.step, exchange=0, clock=self._clock(), **columns)

    def call(self, **columns: Any) -> None:
        self.write(records.CalendlyCall, step=self.step, call=0, clock=self._clock(), **columns)

    def delivery(self, **columns: Any) -> None:
        self.write(records.Delivery, step=self.step, delivery=0, clock=self._clock(), **columns)

    def log(self, level: str, logger: str, message: str, fields: Mapping[str, Any]) -> None:
        self.write(
            records.Log,
            step=self.step,
            log=0,
            level=level,
            logger=logger,
            message=self._redactor.text(message),
            fields=self._redactor.text(compact(fields)),
            clock=self._clock(),
        )

    def row_changes(self, operations: Sequence[RowOperation]) -> None:
        """One record a changed cell; transactions are numbered in the order of their first change."""
        for operation in operations:
            self._numbers["change"] += 1
            key = f"transaction {operation.transaction}"
            if key not in self._numbers:
                self._numbers["transaction"] += 1
                self._numbers[key] = self._numbers["transaction"]
            before, after = operation.before or {}, operation.after or {}
            for column in sorted({*before, *after}) or [""]:
                old, new = before.get(column), after.get(column)
                if operation.operation == "update" and old == new:
                    continue
                self.write(
                    records.RowChange,
                    step=self.step,
                    change=self._numbers["change"],
                    transaction=self._numbers[key],
                    table=operation.table,
                    key=compact(operation.key),
                    operation=operation.operation,
                    column=column,
                    before=self._cell(old) if column in before else None,
                    after=self._cell(new) if column in after else None,
                )

    def _cell(self, value: Any) -> str:
        return self._redactor.text(compact(value))


def compact(value: Any) -> str:
    """JSON with sorted keys and no spaces; what JSON does not know is written as its text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=str)
