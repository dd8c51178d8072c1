"""What changed between two runs, scenario by scenario."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from harness.report.analysis.cases import case_frame, over_rounds
from harness.report.loading import Run, load
from harness.report.verifying import altered

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SLOWER_AT_LEAST_US", "SLOWER_BY", "Comparison", "compare"]

SLOWER_BY = 2.0
"""A scenario is slower when it takes this many times as long …"""
SLOWER_AT_LEAST_US = 50_000
"""… and at least this many microseconds more: what takes two milliseconds doubles by chance."""

_BAD = frozenset({"failed", "error"})
_ROUND = re.compile(r"#\d+\Z")
_KINDS = {
    "broken": "broken",
    "still_failing": "still failing",
    "missing": "no result",
    "skipped": "skipped now",
    "fixed": "fixed",
    "new": "new",
    "removed": "removed",
    "slower": "slower",
}
"""Each kind of change, the worst first, as it is called to people and in the table."""
_COLUMNS = ("scenario_id", "name", "change", "before", "after", "before_us", "after_us", "failure")


class Comparison(Struct, frozen=True):
    """Two runs side by side. Each tuple holds scenario ids, in the order of the later run."""

    before: str
    after: str
    broken: tuple[str, ...]
    missing: tuple[str, ...]
    """Planned in the later run too, which has no result of them: it was killed, interrupted or stopped, or lost them."""
    skipped: tuple[str, ...]
    """Executed in the earlier run, skipped in the later one."""
    fixed: tuple[str, ...]
    new: tuple[str, ...]
    """Not in the earlier run, or only skipped there."""
    removed: tuple[str, ...]
    slower: tuple[str, ...]
    still_failing: tuple[str, ...]
    unchanged: int
    notes: tuple[str, ...]
    """Why the two may not say what they seem to: a run that did not come to its end, or ran on another target."""
    same_evidence: bool
    """Whether all that the seed decides is the same in both, byte for byte (both came to their end, and lie there as written)."""
    table: pd.DataFrame
    """scenario_id, name, change, before, after (outcomes), before_us, after_us, failure (of the later run)"""

    def text(self) -> str:
        """The comparison as a person reads it, worst first."""
        lines = [f"{self.before} → {self.after}", *(f"note: {note}" for note in self.notes)]
        rows = {str(row.scenario_id): row for row in self.table.itertuples()}
        for name, words in _KINDS.items():
            ids: Sequence[str] = getattr(self, name)
            if ids:
                lines.append(f"\n{words} ({len(ids)})")
                lines += [f"  {scenario_id}{_detail(name, rows[scenario_id])}" for scenario_id in ids]
        lines.append(f"\nunchanged {self.unchanged}")
        if self.same_evidence:
            lines.append("the evidence is the same, byte for byte")
        return "\n".join(lines)

    def finding(self) -> str:
        """The comparison in one sentence."""
        counts = [(len(getattr(self, name)), words) for name, words in _KINDS.items()]
        said = ", ".join(f"{count} {name}" for count, name in counts if count)
        return f"{said or 'nothing changed'}; {self.unchanged} unchanged"

    def _repr_html_(self) -> str:
        from harness.report.analysis.present import heading, note, table

        named = {"before_us": "took_before_us", "after_us": "took_after_us"}  # a table's titles leave the unit out
        rows = self.table[self.table["change"] != "unchanged"].drop(columns=["name"]).rename(columns=named)
        parts = (
            heading(self.finding(), level=3),
            *map(note, (f"{self.before} → {self.after}", *self.notes)),
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
    same = first.manifest.evidence is not None and first.manifest.evidence == second.manifest.evidence
    changed = [f"{run.run_id}: {what}." for run in (first, second) if (what := altered(run.directory)) is not None]
    table = _table(first, second, slower_by, at_least_us)

    def ids(kind: str) -> tuple[str, ...]:
        return tuple(str(found) for found in table.loc[table["change"] == _KINDS[kind], "scenario_id"])

    return Comparison(
        before=first.run_id,
        after=second.run_id,
        **{kind: ids(kind) for kind in _KINDS},
        unchanged=int((table["change"] == "unchanged").sum()),
        notes=(*_notes(first, second), *changed),
        same_evidence=same and not changed,
        table=table,
    )


def _loaded(run: Run | str | Path) -> Run:
    return run if isinstance(run, Run) else load(run)


def _notes(first: Run, second: Run) -> Iterator[str]:
    for run in (first, second):
        if not run.complete:
            yield f"{run.run_id} did not come to its end: it was killed, or is still running."
        elif run.manifest.outcome == "interrupted":
            yield f"{run.run_id} was interrupted."
        if run.manifest.shard is not None:
            part = run.manifest.shard
            yield f"{run.run_id} was shard {part.part} of {part.cases} cases; what the other parts ran is not in it."
        if run.missing:
            yield f"{run.run_id} has no result of {len(run.missing)} of its cases."
    if first.manifest.target != second.manifest.target:
        yield f"{first.run_id} ran on {first.manifest.target}, {second.run_id} on {second.manifest.target}."


def _table(first: Run, second: Run, slower_by: float, at_least_us: int) -> pd.DataFrame:
    import pandas as pd

    before, after = over_rounds(case_frame(first)), over_rounds(case_frame(second))
    old: dict[str, Any] = {str(row.scenario_id): row for row in before.itertuples()}
    new: dict[str, Any] = {str(row.scenario_id): row for row in after.itertuples()}
    missing = {each if each in old else _ROUND.sub("", each) for each in second.missing}
    rows = []
    for scenario_id in [*new, *(found for found in old if found not in new)]:
        one, two = old.get(scenario_id), new.get(scenario_id)
        rows.append(
            (
                scenario_id,
                (new if two is not None else old)[scenario_id].name,
                _change(one, two, slower_by, at_least_us) if two is not None else _gone(scenario_id, missing),
                getattr(one, "outcome", None),
                getattr(two, "outcome", None),
                getattr(one, "duration_us", None),
                getattr(two, "duration_us", None),
                getattr(two, "failure", None),
            )
        )
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    return table.astype({"before_us": "Int64", "after_us": "Int64"})


def _gone(scenario_id: str, missing: Collection[str]) -> str:
    return _KINDS["missing" if scenario_id in missing else "removed"]


def _change(one: object, two: object, slower_by: float, at_least_us: int) -> str:
    before, after = getattr(one, "outcome", "skipped"), getattr(two, "outcome", "")
    if after in _BAD:
        return _KINDS["still_failing" if before in _BAD else "broken"]
    if after == "skipped":
        return _KINDS["new"] if one is None else "unchanged" if before == "skipped" else _KINDS["skipped"]
    if before in _BAD or before == "skipped":
        return _KINDS["fixed" if before in _BAD else "new"]
    took, takes = int(getattr(one, "duration_us", 0)), int(getattr(two, "duration_us", 0))
    return _KINDS["slower"] if takes >= slower_by * took and takes - took >= at_least_us else "unchanged"


def _detail(change: str, row: object) -> str:
    if change in ("broken", "still_failing"):
        return f"\n      {getattr(row, 'failure', None) or ''}".rstrip()
    if change == "slower":
        return f"   {getattr(row, 'before_us', 0) / 1000:.0f} → {getattr(row, 'after_us', 0) / 1000:.0f} ms"
    return ""
