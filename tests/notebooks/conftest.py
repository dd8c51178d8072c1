"""Runs of every kind for the notebooks, with and without what migrations and strength add."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from shutil import copytree
from typing import Any

import pandas as pd
import pytest

from harness.report.manifest import seal_added
from tests.report.sample import write_run

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
KINDS = ("full", "failing", "empty", "killed", "draft")

REHEARSAL: Mapping[str, Any] = {
    "verdict": "hazards found: 1 high; not checked: live traffic",
    "findings": [
        {"id": "lock.blocks-reads", "severity": "low", "phase": "locks", "file": "a.sql", "line": 1, "statement": "ALTER …",
         "evidence": "ACCESS EXCLUSIVE on Booking for 0.7 ms", "status": "measured", "remedy": "SET lock_timeout", "reason": "queues"},
        {"id": "down.fails", "severity": "high", "phase": "down", "file": "a.sql", "line": 1, "statement": "ALTER …",
         "evidence": "23502", "status": "measured", "remedy": None, "reason": "NULL rows exist"},
    ],
    "phases": [{"name": "lint", "status": "passed", "reason": None}, {"name": "traffic", "status": "skipped", "reason": "not asked for"}],
    "locks": [{"relation": "Booking", "mode": "ACCESS EXCLUSIVE", "duration_us": 700}],
    "rollout": {"cells": [{"application": a, "schema": s, "outcome": "failed" if (a, s) == ("new", "old") else "passed"}
                          for a in ("old", "new") for s in ("old", "new")], "order": ["tolerate NULL", "migrate", "write NULL"]},
}  # fmt: skip


def strength_rows() -> pd.DataFrame:
    """Five defects: one noticed by two scenarios, two by one each, one survives, one changes nothing."""
    rows = [
        (
            "S2",
            "anonymous written into a key",
            "storage",
            ["R04"],
            "noticed",
            ["a.yaml::one", "a.yaml::two"],
            "row",
            1200,
            None,
        ),
        (
            "W2",
            "arguments of the verifier swapped",
            "webhooks",
            ["W01"],
            "noticed",
            ["w.yaml::sig"],
            "response",
            900,
            None,
        ),
        ("I1", "the first answer taken", "ids", ["B08"], "noticed", ["w.yaml::sig"], "row", 900, None),
        ("Z4", "status set through data", "ownership", ["B12"], "survived", [], None, 800, "no scenario sends it"),
        ("M6", "an end state nothing reaches", "states", [], "equivalent", [], None, 0, "unreachable"),
    ]
    names = ["defect_id", "title", "kind", "rules", "outcome", "noticed_by", "check", "duration_us", "reason"]
    return pd.DataFrame(rows, columns=names)


@pytest.fixture(scope="session")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with one run a kind; `full` passed and holds a rehearsal and a measured strength."""
    reports = tmp_path_factory.mktemp("kinds")
    write_run(reports / "full", 60, failing=False)
    (reports / "full" / "migration.json").write_text(json.dumps(REHEARSAL))
    strength_rows().to_parquet(reports / "full" / "strength.parquet")
    seal_added(reports / "full", ["migration.json", "strength.parquet"])
    write_run(reports / "failing", 60)
    write_run(reports / "killed", 30, finished=False)
    write_run(reports / "empty", 0)
    copytree(ROOT / "fixtures" / "report" / "schema-0", reports / "draft")
    return reports
