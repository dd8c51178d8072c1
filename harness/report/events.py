"""Records appended to disk as they happen: one file a worker, one line a record."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.records import Body, Record, Scenario
from harness.report.disk import disk_errors
from harness.report.lines import encode

__all__ = ["PART_PATTERN", "EventWriter"]

PART_PATTERN = "events-*.jsonl"

_HELD = 256  # records that are held at most before they reach the file
_REMEMBERED = 20_000


class EventWriter:
    """Appends records to `events-<worker>.jsonl`; a scenario's records reach the file together when it ends.

    Raises MachineError when the disk refuses. What was written before stays readable.
    """

    def __init__(self, directory: Path, worker: int) -> None:
        self.path = directory / f"events-{worker}.jsonl"
        self._pending: list[Record] = []
        self._bodies: set[str] = set()
        with disk_errors(self.path):
            directory.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab", buffering=0)

    def write(self, record: Record) -> None:
        """Append `record`; a body that this worker wrote before is left out. A Scenario flushes."""
        if isinstance(record, Body) and not self._is_new(record):
            return
        self._pending.append(record)
        if isinstance(record, Scenario) or len(self._pending) >= _HELD:
            self.flush()

    def flush(self) -> None:
        """Hand everything written so far to the operating system: it survives the death of this process."""
        if not self._pending:
            return
        content = memoryview(encode(self._pending))
        before = self._file.seek(0, os.SEEK_END)
        with disk_errors(self.path):
            try:
                while content:
                    content = content[self._file.write(content) :]
            except OSError:
                with suppress(OSError):  # of no file
                    self._file.truncate(before)  # what is tried again must not stand there twice
                raise
        self._pending.clear()

    def close(self) -> None:
        """Flush and close; closing twice is harmless."""
        if not self._file.closed:
            try:
                self.flush()
            finally:
                self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _is_new(self, body: Body) -> bool:
        if body.body_id in self._bodies:
            return False
        if len(self._bodies) >= _REMEMBERED:
            self._bodies.clear()
        self._bodies.add(body.body_id)
        return True
