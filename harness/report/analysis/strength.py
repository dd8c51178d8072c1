"""How strong the suite is: which injected defects it notices, and which scenario does, from `strength.parquet`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.errors import InputError
from harness.report.analysis.cases import records
from harness.report.analysis.present import COLOURS, HATCHES, Chart, axes
from harness.report.cases import so_many
from harness.report.loading import Run

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "COLUMNS",
    "ENOUGH",
    "FILE",
    "absent",
    "chart",
    "columns",
    "defects",
    "finding",
    "gate",
    "is_matrix",
    "only_ones",
    "outcome_table",
    "overlap",
    "survivors",
]

FILE = "strength.parquet"
CATALOGUE = "catalogue"
"""The kind of what is no mutant; and the column that says how many the catalogue holds, so that a part is known as one."""
COLUMNS = ("defect_id", "title", "kind", "rules", "outcome", "noticed_by", "check", "duration_us", "reason")
ENOUGH = 0.9
"""The share of generic mutants that a suite must notice."""
MUTANT = "mutant"
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
    known = [CATALOGUE] if CATALOGUE in rows.columns else []  # files of before say it not
    return rows[[*COLUMNS, *known]].assign(rules=rows["rules"].map(_listed), noticed_by=rows["noticed_by"].map(_listed))


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


def is_matrix(rows: pd.DataFrame) -> bool:
    """Whether every scenario was asked (`--every`), and not only up to the first that noticed."""
    return bool((rows["noticed_by"].map(len) > 1).any())


def only_ones(rows: pd.DataFrame) -> pd.DataFrame:
    """Scenarios that alone notice a defect, so that the suite needs them: scenario, defects (ids), count.

    Nothing unless every scenario was asked.
    """
    import pandas as pd

    found: dict[str, list[str]] = {}
    for row in records(rows) if is_matrix(rows) else ():
        by = _scenarios(row)
        if len(by) == 1:
            found.setdefault(by[0], []).append(row["defect_id"])
    ordered = sorted(found.items(), key=lambda each: (-len(each[1]), each[0]))
    columns = {
        "scenario": [name for name, _ in ordered],
        "defects": [ids for _, ids in ordered],
        "count": pd.Series([len(ids) for _, ids in ordered], dtype="int64"),
    }
    return pd.DataFrame(columns)


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
    if part := _part(rows):
        lost = f"; {len(counted) - noticed} go unnoticed" if noticed < len(counted) else ""
        return (
            f"Only a part was measured, {part}: the suite notices {noticed} of {so_many(len(counted), 'defect')}{lost}"
        )
    if noticed == len(counted):
        return f"The suite notices all {noticed} injected defects"
    return f"The suite notices {noticed} of {len(counted)} injected defects; {len(counted) - noticed} go unnoticed"


def columns(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns of the matrix: number, scenario, defects (how many it notices); those that notice most first."""
    import pandas as pd

    counts = Counter(name for row in records(_catalogue(rows)) for name in _scenarios(row))
    shown = sorted(counts, key=lambda name: (-counts[name], name))[:_SHOWN]
    numbers = pd.Series(range(1, len(shown) + 1), dtype="int64")
    return pd.DataFrame(
        {
            "number": numbers,
            "scenario": pd.Series(shown, dtype="object"),
            "defects": pd.Series([counts[name] for name in shown], dtype="int64"),
        }
    )


def chart(rows: pd.DataFrame) -> Chart:
    """Defects of the catalogue × scenarios: a mark where a scenario notices a defect. See `columns` for the numbers."""
    found = records(_catalogue(rows))[::-1]
    place_of = {name: index for index, name in enumerate(columns(rows)["scenario"])}
    every = {name for row in found for name in _scenarios(row)}
    figure, place = axes(height=max(1.8, 0.2 * len(found) + 1.0))
    points = [(place_of[name], y) for y, row in enumerate(found) for name in _scenarios(row) if name in place_of]
    place.scatter([x for x, _ in points], [y for _, y in points], marker="s", s=26, color=COLOURS["passed"])
    for height, row in enumerate(found):
        if row["outcome"] in ("survived", "not_reached"):
            style = {"color": COLOURS["failed"], "hatch": HATCHES["failed"], "alpha": 0.16, "linewidth": 0}
            place.axhspan(height - 0.5, height + 0.5, **style)
    place.set_yticks(range(len(found)), [row["defect_id"] for row in found], fontsize=7)
    place.set_ylim(-0.7, len(found) - 0.3)
    place.set_xticks(range(len(place_of)), [str(number + 1) for number in range(len(place_of))], fontsize=7)
    place.tick_params(axis="x", labeltop=True)
    shown = f"{len(place_of)} of {len(every)} scenarios that notice a defect (hatched: unnoticed)"
    place.set_xlabel(shown, color=COLOURS["muted"])
    return Chart(figure, f"Matrix of defects against the scenarios that notice them. {finding(rows)}.")


def gate(rows: pd.DataFrame) -> list[str]:
    """Closed when a defect of the catalogue goes unnoticed, or more than a tenth of the mutants. Open when not measured."""
    lost = survivors(_catalogue(rows))
    reasons = [f"Unnoticed: {', '.join(lost['defect_id'].astype(str))}."] if len(lost) else []
    counted = rows[(rows["kind"] == MUTANT) & (rows["outcome"] != "equivalent")]
    share = float((counted["outcome"] == "noticed").mean()) if len(counted) else 1.0
    return [*reasons, *([f"Of the mutants {share:.0%} are noticed, less than {ENOUGH:.0%}."] if share < ENOUGH else [])]


def absent(rows: pd.DataFrame) -> str:
    """Why the suite as a whole cannot be judged: nothing was measured, or a part of the catalogue only. Empty when it can."""
    if rows.empty:
        return "strength was not measured with this run."
    part = _part(rows)
    return f"{part} measured; `harness strength` measures all." if part else ""


def _part(rows: pd.DataFrame) -> str:
    """`1 of 271 defects of the catalogue`; empty when all of them were measured, or when nobody wrote down how many there are."""
    there = int(rows[CATALOGUE].max()) if CATALOGUE in rows.columns and len(rows) else 0
    measured = len(_catalogue(rows))
    return f"{measured} of {so_many(there, 'defect')} of the catalogue" if measured < there else ""


def _catalogue(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["kind"] != MUTANT]


def _scenarios(row: Mapping[str, Any]) -> list[str]:
    """The scenarios whose cases notice the defect, each once: without parameters and number of repetition."""
    return list(dict.fromkeys(re.split(r"\[|#\d+$", name)[0] for name in row["noticed_by"]))


def _listed(value: Any) -> list[str]:
    return [] if value is None else [str(item) for item in value]
