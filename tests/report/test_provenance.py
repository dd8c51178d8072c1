"""Where a run comes from, without saying who or where."""

from __future__ import annotations

import getpass
import json
import subprocess
from pathlib import Path

import pytest

from harness.report.provenance import Scrubber, environment, git_state, versions
from tests.report.sample import write_run


def git(project: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.test"]
    subprocess.run(["git", "-C", str(project), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    made.mkdir()
    (made / "a.yaml").write_text("one")
    git(made, "init", "-q")
    git(made, "add", ".")
    git(made, "commit", "-q", "-m", "first")
    return made


def test_a_clean_tree_has_a_commit_and_no_dirty_hash(project: Path) -> None:
    state = git_state(project)
    assert len(state["commit"] or "") == 40
    assert state["dirty"] is None


def test_the_dirty_hash_follows_what_differs(project: Path) -> None:
    (project / "a.yaml").write_text("two")
    first = git_state(project)["dirty"]
    (project / "new.yaml").write_text("untracked")
    second = git_state(project)["dirty"]
    (project / "new.yaml").write_text("untracked, otherwise")
    third = git_state(project)["dirty"]
    assert len({first, second, third, None}) == 4
    assert git_state(project)["dirty"] == third


def test_an_untracked_file_counts_whatever_its_name(project: Path) -> None:
    odd = project / 'né "quoted"\n→.yaml'
    odd.write_text("one")
    first = git_state(project)["dirty"]
    odd.write_text("two")
    assert git_state(project)["dirty"] not in {first, None}


def test_a_repository_without_a_commit_has_no_state(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "a.yaml").write_text("one")
    assert git_state(tmp_path) == {}


def test_without_git_there_is_no_commit_and_no_error(tmp_path: Path) -> None:
    assert git_state(tmp_path) == {}


def test_no_user_name_and_no_absolute_path_stand_in_a_manifest(tmp_path: Path, project: Path) -> None:
    command = ("harness", "run", str(project / "a.yaml"), "--report", str(Path.home() / "reports"), "/opt/x/y.yaml")
    write_run(tmp_path / "r", 2, project=project, command=command, inputs=(project / "a.yaml",))
    text = (tmp_path / "r" / "manifest.json").read_text()
    manifest = json.loads(text)
    assert manifest["command"] == ["harness", "run", "./a.yaml", "--report", "~/reports", "…/y.yaml"]
    assert list(manifest["inputs"]) == ["a.yaml"]
    assert str(tmp_path) not in text
    assert str(Path.home()) not in text
    assert f'"{getpass.getuser()}"' not in text


def test_every_file_written_has_its_hash(tmp_path: Path) -> None:
    manifest = write_run(tmp_path / "r", 2)
    written = {p.relative_to(tmp_path / "r").as_posix() for p in (tmp_path / "r").rglob("*") if p.is_file()}
    assert set(manifest.outputs) == written - {"manifest.json"}


def test_the_environment_holds_what_matters_and_no_password(tmp_path: Path) -> None:
    variables = {
        "CI": "true",
        "TZ": "UTC",
        "HOME": "/root",
        "HARNESS_DATABASE": "postgresql://u:hunter2@db/x",
        "SECRET": "x",
    }
    found = environment(Scrubber(tmp_path), variables)
    assert found["CI"] == "true"
    assert "hunter2" not in json.dumps(found)
    assert "HOME" not in found
    assert "SECRET" not in found


def test_versions_name_python_and_the_packages_that_take_part() -> None:
    found = versions()
    assert {"python", "platform", "pyarrow", "sqlalchemy"} <= set(found)
