"""A file is read once; again when it, or anything that its reading depends on, changed; and a mistake is told as ever."""

from __future__ import annotations

import os
import re
from pathlib import Path
from shutil import copytree

import pytest

from harness.errors import InputErrors
from harness.scenario import compiled as module
from harness.scenario import loader, yamltree
from harness.scenario.compiled import compiled_of
from harness.scenario.model import Suite
from tests.support.commands import ROOT
from tests.support.projects import PONDER

ONE = """
feature: One
use: [fragments/visits.yaml, own.py]
given: {catalog: production, visitor: anonymous}
scenarios:
  - scenario: Somebody looks
    covers: [R01]
    matrix: {path: [session-types, sessions/available]}
    when: [{call: {fragment: looks, with: {path: $path}}}, {ponder: 5}]
    then: [{rows: {Booking: {count: 0}}}]
"""
TWO = """
feature: Two
given: {catalog: production, visitor: client}
scenarios:
  - scenario: Somebody else looks
    when: [{http: {GET: /api/scheduling/session-types}, expect: {status: 200, body: {items: <any>}}}]
"""
VISITS = """
fragments:
  looks:
    takes: [path]
    steps: [{http: {GET: "/api/scheduling/$path"}, expect: 200}]
"""


class Project:
    """A small project, and which of its files were parsed by the last loading."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.parsed = root, list[str]()
        copytree(ROOT / "fixtures" / "catalogues", root / "fixtures" / "catalogues")
        for name in ("rules.yaml", "invariants.yaml", "tables.json"):
            self.write(f"scenarios/{name}", (ROOT / "scenarios" / name).read_text())
        self.write("scenarios/one.yaml", ONE)
        self.write("scenarios/two.yaml", TWO)
        self.write("scenarios/fragments/visits.yaml", VISITS)
        self.write("scenarios/own.py", PONDER)
        parse = yamltree.parse

        def noted(text: str | bytes, shown: str) -> object:
            self.parsed.append(shown)
            return parse(text, shown)

        monkeypatch.setattr(loader, "parse", noted)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new, 1))

    def load(self) -> Suite:
        self.parsed.clear()
        return loader.load(
            ["scenarios/one.yaml", "scenarios/two.yaml"], project=self.root, compiled=compiled_of(self.root)
        )


def told(suite: Suite) -> str:
    """All that the features hold."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(suite.features))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(tmp_path / "project", monkeypatch)


def test_what_did_not_change_is_not_read_again_and_means_the_same(project: Project) -> None:
    first, again = project.load(), project.load()
    assert project.parsed == []
    assert told(again) == told(first)
    assert [case.scenario_id for case in again.cases] == [case.scenario_id for case in first.cases]
    assert again.digests == first.digests
    assert set(again.registry.verbs) == set(first.registry.verbs)


@pytest.mark.parametrize(
    ("name", "old", "new", "read"),
    [
        ("scenarios/two.yaml", "Somebody else", "Nobody else", ["scenarios/two.yaml"]),
        ("scenarios/fragments/visits.yaml", "expect: 200", "expect: 201", ["scenarios/one.yaml"]),
        ("scenarios/own.py", "minutes: int", "minutes: int | None", ["scenarios/one.yaml", "scenarios/two.yaml"]),
        ("scenarios/tables.json", "\n", "\n\n", ["scenarios/one.yaml", "scenarios/two.yaml"]),
        ("scenarios/rules.yaml", "R01", "# \nR01", ["scenarios/one.yaml", "scenarios/two.yaml"]),
        ("scenarios/invariants.yaml", "\n", "\n# \n", ["scenarios/one.yaml", "scenarios/two.yaml"]),
        ("fixtures/catalogues/production.yaml", "\n", "\n# \n", ["scenarios/one.yaml", "scenarios/two.yaml"]),
    ],
)
def test_what_changed_is_read_again_and_all_that_depends_on_it(
    project: Project, name: str, old: str, new: str, read: list[str]
) -> None:
    project.load()
    project.edit(name, old, new)
    project.load()
    assert [shown for shown in project.parsed if "fragments" not in shown] == read
    project.load()
    assert project.parsed == []


def test_another_version_of_the_language_reads_everything_anew(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.load()
    monkeypatch.setattr(module, "_language", lambda: b"another")
    project.load()
    assert len(project.parsed) == 3


def test_a_mistake_is_told_with_its_line_whether_or_not_its_file_was_kept(project: Project) -> None:
    project.load()
    project.write(
        "scenarios/two.yaml",
        TWO.replace("Two", "One").replace("Somebody else looks", "Same").replace("- scenario", "- id: x\n    scenario"),
    )
    project.edit("scenarios/one.yaml", "- scenario", "- id: x\n    scenario")
    with pytest.raises(InputErrors) as cold:
        loader.load(["scenarios/one.yaml", "scenarios/two.yaml"], project=project.root)
    with pytest.raises(InputErrors) as warm:
        project.load()
    assert str(warm.value) == str(cold.value)
    assert "Another scenario has this id" in str(warm.value)
    assert "scenario: Same" in "".join(problem.source_line or "" for problem in warm.value.problems) + str(warm.value)


def test_a_missing_fragment_file_is_told_though_its_user_was_kept(project: Project) -> None:
    project.load()
    (project.root / "scenarios" / "fragments" / "visits.yaml").unlink()
    with pytest.raises(InputErrors, match=r"There is no fragments/visits\.yaml beside this file"):
        project.load()


@pytest.mark.parametrize("content", [b"", b"not ours", b"x" * 4096])
def test_a_torn_or_foreign_file_counts_as_none(project: Project, content: bytes) -> None:
    project.load()
    kept = project.root / ".harness" / "compiled"
    whole = kept.read_bytes()
    kept.write_bytes(content or whole[: len(whole) // 2])
    project.load()
    assert len(project.parsed) == 3
    assert kept.read_bytes() == whole


def test_a_file_whose_kept_reading_is_damaged_is_read_again_and_it_alone(project: Project) -> None:
    project.load()
    kept = project.root / ".harness" / "compiled"
    whole = kept.read_bytes()
    at = whole.index(b"Somebody else looks")
    kept.write_bytes(whole[:at] + b"Somebody else kooks" + whole[at + 19 :])
    assert [case.title for case in project.load().cases][-1] == "Somebody else looks"
    assert project.parsed == ["scenarios/two.yaml"]
    project.load()
    assert project.parsed == []


def test_a_disk_that_fills_up_costs_nothing_but_what_would_be_kept(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.load()
    kept = project.root / ".harness" / "compiled"
    whole = kept.read_bytes()
    project.edit("scenarios/two.yaml", "Somebody else", "Another person")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        assert [case.title for case in project.load().cases][-1] == "Another person looks"
    assert [path.read_bytes() for path in kept.parent.iterdir()] == [whole]


def full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_what_a_killed_writer_left_goes_and_another_at_work_is_left_alone(project: Project) -> None:
    project.load()
    old, new = (project.root / ".harness" / f".compiled.{number}" for number in (1, 2))
    for half in (old, new):
        half.write_bytes(b"half")
    os.utime(old, (0, 0))
    project.edit("scenarios/two.yaml", "Somebody else", "Another person")
    project.load()
    assert not old.exists()
    assert new.exists()


def test_only_its_owner_may_read_what_is_kept(project: Project) -> None:
    """Scenarios' own secrets stand in it, in whatever folder others may look into."""
    project.load()
    assert (project.root / ".harness" / "compiled").stat().st_mode & 0o777 == 0o600


def test_where_nothing_may_be_written_files_are_read_each_time(project: Project) -> None:
    (project.root / ".harness").write_text("a file where the folder would be")
    project.load()
    project.load()
    assert len(project.parsed) == 3


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            PONDER.replace("minutes: int", "minutes: int\n    hours: int"),
            "exists already, in own.py. Choose another name.",
        ),
        ("raise ValueError('no')", "Loading it failed: ValueError: no."),
        ("def f(:", "This is not Python"),
        (None, "other.py"),
    ],
)
def test_files_after_one_whose_verbs_cannot_be_read_are_read_all_the_same(
    tmp_path: Path, text: str | None, told: str
) -> None:
    folder = tmp_path / "scenarios"
    folder.mkdir()
    (folder / "own.py").write_text(PONDER)
    if text is not None:
        (folder / "other.py").write_text(text)
    for number, name in enumerate(("own", "other", "own", "other", "own")):
        (folder / f"{number}.yaml").write_text(TWO.replace("feature: Two", f"feature: {number}\nuse: [{name}.py]"))
    (folder / "5.yaml").write_text(TWO.replace("visitor", "visitr"))
    with pytest.raises(InputErrors) as caught:
        loader.load([folder], project=tmp_path, compiled=compiled_of(tmp_path))
    assert told in str(caught.value)
    assert "5.yaml" in str(caught.value)
