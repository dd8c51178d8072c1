"""Traceability: from each rule of the specification to the scenarios that cover it and what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.analysis.cases import case_frame
from harness.report.analysis.gates import so_far, whole
from harness.report.analysis.present import COLOURS, HATCHES, MARKS, Chart, axes
from harness.report.loading import Run
from harness.rules import FAMILIES, RULES

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["chart", "coverage", "finding", "gate", "marked", "traceability", "uncovered", "unknown"]

_KINDS = {
    "held": (("passed", "flaky"), "passed"),
    "did not hold": (("failed", "error"), "failed"),
    "not covered": (("uncovered",), "skipped"),
}
_WORST = ("failed", "error", "flaky", "passed", "skipped")


def traceability(run: Run) -> pd.DataFrame:
    """One row a rule and case that covers it: rule, scenario_id, name, state (flaky apart from passed)."""
    cases = case_frame(run)[["covers", "scenario_id", "name", "outcome", "flaky"]]
    links = cases.explode("covers").rename(columns={"covers": "rule"})
    links = links[links["rule"].notna()]
    links["rule"] = links["rule"].astype("string")
    links["state"] = links["outcome"].where(~links["flaky"], "flaky")
    return links[["rule", "scenario_id", "name", "state"]].sort_values(["rule", "scenario_id"]).reset_index(drop=True)


def coverage(run: Run) -> pd.DataFrame:
    """One row a rule, known ones first: rule, text, state, scenarios, and a count of each state.

    `state` is the worst among its cases; `uncovered` when no executed case names it (skipped ones prove nothing).
    """
    import pandas as pd

    links = traceability(run)
    counts = pd.crosstab(links["rule"], links["state"]).reindex(columns=list(_WORST), fill_value=0)
    names = [*RULES, *sorted(set(links["rule"]) - set(RULES))]
    counts = counts.reindex(names, fill_value=0)
    executed = counts.drop(columns="skipped").sum(axis=1)
    worst = [next((state for state in _WORST[:4] if row[state]), "uncovered") for _, row in counts.iterrows()]
    return pd.DataFrame(
        {
            "rule": names,
            "text": [RULES.get(rule, "not in the specification") for rule in names],
            "state": worst,
            "scenarios": executed.tolist(),
            **{state: counts[state].tolist() for state in _WORST},
        }
    )


def uncovered(run: Run) -> pd.DataFrame:
    """The rules that no executed case covers: rule, text."""
    rows = coverage(run)
    return rows.loc[rows["state"] == "uncovered", ["rule", "text"]].reset_index(drop=True)


def unknown(run: Run) -> list[str]:
    """Ids that scenarios cover and the specification does not know."""
    return sorted(set(traceability(run)["rule"]) - set(RULES))


def finding(run: Run) -> str:
    """How much of the specification was exercised and held, in one sentence."""
    rows = coverage(run)
    known = rows[rows["rule"].isin(list(RULES))]
    exercised = known[known["state"] != "uncovered"]
    broken = exercised[exercised["state"].isin(["failed", "error"])]
    if exercised.empty:
        return f"None of the {len(RULES)} rules was exercised"
    tail = "and held in every scenario" if broken.empty else f"and {len(broken)} of them did not hold"
    return f"{len(exercised)} of {len(RULES)} rules were exercised {tail}{so_far(run)}"


def chart(run: Run) -> Chart:
    """Rules by family, as bars: held, did not hold, not covered."""
    rows = coverage(run)
    figure, place = axes(height=2.5)
    titles = [f"{title} ({letter})" for letter, title in FAMILIES.items()][::-1]
    left = [0] * len(titles)
    for label, (states, colour) in _KINDS.items():
        chosen = rows[rows["state"].isin(list(states))]["rule"]
        counts = [sum(rule.startswith(letter) for rule in chosen) for letter in FAMILIES][::-1]
        style = {"color": COLOURS[colour], "hatch": HATCHES[colour], "edgecolor": "white"}
        bars = place.barh(titles, counts, left=left, label=label, height=0.6, **style)
        texts = [str(count) if count else "" for count in counts]
        for text in place.bar_label(bars, texts, label_type="center", fontsize=9, color="white"):
            if text.get_text():
                text.set_bbox({"facecolor": COLOURS["ink"], "edgecolor": "none", "pad": 1.5, "alpha": 0.6})
        left = [a + b for a, b in zip(left, counts, strict=True)]
    place.legend(frameon=False, ncols=3, fontsize=9, loc="lower left", bbox_to_anchor=(0, 1))
    place.xaxis.get_major_locator().set_params(integer=True)
    place.set_xlabel("rules", color=COLOURS["muted"])
    return Chart(figure, f"Bar chart of rules by family. {finding(run)}; {len(uncovered(run))} are not covered.")


def marked(rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` with a mark before the state, so that no meaning hangs on colour."""
    return rows.assign(state=[f"{MARKS[state]} {state}" for state in rows["state"]])


def gate(run: Run) -> list[str]:
    """Closed when the run is not whole, a rule of the update (R) is not covered, or a covered one did not hold."""
    reasons, rows = whole(run), coverage(run)
    missing = [rule for rule in uncovered(run)["rule"] if rule.startswith("R")]
    broken = rows.loc[rows["state"].isin(["failed", "error"]), "rule"].tolist()
    if missing:
        part = run.manifest.shard
        where = "of this run" if part is None else f"of this run, which was shard {part.part} of {part.cases} cases,"
        reasons.append(f"No scenario {where} covers {', '.join(missing)}.")
    if broken:
        reasons.append(f"Did not hold: {', '.join(broken)}.")
    if unknown(run):
        reasons.append(f"Not in the specification: {', '.join(unknown(run))}.")
    return reasons
