"""What became of one defect or mutant, and the table of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["FILE", "Outcome", "Verdict", "listed", "write"]

FILE = "strength.parquet"
Outcome = Literal["noticed", "survived", "not_reached", "equivalent"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One row of `strength.parquet`.

    `noticed_by` are scenario ids, in the order in which they were tried; unless all were asked for, the first only.
    `check` is the first comparison that failed. `reason` says why an equivalent one is, or what happened instead of a
    failed check. `duration_us` is what it took to find out.
    """

    defect_id: str
    title: str
    kind: str
    rules: tuple[str, ...]
    outcome: Outcome
    noticed_by: tuple[str, ...] = ()
    check: str | None = None
    duration_us: int = 0
    reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The verdict as a JSON object."""
        return {
            "defect_id": self.defect_id,
            "title": self.title,
            "kind": self.kind,
            "rules": list(self.rules),
            "outcome": self.outcome,
            "noticed_by": list(self.noticed_by),
            "check": self.check,
            "duration_us": self.duration_us,
            "reason": self.reason,
        }


def listed(verdicts: Iterable[Verdict]) -> list[str]:
    """A line each: what became of it, its id, what it changes; in columns."""
    rows = [(each.outcome, each.defect_id, each.title) for each in verdicts]
    first, second = (max((len(row[column]) for row in rows), default=0) for column in (0, 1))
    return [f"{outcome:<{first}}  {id_:<{second}}  {title}" for outcome, id_, title in rows]


def write(path: Path, verdicts: Sequence[Verdict], catalogue: int) -> Path:
    """Write the table to `path` (Parquet, zstd): one row a verdict; `rules` and `noticed_by` are lists of text.

    `catalogue` is how many defects there are, measured or not: it stands in each row, so that a part is not taken for the whole.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    words = pa.list_(pa.string())
    schema = pa.schema(
        [
            ("defect_id", pa.string()),
            ("title", pa.string()),
            ("kind", pa.string()),
            ("rules", words),
            ("outcome", pa.string()),
            ("noticed_by", words),
            ("check", pa.string()),
            ("duration_us", pa.int64()),
            ("reason", pa.string()),
            ("catalogue", pa.int64()),
        ]
    )
    pq.write_table(
        pa.Table.from_pylist([{**each.as_json(), "catalogue": catalogue} for each in verdicts], schema),
        path,
        compression="zstd",
    )
    return path
