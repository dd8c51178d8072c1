"""CTRF, the Common Test Report Format: https://ctrf.io, schema 0.0."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from harness.report.cases import Case, Cases
from harness.report.disk import writing
from harness.report.lines import Row, parse_instant
from harness.report.manifest import Manifest

__all__ = ["write"]

_STATUS = {"passed": "passed", "failed": "failed", "skipped": "skipped", "error": "other"}
_WORD = "here the tests"
_TESTS = b'"%b"' % _WORD.encode("ascii")


def write(path: Path, manifest: Manifest, cases: Cases) -> None:
    """Write ctrf.json, a test at a time: the report as CTRF has it, in which a fault of the harness is `other`."""
    with writing(path) as stream:
        before, after = _indented(_around(manifest, cases)).split(_TESTS)
        stream.write(before)
        for number, case in enumerate(cases):
            stream.write(b",\n      " if number else b"[\n      ")
            stream.write(_indented(_test(case)).replace(b"\n", b"\n      "))
        stream.write((b"\n    ]" if len(cases) else b"[]") + after + b"\n")


def _indented(value: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2)


def _around(manifest: Manifest, cases: Cases) -> dict[str, Any]:
    """The document with one word where the tests belong; durations in milliseconds."""
    tool = {"name": "booking-harness"}
    if "booking-harness" in manifest.versions:
        tool["version"] = manifest.versions["booking-harness"]
    return {
        "reportFormat": "CTRF",
        "specVersion": "0.0.0",
        "runId": manifest.run_id,
        "generatedBy": "booking-harness",
        "results": {
            "tool": tool,
            "summary": _summary(manifest, cases),
            "tests": _WORD,
            "environment": _environment(manifest),
        },
    }


def _summary(manifest: Manifest, cases: Cases) -> dict[str, int]:
    totals = Counter({_STATUS[name]: manifest.totals[name] for name in _STATUS})
    end = max(manifest.end or manifest.start, manifest.start)  # a clock may go back meanwhile
    return {
        "tests": len(cases),
        **{name: totals[name] for name in ("passed", "failed", "skipped", "pending", "other")},
        "flaky": manifest.totals["flaky"],
        "suites": len(cases.files),
        "start": _milliseconds(manifest.start),
        "stop": _milliseconds(end),
        "duration": _milliseconds(end) - _milliseconds(manifest.start),
    }


def _test(case: Case) -> dict[str, Any]:
    row = case.last
    test: dict[str, Any] = {
        "testId": row["scenario_id"],
        "name": row["name"],
        "status": _STATUS[row["outcome"]],
        **_times(row),
        "suite": [row["file"], row["feature"]],
        "line": row["line"],
        "rawStatus": row["outcome"],
        "tags": row["tags"],
        "type": "e2e",
        "filePath": row["file"],
        "retries": len(case.attempts) - 1,
        "flaky": row["flaky"],
        "parameters": json.loads(row["params"]),
        "extra": {"actor": row["actor"], "target": row["target"], "seed": row["seed"], "rerun": row["rerun"]},
    }
    if row["covers"]:
        test["labels"] = {"covers": row["covers"]}
    if len(case.attempts) > 1:
        test["retryAttempts"] = [_attempt(attempt) for attempt in case.attempts[:-1]]
    return test | _failure(row)


def _attempt(row: Row) -> dict[str, Any]:
    return {"attempt": row["attempt"], "status": _STATUS[row["outcome"]], **_times(row), **_failure(row)}


def _failure(row: Row) -> dict[str, str]:
    texts = {"message": row["failure"], "trace": row["failure_text"]}
    return {name: text for name, text in texts.items() if text}


def _times(row: Row) -> dict[str, int]:
    start = parse_instant(row["started_at"])
    stop = start + timedelta(microseconds=row["duration_us"])
    return {"duration": round(row["duration_us"] / 1000), "start": _milliseconds(start), "stop": _milliseconds(stop)}


def _environment(manifest: Manifest) -> dict[str, Any]:
    facts = {
        "appName": manifest.target,
        "commit": manifest.git.get("commit"),
        "osPlatform": manifest.versions.get("platform"),
        "testEnvironment": manifest.database.get("kind"),
    }
    return {name: value for name, value in facts.items() if value} | {"healthy": manifest.outcome == "passed"}


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
