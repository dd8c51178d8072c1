"""A run read back as DataFrames: a finished one from its Parquet files, a killed one from what its workers wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.project import place
from harness.records import SCHEMA_VERSION, TABLES, Record, table_of
from harness.report.arrow import arrow_schema, arrow_table
from harness.report.compaction import EVENTS, MEASURED
from harness.report.frames import frame
from harness.report.lines import Row, expanded, join, record_of, row_of
from harness.report.manifest import Manifest, read_manifest
from harness.report.parts import Execution, read_parts
from harness.report.planned import read_plan
from harness.report.upgrades import check_version, upgrade

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["Run", "find_run", "load", "opened"]


def load(path: str | Path = "reports/latest") -> Run:
    """The run at `path`: a run's directory, `reports/latest`, or `reports` (then its newest run).

    Raises InputError when there is no run, or one of an unknown schema version.
    """
    return opened(find_run(Path(path)))


def opened(directory: Path) -> Run:
    """The run whose directory this is. Raises InputError as `load` does."""
    manifest = read_manifest(directory)
    return Run(directory, manifest, check_version(manifest.schema_version))


def find_run(path: Path) -> Path:
    """The directory of the run that `path` names, here or in the project's folder. InputError when there is none."""
    path = place(path)
    if (path / "manifest.json").is_file():
        return path.resolve()
    if (path / "latest" / "manifest.json").is_file():
        return (path / "latest").resolve()
    runs = sorted(found.parent for found in path.glob("*/manifest.json")) if path.is_dir() else []
    if runs:
        return max(runs, key=lambda run: (read_manifest(run).order, run.name)).resolve()
    what = "holds no run" if path.is_dir() else "is no folder" if path.exists() else "does not exist"
    raise InputError(f"{path} {what}.", "Name a directory under reports/, or run `harness run` first.")


@dataclass
class Run:
    """A run as DataFrames with declared dtypes; each is read when first asked for.

    `complete` is False for a killed run; `notes` then say what is missing, cut or damaged.
    """

    directory: Path
    manifest: Manifest
    version: int

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.manifest.run_id

    @property
    def complete(self) -> bool:
        """Whether the run came to its end (also when somebody interrupted it, and it said so)."""
        return self.manifest.outcome != "running"

    @cached_property
    def notes(self) -> list[str]:
        """What a reader must know: that the run is incomplete, and which records are missing."""
        notes = list(self.manifest.notes)
        if not self.complete:
            notes += [*self._survivors[1], *(f"No result: {scenario_id}" for scenario_id in self.missing)]
        elif not self._has_tables:
            notes += self._survivors[1]
        if self.version != SCHEMA_VERSION:
            notes.append(f"Written with schema version {self.version}, read as {SCHEMA_VERSION}.")
        return notes

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """The ids of the cases that were planned and have no result, in order."""
        done = set(self.arrow("scenarios", ["scenario_id"])["scenario_id"].to_pylist())
        return tuple(scenario_id for scenario_id in read_plan(self.directory) if scenario_id not in done)

    def remarks(self, most: int) -> list[str]:
        """The first `most` of `notes`, and how many more there are: a killed run has one for each case that it missed."""
        left = len(self.notes) - most
        return [*self.notes[:most], *([f"And {left:,} more."] if left > 0 else [])]

    @cached_property
    def scenarios(self) -> pd.DataFrame:
        """One row an attempt at a case; the last attempt decides (see `cases`)."""
        return self.table("scenarios")

    @cached_property
    def steps(self) -> pd.DataFrame:
        """One row a step."""
        return self.table("steps")

    @cached_property
    def checks(self) -> pd.DataFrame:
        """One row a comparison."""
        return self.table("checks")

    @cached_property
    def exchanges(self) -> pd.DataFrame:
        """One row a request of a visitor and its answer."""
        return self.table("exchanges")

    @cached_property
    def row_changes(self) -> pd.DataFrame:
        """One row a changed cell."""
        return self.table("row_changes")

    @cached_property
    def calendly_calls(self) -> pd.DataFrame:
        """One row a call of the application to a provider."""
        return self.table("calendly_calls")

    @cached_property
    def deliveries(self) -> pd.DataFrame:
        """One row an attempt to deliver a webhook."""
        return self.table("deliveries")

    @cached_property
    def logs(self) -> pd.DataFrame:
        """One row a log record of the target."""
        return self.table("logs")

    @cached_property
    def bodies(self) -> pd.DataFrame:
        """One row a body; `request_body` and `response_body` elsewhere name its `body_id`."""
        return self.table("bodies")

    def _repr_html_(self) -> str:
        from harness.report.analysis.cases import failures
        from harness.report.analysis.health import finding, overview
        from harness.report.analysis.present import heading, note, table

        parts = [
            heading(f"{self.run_id}: {finding(self)}", level=3),
            table(overview(self), "Outcomes", name="overview"),
        ]
        bad = failures(self)[["scenario_id", "outcome", "failure", "rerun"]]
        if len(bad):
            parts.append(table(bad.head(20), f"Did not hold: {len(bad)}", code=["rerun"], name="failures"))
        return "".join(part.html for part in (*parts, *map(note, self.remarks(10))))

    def table(self, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The table `name` with all or only some `columns`; the fewer, the faster."""
        return frame(name, self.arrow(name, columns))

    def arrow(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """`table` without pandas."""
        if name not in TABLES:
            raise InputError(f"There is no table {name!r}.", f"There are {', '.join(TABLES)}.")
        path = self._table_at(name)
        if self.complete and self.version == SCHEMA_VERSION and path.is_file():
            return _read_parquet(path, name, columns)
        rows = arrow_table(name, self._rows(name), self.run_id)
        return rows if columns is None else rows.select(list(columns))

    def _table_at(self, name: str) -> Path:
        return self.directory / "data" / f"{name}.parquet"

    @property
    def _has_tables(self) -> bool:
        return all(self._table_at(name).is_file() for name in TABLES)

    def _rows(self, name: str) -> list[Record]:
        """Rows from JSON: of a killed run, of an older schema, or of one whose Parquet files are gone."""
        return self._survivors[0].get(name, [])

    @cached_property
    def _survivors(self) -> tuple[dict[str, list[Record]], list[str]]:
        tables: dict[str, list[Record]] = {}
        notes: list[str] = []
        if not self.complete:
            notes.append("The run did not come to its end: it was killed, or is still running.")
        elif self.version == SCHEMA_VERSION:
            notes.append(f"Files under data/ are gone: what they held is read from {EVENTS}.")
        for row in self._surviving(notes):
            if row is None:
                notes.append("A record is damaged; it is left out.")
                continue
            try:
                record = record_of(upgrade(row["record"], row, self.version) if row.get("record") in TABLES else row)
            except ValueError as error:
                notes.append(f"A record is left out: {error}.")
            else:
                tables.setdefault(table_of(record), []).append(record)
        return tables, notes

    def _surviving(self, notes: list[str]) -> Iterator[Row | None]:
        parts = read_parts(self.directory)
        if parts.paths:
            notes += parts.notes
            for execution in parts.executions(read_plan(self.directory)):
                yield from _execution_rows(execution)
        elif (self.directory / EVENTS).is_file():
            yield from _compacted_rows(self.directory)
        elif self.complete:
            raise InputError(
                f"{self.directory} has lost its records: there is no {EVENTS}.", "Restore it, or run again."
            )


def _execution_rows(execution: Execution) -> Iterator[Row | None]:
    for line in execution.lines:
        yield from map(row_of, expanded(line))


def _compacted_rows(directory: Path) -> Iterator[Row | None]:
    with (directory / EVENTS).open("rb") as events:
        measured = directory / MEASURED
        if not measured.is_file():
            yield from (row_of(line.rstrip(b"\n")) for line in events)
            return
        with measured.open("rb") as values:
            for line, value in zip_longest(events, values, fillvalue=b""):  # of one that is cut, whole lines are kept
                yield row_of(join(line.rstrip(b"\n"), value.rstrip(b"\n"))) if line and value else None


def _read_parquet(path: Path, name: str, columns: Sequence[str] | None) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = None if columns is None else list(columns)
    try:
        with pq.ParquetFile(path) as file:  # threads cost more than they give where there is one group to read
            rows = file.read(columns=wanted, use_threads=file.num_row_groups > 1)
        expected = arrow_schema(name) if wanted is None else [arrow_schema(name).field(column) for column in wanted]
        return rows.cast(pa.schema(list(expected)))
    except (pa.ArrowException, ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}.", "Check it with `harness verify`, or run again.") from error
