"""What a run came to: outcomes, the exit code they mean, and the documents made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import Struct, field

from harness.errors import HarnessFault, MachineError
from harness.session.results import Results

__all__ = ["RunResult"]


class RunResult(Struct):
    """The last attempt of every case, in the order of the plan.

    `interrupted` and `fault` say why a run ended before its plan did; `report` is the directory it left.
    """

    run_id: str
    target: str
    seed: int
    scenarios: Results = field(default_factory=Results)
    planned: int = 0
    elapsed_s: float = 0.0
    fail_on_flaky: bool = False
    failed_again: str = "harness run --last-failed"  # the command that runs again what failed
    interrupted: bool = False
    stopped_early: bool = False
    broken_machine: str | None = None
    died: int = 0  # workers that died: on a case, which is an error then, or between two
    reports: Path | None = None  # the folder in which the run's own is
    report: Path | None = None
    manifest: dict[str, Any] = field(default_factory=dict)

    @property
    def totals(self) -> dict[str, int]:
        """How many of each outcome, and how many were flaky."""
        counts = self.scenarios.counts
        return {
            "planned": self.planned,
            **{outcome: counts[outcome] for outcome in ("passed", "failed", "error", "skipped", "flaky")},
        }

    def require_whole(self) -> None:
        """For whoever draws conclusions from what did not pass: what did not run is no part of that.

        Raises:
            KeyboardInterrupt: somebody stopped the run; it heard that, and ended in order.
            MachineError: the machine did not carry it to its end.
            HarnessFault: something of the plan is missing all the same.
        """
        if self.interrupted:
            raise KeyboardInterrupt
        if self.broken_machine is not None:
            raise MachineError(self.broken_machine)
        if len(self.scenarios) < self.planned:
            raise HarnessFault(f"Of {self.planned} scenarios, {len(self.scenarios)} ran.")

    @property
    def exit_code(self) -> int:
        """What the run as a whole says (docs/decisions/0061).

        A fault of the harness outranks all that it found; what the product did wrong outranks mistakes of scenarios.
        """
        totals = self.totals
        reasons = (
            (2, self.interrupted),
            (10, self.broken_machine),
            (3, self.died or self.scenarios.counts["fault"]),
            (1, totals["failed"]),
            (4, totals["error"]),
            (5, totals["skipped"] and not totals["passed"]),
            (11, totals["flaky"] and self.fail_on_flaky),
        )
        return next((code for code, holds in reasons if holds), 0)

    def headline(self) -> str:
        """The last line of a run, for people."""
        totals = self.totals
        said = [f"{totals[name]} {name}" for name in ("passed", "failed", "error", "skipped", "flaky") if totals[name]]
        if self.died:
            said.append(f"{self.died} worker{'s' if self.died > 1 else ''} died")
        text = ", ".join(said) or "nothing ran"
        if self.exit_code == 5:
            text += ": nothing ran"
        missing = self.planned - len(self.scenarios)
        if missing:
            why = "interrupted" if self.interrupted else "stopped"
            text += f" ({why}: {missing} of {self.planned} did not run)"
        if self.broken_machine:
            text += f" — {self.broken_machine}"
        return f"{text} in {self.elapsed_s:.1f} s"

    def broken_rules(self) -> list[str]:
        """The rules that a failed scenario covers, in order."""
        return sorted({rule for s in self.scenarios if s.outcome == "failed" for rule in s.covers})

    def document(self) -> dict[str, Any]:
        """The JSON document of `harness run --json`: the manifest plus `scenarios`."""
        return {
            **self.manifest,
            "scenarios": [
                {
                    "scenario_id": s.scenario_id,
                    "case_id": s.case_id,
                    "name": s.name,
                    "file": s.file,
                    "line": s.line,
                    "outcome": s.outcome,
                    "covers": list(s.covers),
                    "failure": s.failure,
                    "flaky": s.flaky,
                    "notes": list(s.notes),
                    "duration_us": s.duration_us,
                    "rerun": s.rerun,
                }
                for s in self.scenarios
            ],
        }

    def annotations(self) -> list[str]:
        """GitHub workflow commands: an error a failure, a warning a flaky case."""
        from harness.report.github import annotated

        return annotated(self.scenarios)
