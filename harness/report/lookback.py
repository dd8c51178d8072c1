"""Many runs in a row: which scenario changes its mind, and which becomes slower."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from harness.errors import InputError
from harness.project import place
from harness.report.analysis.cases import case_frame, outcome_counts, over_rounds, records
from harness.report.analysis.present import duration_text
from harness.report.comparing import SLOWER_AT_LEAST_US, SLOWER_BY
from harness.report.lines import instant_text
from harness.report.loading import Run, load
from harness.report.manifest import MANIFEST, read_manifest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RunHistory", "flakiness", "history", "look_back", "runs_in", "trends"]

_SHOWN = 20
"""Rows of a table in a notebook; `document` and the DataFrames have all."""
_COUNTED = ("passed", "failed", "error", "skipped", "flaky")


class RunHistory(Struct, frozen=True):
    """The last runs on one target: which case changes its mind, and which became slower."""

    target: str
    runs: pd.DataFrame
    """One row a run, oldest first: run_id, start, outcome (`running`: killed), passed, failed, error, skipped, flaky, duration_us (of all its cases)"""
    changing: pd.DataFrame
    """See `flakiness`."""
    slower: pd.DataFrame
    """The rows of `trends` that are slower as `compare` means it, and not only as every case is (see `pace`)."""
    pace: float
    """How many times as long as before the median case of the latest run took: a slow machine slows every case."""
    cases: int
    """How many cases there were in any of the runs."""

    def finding(self) -> str:
        """The history in one sentence."""
        among = f"of {self.cases} cases in {len(self.runs)} run{'' if len(self.runs) == 1 else 's'} on {self.target}"
        if len(self.runs) == 1:
            return f"One run on {self.target} only: a history needs a second"
        if self.changing.empty and self.slower.empty:
            return f"None {among} changed its mind or became slower"
        return f"{len(self.changing)} {among} changed their mind, {len(self.slower)} became slower"

    def text(self) -> str:
        """The history as a person reads it: the runs, then the cases that are not steady, the worst first."""
        lines = [self.finding(), ""]
        for run in records(self.runs):
            counts = ", ".join(f"{run[name]} {name}" for name in _COUNTED if run[name])
            lines.append(
                f"  {run['run_id']}  {run['start']:%Y-%m-%d %H:%M}  {counts or 'nothing executed'}{_ended(run)}"
            )
        if len(self.changing):
            lines.append(f"\nchanged their mind ({len(self.changing)})")
            lines += [f"  {row['outcomes']}  {row['scenario_id']}{_retried(row)}" for row in records(self.changing)]
        if self.pace >= SLOWER_BY:
            lines.append(
                f"\nthe latest run took {self.pace:.1f} times as long in every case: a slower machine, or a busy one"
            )
        if len(self.slower):
            lines.append(f"\nbecame slower ({len(self.slower)}; the latest against the median before)")
            lines += [
                f"  {duration_text(row['median_us'])} → {duration_text(row['latest_us'])}  {row['scenario_id']}"
                for row in records(self.slower)
            ]
        return "\n".join(lines)

    def document(self) -> dict[str, Any]:
        """The history as one JSON document, tables as lists of objects."""
        return {
            "target": self.target,
            "finding": self.finding(),
            "cases": self.cases,
            "runs": records(self.runs.assign(start=[instant_text(start) for start in self.runs["start"]])),
            "changing": records(self.changing),
            "slower": records(self.slower),
            "pace": self.pace,
        }

    def _repr_html_(self) -> str:
        from harness.report.analysis.present import heading, table

        parts = (
            heading(self.finding(), level=3),
            table(self.runs, "Runs", name="runs"),
            table(self.changing.head(_SHOWN), "Changed their mind", code=["outcomes"], name="changing"),
            table(self.slower.head(_SHOWN), "Became slower", name="slower"),
        )
        return "".join(part.html for part in parts)


def runs_in(
    reports: Path, *, last: int | None = None, target: str | None = None, until: datetime | None = None
) -> list[Path]:
    """The directories of the runs under `reports`, oldest first; if asked, those on `target`, begun `until`, the `last` of them.

    Links count once.
    """
    reports = place(reports)
    manifests = {path.parent.resolve(): read_manifest(path.parent) for path in reports.glob(f"*/{MANIFEST}")}
    ordered = sorted(manifests, key=lambda run: (manifests[run].start, run.name))
    wanted = [
        run
        for run in ordered
        if target in (None, manifests[run].target) and (until is None or manifests[run].start <= until)
    ]
    return wanted[-last:] if last else wanted


def look_back(reports: Path, *, last: int = 10, target: str | None = None, until: datetime | None = None) -> RunHistory:
    """The last runs under `reports` on `target`; without one, on that of the latest run, as runs of a defect are no flakiness.

    `until` leaves out the runs that began after it. InputError where there is no such run, or one cannot be read.
    """
    import pandas as pd

    if target is None and (every := runs_in(reports)):
        target = read_manifest(every[-1]).target
    found = [load(run) for run in runs_in(reports, last=last, target=target, until=until)]
    if not found:
        on = f" on {target}" if target else ""
        raise InputError(
            f"There is no run{on} under {reports}.", "Run `harness run`, or name another folder of reports."
        )
    told = history(found)
    trend = trends(told, last=last)
    pace = float(trend["ratio"].median()) if len(trend) else 1.0
    usual = trend["median_us"] * max(1.0, pace)
    slower = trend[(trend["latest_us"] >= SLOWER_BY * usual) & (trend["latest_us"] - usual >= SLOWER_AT_LEAST_US)]
    return RunHistory(
        target=target or "",
        runs=pd.DataFrame([_summary(run) for run in found]),
        changing=flakiness(told, last=last),
        slower=slower.reset_index(drop=True),
        pace=pace,
        cases=int(told["scenario_id"].nunique()),
    )


def history(runs: Iterable[Run | str | Path]) -> pd.DataFrame:
    """One row a case and run, oldest first: run, run_id, start, scenario_id, name, outcome, flaky, duration_us.

    A directory that is no run, or one of an unknown version, is an InputError: history is never silently shorter.
    """
    import pandas as pd

    loaded = [run if isinstance(run, Run) else load(run) for run in runs]
    if not loaded:
        raise InputError("There is no run to make a history of.", "Name directories under reports/.")
    loaded.sort(key=lambda run: (run.manifest.start, run.run_id))
    return pd.concat([_rows(number, run) for number, run in enumerate(loaded)], ignore_index=True)


def flakiness(told: pd.DataFrame, *, last: int = 10) -> pd.DataFrame:
    """Status switches of each case within its `last` runs.

    Columns: scenario_id, name, runs, switches, flaky_runs, score, outcomes.

    `score` is switches over possible switches (0 steady, 1 different every time). Skipped runs do not count.
    `flaky_runs` counts runs that passed only at another attempt.
    """
    import pandas as pd

    rows = []
    for scenario_id, group in told[told["outcome"] != "skipped"].groupby("scenario_id", sort=False):
        recent = group.tail(last)
        held = [outcome == "passed" for outcome in recent["outcome"]]
        switches = sum(one != two for one, two in pairwise(held))
        score = switches / (len(held) - 1) if len(held) > 1 else 0.0
        signs = "".join("✓" if good else "✗" for good in held)
        rows.append(
            (scenario_id, recent["name"].iloc[-1], len(held), switches, int(recent["flaky"].sum()), score, signs)
        )
    names = ["scenario_id", "name", "runs", "switches", "flaky_runs", "score", "outcomes"]
    found = pd.DataFrame(rows, columns=names)
    found = found[(found["switches"] > 0) | (found["flaky_runs"] > 0)]
    return found.sort_values(["score", "flaky_runs", "scenario_id"], ascending=[False, False, True]).reset_index(
        drop=True
    )


def trends(told: pd.DataFrame, *, last: int = 10) -> pd.DataFrame:
    """How each case's duration moves over its `last` passed runs: scenario_id, name, runs, median_us, latest_us, ratio.

    `ratio` is the latest duration over the median of those before it; only cases with three runs or more.
    """
    import pandas as pd

    rows = []
    for scenario_id, group in told[told["outcome"] == "passed"].groupby("scenario_id", sort=False):
        recent = group.tail(last)
        if len(recent) >= 3:
            median, latest = float(recent["duration_us"].iloc[:-1].median()), int(recent["duration_us"].iloc[-1])
            ratio = latest / median if median else float("nan")
            rows.append((scenario_id, recent["name"].iloc[-1], len(recent), median, latest, ratio))
    names: Sequence[str] = ["scenario_id", "name", "runs", "median_us", "latest_us", "ratio"]
    return pd.DataFrame(rows, columns=list(names)).sort_values("ratio", ascending=False).reset_index(drop=True)


def _summary(run: Run) -> dict[str, Any]:
    cases = case_frame(run)
    counts = outcome_counts(cases)
    row: dict[str, Any] = {"run_id": run.run_id, "start": run.manifest.start, "outcome": run.manifest.outcome}
    row |= {name: int(counts[name]) for name in _COUNTED}
    return row | {"duration_us": int(cases["duration_us"].sum())}


def _ended(row: dict[str, Any]) -> str:
    said = {"running": "did not come to its end", "interrupted": "interrupted"}.get(row["outcome"])
    return f"  ({said})" if said else ""


def _retried(row: dict[str, Any]) -> str:
    runs = row["flaky_runs"]
    return f"  (needed another attempt in {runs} run{'' if runs == 1 else 's'})" if runs else ""


def _rows(number: int, run: Run) -> pd.DataFrame:
    rows = over_rounds(case_frame(run))[["run_id", "scenario_id", "name", "outcome", "flaky", "duration_us"]].copy()
    rows["run_id"] = run.run_id
    rows.insert(0, "run", number)
    rows.insert(2, "start", run.manifest.start)
    return rows
