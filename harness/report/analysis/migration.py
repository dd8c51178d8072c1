"""A migration's rehearsal as a run left it in `migration.json`: verdict, findings, locks, the order of the rollout."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from harness.errors import InputError
from harness.report.analysis.cases import records
from harness.report.analysis.present import COLOURS, HATCHES, Chart, axes
from harness.report.loading import Run

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FILE",
    "SEVERITIES",
    "Rehearsal",
    "absent",
    "chart",
    "command",
    "finding",
    "findings",
    "gate",
    "locks",
    "order",
    "phases",
    "read",
    "read_file",
    "rollout",
]

FILE = "migration.json"
SEVERITIES = ("blocker", "high", "medium", "low", "info")

_FINDINGS = ("severity", "id", "phase", "file", "line", "statement", "evidence", "status", "remedy", "reason")
_NOT_RUN = ("failed", "error")
_PHASES = ("name", "status", "reason")


class Rehearsal(Struct, frozen=True):
    """What migration.json holds. `there` is False when the run rehearsed no migration: every table is then empty."""

    there: bool
    verdict: str
    value: Mapping[str, Any]


def read(run: Run) -> Rehearsal:
    """The rehearsal that belongs to `run`. InputError when the file is there and cannot be read."""
    return read_file(run.directory / FILE)


def read_file(path: Path) -> Rehearsal:
    """The rehearsal in a file of `harness migrate check --report`. InputError when it is there and cannot be read."""
    if not path.is_file():
        return Rehearsal(False, "", {})
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(f"{path} cannot be read: {error}.", "Run `harness migrate check` again.") from error
    if not isinstance(value, dict) or "verdict" not in value:
        raise InputError(f"{path} has no verdict.", "Run `harness migrate check` again.")
    return Rehearsal(True, str(value["verdict"]), value)


def findings(found: Rehearsal) -> pd.DataFrame:
    """One row a finding, the most severe first.

    Columns: severity, id, phase, file, line, statement, evidence, status, remedy, reason.
    """
    rows = _rows(found, "findings", _FINDINGS)
    rank = rows["severity"].map({name: number for number, name in enumerate(SEVERITIES)})
    return rows.assign(rank=rank).sort_values("rank", kind="stable").drop(columns="rank").reset_index(drop=True)


def phases(found: Rehearsal) -> pd.DataFrame:
    """One row a phase of the rehearsal: name, status, reason (why it was not run, where it was not)."""
    return _rows(found, "phases", _PHASES)


def locks(found: Rehearsal) -> pd.DataFrame:
    """One row a lock, with the columns that the rehearsal gave."""
    import pandas as pd

    return pd.DataFrame(list(found.value.get("locks") or []))


def rollout(found: Rehearsal) -> pd.DataFrame:
    """Application × schema: one row an application, one column a schema, each cell its outcome."""
    import pandas as pd

    cells = pd.DataFrame(list((found.value.get("rollout") or {}).get("cells") or []))
    if cells.empty or not {"application", "schema", "outcome"} <= set(cells.columns):
        return cells
    matrix = cells.pivot_table(index="application", columns="schema", values="outcome", aggfunc="first", sort=False)
    matrix.columns.name = None
    return matrix.reset_index()


def order(found: Rehearsal) -> list[str]:
    """The order of deployment that follows, step by step; empty when none was found."""
    return [str(step) for step in (found.value.get("rollout") or {}).get("order") or []]


def finding(found: Rehearsal) -> str:
    """The verdict in one sentence."""
    if not found.there:
        return "No migration was rehearsed with this run"
    return found.verdict[:1].upper() + found.verdict[1:]


def command(run: Run) -> str:
    """The command that rehearses a migration and leaves what it found with `run`."""
    return f"harness migrate check MIGRATION.sql --baseline fixtures/migrations --report reports/{run.directory.name}"


def absent(run: Run, found: Rehearsal) -> str:
    """Why there is nothing to judge, and how there would be; empty when there is."""
    return "" if found.there else f"no migration was rehearsed with this run; `{command(run)}` does."


def chart(found: Rehearsal) -> Chart:
    """Findings by severity, as bars."""
    counts = findings(found)["severity"].value_counts()
    values = [int(counts.get(name, 0)) for name in SEVERITIES][::-1]
    figure, place = axes(height=2.2)
    colours = [COLOURS[c] for c in ("failed", "failed", "error", "flaky", "skipped")][::-1]
    hatches = [HATCHES[c] for c in ("failed", "error", "flaky", "passed", "skipped")][::-1]
    bars = place.barh(list(SEVERITIES)[::-1], values, color=colours, hatch=hatches, edgecolor="white", height=0.6)
    place.bar_label(bars, [str(v) for v in values], padding=4, fontsize=9, color=COLOURS["muted"])
    place.set_xlabel("findings", color=COLOURS["muted"])
    place.xaxis.get_major_locator().set_params(integer=True)
    words = ", ".join(f"{counts.get(name, 0)} {name}" for name in SEVERITIES)
    return Chart(figure, f"Bar chart of findings by severity: {words}.")


def gate(found: Rehearsal) -> list[str]:
    """Closed by a blocker or high finding that was not refuted, and by a phase that failed to run.

    Open when no migration was rehearsed.
    """
    if not found.there:
        return []
    rows, ran = findings(found), phases(found)
    bad = rows[rows["severity"].isin(["blocker", "high"]) & (rows["status"] != "refuted")]
    reasons = [f"{row['severity']}: {row['id']}." for row in records(bad)]
    return reasons + [f"Phase {row['name']}: {row['status']}." for row in records(ran) if row["status"] in _NOT_RUN]


def _rows(found: Rehearsal, key: str, columns: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    rows = [{name: item.get(name) for name in columns} for item in found.value.get(key) or []]
    return pd.DataFrame(rows, columns=list(columns))
