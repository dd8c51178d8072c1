"""`harness replay`: one recorded scenario once more, and what differs from the recording."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from harness.errors import InputError
from harness.report import load
from harness.session.listener import Silent
from harness.session.options import RunOptions
from harness.session.running import run
from harness.surrogates import without_surrogates

if TYPE_CHECKING:
    from harness.report import Run

__all__ = ["Difference", "Replay", "replay"]

COMPARED: dict[str, Sequence[str]] = {
    "exchanges": ("step", "exchange", "actor", "method", "path", "request_body", "status", "response_body", "error"),
    "row_changes": ("step", "change", "table", "operation", "column", "before", "after"),
    "calendly_calls": ("step", "call", "provider", "method", "url", "request_body", "status", "response_body", "fault"),
    "deliveries": ("step", "delivery", "provider", "event", "delivery_attempt", "request_body", "status", "response_body", "outcome"),
    "logs": ("step", "log", "level", "message", "fields"),
    "checks": ("step", "kind", "path", "expected", "actual", "outcome"),
}  # fmt: skip
_BODIES = frozenset({"request_body", "response_body"})


class Difference(Struct, frozen=True):
    """One cell that came out otherwise; a row that is missing on one side has the column `row`."""

    table: str
    step: int
    column: str
    recorded: str
    replayed: str

    def __str__(self) -> str:
        return f"step {self.step}  {self.table}.{self.column}   recorded {self.recorded}   now {self.replayed}"


class Replay(Struct, frozen=True):
    """What a replay came to."""

    scenario_id: str
    recorded: str
    replayed: str
    differences: tuple[Difference, ...]


def replay(directory: Path, scenario: str, *, root: Path, database: str) -> Replay:
    """Run `scenario` (an id, or part of one that fits only one) of a run again, with its seed and on its target.

    Raises:
        InputError: no scenario of the run fits, or several do; or its file is not there any more.
    """
    recorded = load(directory)
    row = _found(recorded, scenario)
    with tempfile.TemporaryDirectory() as folder:
        options = RunOptions(
            paths=(f"{row['file']}:{row['line']}",),
            root=root,
            seed=int(row["seed"]),
            target=row["target"],
            database=database,
            reports=Path(folder),
        )
        run(options, Silent()).require_whole()
        replayed = load(Path(folder) / "latest")
        again = replayed.scenarios[replayed.scenarios.case_id == row["case_id"]]
        if again.empty:
            raise InputError(
                f"{row['case_id']} is not at {row['file']}:{row['line']} any more.",
                "The scenario file has changed since.",
            )
        found = tuple(_differences(recorded, replayed, row))
        return Replay(row["scenario_id"], row["outcome"], again.iloc[-1]["outcome"], found)


def _found(recorded: Run, wanted: str) -> Any:
    """The last attempt that `wanted` names; of a case that ran in several rounds, in the last that did not pass, if any."""
    scenarios = recorded.scenarios
    wanted = without_surrogates(wanted)  # as it would have been recorded
    exact = scenarios[(scenarios.scenario_id == wanted) | (scenarios.case_id == wanted)]
    fitting = exact if not exact.empty else scenarios[scenarios.scenario_id.str.contains(wanted, regex=False)]
    names = list(dict.fromkeys(fitting.case_id))
    if len(names) == 1:
        ends = fitting.groupby("scenario_id", sort=False).tail(1)
        broken = ends[~ends.outcome.isin(["passed", "skipped"])]
        return (ends if broken.empty else broken).iloc[-1]
    if names:
        raise InputError(
            f"{len(names)} scenarios of the run fit {wanted!r}: {', '.join(names[:5])}.", "Give more of the id."
        )
    raise InputError(
        f"The run has no scenario {wanted!r}.", "The ids stand in its table `scenarios`, and in report.html."
    )


def _differences(recorded: Run, replayed: Run, row: Any) -> Iterator[Difference]:
    for table, columns in COMPARED.items():
        before = _rows(recorded, table, row["scenario_id"], int(row["attempt"]), columns)
        after = _rows(replayed, table, row["case_id"], 1, columns)
        for number in range(max(len(before), len(after))):
            old = before[number] if number < len(before) else None
            new = after[number] if number < len(after) else None
            if old is None or new is None:
                present = old or new or {}
                shown = ", ".join(f"{k}={v}" for k, v in present.items() if v)[:200]
                yield Difference(table, int(present["step"]), "row", shown if old else "none", shown if new else "none")
                continue
            for column in columns:
                if old[column] != new[column]:
                    yield Difference(table, int(old["step"]), column, str(old[column])[:200], str(new[column])[:200])


def _rows(run_: Run, table: str, scenario_id: str, attempt: int, columns: Sequence[str]) -> list[dict[str, Any]]:
    frame = getattr(run_, table)
    mine = frame[(frame.scenario_id == scenario_id) & (frame.attempt == attempt)]
    texts = dict(zip(run_.bodies.body_id, run_.bodies.text, strict=True)) if _BODIES & set(columns) else {}
    rows = mine[list(columns)].astype(object).where(mine[list(columns)].notna(), None).to_dict("records")
    return [{k: texts.get(v, v) if k in _BODIES else v for k, v in row.items()} for row in rows]
