"""Cases: the attempts at one scenario put together, as DataFrames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from harness.report.loading import Run

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["case_frame", "failures", "final_rows", "outcome_counts", "over_rounds", "records", "slowest"]

_OUTCOMES = ("passed", "failed", "error", "skipped")


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """`rows` as dicts of plain Python values, column names as keys; missing values are pandas' own."""
    return cast("list[dict[str, Any]]", rows.to_dict("records"))


def case_frame(run: Run) -> pd.DataFrame:
    """One row a case: its last attempt, with `attempts` and `duration_us` over all of them."""
    rows = run.scenarios
    last = rows.sort_values("attempt", kind="stable").groupby("scenario_id", sort=False).tail(1).sort_index()
    over = rows.groupby("scenario_id", sort=False)["duration_us"].agg(["sum", "count"])
    case = last.set_index("scenario_id", drop=False)
    case["duration_us"] = over["sum"].astype("int64")
    case["attempts"] = over["count"].astype("int64")
    return case.reset_index(drop=True)


def over_rounds(cases: pd.DataFrame) -> pd.DataFrame:
    """One row a case of what a run ran in several rounds, as runs are compared: the id is `case_id`.

    The worst round speaks (the first of those), with the median duration of all; flaky if one round was.
    """
    rank = cases["outcome"].map({"error": 0, "failed": 1, "passed": 2, "skipped": 3})
    by_case = cases.groupby("case_id", sort=False)
    worst = cases.assign(rank=rank).sort_values("rank", kind="stable").groupby("case_id", sort=False).head(1)
    found = worst.drop(columns="rank").sort_index().set_index("case_id", drop=False)
    found["duration_us"] = by_case["duration_us"].median().round().astype("int64")
    found["flaky"] = by_case["flaky"].any()
    alone = found["scenario_id"] == found["case_id"]
    names = found["name"].where(alone, found["name"].str.replace(r" #\d+$", "", regex=True))
    return found.assign(name=names, scenario_id=found["case_id"]).reset_index(drop=True)


def final_rows(run: Run, table: str) -> pd.DataFrame:
    """The rows of `table` that belong to the attempt that decides, so that a retried case counts once."""
    rows = run.table(table)
    last = run.scenarios.groupby("scenario_id", sort=False)["attempt"].max()
    return rows[rows["attempt"] == rows["scenario_id"].map(last).astype("Int64")].reset_index(drop=True)


def outcome_counts(cases: pd.DataFrame) -> pd.Series[int]:
    """How many cases passed, failed, erred and were skipped; the `flaky` are among the passed."""
    import pandas as pd

    counts = {name: int((cases["outcome"] == name).sum()) for name in _OUTCOMES}
    return pd.Series({**counts, "flaky": int(cases["flaky"].sum())}, name="cases", dtype="int64")


def failures(run: Run) -> pd.DataFrame:
    """The cases that failed or erred: scenario_id, name, outcome, covers, failure, failure_text, rerun."""
    cases = case_frame(run)
    shown = ["scenario_id", "name", "outcome", "covers", "failure", "failure_text", "rerun"]
    return cases.loc[cases["outcome"].isin(["failed", "error"]), shown].reset_index(drop=True)


def slowest(run: Run, count: int = 10) -> pd.DataFrame:
    """The `count` cases that took longest: scenario_id, name, duration_us, attempts."""
    cases = case_frame(run)
    return cases.nlargest(count, "duration_us", keep="first")[
        ["scenario_id", "name", "duration_us", "attempts"]
    ].reset_index(drop=True)
