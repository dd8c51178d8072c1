"""The recorder: everything that happens in one scenario becomes a record, redacted, in order, at once.

What the records hold is redacted; the checks need what really happened, so the recorder keeps that in memory beside
them (`Kept`) until the scenario ends. Branches of a `parallel` step record into buffers of their own, which are
written in the order of the branches, so that two runs of one seed leave the same records.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from harness import records
from harness.postgres import RowOperation
from harness.redaction import Redactor

if TYPE_CHECKING:
    from harness.scenario.matching import Comparison

__all__ = ["Kept", "Recorder", "compact"]

Sink = Callable[[records.Record], None]
_Pending = tuple[type[records.Record], dict[str, Any], Mapping[str, Any] | None]
R = TypeVar("R", bound=records.Record)

_NUMBERED: Mapping[type[records.Record], str] = {
    records.Exchange: "exchange",
    records.CalendlyCall: "call",
    records.Delivery: "delivery",
    records.Log: "log",
}


class Kept(msgspec.Struct, Generic[R], frozen=True):
    """A record and, unredacted and in memory only, what the checks look at."""

    record: R
    raw: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Kept({self.record!r})"


class Recorder:
    """Writes the records of one execution of one case to `sink` and keeps what the checks ask for.

    `step` is the step that records belong to; the runner moves it.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        scenario_id: str,
        attempt: int,
        redactor: Redactor,
    ) -> None:
        self._sink = sink
        self._identity: dict[str, Any] = {"scenario_id": scenario_id, "attempt": attempt}
        self._redactor = redactor
        self._local = threading.local()
        self._lock = threading.RLock()
        self._numbers: Counter[str] = Counter()
        self._kept: dict[type[records.Record], list[Kept[Any]]] = {}
        self.bodies: dict[str, str] = {}
        self.notes: list[str] = []  # what the scenario's result says beside its outcome
        self.step = 0
        self.clock: Callable[[], datetime] | None = None

    # -- what is kept -------------------------------------------------------------------------------------------

    def kept(self, kind: type[R], step: int | None = None) -> list[Kept[R]]:
        """The numbered records of one kind so far, or those of one step, in order."""
        every: list[Kept[Any]] = self._kept.get(kind, [])
        return every if step is None else [kept for kept in every if kept.record.step == step]

    def of(self, kind: type[R], step: int | None = None) -> list[R]:
        """The records alone."""
        return [kept.record for kept in self.kept(kind, step)]

    # -- writing ------------------------------------------------------------------------------------------------

    def write(self, record_type: type[records.Record], raw: Mapping[str, Any] | None = None, /, **columns: Any) -> None:
        """One record of `record_type`, in this thread's order."""
        buffer = getattr(self._local, "buffer", None)
        if buffer is not None:
            buffer.append((record_type, columns, raw))
        else:
            with self._lock:  # a deployment's calls come in threads of the simulators' server
                self._emit(record_type, columns, raw)

    def _emit(self, record_type: type[records.Record], columns: dict[str, Any], raw: Mapping[str, Any] | None) -> None:
        number = _NUMBERED.get(record_type)
        if number:
            self._numbers[number] += 1
            columns[number] = self._numbers[number]
        record = record_type(**self._identity, **columns)
        if number:
            self._kept.setdefault(record_type, []).append(Kept(record, raw or {}))
        self._sink(record)

    @contextmanager
    def branch(self) -> Iterator[list[_Pending]]:
        """Within this block this thread's records go to the list it yields; `merge` writes them."""
        buffer: list[_Pending] = []
        self._local.buffer = buffer
        try:
            yield buffer
        finally:
            self._local.buffer = None

    def merge(self, buffers: Sequence[Sequence[_Pending]]) -> None:
        """Write what branches recorded, branch by branch."""
        with self._lock:
            for buffer in buffers:
                for pending in buffer:
                    self._emit(*pending)

    # -- the kinds ----------------------------------------------------------------------------------------------

    def text(self, text: str) -> str:
        """`text` redacted."""
        return self._redactor.text(text)

    def texts(self, texts: Sequence[str]) -> Sequence[str]:
        """Each of `texts` redacted, with one look at all of them."""
        joined = "\x00".join(texts)
        masked = self._redactor.text(joined)
        if masked == joined:
            return texts
        parts = masked.split("\x00")
        # Unless a mask reached over an end, which none should: then each text by itself.
        return parts if len(parts) == len(texts) else [self._redactor.text(text) for text in texts]

    def body(self, content: bytes | str | None) -> str | None:
        """Keep a body once, redacted; returns its id, or None when there is none."""
        if not content:
            return None
        text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
        record = records.Body.of(self._redactor.body(text), **self._identity)
        if record.body_id not in self.bodies:
            self.bodies[record.body_id] = record.text
            self._sink(record)
        return record.body_id

    def headers(self, headers: Mapping[str, str]) -> str:
        return compact(self._redactor.headers(headers))

    def _here(self) -> dict[str, Any]:
        assert self.clock is not None  # set by the world before anything happens
        return {"step": self.step, "clock": self.clock()}

    def exchange(self, **columns: Any) -> None:
        self.write(records.Exchange, **self._here(), **columns)

    def call(self, raw: Mapping[str, Any], **columns: Any) -> None:
        self.write(records.CalendlyCall, raw, **self._here(), **columns)

    def delivery(self, raw: Mapping[str, Any], **columns: Any) -> None:
        self.write(records.Delivery, raw, **self._here(), **columns)

    def log(self, level: str, logger: str, message: str, fields: Mapping[str, Any]) -> None:
        raw = {**fields, "level": level, "logger": logger, "message": message}
        text = {"message": self.text(message), "fields": self.text(compact(fields))}
        self.write(records.Log, raw, level=level, logger=logger, **text, **self._here())

    def checks(self, found: Sequence[Comparison], kind: records.CheckKind, tries: int = 1) -> None:
        """One record a comparison."""
        if not found:
            return
        texts = iter(self.texts([text for each in found for text in (each.expected, each.actual)]))
        common = {**self._identity, "step": self.step, "kind": kind, "tries": tries}
        with self._lock:
            for each in found:
                record = records.Check(
                    **common,
                    path=each.path,
                    matcher=each.matcher,
                    expected=next(texts),
                    actual=next(texts),
                    outcome="passed" if each.passed else "failed",
                    line=each.position.line,
                    column=each.position.column,
                )
                self._sink(record)

    def row_changes(self, operations: Sequence[RowOperation]) -> None:
        """One record a changed cell, in the order of the operations."""
        for operation in operations:
            self._numbers["change"] += 1
            before, after = operation.before or {}, operation.after or {}
            columns = [
                column
                for column in sorted({*before, *after})
                if operation.operation != "update" or before.get(column) != after.get(column)
            ]
            if not columns:
                continue
            texts = [compact(row[column]) for row in (before, after) for column in columns if column in row]
            key, *cells = self.texts([compact(operation.key), *texts])
            left = iter(cells)
            olds = [next(left) if column in before else None for column in columns]
            news = [next(left) if column in after else None for column in columns]
            changed = records.ChangedCells(
                **self._identity,
                step=self.step,
                change=self._numbers["change"],
                transaction=operation.transaction,
                table=operation.table,
                key=key,
                operation=operation.operation,
                cells=tuple(map(records.Cell, columns, olds, news)),
            )
            with self._lock:
                self._sink(changed)


_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=str)
_encode = msgspec.json.Encoder(enc_hook=str, order="sorted").encode


def compact(value: Any) -> str:
    """JSON with sorted keys and no spaces; what JSON does not know is written as its text."""
    try:
        return _encode(value).decode("utf-8")
    except (TypeError, UnicodeEncodeError):  # a key that is no text, half a surrogate pair
        return _COMPACT.encode(value)
