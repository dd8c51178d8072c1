"""Where a command is typed changes nothing: ids, evidence and records are the same, and none holds an absolute path."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.project import from_here
from harness.report import load, verify
from tests.support.commands import ROOT, harness

READING = "scenarios/anonymous/reading.yaml"
MINE = """\
feature: Mine
given: {catalog: production, visitor: anonymous}
scenarios:
  - scenario: It fails
    when:
      - http: {GET: /api/nothing}
        expect: {status: 200}
"""


def ids(*arguments: str, cwd: Path) -> list[str]:
    done = harness("list", *arguments, "--json", cwd=cwd, cold=True)
    assert done.code == 0, done
    return [row["scenario_id"] for row in json.loads(done.out)]


def test_a_case_has_the_same_id_from_every_folder() -> None:
    expected = ids(READING, cwd=ROOT)
    assert expected[0].startswith(f"{READING}::")
    assert ids("reading.yaml", cwd=ROOT / "scenarios" / "anonymous") == expected
    assert ids(f"../{READING}", cwd=ROOT / "docs") == expected
    assert ids(READING, cwd=ROOT / "docs") == expected, "as the rerun line of a report names it"


def test_paths_are_those_of_the_folder_in_which_they_were_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "docs")
    assert from_here([f"../{READING}:6", "scenarios/anonymous", "no/such.yaml"]) == (
        f"{ROOT}/docs/../{READING}:6",
        "scenarios/anonymous",
        "no/such.yaml",
    )
    monkeypatch.chdir(ROOT)
    assert from_here(["scenarios:1"]) == ("scenarios:1",)


def test_scenarios_from_elsewhere_leave_no_absolute_path_and_can_be_run_again(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(MINE)
    words = (str(tmp_path / "mine.yaml"), "--database", "embedded", "--report", str(tmp_path / "reports"))
    done = harness("run", *words, cold=True)
    assert done.code == 1, done
    run = load(tmp_path / "reports")
    named = str(run.scenarios["file"].iloc[0])
    assert (ROOT / named).resolve() == (tmp_path / "mine.yaml").resolve()
    assert verify(run.directory, project=ROOT) == []
    absolute = re.compile(
        rf"(?<![.\w])(?:{re.escape(str(tmp_path))}|{re.escape(str(ROOT))}|{re.escape(str(Path.home()))}/)"
    )
    for path in run.directory.rglob("*"):
        if path.is_file() and path.suffix != ".parquet":
            found = absolute.search(path.read_text("utf-8"))
            assert found is None, f"{path.name}: {found}"
    again = subprocess.run(
        f"{sys.executable} -m {run.scenarios['rerun'].iloc[0]} --database embedded --report {tmp_path}/reports",
        shell=True, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "1 failed" in again.stdout, again
