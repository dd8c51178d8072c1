"""placeholder, filled below"""

from __future__ import annotations
from harness.migrations.findings import Finding
from harness.migrations.rehearsal import Rehearsal

__all__ = ["check_drift", "drift_reason"]


def drift_reason(rehearsal: Rehearsal) -> str:
    return "no models and no schema.prisma were given"


def check_drift(rehearsal: Rehearsal) -> list[Finding]:
    return []
