"""Cases: the attempts at one scenario put together, as DataFrames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from harness.report.loading import Run

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "OUTCOMES",
    "case_frame",
    "cases_in",
    "failures",
    "final_rows",
    "outcome_counts",
    "over_rounds",
    "records",
    "slowest",
]

OUTCOMES = ("passed", "failed", "error", "skipped")


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """`rows` as dicts of plain Python values, column names as keys; missing values are pandas' own."""
    return cast("list[dict[str, Any]]", rows.to_dict("records"))


def case_frame(run: Run) -> pd.DataFrame:
    """One row a case: its last attempt, with `attempts` and `duration_us` over all of them."""
    return cases_in(run.scenarios)


def cases_in(attempts: pd.DataFrame) -> pd.DataFrame:
    """`case_frame` of rows of the table scenarios: of one run, or of several that a column `run` tells apart."""
    number = _numbered(attempts, "scenario_id")
    last = attempts.sort_values("attempt", kind="stable").groupby(number, sort=False).tail(1).sort_index()
    over = attempts["duration_us"].groupby(number).agg(["sum", "count"]).loc[number[last.index]]
    of_all = {"duration_us": over["sum"].to_numpy("int64"), "attempts": over["count"].to_numpy("int64")}
    return last.assign(**of_all).reset_index(drop=True)


def over_rounds(cases: pd.DataFrame) -> pd.DataFrame:
    """One row a case of what a run (or each of several) ran in several rounds, as runs are compared: the id is `case_id`.

    The worst round speaks (the first of those), with the median duration of all; flaky if one round was.
    """
    rank = cases["outcome"].map({"error": 0, "failed": 1, "passed": 2, "skipped": 3})
    number = _numbered(cases, "case_id")
    worst = rank.sort_values(kind="stable").groupby(number, sort=False).head(1).index.sort_values()
    found, number_of = cases.loc[worst], number[worst]
    median = cases["duration_us"].groupby(number).median().round().loc[number_of].to_numpy("int64")
    flaky = cases["flaky"].groupby(number).any().loc[number_of].to_numpy("bool")
    alone = found["scenario_id"] == found["case_id"]
    if not alone.all():
        names = found["name"].where(alone, found["name"].str.replace(r" #\d+$", "", regex=True))
        found = found.assign(name=names)
    found = found.assign(scenario_id=found["case_id"], duration_us=median, flaky=flaky)
    return found.reset_index(drop=True)


def _numbered(rows: pd.DataFrame, name: str) -> pd.Series[int]:
    """A number for each row: the same for those of one run that have one value of `name`."""
    return rows.groupby([*(["run"] if "run" in rows else []), name], sort=False).ngroup()


def final_rows(run: Run, table: str) -> pd.DataFrame:
    """The rows of `table` that belong to the attempt that decides, so that a retried case counts once."""
    rows = run.table(table)
    last = run.scenarios.groupby("scenario_id", sort=False)["attempt"].max()
    return rows[rows["attempt"] == rows["scenario_id"].map(last).astype("Int64")].reset_index(drop=True)


def outcome_counts(cases: pd.DataFrame) -> pd.Series[int]:
    """How many cases passed, failed, erred and were skipped; the `flaky` are among the passed."""
    import pandas as pd

    counts = {name: int((cases["outcome"] == name).sum()) for name in OUTCOMES}
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
