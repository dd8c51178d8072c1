"""Migrations rehearsed before production sees them: read, traced, judged, tried under traffic, and applied.

plan(path, baseline)             what is checked on top of what                               (reading)
check(server, plan, Options())   every phase, each run or not checked because… → Report       (checking)
rollout(suite, findings)         {legacy, reference} × {before, after}, and the deploy order  (rollout)
apply(url, scripts, options)     to the database named by DATABASE_URL                        (applying)

Nothing is imported until it is asked for. A function that shares its module's name is imported from there:
`from harness.migrations.rollout import rollout`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.migrations.applying import Applied, ApplyOptions, apply
    from harness.migrations.checking import PHASES, Report, check
    from harness.migrations.findings import Finding, Severity
    from harness.migrations.reading import Plan, plan
    from harness.migrations.rehearsal import Options
    from harness.migrations.traffic import Counts, Traffic

__all__ = [
    "PHASES",
    "Applied",
    "ApplyOptions",
    "Counts",
    "Finding",
    "Options",
    "Plan",
    "Report",
    "Severity",
    "Traffic",
    "apply",
    "check",
    "plan",
]

_HOMES = {
    "applying": ("Applied", "ApplyOptions", "apply"),
    "checking": ("PHASES", "Report", "check"),
    "findings": ("Finding", "Severity"),
    "reading": ("Plan", "plan"),
    "rehearsal": ("Options",),
    "traffic": ("Counts", "Traffic"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
