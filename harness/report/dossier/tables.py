"""A run's tables as files that others can open: CSV (compressed where it is large) and Parquet."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

from harness.records import TABLES
from harness.report.arrow import TableWriter
from harness.report.loading import Run

__all__ = ["fit", "write_tables"]

_LARGE = 50_000  # bytes of CSV beyond which it is compressed


def write_tables(run: Run, directory: Path) -> list[Path]:
    """Write every table of `run` into `directory`; the files written, in order."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name in TABLES:
        rows = run.arrow(name)
        parquet = directory / f"{name}.parquet"
        writer = TableWriter(parquet, name, run.run_id)
        writer.add_table(rows)
        writer.close()
        written += [parquet, _csv(run, name, directory)]
    return written


def fit(written: Sequence[Path], spare: int) -> list[Path]:
    """Remove the largest CSV files until `spare` bytes are saved; what is left, in order. Parquet has their rows still."""
    left = list(written)
    for path in sorted((p for p in written if p.suffix != ".parquet"), key=lambda p: p.stat().st_size, reverse=True):
        if spare <= 0:
            break
        spare -= path.stat().st_size
        left.remove(path)
        path.unlink()
    return left


def _csv(run: Run, name: str, directory: Path) -> Path:
    rows = run.table(name)
    for column in rows.columns:
        if str(rows[column].dtype).startswith("list"):
            rows[column] = [" ".join(values) for values in rows[column]]
    content = rows.to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%S.%fZ", lineterminator="\n").encode("utf-8")
    large = len(content) > _LARGE
    path = directory / (f"{name}.csv.gz" if large else f"{name}.csv")
    path.write_bytes(gzip.compress(content, mtime=0) if large else content)
    return path
