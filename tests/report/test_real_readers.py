"""The result files read by the tools that they are made for, from npm."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.report import finish, load
from tests.report.sample import write_run
from tests.support.npm import npm_tools

pytestmark = [pytest.mark.npm, pytest.mark.xdist_group("npm-readers")]


@pytest.fixture(scope="module")
def tools() -> Path:
    return npm_tools("readers", ["allure@3.18.0", "ctrf@0.3.0"])


def test_allure_reads_every_result_and_joins_the_attempts(tools: Path, tmp_path: Path) -> None:
    write_run(tmp_path / "r", 30, finished=False)
    manifest = finish(tmp_path / "r", ended_at=datetime(2026, 11, 22, 22, 0, tzinfo=UTC), with_allure=True)
    allure = tools / "node_modules" / ".bin" / "allure"
    command = [str(allure), "generate", str(tmp_path / "r" / "allure-results"), "-o", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    stats = json.loads((tmp_path / "out" / "summary.json").read_bytes())["stats"]
    totals = manifest.totals
    assert stats["total"] == totals["scenarios"]
    assert stats["passed"] == totals["passed"]
    assert stats["failed"] == totals["failed"]
    assert stats["broken"] == totals["error"]
    assert stats["skipped"] == totals["skipped"]
    assert stats["retries"] == totals["attempts"] - totals["scenarios"]


def test_the_reference_library_of_ctrf_accepts_and_reads_the_report(tools: Path, runs: Path) -> None:
    script = """
      const ctrf = require("ctrf"), text = require("fs").readFileSync(process.argv[1], "utf8");
      const report = ctrf.parse(text);
      ctrf.validateStrict(report);
      const flaky = report.results.tests.filter(test => ctrf.isTestFlaky(test)).length;
      console.log(JSON.stringify({...ctrf.calculateSummary(report.results.tests, report.results.summary), flaky}));
    """
    command = ["node", "-e", script, str(runs / "failing" / "ctrf.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=tools)
    assert done.returncode == 0, done.stderr
    summary, totals = json.loads(done.stdout), load(runs / "failing").manifest.totals
    assert summary["tests"] == totals["scenarios"]
    assert summary["passed"] == totals["passed"]
    assert summary["failed"] == totals["failed"]
    assert summary["flaky"] == totals["flaky"]
