"""What records cost: a million checks and a million steps written, some columns loaded, quantiles by group.

    python -m tests.benchmarks.bench_records [ROWS]

The limits are those of a million rows; with fewer rows only that of the size shrinks. Exit status 1 when one is missed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
from msgspec.structs import replace

from harness.records import TABLES
from harness.report import RunInfo, load, read_manifest, start
from harness.report.analysis.quantiles import quantiles
from harness.report.arrow import TableWriter, arrow_schema
from harness.report.manifest import write_manifest

__all__ = ["Figure", "main", "measure"]

MILLION = 1_000_000
RUN_ID = "20301122-101500-7"
COLUMNS = ("scenario_id", "kind", "outcome")

_KINDS = ("response", "row", "count", "log", "call", "delivery", "invariant")
_PATHS = tuple(
    f"$.{path}" for path in ("status", "body.success", "body.state", "body.bookingId", "Booking.clientId", "headers.x")
)
_VERBS = ("select_session", "initialize", "schedule", "create", "pay", "deliver", "http", "sql")


@dataclass(frozen=True)
class Figure:
    """One measurement against its limit; `unit` says of what."""

    name: str
    value: float
    limit: float
    unit: str

    @property
    def held(self) -> bool:
        return self.value <= self.limit

    def __str__(self) -> str:
        share = self.value / self.limit
        return f"{'ok  ' if self.held else 'MISS'} {self.name:<46} {self.value:8.2f} {self.unit:<3} limit {self.limit:g}  ({share:.0%})"


def measure(rows: int = MILLION) -> list[Figure]:
    """Write, load and aggregate `rows` checks and steps; medians of three where a clock is read."""
    with tempfile.TemporaryDirectory(prefix="bench-records-") as scratch:
        directory = Path(scratch) / RUN_ID
        took, size = _write(directory, rows)
        part = rows / MILLION
        run = load(directory)
        return [
            Figure("a million checks, on disk", size / 1e6, 15 * part, "MB"),
            Figure("a million checks, written", took, 5, "s"),
            Figure(f"loading {', '.join(COLUMNS)}", _median(lambda: load(directory).table("checks", COLUMNS)), 0.5, "s"),
            Figure("quantiles of a million steps by verb", _median(lambda: quantiles(run, "steps", "duration_us", by=["verb"])), 0.3, "s"),
            Figure("quantiles of a million checks by kind", _median(lambda: quantiles(run, "checks", "tries", by=["kind"])), 0.3, "s"),
        ]  # fmt: skip


def main(rows: int = MILLION) -> bool:
    """Print every figure beside its limit; whether all were kept."""
    figures = measure(rows)
    print(*figures, sep="\n")
    return all(figure.held for figure in figures)


def _write(directory: Path, rows: int) -> tuple[float, int]:
    """A finished run of `rows` checks and steps; seconds for the checks, and their bytes."""
    now = datetime(2030, 11, 22, tzinfo=UTC)
    start(directory, RunInfo(run_id=RUN_ID, started_at=now, project=directory))
    (directory / "data").mkdir()
    checks, steps = _checks(rows), _steps(rows)
    begun = time.perf_counter()
    path = _table(directory, "checks", checks)
    took = time.perf_counter() - begun
    _table(directory, "steps", steps)
    for name in TABLES.keys() - {"checks", "steps"}:
        _table(directory, name, arrow_schema(name).empty_table())
    manifest = read_manifest(directory)
    write_manifest(directory, replace(manifest, end=now, outcome="passed"))
    return took, path.stat().st_size


def _table(directory: Path, name: str, rows: pa.Table) -> Path:
    path = directory / "data" / f"{name}.parquet"
    writer = TableWriter(path, name, RUN_ID)
    for batch in rows.to_batches(max_chunksize=16_384):
        writer.add_table(pa.Table.from_batches([batch]))
    writer.close()
    return path


def _checks(rows: int) -> pa.Table:
    """As a suite leaves them: 40 checks a case, most values from a small set, one in ten an id that never repeats."""
    random = np.random.default_rng(7)
    ids = np.char.add("00000000-0000-4000-8000-", np.char.zfill(np.arange(rows).astype(str), 12))
    expected = np.where(
        random.random(rows) < 0.1, ids, random.choice(["200", "true", "BOOKING_CONFIRMED", "null", "1"], rows)
    )
    failed = random.random(rows) < 0.02
    return _built("checks", rows, {
        "kind": random.choice(_KINDS, rows), "path": random.choice(_PATHS, rows),
        "matcher": random.choice(["equals", "<uuid>", "<gte 1>"], rows), "expected": expected,
        "actual": np.where(failed, "IDLE", expected), "outcome": np.where(failed, "failed", "passed"),
        "line": random.integers(1, 400, rows), "column": random.integers(1, 90, rows), "tries": np.ones(rows, dtype=int),
    })  # fmt: skip


def _steps(rows: int) -> pa.Table:
    random = np.random.default_rng(8)
    return _built("steps", rows, {
        "phase": ["when"] * rows, "verb": random.choice(_VERBS, rows), "title": random.choice(_VERBS, rows),
        "line": random.integers(1, 400, rows), "column": [9] * rows, "outcome": ["passed"] * rows,
        "clock": [datetime(2030, 3, 4, tzinfo=UTC)] * rows, "detail": ["{}"] * rows,
        "duration_us": random.lognormal(8, 0.6, rows).astype(int),
    })  # fmt: skip


def _built(table: str, rows: int, columns: dict[str, Any]) -> pa.Table:
    case = np.arange(rows) // 40
    own = {
        "run_id": [RUN_ID] * rows,
        "scenario_id": np.char.add(
            "scenarios/anonymous.yaml::A free session is booked [session=", np.char.add(case.astype(str), "]")
        ),
        "attempt": np.ones(rows, dtype=int),
        "step": np.arange(rows) % 40 // 6,
    }
    schema = arrow_schema(table)
    values: dict[str, Any] = {**own, **columns}
    return pa.Table.from_arrays([pa.array(values[f.name], type=f.type) for f in schema], schema=schema)


def _median(job: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        job()
        times.append(time.perf_counter() - begun)
    return median(times)


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:2])) else 1)
