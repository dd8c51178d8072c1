"""DataFrames of declared dtypes from Arrow tables.

text → `string` (missing: `<NA>`) · integer → `int64`, or `Int64` where it may be missing · flag → `bool` ·
instant → `datetime64[us, UTC]` · texts → a list of text (Arrow's list type).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.report.columns import Column, columns_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["dtype_of", "frame"]


def dtype_of(column: Column) -> Any:
    """The pandas dtype that `column` has in every DataFrame."""
    import pandas as pd
    import pyarrow as pa

    match column.kind:
        case "text":
            return pd.StringDtype("pyarrow", na_value=pd.NA)
        case "integer":
            return pd.Int64Dtype() if column.nullable else "int64"
        case "flag":
            return pd.BooleanDtype() if column.nullable else "bool"
        case "instant":
            return pd.DatetimeTZDtype("us", "UTC")
        case "texts":
            return pd.ArrowDtype(pa.list_(pa.string()))


def frame(table: str, rows: pa.Table) -> pd.DataFrame:
    """`rows` (some or all columns of `table`) as a DataFrame; an empty one has its dtypes too."""
    import pandas as pd

    kept = {column.name: column for column in columns_of(table)}
    return pd.DataFrame(
        {name: pd.Series(_array(kept[name], rows.column(name)), copy=False) for name in rows.column_names}, copy=False
    )


def _array(column: Column, values: pa.ChunkedArray[Any]) -> Any:
    import pandas as pd

    dtype = dtype_of(column)
    if column.kind == "texts":
        return pd.arrays.ArrowExtensionArray(values)
    if column.kind == "text" or column.nullable:
        return dtype.__from_arrow__(values)
    if column.kind == "instant":
        return values.to_pandas().array
    return values.to_numpy()
