"""Many runs in a row: which scenario changes its mind, and which becomes slower."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from harness.errors import InputError
from harness.project import place
from harness.report.analysis.cases import OUTCOMES, cases_in, over_rounds, records
from harness.report.analysis.present import duration_text
from harness.report.comparing import SLOWER_AT_LEAST_US, SLOWER_BY
from harness.report.frames import frame
from harness.report.lines import instant_text
from harness.report.loading import Run, load, opened
from harness.report.manifest import MANIFEST

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RunHistory", "flakiness", "history", "look_back", "runs_in", "trends"]

_AT_ONCE = 50
_SHOWN = 20
"""Rows of a table in a notebook; `document` and the DataFrames have all."""
_READ = ("scenario_id", "attempt", "case_id", "name", "outcome", "flaky", "duration_us")
_COUNTED = (*OUTCOMES, "flaky")


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
    return [run.directory for run in _runs(place(reports), last=last, target=target, until=until)]


def _runs(
    reports: Path, *, last: int | None = None, target: str | None = None, until: datetime | None = None
) -> list[Run]:
    found = dict.fromkeys(path.parent.resolve() for path in reports.glob(f"*/{MANIFEST}"))
    ordered = sorted(map(opened, found), key=lambda run: (run.manifest.order, run.directory.name))
    wanted = [
        run
        for run in ordered
        if target in (None, run.manifest.target) and (until is None or run.manifest.order <= until)
    ]
    return wanted[-last:] if last else wanted


def look_back(reports: Path, *, last: int = 10, target: str | None = None, until: datetime | None = None) -> RunHistory:
    """The last runs under `reports` on `target`; without one, on that of the latest run, as runs of a defect are no flakiness.

    `until` leaves out the runs that began after it. InputError where there is no such run, or one cannot be read.
    """
    place_of = place(reports)
    if target is None and (every := _runs(place_of)):
        target = every[-1].manifest.target
    found = _runs(place_of, last=last, target=target, until=until)
    if not found:
        on = f" on {target}" if target else ""
        raise InputError(
            f"There is no run{on} under {reports}.", "Run `harness run`, or name another folder of reports."
        )
    runs, told = _looked_at(found)
    trend = trends(told, last=last)
    pace = float(trend["ratio"].median()) if len(trend) else 1.0
    usual = trend["median_us"] * max(1.0, pace)
    slower = trend[(trend["latest_us"] >= SLOWER_BY * usual) & (trend["latest_us"] - usual >= SLOWER_AT_LEAST_US)]
    return RunHistory(
        target=target or "",
        runs=runs,
        changing=flakiness(told, last=last),
        slower=slower.reset_index(drop=True),
        pace=pace,
        cases=int(told["scenario_id"].nunique()),
    )


def history(runs: Iterable[Run | str | Path]) -> pd.DataFrame:
    """One row a case and run, oldest first: run, run_id, start, scenario_id, name, outcome, flaky, duration_us.

    A directory that is no run, or one of an unknown version, is an InputError: history is never silently shorter.
    """
    loaded = [run if isinstance(run, Run) else load(run) for run in runs]
    if not loaded:
        raise InputError("There is no run to make a history of.", "Name directories under reports/.")
    loaded.sort(key=lambda run: (run.manifest.order, run.run_id))
    return _looked_at(loaded)[1]


def flakiness(told: pd.DataFrame, *, last: int = 10) -> pd.DataFrame:
    """Status switches of each case within its `last` runs.

    Columns: scenario_id, name, runs, switches, flaky_runs, score, outcomes.

    `score` is switches over possible switches (0 steady, 1 different every time). Skipped runs do not count.
    `flaky_runs` counts runs that passed only at another attempt.
    """
    import pandas as pd

    executed = told[told["outcome"] != "skipped"].reset_index(drop=True)
    every_held, flaky = (executed["outcome"] == "passed").to_numpy("bool"), executed["flaky"].to_numpy("bool")
    rows = []
    for scenario_id, at in _rows_of_each(executed, last):
        held = every_held[at]
        switches = int((held[1:] != held[:-1]).sum())
        score = switches / (len(held) - 1) if len(held) > 1 else 0.0
        signs = "".join("✓" if good else "✗" for good in held)
        name = executed["name"].iat[at[-1]]
        rows.append((scenario_id, name, len(held), switches, int(flaky[at].sum()), score, signs))
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
    import numpy as np
    import pandas as pd

    passed = told[told["outcome"] == "passed"].reset_index(drop=True)
    took = passed["duration_us"].to_numpy("int64")
    rows = []
    for scenario_id, at in _rows_of_each(passed, last):
        if len(at) >= 3:
            median, latest = float(np.median(took[at[:-1]])), int(took[at[-1]])
            ratio = latest / median if median else float("nan")
            rows.append((scenario_id, passed["name"].iat[at[-1]], len(at), median, latest, ratio))
    names: Sequence[str] = ["scenario_id", "name", "runs", "median_us", "latest_us", "ratio"]
    return pd.DataFrame(rows, columns=list(names)).sort_values("ratio", ascending=False).reset_index(drop=True)


def _looked_at(runs: Sequence[Run]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`RunHistory.runs` and `history` of `runs`. Some at a time: all of them at once is a question of room."""
    import pandas as pd

    summaries, told = [], []
    for first in range(0, len(runs), _AT_ONCE):
        some = runs[first : first + _AT_ONCE]
        cases = _cases(some)
        summaries.append(_summaries(some, cases))
        rows = _told(some, cases)
        told.append(rows.assign(run=rows["run"] + first))
    return pd.concat(summaries, ignore_index=True), pd.concat(told, ignore_index=True)


def _cases(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a case (or round) of each of `runs`, whose number is `run`; of the columns that a history tells of."""
    import numpy as np
    import pyarrow as pa

    tables = [run.arrow("scenarios", _READ) for run in runs]
    rows = frame("scenarios", pa.concat_tables(tables))
    return cases_in(rows.assign(run=np.repeat(np.arange(len(runs)), [table.num_rows for table in tables])))


def _told(runs: Sequence[Run], cases: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    rows = over_rounds(cases)
    of_run = rows["run"].to_numpy()
    ids = pd.Series([run.run_id for run in runs])
    starts = pd.Series([run.manifest.start for run in runs])
    rows = rows.assign(run_id=ids.iloc[of_run].array, start=starts.iloc[of_run].array)
    return rows[["run", "run_id", "start", "scenario_id", "name", "outcome", "flaky", "duration_us"]]


def _rows_of_each(told: pd.DataFrame, last: int) -> Iterator[tuple[str, Any]]:
    """Each case and the numbers of its `last` rows, the oldest first; the cases in the order in which they came first."""
    indices = told.groupby("scenario_id", sort=False).indices
    for scenario_id, at in sorted(indices.items(), key=lambda each: int(each[1][0])):
        yield str(scenario_id), at[-last:]


def _summaries(runs: Sequence[Run], cases: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    counts = cases.groupby(["run", "outcome"]).size()
    flaky, took = cases.groupby("run")["flaky"].sum(), cases.groupby("run")["duration_us"].sum()
    rows = []
    for number, run in enumerate(runs):
        row: dict[str, Any] = {"run_id": run.run_id, "start": run.manifest.start, "outcome": run.manifest.outcome}
        row |= {name: int(counts.get((number, name), 0)) for name in OUTCOMES}
        rows.append({**row, "flaky": int(flaky.get(number, 0)), "duration_us": int(took.get(number, 0))})
    return pd.DataFrame(rows)


def _ended(row: dict[str, Any]) -> str:
    said = {"running": "did not come to its end", "interrupted": "interrupted"}.get(row["outcome"])
    return f"  ({said})" if said else ""


def _retried(row: dict[str, Any]) -> str:
    runs = row["flaky_runs"]
    return f"  (needed another attempt in {runs} run{'' if runs == 1 else 's'})" if runs else ""
