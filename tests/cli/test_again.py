"""Each line that a run prints to run something again does that, copied into a shell."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.report import load
from harness.scenario.targets import parse_target
from tests.support.commands import ROOT, harness

ODD = """\
feature: Odd
given: {catalog: production, visitor: anonymous}
scenarios:
  - scenario: Holds
    when: [{http: {GET: /api/scheduling/session-types}, expect: 200}]
  - scenario: "It's $$HOME \\"bad\\" `id`"
    matrix: {v: ["a b", "it's", "\\"q\\"", "$$HOME", "`id`", "*", "-k", "", "\\U0001F600", "a\\nb", "a]b[", "!x", "\\\\", "A B", "[v=a b]"]}
    when: [{http: {GET: /api/nowhere, query: {v: $v}}, expect: {status: 200, headers: {x-asked: $v}}}]
  - scenario: Of each round
    when: [{http: {GET: /api/nowhere}, expect: {status: $seed}}]
  - scenario: Ten times
    repeat: 10
    when: [{http: {GET: /api/nowhere}, expect: {status: $seed}}]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in a folder whose name, as that of its file, is what shells read otherwise."""
    project = tmp_path_factory.mktemp("one") / "my project $x"
    (project / "scenarios" / "a b").mkdir(parents=True)
    shutil.copytree(ROOT / "fixtures", project / "fixtures")
    for name in ("rules.yaml", "invariants.yaml", "tables.json"):
        shutil.copy(ROOT / "scenarios" / name, project / "scenarios")
    (project / "scenarios" / "a b" / "it's $odd & `more`.yaml").write_text(ODD)
    return project


def in_a_shell(line: str, project: Path) -> subprocess.CompletedProcess[str]:
    command = line.replace("harness", f"{sys.executable} -m harness", 1)
    return subprocess.run(command, shell=True, cwd=project, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("choices", "cases", "lines"),
    [
        (("--seed", "5"), 26, 26),
        (("--seed", "9", "--repeat", "2", "-k", "Of each", "--target", "legacy", "--schema", "after"), 2, 2),
    ],
    ids=["values", "rounds"],
)
def test_what_failed_fails_again_by_its_line(
    project: Path, tmp_path: Path, choices: tuple[str, ...], cases: int, lines: int
) -> None:
    where = ("--database", "embedded", "--report", str(tmp_path / "re ports"))
    first = harness("run", "--json", *choices, *where, cwd=project)
    assert first.code == 1, first
    failed = [each for each in json.loads(first.out)["scenarios"] if each["outcome"] == "failed"]
    again = {each["rerun"] for each in failed}
    assert (len(failed), len(again)) == (cases, lines)
    rounds = "--repeat" in choices

    def asked(line: str) -> dict[str, str]:
        meant = {each["scenario_id"]: each["failure"] for each in failed if each["rerun"] == line}
        return {each.partition("#")[0] if rounds else each: failure for each, failure in meant.items()}

    for line in sorted(again)[::5]:  # which case a line means is quickly asked; what it does then, of the last
        listed = in_a_shell(f"{line.partition(' --')[0].replace('harness run', 'harness list')} --json", project)
        assert [each["scenario_id"] for each in json.loads(listed.stdout)] == list(asked(line))
    done = in_a_shell(f"{line} --json --database embedded --report '{tmp_path / 'again'}'", project)
    found = {each["scenario_id"]: each["failure"] for each in json.loads(done.stdout)["scenarios"]}
    assert found == asked(line), done.stderr


def test_the_last_line_runs_again_what_failed_and_nothing_else(project: Path, tmp_path: Path) -> None:
    done = harness("run", "--database", "embedded", "--report", str(tmp_path / "re ports"), cwd=project)
    line = next(line for line in reversed(done.out.splitlines()) if line.startswith("rerun"))
    again = in_a_shell(line.removeprefix("rerun").strip(), project)
    assert again.returncode == 1, again
    assert (load(tmp_path / "re ports").manifest.totals["scenarios"], "26 failed in" in again.stdout) == (26, True)


@pytest.mark.parametrize("schema", [None, "before", "after"])
@pytest.mark.parametrize("name", ["reference", "legacy", "defect:I4", "http://127.0.0.1:1/x"])
def test_a_target_is_chosen_again_with_its_schema(name: str, schema: str | None) -> None:
    target = parse_target(name, schema)
    words = iter(target.chosen)
    options = dict(zip(words, words, strict=True))
    again = parse_target(options.get("--target", "reference"), options.get("--schema"))
    assert (again.name, again.schema) == (target.name, target.schema)
