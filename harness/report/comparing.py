"""What changed between two runs, scenario by scenario."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from harness.report.analysis.cases import case_frame, over_rounds
from harness.report.loading import Run, load

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SLOWER_AT_LEAST_US", "SLOWER_BY", "Comparison", "compare"]

SLOWER_BY = 2.0
"""A scenario is slower when it takes this many times as long …"""
SLOWER_AT_LEAST_US = 50_000
"""… and at least this many microseconds more: what takes two milliseconds doubles by chance."""

_BAD = frozenset({"failed", "error"})
_COLUMNS = ("scenario_id", "name", "change", "before", "after", "before_us", "after_us", "failure")


class Comparison(Struct, frozen=True):
    """Two runs side by side. Each tuple holds scenario ids, in the order of the later run."""

    before: str
    after: str
    broken: tuple[str, ...]
    fixed: tuple[str, ...]
    new: tuple[str, ...]
    removed: tuple[str, ...]
    slower: tuple[str, ...]
    still_failing: tuple[str, ...]
    unchanged: int
    same_evidence: bool
    """Whether all that the seed decides is the same in both, byte for byte (both runs came to their end)."""
    table: pd.DataFrame
    """scenario_id, name, change, before, after (outcomes), before_us, after_us, failure (of the later run)"""

    def text(self) -> str:
        """The comparison as a person reads it, worst first."""
        lines = [f"{self.before} → {self.after}"]
        rows = {str(row.scenario_id): row for row in self.table.itertuples()}
        for name in ("broken", "still_failing", "fixed", "new", "removed", "slower"):
            ids: Sequence[str] = getattr(self, name)
            if ids:
                lines.append(f"\n{name.replace('_', ' ')} ({len(ids)})")
                lines += [f"  {scenario_id}{_detail(name, rows[scenario_id])}" for scenario_id in ids]
        lines.append(f"\nunchanged {self.unchanged}")
        if self.same_evidence:
            lines.append("the evidence is the same, byte for byte")
        return "\n".join(lines)

    def finding(self) -> str:
        """The comparison in one sentence."""
        names = ("broken", "still_failing", "fixed", "new", "removed", "slower")
        counts = [(len(getattr(self, name)), name.replace("_", " ")) for name in names]
        said = ", ".join(f"{count} {name}" for count, name in counts if count)
        return f"{said or 'nothing changed'}; {self.unchanged} unchanged"

    def _repr_html_(self) -> str:
        from harness.report.analysis.present import heading, note, table

        named = {"before_us": "took_before_us", "after_us": "took_after_us"}  # a table's titles leave the unit out
        rows = self.table[self.table["change"] != "unchanged"].drop(columns=["name"]).rename(columns=named)
        parts = (
            heading(self.finding(), level=3),
            note(f"{self.before} → {self.after}"),
            table(rows, "What changed", name="changes"),
        )
        return "".join(part.html for part in parts)


def compare(
    before: Run | str | Path,
    after: Run | str | Path,
    *,
    slower_by: float = SLOWER_BY,
    at_least_us: int = SLOWER_AT_LEAST_US,
) -> Comparison:
    """Compare two runs case by case; its id survives a rename where the scenario has an `id`.

    A case that a run ran several times (`--repeat`) is as its worst round, and takes the median of them.

    A scenario is slower when it takes `slower_by` times as long and at least `at_least_us` microseconds more.
    """
    first, second = _loaded(before), _loaded(after)
    table = _table(over_rounds(case_frame(first)), over_rounds(case_frame(second)), slower_by, at_least_us)

    def ids(change: str) -> tuple[str, ...]:
        return tuple(str(found) for found in table.loc[table["change"] == change, "scenario_id"])

    return Comparison(
        before=first.run_id,
        after=second.run_id,
        broken=ids("broken"),
        fixed=ids("fixed"),
        new=ids("new"),
        removed=ids("removed"),
        slower=ids("slower"),
        still_failing=ids("still failing"),
        unchanged=len(ids("unchanged")),
        same_evidence=first.manifest.evidence is not None and first.manifest.evidence == second.manifest.evidence,
        table=table,
    )


def _loaded(run: Run | str | Path) -> Run:
    return run if isinstance(run, Run) else load(run)


def _table(before: pd.DataFrame, after: pd.DataFrame, slower_by: float, at_least_us: int) -> pd.DataFrame:
    import pandas as pd

    old: dict[str, Any] = {str(row.scenario_id): row for row in before.itertuples()}
    new: dict[str, Any] = {str(row.scenario_id): row for row in after.itertuples()}
    rows = []
    for scenario_id in [*new, *(found for found in old if found not in new)]:
        one, two = old.get(scenario_id), new.get(scenario_id)
        rows.append(
            (
                scenario_id,
                (new if two is not None else old)[scenario_id].name,
                _change(one, two, slower_by, at_least_us),
                getattr(one, "outcome", None),
                getattr(two, "outcome", None),
                getattr(one, "duration_us", None),
                getattr(two, "duration_us", None),
                getattr(two, "failure", None),
            )
        )
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    return table.astype({"before_us": "Int64", "after_us": "Int64"})


def _change(one: object, two: object, slower_by: float, at_least_us: int) -> str:
    if one is None:
        return "broken" if getattr(two, "outcome", "") in _BAD else "new"
    if two is None:
        return "removed"
    was, now = getattr(one, "outcome", "") in _BAD, getattr(two, "outcome", "") in _BAD
    if was or now:
        return "still failing" if was and now else "broken" if now else "fixed"
    took, takes = int(getattr(one, "duration_us", 0)), int(getattr(two, "duration_us", 0))
    return "slower" if takes >= slower_by * took and takes - took >= at_least_us else "unchanged"


def _detail(change: str, row: object) -> str:
    if change in ("broken", "still_failing"):
        return f"\n      {getattr(row, 'failure', None) or ''}".rstrip()
    if change == "slower":
        return f"   {getattr(row, 'before_us', 0) / 1000:.0f} → {getattr(row, 'after_us', 0) / 1000:.0f} ms"
    return ""
