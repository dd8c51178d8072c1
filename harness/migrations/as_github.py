"""A report as GitHub workflow commands, which show up as annotations on the lines of the migration."""

from __future__ import annotations

from harness.migrations.checking import Report
from harness.migrations.findings import Severity

__all__ = ["render"]

_COMMANDS = {
    Severity.BLOCKER: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "notice",
    Severity.INFO: "notice",
}


def render(report: Report) -> str:
    """One line a finding, the verdict last."""
    lines = []
    for finding in report.findings:
        if not finding.counts:
            continue
        title = _property(f"{finding.id} ({finding.severity.word})")
        place = f"file={_property(finding.position.file)},line={finding.position.line},col={finding.position.column},title={title}"
        lines.append(f"::{_COMMANDS[finding.severity]} {place}::{_data(f'{finding.evidence}. {finding.reason}')}")
    lines.append(f"::notice title=harness migrate check::{_data(report.verdict)}")
    return "\n".join(lines) + "\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
