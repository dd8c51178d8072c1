"""What there is to see of one case: its message, its requests with their bodies, its rows, its checks."""

from __future__ import annotations

import html
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from harness.report.analysis import incident
from harness.report.analysis.cases import case_frame, records
from harness.report.analysis.present import Shown, heading, note, plain_table
from harness.report.loading import Run

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["case_choices", "changed_rows", "requests", "show"]

_MARKS = {"passed": "✓", "failed": "✗", "error": "⚠", "skipped": "○"}
_LONGEST = 4_000  # characters of a body that are shown; the whole of it is in the run's `bodies`


def case_choices(run: Run, *, failures_only: bool) -> list[tuple[str, str]]:
    """(label, scenario_id) of each case, the worst first; only what did not hold if asked."""
    order = {"error": 0, "failed": 0}
    rows = sorted(records(case_frame(run)), key=lambda row: order.get(row["outcome"], 1))
    kept = [row for row in rows if not failures_only or row["outcome"] in order]
    return [(f"{_MARKS[row['outcome']]} {row['scenario_id']}", row["scenario_id"]) for row in kept]


def requests(run: Run, scenario_id: str) -> pd.DataFrame:
    """Every request of the case, of visitors, providers and to them, with bodies.

    Columns: step, who, request, status, sent, answered.
    """
    import pandas as pd

    texts = {row["body_id"]: row["text"] for row in records(run.bodies)}
    rows: list[dict[str, Any]] = []
    for kind, told in (("exchanges", _exchange), ("calendly_calls", _call), ("deliveries", _delivery)):
        for row in records(incident.case_rows(run, scenario_id, kind)):
            answer = {"sent": texts.get(row["request_body"]), "answered": texts.get(row["response_body"])}
            rows.append({"step": row["step"], **told(row), "status": row["status"], **answer})
    rows.sort(key=lambda row: row["step"])
    table_ = pd.DataFrame(rows, columns=["step", "who", "request", "status", "sent", "answered"])
    return table_.astype({"step": "int64", "status": "Int64"})


def changed_rows(run: Run, scenario_id: str) -> pd.DataFrame:
    """Every changed cell: step, operation, table, key, column, before, after."""
    return incident.row_diff(run, scenario_id).drop(columns="transaction")


def show(run: Run, scenario_id: str) -> Shown:
    """One case from its message down to its rows and requests, for a person. InputError for an unknown id."""
    chosen = incident.choose(run, scenario_id)
    assert chosen is not None  # choose() refuses an id that there is not
    row = next(row for row in records(case_frame(run)) if row["scenario_id"] == chosen)
    message = row["failure_text"] if isinstance(row["failure_text"], str) else ""
    parts = [
        heading(incident.finding(run, chosen), level=3),
        note(f"{row['file']}:{row['line']} · {row['outcome']} · {row['rerun']}"),
        Shown(f"<pre>{html.escape(message)}</pre>" if message else "", message),
        plain_table(incident.checks(run, chosen), "Checks", code=["path", "expected", "actual"]),
        _requests(requests(run, chosen)),
        plain_table(changed_rows(run, chosen), "Rows changed", code=["key", "before", "after"]),
        plain_table(incident.timeline(run, chosen), "Timeline", code=["what"]),
    ]
    return Shown("".join(part.html for part in parts), "\n".join(part.text for part in parts))


def _requests(rows: pd.DataFrame) -> Shown:
    """Requests with their bodies folded away under them."""
    told = []
    for row in records(rows):
        status = "no answer" if row["status"] is None or row["status"] != row["status"] else str(row["status"])
        bodies = "".join(
            f"<p>{name}</p><pre style='white-space:pre-wrap'>{html.escape(_pretty(row[name]))}</pre>"
            for name in ("sent", "answered")
            if isinstance(row[name], str)
        )
        first = f"step {row['step']} · {row['who']} · {row['request']} → {status}"
        told.append(f"<details><summary>{html.escape(first)}</summary>{bodies or '<p>no body</p>'}</details>")
    if not told:
        return note("Requests: none.")
    return Shown(f"<h4>Requests ({len(told)})</h4>{''.join(told)}", f"Requests: {len(told)}.")


def _pretty(text: str) -> str:
    with suppress(ValueError):  # what is no JSON stays as it is
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}\n… {len(text) - _LONGEST} characters more"


def _exchange(row: dict[str, Any]) -> dict[str, Any]:
    return {"who": row["actor"], "request": f"{row['method']} {row['path']}"}


def _call(row: dict[str, Any]) -> dict[str, Any]:
    return {"who": f"to {row['provider']}", "request": f"{row['method']} {row['url']}"}


def _delivery(row: dict[str, Any]) -> dict[str, Any]:
    return {"who": f"from {row['provider']}", "request": f"{row['event']}, attempt {row['delivery_attempt']}"}
