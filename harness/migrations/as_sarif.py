"""A report as SARIF 2.1.0, for code scanning."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from harness.migrations.checking import Report
from harness.migrations.findings import Finding, Severity
from harness.migrations.hazards import HAZARDS

__all__ = ["render"]

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {
    Severity.BLOCKER: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "none",
}


def render(report: Report) -> str:
    """One run; refuted and suppressed findings are marked as suppressed, with the reason."""
    rules = sorted({finding.id for finding in report.findings})
    from harness import __version__

    run = {
        "tool": {
            "driver": {
                "name": "harness migrate check",
                "semanticVersion": __version__,
                "rules": [_rule(rule) for rule in rules],
            }
        },
        "invocations": [{"executionSuccessful": True, "exitCodeDescription": report.verdict}],
        "results": [_result(finding, rules) for finding in report.findings],
        "columnKind": "unicodeCodePoints",
        "properties": {"server": report.server, "runner": report.runner, "rows": report.rows},
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _rule(rule: str) -> dict[str, Any]:
    hazard = HAZARDS[rule]
    return {
        "id": rule,
        "shortDescription": {"text": hazard.reason},
        "help": {"text": hazard.remedy, "markdown": f"```sql\n{hazard.remedy}\n```"},
    }


def _result(finding: Finding, rules: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.id,
        "ruleIndex": rules.index(finding.id),
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.evidence}. {finding.reason}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(finding.position.file)},
                    "region": {
                        "startLine": finding.position.line,
                        "startColumn": finding.position.column,
                        "snippet": {"text": finding.statement},
                    },
                }
            }
        ],
        "properties": {
            "severity": finding.severity.word,
            "status": finding.status,
            "phase": finding.phase,
            "remedy": finding.remedy,
        },
    }
    if finding.suppressed:
        result["suppressions"] = [{"kind": "inSource", "justification": finding.suppressed}]
    return result
