"""How strong the suite is: which injected defects it notices, and which scenario does, from `strength.parquet`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from harness.errors import InputError
from harness.report.analysis.cases import records
from harness.report.analysis.present import COLOURS, HATCHES, Chart, axes
from harness.report.load import Run

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "chart", "defects", "finding", "gate", "only_ones", "outcome_table", "overlap", "survivors"]

FILE = "strength.parquet"
COLUMNS = ("defect_id", "title", "kind", "rules", "outcome", "noticed_by", "check", "duration_us", "reason")
_SHOWN = 40
OUTCOMES = ("noticed", "survived", "not_reached", "equivalent")


def defects(run: Run) -> pd.DataFrame:
    """One row an injected defect (COLUMNS); none when no strength was measured. InputError when a column is missing."""
    import pandas as pd

    path = run.directory / FILE
    if not path.is_file():
        return pd.DataFrame({name: pd.Series(dtype="object") for name in COLUMNS})
    rows = pd.read_parquet(path)
    missing = [name for name in COLUMNS if name not in rows.columns]
    if missing:
        raise InputError(f"{path} lacks {', '.join(missing)}.", "Run `harness strength` again.")
    return rows[list(COLUMNS)].assign(rules=rows["rules"].map(_listed), noticed_by=rows["noticed_by"].map(_listed))


def outcome_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Defects by kind and outcome: kind, noticed, survived, not_reached, equivalent, share.

    `share` is what is noticed of what counts: a defect that changes nothing (equivalent) does not.
    """
    import pandas as pd

    counts = pd.crosstab(rows["kind"], rows["outcome"]).reindex(columns=list(OUTCOMES), fill_value=0)
    counted = counts["noticed"] + counts["survived"] + counts["not_reached"]
    counts["share"] = (counts["noticed"] / counted.where(counted > 0)).astype("Float64")
    counts.columns.name = None
    return counts.rename_axis("kind").reset_index()


def survivors(rows: pd.DataFrame) -> pd.DataFrame:
    """The defects that nobody noticed: defect_id, title, rules, outcome, reason."""
    chosen = rows["outcome"].isin(["survived", "not_reached"])
    return rows.loc[chosen, ["defect_id", "title", "rules", "outcome", "reason"]].reset_index(drop=True)


def only_ones(rows: pd.DataFrame) -> pd.DataFrame:
    """Scenarios that alone notice a defect, so that the suite needs them: scenario_id, defects (ids), count."""
    import pandas as pd

    alone = rows[rows["noticed_by"].map(len) == 1]
    pairs = pd.DataFrame(
        {"scenario_id": [by[0] for by in alone["noticed_by"]], "defect_id": alone["defect_id"].tolist()}
    )
    found = pairs.groupby("scenario_id", sort=True)["defect_id"].agg(list).rename("defects").reset_index()
    found["count"] = found["defects"].map(len)
    return found.sort_values(["count", "scenario_id"], ascending=[False, True]).reset_index(drop=True)


def overlap(rows: pd.DataFrame) -> pd.DataFrame:
    """How many scenarios notice each noticed defect: defect_id, title, scenarios; the least watched first."""
    noticed = rows[rows["outcome"] == "noticed"]
    counted = noticed.assign(scenarios=noticed["noticed_by"].map(len).astype("int64"))
    return counted.sort_values(["scenarios", "defect_id"])[["defect_id", "title", "scenarios"]].reset_index(drop=True)


def finding(rows: pd.DataFrame) -> str:
    """How many defects are noticed, in one sentence."""
    if rows.empty:
        return "The strength of the suite was not measured with this run"
    counted = rows[rows["outcome"] != "equivalent"]
    noticed = int((counted["outcome"] == "noticed").sum())
    if noticed == len(counted):
        return f"The suite notices all {noticed} injected defects"
    return f"The suite notices {noticed} of {len(counted)} injected defects; {len(counted) - noticed} go unnoticed"


def chart(rows: pd.DataFrame) -> Chart:
    """Defects × scenarios: a mark where a scenario notices a defect; the scenarios that notice most on the left."""
    found = records(rows)[::-1]
    counts = Counter(scenario for row in found for scenario in row["noticed_by"])
    scenarios = sorted(counts, key=lambda name: (-counts[name], name))[:_SHOWN]
    figure, place = axes(height=max(1.8, 0.2 * len(found) + 1.0))
    points = [(scenarios.index(s), y) for y, row in enumerate(found) for s in row["noticed_by"] if s in scenarios]
    place.scatter([x for x, _ in points], [y for _, y in points], marker="s", s=26, color=COLOURS["passed"])
    for height, row in enumerate(found):
        if row["outcome"] in ("survived", "not_reached"):
            style = {"color": COLOURS["failed"], "hatch": HATCHES["failed"], "alpha": 0.16, "linewidth": 0}
            place.axhspan(height - 0.5, height + 0.5, **style)
    place.set_yticks(range(len(found)), [row["defect_id"] for row in found], fontsize=7)
    place.set_xticks([])
    shown = f"{len(scenarios)} of {len(counts)} scenarios that notice a defect (hatched: unnoticed)"
    place.set_xlabel(shown, color=COLOURS["muted"])
    return Chart(figure, f"Matrix of defects against the scenarios that notice them. {finding(rows)}.")


def gate(rows: pd.DataFrame) -> list[str]:
    """Closed when a defect survived or was not reached. Open when strength was not measured."""
    lost = survivors(rows)
    return [f"Unnoticed: {', '.join(lost['defect_id'].astype(str))}."] if len(lost) else []


def _listed(value: Any) -> list[str]:
    return [] if value is None else [str(item) for item in value]
