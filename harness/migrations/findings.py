"""What a rehearsal has to say: findings, phases and the verdict (MIGRATIONS.md 6).

Severity is by effect: **blocker** fails on the given data, loses data or breaks the running release; **high** blocks
longer than `--max-wait` at production size, is not atomic, or has no way back; **medium** needs an order or waits
for a lock without bound; **low** and **info** are worth knowing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

from harness.errors import InputError, Position

__all__ = ["FAMILIES", "Finding", "PhaseReport", "Severity", "Status", "verdict", "worst"]

Status = Literal["measured", "predicted", "refuted"]

FAMILIES = (
    "lock",
    "rewrite",
    "scan",
    "index",
    "data",
    "compat",
    "tx",
    "rerun",
    "down",
    "drift",
    "schema",
    "check",
)


class Severity(IntEnum):
    """Ordered: a comparison with `--fail-on` decides the exit code."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    BLOCKER = 4

    @property
    def word(self) -> str:
        """The name as it is written in reports and on the command line."""
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> Severity:
        """Severity by its word; raises InputError for another word."""
        names = {severity.word: severity for severity in cls}
        if word.lower() not in names:
            raise InputError(f"severity {word!r} is not known.", f"Use one of {', '.join(names)}.")
        return names[word.lower()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One hazard: where, the evidence in numbers, and the safe way to do the same thing as SQL to copy."""

    id: str
    severity: Severity
    phase: str
    position: Position
    statement: str
    evidence: str
    remedy: str
    reason: str
    status: Status = "measured"
    table: str = ""
    suppressed: str = ""  # the reason given in the SQL; a suppressed finding is listed and never fails the check

    @property
    def family(self) -> str:
        """The part before the dot: one of FAMILIES."""
        return self.id.split(".", 1)[0]

    @property
    def counts(self) -> bool:
        """Whether it may fail a check: not refuted and not suppressed."""
        return self.status != "refuted" and not self.suppressed


@dataclass(frozen=True, slots=True)
class PhaseReport:
    """One phase: whether it ran, and if not, why. Durations are microseconds."""

    name: str
    status: Literal["run", "not checked"]
    reason: str = ""
    duration_us: int = 0
    notes: Sequence[str] = field(default=())


def worst(findings: Iterable[Finding]) -> Severity | None:
    """The highest severity among findings that count; None without any."""
    return max((finding.severity for finding in findings if finding.counts), default=None)


def verdict(findings: Sequence[Finding], phases: Sequence[PhaseReport]) -> str:
    """One sentence. It never says "safe": it says what was looked for and what was not."""
    ran = [phase.name for phase in phases if phase.status == "run"]
    missing: dict[str, list[str]] = {}  # by reason: one that breaks a phase mostly breaks the next ones too
    for phase in phases:
        if phase.status != "run":
            missing.setdefault(phase.reason, []).append(phase.name)
    untold = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in missing.items())
    rest = f"; not checked: {untold}" if missing else "; every phase was run"
    counted = [finding for finding in findings if finding.counts and finding.severity > Severity.INFO]
    if not counted:
        return f"no hazard found in {', '.join(ran) or 'nothing'}{rest}"
    parts = [
        f"{number} {severity.word}"
        for severity in sorted(Severity, reverse=True)
        if (number := sum(finding.severity is severity for finding in counted))
    ]
    hazards = "hazard" if len(counted) == 1 else "hazards"
    return f"{len(counted)} {hazards} found ({', '.join(parts)}) in {', '.join(ran)}{rest}"
