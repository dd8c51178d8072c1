"""The anonymous and the authenticated path side by side: what each may do, what it costs, how far it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.report.analysis.cases import case_frame, final_rows, records
from harness.report.analysis.gates import so_far, whole
from harness.report.analysis.intervals import median_interval
from harness.report.analysis.present import COLOURS, HATCHES, Chart, axes, duration_text
from harness.report.cases import so_many
from harness.report.loading import Run

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "PATHS", "abilities", "comparison", "differences", "finding", "funnel", "funnel_chart", "gate", "latency_chart",
    "step_latency",
]  # fmt: skip

PATHS = ("anonymous", "authenticated")

_STAGES = ("chose a session", "scheduled in Calendly", "booking stored", "paid")


def comparison(run: Run) -> pd.DataFrame:
    """One row a path: path, cases, passed, failed, requests, rows, calls, median_us, low_us, high_us.

    Requests, changed rows and calls to providers are per executed case; the interval of the median is 95 %.
    """
    import pandas as pd

    cases = _executed(run)
    rows = []
    for path in PATHS:
        group = cases[cases["path"] == path]
        ids, count = set(group["scenario_id"]), max(1, len(group))
        interval = median_interval(group["duration_us"].tolist()) if len(group) else None
        changed = _of(run, "row_changes", ids).drop_duplicates(["scenario_id", "change"])
        rows.append(
            {
                "path": path,
                "cases": len(group),
                "passed": int((group["outcome"] == "passed").sum()),
                "failed": int(group["outcome"].isin(["failed", "error"]).sum()),
                "requests": len(_of(run, "exchanges", ids)) / count,
                "rows": len(changed) / count,
                "calls": len(_of(run, "calendly_calls", ids)) / count,
                "median_us": interval.median if interval else None,
                "low_us": interval.low if interval else None,
                "high_us": interval.high if interval else None,
            }
        )
    return pd.DataFrame(rows).astype(dict.fromkeys(("median_us", "low_us", "high_us"), "Float64"))


def step_latency(run: Run) -> pd.DataFrame:
    """Latency step by step: verb, path, steps, median_us, low_us, high_us (95 % interval; empty below five steps)."""
    import pandas as pd

    steps = final_rows(run, "steps").merge(_executed(run)[["scenario_id", "path"]], on="scenario_id")
    steps = steps[steps["phase"] == "when"]
    rows = []
    for verb in dict.fromkeys(steps.sort_values("step", kind="stable")["verb"]):
        for path in PATHS:
            values = steps.loc[(steps["verb"] == verb) & (steps["path"] == path), "duration_us"].tolist()
            if values:
                found = median_interval(values)
                rows.append((verb, path, found.size, found.median, found.low, found.high))
    names = ["verb", "path", "steps", "median_us", "low_us", "high_us"]
    return pd.DataFrame(rows, columns=names).astype(dict.fromkeys(names[3:], "Float64"))


def abilities(run: Run) -> pd.DataFrame:
    """What was answered to whom: request, then for each path how often it was accepted and refused (4xx).

    Whose request it was follows from its `authorization` header; what providers send (webhooks) is left out.
    """
    import pandas as pd

    sent = final_rows(run, "exchanges")
    sent = sent[~sent["path"].str.startswith("/api/webhooks/")]
    signed_in = sent["request_headers"].str.lower().str.contains('"authorization"', regex=False)
    by = signed_in.map({True: PATHS[1], False: PATHS[0]}).astype("string")
    request = sent["method"] + " " + sent["path"].map(_template).astype("string")
    answer = sent["status"].map(_kind, na_action="ignore").fillna("no answer")
    rows = pd.DataFrame({"request": request, "path": by, "answer": answer})
    columns = [(path, kind) for path in PATHS for kind in ("accepted", "refused")]
    counts = pd.crosstab(rows["request"], [rows["path"], rows["answer"]]) if len(rows) else pd.DataFrame()
    table = {f"{path} {kind}": [_count(counts, name, (path, kind)) for name in counts.index] for path, kind in columns}
    return pd.DataFrame({"request": list(counts.index), **table})


def differences(run: Run) -> pd.DataFrame:
    """What one path can do and the other cannot: request, only (who was accepted), other (what the other got)."""
    import pandas as pd

    rows = []
    for row in records(abilities(run)):
        can = [path for path in PATHS if row[f"{path} accepted"]]
        if len(can) == 1:
            other = PATHS[1 - PATHS.index(can[0])]
            rows.append((row["request"], can[0], "refused" if row[f"{other} refused"] else "not tried"))
    return pd.DataFrame(rows, columns=["request", "only", "other"])


def funnel(run: Run) -> pd.DataFrame:
    """How far the cases of each path come: stage, path, cases, share of that path's executed cases.

    A case reaches a stage when it reached the one before: the page let it choose, the visitor took a time at Calendly, a
    row of `"Booking"` is there, one with a price is paid. A step that expects a refusal and gets it is none of these, nor is
    the booking of a visitor of the other path who takes part.
    Most scenarios stop on purpose before they pay.
    """
    import pandas as pd

    cases = _executed(run)
    rows = []
    for path in PATHS:
        stages = _reached(run, path)
        reached = set(cases.loc[cases["path"] == path, "scenario_id"])
        total = max(1, len(reached))
        for stage, there in zip(_STAGES, stages, strict=True):
            reached &= there
            rows.append((stage, path, len(reached), len(reached) / total))
    return pd.DataFrame(rows, columns=["stage", "path", "cases", "share"])


def finding(run: Run) -> str:
    """Which path costs more, and whether both hold, in one sentence."""
    rows = {row["path"]: row for row in records(comparison(run))}
    missing = [path for path in PATHS if not rows[path]["cases"]]
    if missing:
        return f"No {' and no '.join(missing)} visitor was exercised, so the paths cannot be compared"
    bad = {path: int(rows[path]["failed"]) for path in PATHS if rows[path]["failed"]}
    failing = [f"{so_many(count, f'{path} scenario')} fail{'s' * (count == 1)}" for path, count in bad.items()]
    held = " and ".join(failing) or "Both paths hold"
    one, two = (float(rows[path]["median_us"]) for path in PATHS)
    if not one or not two:
        return held + so_far(run)
    slow, fast = (PATHS[1], PATHS[0]) if two > one else (PATHS[0], PATHS[1])
    ratio = max(one, two) / min(one, two)
    return f"{held}; the median {slow} scenario takes {ratio:.1f} times as long as the {fast} one{so_far(run)}"


def latency_chart(run: Run) -> Chart:
    """Median latency of each step that both paths have, with 95 % intervals."""
    both = step_latency(run)
    rows = records(both[both.groupby("verb")["path"].transform("nunique") == len(PATHS)])
    verbs = list(dict.fromkeys(row["verb"] for row in rows))[::-1]
    figure, place = axes(height=max(1.8, 0.55 * len(verbs) + 1.0))
    for path, shift in zip(PATHS, (0.17, -0.17), strict=True):
        own = [row for row in rows if row["path"] == path]
        heights = [verbs.index(row["verb"]) + shift for row in own]
        medians = [row["median_us"] / 1000 for row in own]
        style = {"color": COLOURS[path], "hatch": HATCHES.get(path, ""), "edgecolor": "white", "label": path}
        place.barh(heights, medians, height=0.32, **style)
        if own:
            spread = [[_gap(row, bound) for row in own] for bound in ("low_us", "high_us")]
            place.errorbar(medians, heights, xerr=spread, fmt="none", ecolor=COLOURS["ink"], elinewidth=1, capsize=2)
    place.set_yticks(range(len(verbs)), verbs)
    place.set_xlabel("median, milliseconds (line: 95 % interval)", color=COLOURS["muted"])
    if verbs:
        place.legend(frameon=False, ncols=2, fontsize=9, loc="lower left", bbox_to_anchor=(0, 1))
    else:
        place.set(xlim=(0, 1), xticks=[], xlabel="")
        place.text(0.01, 0.5, "no step was taken on both paths", transform=place.transAxes, color=COLOURS["muted"])
    words = "; ".join(f"{row['verb']} {row['path']} {duration_text(row['median_us'])}" for row in rows) or "no steps"
    return Chart(figure, f"Bar chart of the median latency of each step on both paths: {words}.")


def funnel_chart(run: Run) -> Chart:
    """How far the cases of each path come, as bars of their share."""
    rows = records(funnel(run))
    figure, places = axes(height=2.6, columns=2)
    for path, place in zip(PATHS, places, strict=True):
        own = [row for row in rows if row["path"] == path][::-1]
        shares = [row["share"] * 100 for row in own]
        style = {"color": COLOURS[path], "hatch": HATCHES.get(path, ""), "edgecolor": "white"}
        bars = place.barh([row["stage"] for row in own], shares, height=0.62, **style)
        place.bar_label(bars, [str(row["cases"]) for row in own], padding=3, fontsize=9, color=COLOURS["muted"])
        place.set_xlim(0, 112)
        place.set_title(path, loc="left", fontsize=10)
        place.set_xlabel("% of its scenarios", color=COLOURS["muted"])
    places[1].set_yticklabels([])
    words = "; ".join(f"{row['path']}: {row['stage']} {row['cases']}" for row in rows)
    return Chart(figure, f"Two bar charts of how far scenarios come on each path. {words}.")


def gate(run: Run) -> list[str]:
    """Closed when the run is not whole, a path was not exercised, or a scenario of one did not hold."""
    reasons, rows = whole(run), comparison(run)
    reasons += [f"No scenario took the {path} path." for path in rows.loc[rows["cases"] == 0, "path"]]
    reasons += [f"{so_many(r['failed'])} of the {r['path']} path did not hold." for r in records(rows) if r["failed"]]
    return reasons


def _executed(run: Run) -> pd.DataFrame:
    cases = case_frame(run)
    cases = cases[cases["outcome"] != "skipped"].reset_index(drop=True)
    return cases.assign(path=cases["actor"].where(cases["actor"] == "anonymous", "authenticated"))


def _of(run: Run, table: str, ids: set[str]) -> pd.DataFrame:
    rows = final_rows(run, table)
    return rows[rows["scenario_id"].isin(list(ids))]


def _reached(run: Run, path: str) -> tuple[set[str], ...]:
    """The cases with evidence of each stage, whether or not they came through the one before."""
    import pandas as pd

    steps, checks = final_rows(run, "steps"), final_rows(run, "checks")
    refused = checks.loc[checks["path"] == "$.refused", ["scenario_id", "step"]].drop_duplicates()
    done = steps[steps["outcome"] == "passed"].merge(refused, how="left", indicator="was")
    done = done[done["was"] == "left_only"]
    rows = final_rows(run, "row_changes")
    rows = _without(rows[rows["table"] == "Booking"], path)
    amounts = rows[rows["column"] == "amount"]
    free = amounts[pd.to_numeric(amounts["after"].str.strip('"'), errors="coerce").fillna(0) == 0]
    paid = rows[(rows["column"] == "paymentStatus") & (rows["after"] == '"PAID"')]
    paid = paid.merge(free[["scenario_id", "key"]].drop_duplicates(), how="left", indicator="was")
    return (
        set(done.loc[done["verb"] == "select_session", "scenario_id"]),
        set(done.loc[done["verb"] == "schedule", "scenario_id"]),
        set(rows.loc[rows["operation"] == "insert", "scenario_id"]),
        set(paid.loc[paid["was"] == "left_only", "scenario_id"]),
    )


def _without(bookings: pd.DataFrame, path: str) -> pd.DataFrame:
    """The changes without those of bookings that were stored for a visitor of the other path."""
    clients = bookings[(bookings["operation"] == "insert") & (bookings["column"] == "clientId")]
    others = clients[(clients["after"] == "null") != (path == "anonymous")][["scenario_id", "key"]].drop_duplicates()
    told = bookings.merge(others, how="left", on=["scenario_id", "key"], indicator="whose")
    return told[told["whose"] == "left_only"].drop(columns="whose")


def _template(path: str) -> str:
    """`path` with ids left out, so that the same request counts as one."""
    parts = path.split("?", maxsplit=1)[0].split("/")
    return "/".join("{id}" if any(c.isdigit() or c == "%" for c in part) else part for part in parts)


def _kind(status: int) -> str:
    return "accepted" if status < 400 else "refused" if status < 500 else "failed"


def _count(counts: pd.DataFrame, name: str, column: tuple[str, str]) -> int:
    return int(counts[column].loc[name]) if column in counts.columns else 0


def _gap(row: dict[str, Any], bound: str) -> float:
    """From the median to a bound, in milliseconds; 0 where there is no interval."""
    import pandas as pd

    return 0.0 if pd.isna(row[bound]) else abs(row[bound] - row["median_us"]) / 1000
