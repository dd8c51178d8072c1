"""One scenario told as a timeline: steps, requests, calls, deliveries, rows and logs, in their order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from harness.errors import InputError
from harness.report.analysis.cases import case_frame, records
from harness.report.analysis.present import COLOURS, HATCHES, Chart, axes, duration_text
from harness.report.loading import Run

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KINDS", "case_rows", "chart", "checks", "choose", "finding", "gate", "row_diff", "timeline"]

KINDS = ("step", "request", "call", "delivery", "row", "log", "check")


def choose(run: Run, scenario_id: str = "") -> str | None:
    """The case to tell: `scenario_id`, or the first that failed, or the slowest; None in a run without any.

    InputError for an id that the run does not have.
    """
    cases = case_frame(run)
    if scenario_id:
        if scenario_id not in set(cases["scenario_id"]):
            raise InputError(f"This run has no scenario {scenario_id!r}.", "Take an id from the suite-health notebook.")
        return scenario_id
    executed = cases[cases["outcome"] != "skipped"]
    if executed.empty:
        return None
    bad = executed[executed["outcome"].isin(["failed", "error"])]
    chosen = bad.head(1) if len(bad) else executed.nlargest(1, "duration_us")
    return str(chosen["scenario_id"].iloc[0])


def timeline(run: Run, scenario_id: str) -> pd.DataFrame:
    """One row an event of the case's last attempt: step, clock, kind, what, outcome, duration_us.

    Within a step the order is: the step itself, requests, calls, deliveries, rows, logs, checks that did not hold.
    """
    import pandas as pd

    rows = _Parts(run, scenario_id).events()
    clocks = {row["step"]: row["clock"] for row in rows if row["kind"] == "step"}
    for row in rows:
        row["clock"] = clocks.get(row["step"]) if row["clock"] is None else row["clock"]
    order = {kind: number for number, kind in enumerate(KINDS)}
    rows.sort(key=lambda row: (row["step"], order[row["kind"]]))
    names = ["step", "clock", "kind", "what", "outcome", "duration_us"]
    table = pd.DataFrame(rows, columns=names)
    return table.astype({"step": "int64", "duration_us": "Int64"})


def checks(run: Run, scenario_id: str) -> pd.DataFrame:
    """Every check of the case: step, kind, path, matcher, expected, actual, outcome."""
    rows = _Parts(run, scenario_id).rows("checks")
    return rows[["step", "kind", "path", "matcher", "expected", "actual", "outcome"]]


def case_rows(run: Run, scenario_id: str, table: str) -> pd.DataFrame:
    """The rows of `table` that belong to the attempt of the case that decides."""
    return _Parts(run, scenario_id).rows(table)


def row_diff(run: Run, scenario_id: str) -> pd.DataFrame:
    """Every changed cell: step, transaction, operation, table, key, column, before, after."""
    rows = _Parts(run, scenario_id).rows("row_changes")
    return rows[["step", "transaction", "operation", "table", "key", "column", "before", "after"]]


def finding(run: Run, scenario_id: str | None) -> str:
    """What happened to the case, in one sentence."""
    if scenario_id is None:
        return "Nothing was executed, so there is nothing to tell"
    row = _case(run, scenario_id)
    if row["outcome"] == "passed":
        again = f" at attempt {row['attempts']}" if row["attempts"] > 1 else ""
        return f"{row['name']}: held{again}, in {duration_text(float(row['duration_us']))}"
    return f"{row['name']}: {row['failure'] or row['outcome']}"


def chart(run: Run, scenario_id: str) -> Chart:
    """The time of each step as a bar from where the one before ended; hatched where it did not hold."""
    steps = _Parts(run, scenario_id).rows("steps")
    figure, place = axes(height=max(1.6, 0.36 * len(steps) + 0.8))
    labels = [f"{row['step']} {row['title'][:44]}" for row in records(steps)][::-1]
    took = (steps["duration_us"] / 1000).tolist()
    begins = [sum(took[:number]) for number in range(len(took))]
    colours = [COLOURS["anonymous"] if outcome == "passed" else COLOURS["failed"] for outcome in steps["outcome"]]
    bars = place.barh(
        range(len(took)), took[::-1], left=begins[::-1], color=colours[::-1], height=0.62, edgecolor="white"
    )
    for bar, outcome in zip(bars, steps["outcome"].tolist()[::-1], strict=True):
        bar.set_hatch("" if outcome == "passed" else HATCHES["failed"])
    place.set_yticks(range(len(labels)), labels)
    place.bar_label(bars, [duration_text(v * 1000) for v in took[::-1]], padding=4, fontsize=9, color=COLOURS["muted"])
    place.set_xlabel("milliseconds since the scenario began", color=COLOURS["muted"])
    place.margins(x=0.14)
    bad = [row["title"] for row in records(steps) if row["outcome"] not in ("passed", "skipped")]
    tail = f" What did not hold: {'; '.join(bad)}." if bad else " Every step held."
    return Chart(figure, f"Bar chart of the scenario's {len(steps)} steps in time.{tail}")


def gate(run: Run, scenario_id: str | None) -> list[str]:
    """Closed when there is no case to tell, or no evidence of it. A failure does not: telling it is the point."""
    if scenario_id is None:
        return ["Nothing was executed."]
    return [] if len(timeline(run, scenario_id)) else [f"There is no evidence of {scenario_id}."]


def _case(run: Run, scenario_id: str) -> dict[str, Any]:
    cases = case_frame(run)
    row = records(cases[cases["scenario_id"] == scenario_id])[0]
    return row | {"failure": row["failure"] if isinstance(row["failure"], str) else None}


class _Parts:
    """The rows of one case's last attempt, told as events."""

    def __init__(self, run: Run, scenario_id: str) -> None:
        self._run, self._id = run, scenario_id
        self._attempt = int(_case(run, scenario_id)["attempt"])

    def rows(self, table: str) -> pd.DataFrame:
        found = self._run.table(table)
        return found[(found["scenario_id"] == self._id) & (found["attempt"] == self._attempt)].reset_index(drop=True)

    def events(self) -> list[dict[str, Any]]:
        found = [_event(row, "step", _said(row["phase"], row["title"])) for row in self._records("steps")]
        for row in self._records("exchanges"):
            found.append(_event(row, "request", f"{row['actor']}: {row['method']} {row['path']}", _answer(row)))
        for row in self._records("calendly_calls"):
            found.append(_event(row, "call", f"{row['provider']}: {row['method']} {row['url']}", _answer(row)))
        for row in self._records("deliveries"):
            what = f"{row['provider']}: {row['event']}, attempt {row['delivery_attempt']}"
            found.append(_event(row, "delivery", what))
        found += self._changes()
        found += [
            _event(row, "log", f"{row['level']} {row['message']} {row['fields']}", "") for row in self._records("logs")
        ]
        for row in self._records("checks"):
            if row["outcome"] != "passed":
                what = f"{row['path']}: expected {row['expected']}, got {row['actual']}"
                found.append(_event(row, "check", what))
        return found

    def _records(self, table: str) -> list[dict[str, Any]]:
        return records(self.rows(table))

    def _changes(self) -> list[dict[str, Any]]:
        events = []
        for _, cells in self.rows("row_changes").groupby("change", sort=True):
            first = records(cells)[0]
            key = ", ".join(str(value) for value in json.loads(first["key"]).values())
            what = f"{first['operation']} {first['table']} {key}: {', '.join(map(str, cells['column']))}"
            events.append(_event(first, "row", what, ""))
        return events


def _event(row: dict[str, Any], kind: str, what: str, outcome: str | None = None) -> dict[str, Any]:
    return {
        "step": row["step"],
        "clock": row.get("clock"),
        "kind": kind,
        "what": what,
        "outcome": row["outcome"] if outcome is None else outcome,
        "duration_us": row.get("duration_us"),
    }


def _answer(row: dict[str, Any]) -> str:
    import pandas as pd

    return "no answer" if pd.isna(row["status"]) else str(row["status"])


def _said(phase: str, title: str) -> str:
    """A step as its file says it: what is there before, and what must hold in the end, is called as its phase is."""
    return title if title == phase else f"{phase} {title}"
