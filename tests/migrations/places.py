"""Where the project's fixtures are, and small readers of reports."""

from __future__ import annotations

from pathlib import Path

from harness.migrations.checking import Report
from harness.migrations.findings import Finding

__all__ = ["CASES", "FIXTURES", "PRODUCTION", "ROOT", "SHOP", "UPDATE", "ids", "of"]

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "fixtures"
CASES = FIXTURES / "migration-cases"
SHOP = CASES / "schema.sql"
PRODUCTION = FIXTURES / "migrations"
UPDATE = PRODUCTION / "make_client_id_nullable.sql"


def ids(report: Report) -> set[str]:
    """Ids of the findings that count."""
    return {finding.id for finding in report.findings if finding.counts}


def of(report: Report, hazard: str) -> Finding:
    """The finding of that id."""
    return next(finding for finding in report.findings if finding.id == hazard)
