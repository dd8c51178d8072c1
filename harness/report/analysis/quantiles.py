"""Quantiles by group over a run's tables, by DuckDB: a million rows in a fraction of a second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.records import SCHEMA_VERSION
from harness.report.columns import columns_of
from harness.report.loading import Run

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["quantiles"]


def quantiles(
    run: Run, table: str, column: str, *, by: Sequence[str], at: Sequence[float] = (0.5, 0.9, 0.99)
) -> pd.DataFrame:
    """One row a group of `by`: the group's columns, `rows`, and `p50`, `p90` … of `column`, groups in order.

    InputError for a column that the table does not have, or one that is no number.
    """
    import duckdb

    kinds = {c.name: c.kind for c in columns_of(table)}
    unknown = [name for name in (*by, column) if name not in kinds]
    if unknown or kinds[column] != "integer":
        what = f"{table} has no column {unknown[0]!r}." if unknown else f"{table}.{column} is no number."
        raise InputError(what, f"Its columns: {', '.join(kinds)}.")
    groups = ", ".join(f'"{name}"' for name in by)
    wanted = ", ".join(f'quantile_cont("{column}", {float(q)}) AS p{round(q * 100)}' for q in at)
    path = run.directory / "data" / f"{table}.parquet"
    with duckdb.connect(":memory:") as connection:
        if run.complete and run.version == SCHEMA_VERSION and path.is_file():
            source = connection.read_parquet(str(path))
        else:
            source = connection.from_arrow(run.arrow(table, [*by, column]))
        found: pd.DataFrame = source.aggregate(f"{groups}, count(*) AS rows, {wanted}", groups).order(groups).df()
        return found
