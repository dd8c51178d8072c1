"""The tutorial's commands are executed, the cookbook's recipes run: the pages say what is so."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.postgres import Server, open_server
from harness.scenario.loader import load
from harness.scenario.runner import run_case
from harness.scenario.stage import Stage
from harness.scenario.targets import parse_target
from tests.support.commands import ROOT, harness
from tests.support.projects import make_project

TUTORIAL = ROOT / "docs" / "tutorial.md"
COOKBOOK = ROOT / "docs" / "cookbook.md"
Block = tuple[str, str]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page: language and text."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with open_server("embedded") as server:
        yield server


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project as the reader has it, without the scenarios of this one."""
    return make_project(tmp_path, {}, kept=("rules.yaml", "invariants.yaml", "tables.json"))


@pytest.mark.long
def test_the_tutorial_is_what_happens(project: Path, server: Server) -> None:
    """Files are written as they come on the page, commands executed; each line shown is in the output, in order."""
    database = {"HARNESS_DATABASE": f"postgresql://postgres@/postgres?host={server._parameters['host']}"}
    executed = 0
    for language, text in blocks(TUTORIAL):
        if language == "yaml":
            name, _, _ = text.partition("\n")
            (project / name.removeprefix("# ")).write_text(text, encoding="utf-8")
            continue
        assert language == "console"
        for command in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            typed, *shown = command.strip().splitlines()
            line, _, code = typed.partition("   # exit code ")
            word, *arguments = shlex.split(line)
            assert word == "harness"
            done = harness(*arguments, cwd=project, env=database)
            assert done.code == int(code or 0), f"{typed}\n{done}"
            assert_shown(shown, done.out + done.err)
            executed += 1
    assert executed >= 5


def assert_shown(shown: list[str], output: str) -> None:
    """Each line, blanks aside, stands in the output after the one before; `…` is anything on the line."""
    rest = " ".join(output.split())
    for line in shown:
        pattern = ".*?".join(re.escape(" ".join(part.split())) for part in line.split("…"))
        found = re.search(pattern, rest)
        assert found, f"not in the output, or not in this order: {line}\n{output}"
        rest = rest[found.end() :]


RECIPES = [text for language, text in blocks(COOKBOOK) if language == "yaml"]


def test_there_are_recipes() -> None:
    assert len(RECIPES) >= 10
    assert {language for language, _ in blocks(COOKBOOK)} == {"yaml", "python"}


def test_every_recipe_loads_and_passes(tmp_path: Path, server: Server) -> None:
    for language, text in blocks(COOKBOOK):
        if language == "python":
            name, _, _ = text.partition("\n")
            (tmp_path / name.removeprefix("# ")).write_text(text, encoding="utf-8")
    for number, text in enumerate(RECIPES):
        (tmp_path / f"{number:02}.yaml").write_text(text, encoding="utf-8")
    suite = load([tmp_path], project=ROOT)
    stage = Stage(server, parse_target("reference"), suite, ROOT / "fixtures", lambda record: None, 1)
    try:
        records = [run_case(stage, case) for case in suite.cases]
    finally:
        stage.close()
    assert len(records) >= len(RECIPES)
    assert not [record.failure_text for record in records if record.outcome != "passed"]
