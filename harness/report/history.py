"""Many runs in a row: which scenario changes its mind, and which becomes slower."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.report.analysis.cases import case_frame
from harness.report.load import Run, load
from harness.report.manifest import MANIFEST, read_manifest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["flakiness", "history", "runs_in", "trends"]


def runs_in(reports: Path, *, last: int | None = None) -> list[Path]:
    """The directories of the runs under `reports`, oldest first; only the `last` of them if asked. Links count once."""
    found = {path.parent.resolve() for path in reports.glob(f"*/{MANIFEST}")}
    ordered = sorted(found, key=lambda run: (read_manifest(run).start, run.name))
    return ordered[-last:] if last else ordered


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


def _rows(number: int, run: Run) -> pd.DataFrame:
    rows = case_frame(run)[["run_id", "scenario_id", "name", "outcome", "flaky", "duration_us"]].copy()
    rows["run_id"] = run.run_id
    rows.insert(0, "run", number)
    rows.insert(2, "start", run.manifest.start)
    return rows
