"""The Arrow schema of each table, declared and never sniffed, and Parquet files written in bounded memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import astuple

from harness.lazy import left_out
from harness.records import SCHEMA_VERSION, Cell, ChangedCells, Record, RowChange
from harness.report.columns import columns_of
from harness.report.disk import disk_errors

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TableWriter", "arrow_schema", "arrow_table"]

# Arrow's own allocator keeps tens of MiB of what is given back; which one it takes it asks when it is first imported.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

ROWS_PER_GROUP = 16_384
_BYTES_PER_GROUP = 1 << 20  # of Arrow's: bodies are long, and a group of them is held in memory before it is written
_BATCH = 512


@cache
def _pandas_asked_for() -> None:
    """Have Arrow ask for pandas in vain: at its first list it imports it to know a Series, which nothing here is, for half a second.

    It asks once. Whatever else in this process wants pandas, such as a project's own verbs, has it.
    """
    import pyarrow as pa

    if "pandas" not in sys.modules:
        with left_out("pandas"):
            pa.array(())


@cache
def arrow_schema(table: str) -> pa.Schema:
    """The schema of `table`: text, int64, bool, timestamp[us, UTC] and list<text>; nullable only where declared."""
    import pyarrow as pa

    _pandas_asked_for()
    types: Mapping[str, Any] = {
        "text": pa.string(),
        "integer": pa.int64(),
        "flag": pa.bool_(),
        "instant": pa.timestamp("us", tz="UTC"),
        "texts": pa.list_(pa.string()),
    }
    schema_fields = [pa.field(c.name, types[c.kind], nullable=c.nullable) for c in columns_of(table)]
    return pa.schema(schema_fields, metadata={"table": table, "schema_version": str(SCHEMA_VERSION)})


def arrow_table(table: str, rows: Sequence[Record], run_id: str) -> pa.Table:
    """`rows` of `table` as an Arrow table of the declared schema."""
    import pyarrow as pa

    schema = arrow_schema(table)
    if not rows:
        return schema.empty_table()
    columns = zip(list(schema)[1:], zip(*map(astuple, rows), strict=True), strict=True)  # the fields in their order
    arrays = [pa.array(values, type=column.type) for column, values in columns]
    return pa.Table.from_arrays([pa.repeat(pa.scalar(run_id), len(rows)), *arrays], schema=schema)


def changed_cells_table(operations: Sequence[ChangedCells], run_id: str) -> pa.Table:
    """The cells of `operations` as an Arrow table of row_changes: what those of one have in common is converted once."""
    import pyarrow as pa

    cells = [cell for operation in operations for cell in operation.cells]
    operation_of = pa.array([number for number, each in enumerate(operations) for _ in each.cells], pa.int64())
    schema = arrow_schema("row_changes")
    arrays: list[Any] = [pa.repeat(pa.scalar(run_id), len(cells))]
    for column in list(schema)[1:]:
        of_cells = column.name in Cell.__struct_fields__
        values = pa.array([getattr(each, column.name) for each in (cells if of_cells else operations)], column.type)
        arrays.append(values if of_cells else values.take(operation_of))
    return pa.Table.from_arrays(arrays, schema=schema)


class TableWriter:
    """Writes one table's rows to a Parquet file in groups, so that memory stays flat however long the run."""

    def __init__(self, path: Path, table: str, run_id: str) -> None:
        import pyarrow.parquet as pq

        self._table, self._run_id, self._path = table, run_id, path
        self._rows: list[Any] = []
        self._batches: list[pa.Table] = []
        self._batched = self._bytes = 0
        with disk_errors(path):
            self._writer = pq.ParquetWriter(path, arrow_schema(table), compression="zstd", compression_level=3)

    def add(self, records: Iterable[Record]) -> None:
        """Append the row of each, or the rows of ChangedCells."""
        if self._table == "row_changes":
            records = [ChangedCells.of(each) if isinstance(each, RowChange) else each for each in records]
        self._rows.extend(records)
        if len(self._rows) >= _BATCH:
            self._convert()

    def add_table(self, rows: pa.Table) -> None:
        """Append rows that are in Arrow's form already, of the declared schema."""
        self._convert()
        self._keep(rows)

    def close(self) -> None:
        """Write what is left; a table without rows becomes a file with its schema."""
        self._convert()
        self._write_group()
        with disk_errors(self._path):
            self._writer.close()

    def _convert(self) -> None:
        if self._rows:
            convert = changed_cells_table if self._table == "row_changes" else partial(arrow_table, self._table)
            self._keep(convert(self._rows, self._run_id))
            self._rows = []

    def _keep(self, rows: pa.Table) -> None:
        self._batches.append(rows)
        self._batched += rows.num_rows
        self._bytes += rows.nbytes
        if self._batched >= ROWS_PER_GROUP or self._bytes >= _BYTES_PER_GROUP:
            self._write_group()

    def _write_group(self) -> None:
        import pyarrow as pa

        if self._batches:
            with disk_errors(self._path):
                self._writer.write_table(pa.concat_tables(self._batches), row_group_size=ROWS_PER_GROUP)
            self._batches, self._batched, self._bytes = [], 0, 0
            pa.default_memory_pool().release_unused()
