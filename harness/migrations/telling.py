"""A finding of a known hazard, with reason and remedy filled in for one statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from harness.migrations.actions import quoted
from harness.migrations.clauses import place
from harness.migrations.findings import Finding, Severity, Status
from harness.migrations.hazards import HAZARDS
from harness.migrations.statements import Statement, without_passwords

__all__ = ["finding"]


def _relation(label: str) -> str:
    """A table's label as SQL."""
    return ".".join(quoted(part) for part in label.split(".", 1)) if label else "…"


def _suffixed(name: str, suffix: str) -> str:
    """A quoted or plain identifier with something added to it."""
    return f'{name[:-1]}{suffix}"' if name.endswith('"') else f"{name}{suffix}"


class _Blank(defaultdict[str, str]):
    """Names that a finding does not fill in stay visible as an ellipsis."""

    def __missing__(self, key: str) -> str:
        return "…"


def finding(
    hazard: str,
    severity: Severity,
    phase: str,
    statement: Statement,
    evidence: str,
    *,
    table: str = "",
    status: Status = "measured",
    names: Mapping[str, str] | None = None,
    remedy: str = "",
    about: str = "",
) -> Finding:
    """A finding of a known hazard; reason and remedy come from HAZARDS, or `remedy` is one made for this statement.

    It stands where the clause that names what it is `about` begins (`harness.migrations.clauses.place`).

    Raises KeyError for an id that is not there.
    """
    entry = HAZARDS[hazard]
    given = {"table": _relation(table), **(names or {})}
    filled = _Blank(str, {"statement": statement.text.rstrip(";"), "bare": table.rsplit(".", 1)[-1], **given})
    for name, suffix in (
        ("table", "kept"),
        ("column", "new"),
        ("column", "old"),
        ("column", "before"),
        ("name", "new"),
    ):
        filled[f"{name}_{suffix}"] = _suffixed(given.get(name, "…").rsplit(".", maxsplit=1)[-1], f"_{suffix}")
    allowance = next((a for a in statement.allowances if a.covers(hazard) and a.reason), None)
    return Finding(
        id=hazard,
        severity=severity,
        phase=phase,
        position=place(statement, about),
        statement=statement.short,
        evidence=without_passwords(evidence),
        remedy=without_passwords(remedy or entry.remedy.format_map(filled)),
        reason=entry.reason,
        status=status,
        table=table,
        suppressed=allowance.reason if allowance else "",
    )
