"""Allure's result files: one JSON a case, its steps with it, evidence as attachments."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from harness.errors import HarnessFault
from harness.report.cases import Cases
from harness.report.lines import Row, join, parse_instant, row_of
from harness.report.manifest import Manifest

__all__ = ["write"]

_STATUS = {"passed": "passed", "failed": "failed", "skipped": "skipped", "error": "broken"}
_HOUSE = uuid.UUID("6f1f1e0a-5a5b-5f0e-9d0e-0d6b7a1c2b3d")

Steps = Mapping[tuple[str, int], Sequence[Row]]


def write(directory: Path, manifest: Manifest, cases: Cases, events: Path, measured: Path) -> None:
    """Write one `<uuid>-result.json` an attempt; ids follow from the run and the case, so they are the same again."""
    directory.mkdir(parents=True, exist_ok=True)
    steps = _steps(events, measured)
    for case in cases:
        for row in case.attempts:
            result = _result(manifest, row, steps.get((row["scenario_id"], row["attempt"]), ()))
            if row["failure_text"]:
                result["attachments"] = [_attach(directory, result["uuid"], row["failure_text"])]
            _dump(directory / f"{result['uuid']}-result.json", result)
    facts = {"target": manifest.target, "seed": manifest.seed, **manifest.versions}
    lines = "".join(f"{name.replace(' ', '_')}={value}\n" for name, value in facts.items())
    (directory / "environment.properties").write_text(lines, encoding="utf-8")


def _result(manifest: Manifest, row: Row, steps: Sequence[Row]) -> dict[str, Any]:
    start = parse_instant(row["started_at"])
    return {
        "uuid": str(uuid.uuid5(_HOUSE, f"{manifest.run_id} {row['scenario_id']} {row['attempt']}")),
        "historyId": hashlib.sha256(row["scenario_id"].encode("utf-8", "replace")).hexdigest()[:32],
        "testCaseId": row["scenario_id"],
        "fullName": row["scenario_id"],
        "name": row["name"],
        "status": _STATUS[row["outcome"]],
        "statusDetails": {"message": row["failure"] or "", "trace": row["failure_text"] or "", "flaky": row["flaky"]},
        "stage": "finished",
        "start": _milliseconds(start.timestamp()),
        "stop": _milliseconds((start + timedelta(microseconds=row["duration_us"])).timestamp()),
        "labels": list(_labels(row)),
        "parameters": [{"name": name, "value": str(value)} for name, value in json.loads(row["params"]).items()],
        "steps": [_step(step) for step in steps],
    }


def _labels(row: Row) -> Iterator[dict[str, str]]:
    yield {"name": "suite", "value": row["file"]}
    yield {"name": "feature", "value": row["feature"]}
    yield {"name": "framework", "value": "booking-harness"}
    yield {"name": "thread", "value": str(row["worker"])}
    yield from ({"name": "tag", "value": tag} for tag in row["tags"])
    yield from ({"name": "story", "value": rule} for rule in row["covers"])


def _step(row: Row) -> dict[str, Any]:
    start = _milliseconds(parse_instant(row["clock"]).timestamp())
    return {
        "name": f"{row['phase']} {row['title']}",
        "status": _STATUS[row["outcome"]],
        "stage": "finished",
        "start": start,
        "stop": start + row["duration_us"] // 1000,
    }


def _steps(events: Path, measured: Path) -> Steps:
    found: dict[tuple[str, int], list[Row]] = {}
    with events.open("rb") as evidence, measured.open("rb") as durations:
        for line, duration in zip(evidence, durations, strict=True):
            if line.startswith(b'{"record":"steps"'):
                row = row_of(join(line.rstrip(b"\n"), duration.rstrip(b"\n")))
                if row is None:
                    raise HarnessFault("events.jsonl holds a damaged record.", "Compaction writes only whole ones.")
                found.setdefault((row["scenario_id"], row["attempt"]), []).append(row)
    return found


def _attach(directory: Path, result: str, text: str) -> dict[str, str]:
    source = f"{result}-attachment.txt"
    (directory / source).write_text(text, encoding="utf-8", errors="replace")
    return {"name": "failure", "source": source, "type": "text/plain"}


def _dump(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8", errors="replace")


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
