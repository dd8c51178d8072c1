"""A report as one JSON document: what notebooks, scripts and `apply` read (`migration.json`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from harness.migrations.checking import Report
from harness.migrations.findings import Finding
from harness.migrations.locks import mode_words
from harness.migrations.observing import Cost
from harness.migrations.tracing import Observation

__all__ = ["SCHEMA_VERSION", "document", "render"]

SCHEMA_VERSION = 1


def render(report: Report, rollout: Mapping[str, Any] | None = None) -> str:
    """The document as text, keys in a fixed order, ending with a newline."""
    return json.dumps(document(report, rollout), indent=2, ensure_ascii=False) + "\n"


def document(report: Report, rollout: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """verdict, findings, phases, locks, opinions, rollout and where all this was measured. Durations are microseconds."""
    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": report.verdict,
        "migrations": [
            {"name": script.name, "file": script.display, "checksum": script.checksum} for script in report.plan.target
        ],
        "baseline": [{"name": script.name, "checksum": script.checksum} for script in report.plan.baseline],
        "runner": report.runner,
        "server": report.server,
        "rows": report.rows,
        "production_rows": report.production_rows,
        "findings": [of_finding(finding) for finding in report.findings],
        "phases": [
            {"name": p.name, "status": p.status, "reason": p.reason, "duration_us": p.duration_us}
            for p in report.phases
        ],
        "locks": [entry for observation in report.observations for entry in _locks(observation)],
        "statements": [_statement(observation, report.costs) for observation in report.observations],
        "opinions": [
            {
                "rule": o.rule,
                "file": o.position.file,
                "line": o.position.line,
                "message": o.message,
                "verdict": o.verdict,
                "because": o.because,
            }
            for o in report.opinions
        ],
        "traffic": asdict(report.impact) if report.impact is not None else None,
        "identity": report.identity.as_json() if report.identity is not None else None,
        "way_back": list(report.way_back),
        "notes": list(report.notes),
        "rollout": dict(rollout) if rollout is not None else {"cells": [], "order": []},
    }


def of_finding(finding: Finding) -> dict[str, Any]:
    """One finding with the fields that the notebook reads."""
    return {
        "id": finding.id,
        "severity": finding.severity.word,
        "phase": finding.phase,
        "file": finding.position.file,
        "line": finding.position.line,
        "column": finding.position.column,
        "table": finding.table,
        "statement": finding.statement,
        "evidence": finding.evidence,
        "status": finding.status,
        "remedy": finding.remedy,
        "reason": finding.reason,
        "suppressed": finding.suppressed,
    }


def _locks(observation: Observation) -> list[dict[str, Any]]:
    statement = observation.unit.statement
    return [
        {
            "file": statement.position.file,
            "line": statement.position.line,
            "statement": statement.short,
            "table": lock.table,
            "on": lock.on,
            "mode": mode_words(lock.mode),
            "held_before": lock in observation.held,
            "sampled": observation.sampled,
        }
        for lock in sorted(observation.locks)
    ]


def _statement(observation: Observation, costs: Any) -> dict[str, Any]:
    statement = observation.unit.statement
    cost: Cost | None = next((entry for entry in costs if entry.statement is statement), None)
    return {
        "file": statement.position.file,
        "line": statement.position.line,
        "statement": statement.short,
        "transaction": observation.unit.transaction,
        "rewritten": list(observation.rewritten),
        "scanned": list(observation.scanned),
        "built": [index for index, _ in observation.built],
        "written": dict(observation.written),
        "wal_bytes": observation.wal,
        "rows": list(cost.rows) if cost else [],
        "duration_us": [int(s * 1e6) for s in cost.seconds] if cost else [int(observation.seconds * 1e6)],
        "estimate_us": int(cost.estimate * 1e6) if cost else None,
        "failure": str(observation.failure) if observation.failure else None,
    }
