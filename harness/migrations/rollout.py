"""`harness migrate rollout`: {legacy, reference} × {before, after}, run, and the deploy order that follows (MIGRATIONS.md 1.2)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from harness.errors import InputError
from harness.migrations.findings import Finding

__all__ = ["CELLS", "Cell", "Rollout", "Step", "SuiteOutcome", "SuiteRun", "as_document", "as_text", "rollout"]

CELLS = (("legacy", "before"), ("legacy", "after"), ("reference", "before"), ("reference", "after"))


@dataclass(frozen=True, slots=True)
class SuiteOutcome:
    """One scenario in one cell. `outcome` as in the records: passed, failed, error, skipped."""

    scenario_id: str
    name: str
    covers: tuple[str, ...]
    actor: str
    outcome: str
    failure: str


class SuiteRun(Protocol):
    """Runs the scenario suite with an application profile on a schema."""

    def __call__(self, profile: str, schema: str) -> Sequence[SuiteOutcome]: ...


@dataclass(frozen=True, slots=True)
class Cell:
    """One application on one schema. `rules` maps each covered rule to passed or failed."""

    profile: str
    schema: str
    outcomes: tuple[SuiteOutcome, ...]

    @property
    def name(self) -> str:
        """As in `legacy on before`."""
        return f"{self.profile} on {self.schema}"

    @property
    def passed(self) -> frozenset[str]:
        """Ids of the scenarios that passed."""
        return frozenset(o.scenario_id for o in self.outcomes if o.outcome == "passed")

    @property
    def rules(self) -> dict[str, str]:
        """A rule fails when any scenario that covers it fails."""
        found: dict[str, str] = {}
        for outcome in self.outcomes:
            for rule in outcome.covers:
                if outcome.outcome != "skipped" and found.get(rule) != "failed":
                    found[rule] = "passed" if outcome.outcome == "passed" else "failed"
        return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the order, and the cells or findings that prove it."""

    number: int
    text: str
    because: str
    proof: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rollout:
    """Cells and order. `clear` is False when neither order keeps what works today."""

    cells: tuple[Cell, ...]
    order: tuple[Step, ...]
    clear: bool
    findings: tuple[Finding, ...] = field(default=())

    def cell(self, profile: str, schema: str) -> Cell:
        """The cell of a profile and a schema."""
        return next(cell for cell in self.cells if (cell.profile, cell.schema) == (profile, schema))


def rollout(suite: SuiteRun, findings: Sequence[Finding]) -> Rollout:
    """Run the four cells and derive the order. Raises InputError when a cell ran no scenario: nothing proves nothing."""
    cells = tuple(Cell(profile, schema, tuple(suite(profile, schema))) for profile, schema in CELLS)
    for cell in cells:
        if not cell.outcomes:
            raise InputError(f"no scenario ran in the cell {cell.name}.", "Select scenarios that there are.")
        if all(outcome.outcome == "error" for outcome in cell.outcomes):
            raise InputError(
                f"every scenario of the cell {cell.name} is an error: {cell.outcomes[0].failure}", "Run it alone first."
            )
    steps = _Steps({(cell.profile, cell.schema): cell for cell in cells}, findings)
    return Rollout(cells, tuple(steps.order()), steps.clear, tuple(findings))


class _Steps:
    """From cells to an order."""

    def __init__(self, cells: Mapping[tuple[str, str], Cell], findings: Sequence[Finding]) -> None:
        self.cells, self.findings = cells, findings
        today = cells["legacy", "before"].passed
        goal = cells["reference", "after"].passed
        self.lost_by_migrating = sorted(today - cells["legacy", "after"].passed)
        self.lost_by_releasing = sorted((goal | today) - cells["reference", "before"].passed - (today - goal))
        self.kept = today & cells["legacy", "after"].passed
        self.gained = sorted(goal - today)

    @property
    def clear(self) -> bool:
        """Whether one of the two orders loses nothing."""
        return not self.lost_by_migrating or not self.lost_by_releasing

    def order(self) -> Iterator[Step]:
        texts = (
            self._migrate_first()
            if len(self.lost_by_migrating) <= len(self.lost_by_releasing)
            else self._release_first()
        )
        for number, (text, because, proof) in enumerate(texts, start=1):
            yield Step(number, text, because, proof)

    def _migrate_first(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        yield (
            "Migrate, with the running release in place: `harness migrate apply --execute` (lock timeout, retries).",
            self._kept_words(),
            ("legacy on before", "legacy on after"),
        )
        if self.lost_by_releasing:
            yield (
                "Do not release the new code before that.",
                f"on the old schema it fails {_scenarios(self.lost_by_releasing)}{self._whose(self.lost_by_releasing)}: {self._first_failure(('reference', 'before'), self.lost_by_releasing)}",
                ("reference on before",),
            )
        yield (
            "Release the new code; end the old release everywhere before visitors reach the new one.",
            f"{_scenarios(self.gained)} pass{'es' * (len(self.gained) == 1)} that failed before"
            if self.gained
            else "it passes what passed before",
            ("reference on after",),
        )
        yield from self._afterwards()

    def _release_first(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        yield (
            "Release the new code first: it copes with the old schema.",
            f"{_scenarios(self.lost_by_releasing)} fail{'s' * (len(self.lost_by_releasing) == 1)} there, {len(self.lost_by_migrating)} would with the old code on the new schema",
            ("reference on before", "legacy on after"),
        )
        why = (
            f"the old code fails on the new schema: {self._first_failure(('legacy', 'after'), self.lost_by_migrating)}"
        )
        yield ("Then migrate.", why, ("legacy on after", "reference on after"))
        yield from self._afterwards()

    def _afterwards(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        nulls = [f for f in self.findings if f.id == "compat.old-app-sees-null"]
        if nulls:
            why = f"{nulls[0].evidence}. {nulls[0].reason}"
            yield (
                "From the first row of the new kind on, the old release is at risk: do not run both longer than needed, and do not go back to it.",
                why,
                ("compat.old-app-sees-null",),
            )
        back = [f for f in self.findings if f.id.startswith("down.")]
        if back:
            yield ("The way back ends there too.", f"{back[0].evidence}. Look first:\n{back[0].remedy}", (back[0].id,))

    def _kept_words(self) -> str:
        if self.lost_by_migrating:
            return f"the old code loses {_scenarios(self.lost_by_migrating)}: {self._first_failure(('legacy', 'after'), self.lost_by_migrating)}"
        if len(self.kept) == 1:
            return "the one scenario that passes today passes on the new schema with the old code too"
        return f"all {len(self.kept)} scenarios that pass today pass on the new schema with the old code too"

    def _whose(self, lost: Sequence[str]) -> str:
        actors = {o.actor for cell in self.cells.values() for o in cell.outcomes if o.scenario_id in lost}
        return f" ({', '.join(sorted(actors))} visitors)" if actors else ""

    def _first_failure(self, cell: tuple[str, str], lost: Sequence[str]) -> str:
        outcome = next((o for o in self.cells[cell].outcomes if o.scenario_id in lost and o.failure), None)
        return f"{outcome.name}: {outcome.failure}" if outcome else "no scenario"


def _scenarios(ids: Collection[str]) -> str:
    return f"{len(ids)} scenario{'s' * (len(ids) != 1)}"


def as_text(result: Rollout) -> str:
    """Matrix, rules that differ between cells, and the numbered order."""
    lines = [f"{'':<22}{'before':>22}{'after':>22}"]
    for profile in ("legacy", "reference"):
        shown = [_score(result.cell(profile, schema)) for schema in ("before", "after")]
        lines.append(f"{profile:<22}{shown[0]:>22}{shown[1]:>22}")
    lines += [
        "",
        "RULES that do not come out alike (L legacy, R reference; b before, a after)",
        f"  {'rule':<8}{'L b':>8}{'L a':>8}{'R b':>8}{'R a':>8}",
    ]
    for rule, states in _rule_table(result):
        if len(set(states)) > 1:
            lines.append(f"  {rule:<8}" + "".join(f"{state:>8}" for state in states))
    lines += ["", "ORDER"]
    for step in result.order:
        lines += [
            f"  {step.number}. {step.text}",
            f"     {step.because}".replace("\n", "\n     "),
            f"     proved by: {', '.join(step.proof)}",
        ]
    return "\n".join(lines) + "\n"


def as_document(result: Rollout) -> dict[str, Any]:
    """`rollout` of migration.json: cells[] and order[]."""
    return {
        "cells": [
            {
                "profile": cell.profile,
                "schema": cell.schema,
                "passed": len(cell.passed),
                "failed": sum(o.outcome in {"failed", "error"} for o in cell.outcomes),
                "rules": cell.rules,
                "failures": [
                    {"scenario_id": o.scenario_id, "failure": o.failure}
                    for o in cell.outcomes
                    if o.outcome in {"failed", "error"}
                ],
            }
            for cell in result.cells
        ],
        "order": [
            {"number": s.number, "step": s.text, "because": s.because, "proof": list(s.proof)} for s in result.order
        ],
        "clear": result.clear,
    }


def _rule_table(result: Rollout) -> Iterator[tuple[str, list[str]]]:
    rules = [cell.rules for cell in result.cells]
    for rule in sorted({name for each in rules for name in each}):
        yield rule, [each.get(rule, "-") for each in rules]


def _score(cell: Cell) -> str:
    ran = [outcome for outcome in cell.outcomes if outcome.outcome != "skipped"]
    return f"{len(cell.passed)} of {len(ran)} pass"
