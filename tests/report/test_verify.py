"""`verify` recomputes; it notices whatever was changed, removed or added afterwards."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.report import verify
from harness.report.disk import write_sums
from harness.report.manifest import seal_added
from harness.report.verifying import altered, as_written
from tests.report.sample import write_run


def test_an_untouched_run_verifies(runs: Path) -> None:
    assert verify(runs / "failing") == []


@pytest.mark.parametrize(
    "name", ["junit.xml", "data/checks.parquet", "events.jsonl", "report.html", "plan.json", "measured.jsonl"]
)
def test_a_changed_file_is_noticed(copy_of: Callable[[str], Path], name: str) -> None:
    directory = copy_of("good")
    path = directory / name
    path.write_bytes(path.read_bytes() + b" ")
    assert [str(found)[: len(f"changed  {name}")] for found in verify(directory)] == [f"changed  {name}"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"outcome": "error"', '"outcome": "passed"'),
        ('"failed": 3', '"failed": 0'),
        ('"seed": 7', '"seed": 8'),
        ('"notes": []', '"notes":  []'),
        ('"seal": "', '"seal": "0'),
        ('"seal"', '"sael"'),
    ],
)
def test_a_manifest_that_was_edited_does_not_verify(copy_of: Callable[[str], Path], old: str, new: str) -> None:
    directory = copy_of("failing")
    path = directory / "manifest.json"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    [found] = verify(directory)
    assert found.path == "manifest.json"
    assert str(found) in {
        "changed  manifest.json: not as it was sealed",
        "unsealed manifest.json: it has no seal, as runs from before there was one, so nobody knows whether it was edited",
    }


def test_a_missing_and_an_added_file_are_noticed(copy_of: Callable[[str], Path]) -> None:
    directory = copy_of("good")
    (directory / "ctrf.json").unlink()
    (directory / "data" / "deep").mkdir()
    for name in ("data/extra.parquet", "data/deep/more", "without-an-ending", ".hidden"):
        (directory / name).write_bytes(b"x")
    assert [str(found).split()[:2] for found in verify(directory)] == [
        ["missing", "ctrf.json"],
        ["unknown", ".hidden"],
        ["unknown", "data/deep/more"],
        ["unknown", "data/extra.parquet"],
        ["unknown", "without-an-ending"],
    ]


def test_a_dossier_is_verified_with_its_run_and_by_itself(copy_of: Callable[[str], Path]) -> None:
    directory = copy_of("good")
    dossier = directory / "dossier"
    (dossier / "tables").mkdir(parents=True)
    for name in ("index.html", "rules.html", "manifest.json", "tables/checks.csv"):
        (dossier / name).write_bytes(b"x")
    (dossier / "manifest.json").write_bytes((directory / "manifest.json").read_bytes())
    write_sums(dossier)
    assert verify(directory) == verify(dossier) == []
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=dossier, check=False).returncode == 0
    (dossier / "tables" / "checks.csv").write_bytes(b"y")
    (dossier / "rules.html").unlink()
    (dossier / "tables" / "more.csv").write_bytes(b"x")
    expected = [("rules.html", "missing"), ("tables/checks.csv", "changed"), ("tables/more.csv", "unknown")]
    assert [(found.path, found.what) for found in verify(dossier)] == expected
    assert [(found.path, found.what) for found in verify(directory)] == [(f"dossier/{p}", w) for p, w in expected]


@pytest.mark.parametrize("sums", [None, b"", b"\xff\xfe", b"nothing of a hash\n"])
def test_a_dossier_without_its_hashes_does_not_verify(copy_of: Callable[[str], Path], sums: bytes | None) -> None:
    directory = copy_of("good")
    dossier = directory / "dossier"
    (dossier / "executed").mkdir(parents=True)
    (dossier / "index.html").write_bytes(b"x")
    write_sums(dossier)
    assert verify(directory) == []
    (dossier / "SHA256SUMS").unlink() if sums is None else (dossier / "SHA256SUMS").write_bytes(sums)
    assert verify(directory) != []


@pytest.mark.parametrize("name", ["strength.parquet", "migration.json", "migration.txt"])
def test_what_other_jobs_add_belongs_to_the_run_from_then_on(copy_of: Callable[[str], Path], name: str) -> None:
    directory = copy_of("good")
    path = directory / name
    path.write_text("{}")
    assert [(one.path, one.what) for one in verify(directory)] == [(name, "unknown")], "a foreign file, copied in"
    seal_added(directory, [name])
    assert verify(directory) == []
    assert as_written(directory, name) == []
    assert altered(directory) is None
    path.write_text("{} ")
    assert [(one.path, one.what) for one in verify(directory)] == [(name, "changed")]
    assert name in (altered(directory) or "")
    assert as_written(directory, name)
    path.unlink()
    assert [(one.path, one.what) for one in verify(directory)] == [(name, "missing")]
    assert name in (altered(directory) or "")
    assert as_written(directory, name)
    path.write_text("{}")
    seal_added(directory, [name])
    assert verify(directory) == []


@pytest.mark.parametrize("name", ["strength.parquet", "migration.json"])
def test_what_an_audit_reads_and_nobody_recorded_is_not_judged(copy_of: Callable[[str], Path], name: str) -> None:
    directory = copy_of("good")
    (directory / name).write_text("{}")
    assert name in (altered(directory) or "")
    [told] = as_written(directory, name)
    assert told == f"Not as it was written: unknown  {name} (no hash was written for it)."


def test_adding_to_a_run_does_not_hide_that_its_manifest_was_edited(copy_of: Callable[[str], Path]) -> None:
    directory = copy_of("failing")
    manifest = directory / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"failed": 3', '"failed": 0'))
    (directory / "migration.json").write_text("{}")
    seal_added(directory, ["migration.json"])
    assert [(one.path, one.what) for one in verify(directory)] == [
        ("manifest.json", "changed"),
        ("migration.json", "unknown"),
    ]
    assert len(as_written(directory, "migration.json")) == 2


def test_adding_where_no_run_came_to_its_end_records_nothing(copy_of: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "migration.json").write_text("{}")
    seal_added(tmp_path, ["migration.json"])
    directory = copy_of("killed")
    before = (directory / "manifest.json").read_bytes()
    (directory / "migration.json").write_text("{}")
    seal_added(directory, ["migration.json"])
    assert (directory / "manifest.json").read_bytes() == before
    assert as_written(directory, "migration.json") == []


def test_a_dossier_is_not_a_change(copy_of: Callable[[str], Path]) -> None:
    directory = copy_of("good")
    (directory / "dossier").mkdir()
    (directory / "dossier" / "index.html").write_text("x")
    assert verify(directory) == []


def test_inputs_are_compared_with_the_project(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "scenarios").mkdir(parents=True)
    scenario = project / "scenarios" / "a.yaml"
    scenario.write_text("feature: a")
    write_run(tmp_path / "r", 1, project=project, inputs=(scenario,))
    assert verify(tmp_path / "r", project=project) == []
    scenario.write_text("feature: b")
    assert [found.path for found in verify(tmp_path / "r", project=project)] == ["scenarios/a.yaml"]


def test_a_killed_run_cannot_be_verified_and_never_passes(runs: Path) -> None:
    with pytest.raises(InputError, match="no hashes to verify"):
        verify(runs / "killed")
