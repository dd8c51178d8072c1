"""Suite health: what held, what did not and why, what is slow, what changes its mind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.report.analysis.cases import case_frame, failures, final_rows, outcome_counts, slowest
from harness.report.analysis.gates import so_far, whole
from harness.report.analysis.present import COLOURS, HATCHES, Chart, Shown, axes, duration_text, note
from harness.report.cases import so_many, title_of
from harness.report.loading import Run
from harness.report.lookback import RunHistory, look_back

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "before",
    "by_feature",
    "duration_chart",
    "failed_checks",
    "finding",
    "flaky",
    "gate",
    "outcome_chart",
    "overview",
]

_OUTCOMES = ("passed", "failed", "error", "skipped")


def finding(run: Run) -> str:
    """The state of the suite in one sentence."""
    counts = outcome_counts(case_frame(run))
    total, bad = int(counts[list(_OUTCOMES)].sum()), int(counts["failed"] + counts["error"])
    if not total:
        return "Nothing was executed, so nothing is known"
    tail = so_far(run)
    flaky_tail = f"; {counts['flaky']} needed more than one attempt" if counts["flaky"] else ""
    if bad:
        judged = f", {counts['error']} of them could not be judged" if counts["error"] else ""
        return f"{so_many(bad, of=total)} did not hold{judged}{flaky_tail}{tail}"
    held = int(counts["passed"])
    everyone = f"All {so_many(held, 'executed scenario')}" if held != 1 else "The one executed scenario"
    return f"{everyone} held{flaky_tail}{tail}"


def overview(run: Run) -> pd.DataFrame:
    """One row an outcome: outcome, cases, share (0 to 1), duration_us."""
    import pandas as pd

    cases = case_frame(run)
    counts = outcome_counts(cases)
    total = max(1, len(cases))
    took = cases.groupby("outcome")["duration_us"].sum()
    rows = [(name, int(counts[name]), counts[name] / total, int(took.get(name, 0))) for name in _OUTCOMES]
    return pd.DataFrame(rows, columns=["outcome", "cases", "share", "duration_us"])


def by_feature(run: Run) -> pd.DataFrame:
    """One row a feature: feature, passed, failed, error, skipped, cases, duration_us; the worst first."""
    import pandas as pd

    cases = case_frame(run)
    counts = pd.crosstab(cases["feature"], cases["outcome"]).reindex(columns=list(_OUTCOMES), fill_value=0)
    counts["cases"] = counts.sum(axis=1)
    counts["duration_us"] = cases.groupby("feature")["duration_us"].sum()
    counts["bad"] = counts["failed"] + counts["error"]
    ordered = counts.sort_values(["bad", "cases"], ascending=False, kind="stable").drop(columns="bad")
    ordered.columns.name = None
    return ordered.rename_axis("feature").reset_index()


def flaky(run: Run) -> pd.DataFrame:
    """The cases that passed only at another attempt: scenario_id, name, attempts, first_failure."""
    cases = case_frame(run)
    found = cases.loc[cases["flaky"], ["scenario_id", "name", "attempts"]]
    first = run.scenarios[run.scenarios["attempt"] == 1].set_index("scenario_id")["failure"]
    return found.assign(first_failure=found["scenario_id"].map(first)).reset_index(drop=True)


def before(run: Run, last: int = 10) -> RunHistory | Shown:
    """This run and those before it in the same folder on the same target: what is flaky over time, what became slower.

    A note where one of them cannot be read: this run is not worse for it.
    """
    try:
        return look_back(run.directory.parent, last=last, target=run.manifest.target, until=run.manifest.order)
    except InputError as error:
        return note(f"Runs before this one could not be read: {error}")


def failed_checks(run: Run) -> pd.DataFrame:
    """Every check that did not hold: scenario_id, step, kind, path, matcher, expected, actual, line."""
    checks = final_rows(run, "checks")
    shown = ["scenario_id", "step", "kind", "path", "matcher", "expected", "actual", "line"]
    return checks.loc[checks["outcome"] != "passed", shown].reset_index(drop=True)


def outcome_chart(run: Run) -> Chart:
    """Outcomes by feature, one bar a feature, the worst on top; hatched where something did not hold."""
    rows = by_feature(run).head(20).iloc[::-1]
    figure, place = axes(height=max(1.6, 0.38 * len(rows) + 0.9))
    left = [0.0] * len(rows)
    for outcome in _OUTCOMES:
        counts = rows[outcome].astype(float).tolist()
        if any(counts):
            place.barh(rows["feature"].tolist(), counts, left=left, color=COLOURS[outcome], hatch=HATCHES[outcome],
                       edgecolor="white", linewidth=0.8, label=outcome, height=0.66)  # fmt: skip
        left = [a + b for a, b in zip(left, counts, strict=True)]
    place.set_xlabel("scenarios", color=COLOURS["muted"])
    place.xaxis.get_major_locator().set_params(integer=True)
    if any(left):
        place.legend(frameon=False, ncols=4, fontsize=9, loc="lower left", bbox_to_anchor=(0, 1))
    worst = rows.iloc[-1] if len(rows) else None
    alt = f"Bar chart of outcomes by feature. {finding(run)}."
    if worst is not None and worst["failed"] + worst["error"]:
        alt += f" Most failures in {worst['feature']}: {worst['failed'] + worst['error']} of {worst['cases']}."
    return Chart(figure, alt)


def duration_chart(run: Run, count: int = 10) -> Chart:
    """The slowest cases as bars with their time beside them."""
    rows = slowest(run, count).iloc[::-1]
    figure, place = axes(height=max(1.6, 0.34 * len(rows) + 0.7))
    labels = [_short(name, scenario_id) for name, scenario_id in zip(rows["name"], rows["scenario_id"], strict=True)]
    values = (rows["duration_us"] / 1000).tolist()
    bars = place.barh(range(len(rows)), values, color=COLOURS["anonymous"], height=0.62)
    place.set_yticks(range(len(rows)), labels)
    place.bar_label(bars, [duration_text(v * 1000) for v in values], padding=4, fontsize=9, color=COLOURS["muted"])
    place.set_xlabel("milliseconds", color=COLOURS["muted"])
    place.margins(x=0.12)
    top = f"{labels[-1]} with {duration_text(values[-1] * 1000)}" if labels else "none"
    return Chart(figure, f"Bar chart of the slowest scenarios ({len(rows)}). The slowest: {top}.")


def gate(run: Run) -> list[str]:
    """Closed when nothing was executed, the run is not whole, or a scenario failed or could not be judged."""
    reasons, bad = whole(run), failures(run)
    if not bad.empty:
        reasons.append(f"{so_many(len(bad))} did not hold, the first: {bad['scenario_id'].iloc[0]}.")
    return reasons


def _short(name: str, scenario_id: str) -> str:
    whole_label = title_of(name, scenario_id)
    return whole_label if len(whole_label) <= 58 else f"{whole_label[:57]}…"
