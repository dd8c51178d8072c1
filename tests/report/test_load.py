"""Reading runs back: finished, killed, torn, damaged, empty, old, unknown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from shutil import copyfile, rmtree

import pandas as pd
import pytest

from harness.errors import InputError
from harness.report import find_run, finish, load, verify
from harness.report.upgrades import UPGRADES, upgrade
from tests.report.planned import plans
from tests.report.sample import write_run


def test_a_finished_run_is_complete_and_says_nothing_more(runs: Path) -> None:
    run = load(runs / "failing")
    assert run.complete
    assert run.notes == []
    assert len(run.scenarios) == 63
    assert run.scenarios["covers"].iloc[0][0] == "R03"
    assert "R04" in set(run.scenarios["covers"].explode())


def test_only_the_columns_asked_for_are_read(runs: Path) -> None:
    rows = load(runs / "failing").table("checks", ["kind", "outcome"])
    assert list(rows.columns) == ["kind", "outcome"]


def test_reports_means_the_latest_run(tmp_path: Path) -> None:
    write_run(tmp_path / "a", 1)
    write_run(tmp_path / "b", 1)
    assert load(tmp_path).run_id == "b"
    assert load(tmp_path / "latest").run_id == "b"
    (tmp_path / "latest").unlink()
    assert load(tmp_path).run_id == "b"


def test_no_run_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        find_run(tmp_path / "none")
    with pytest.raises(InputError, match=r"holds no run.*harness run"):
        find_run(tmp_path)


def test_an_unknown_table_lists_those_there_are(runs: Path) -> None:
    with pytest.raises(InputError, match=r"There is no table 'check'.*checks"):
        load(runs / "failing").table("check")


def test_a_killed_run_loads_and_says_that_it_is_incomplete(runs: Path) -> None:
    run = load(runs / "killed")
    assert not run.complete
    assert run.notes[0].startswith("The run did not come to its end")
    assert len(run.scenarios) == 31
    finished = write_run(runs.parent / "whole" / "killed", 30)
    assert finished.totals["scenarios"] == run.scenarios["scenario_id"].nunique()
    pd.testing.assert_frame_equal(run.checks, load(runs.parent / "whole" / "killed").checks)


def test_a_torn_last_line_is_cut_and_reported(copy_of: Callable[[str], Path]) -> None:
    directory = copy_of("killed")
    part = next(directory.glob("events-*.jsonl"))
    part.write_bytes(part.read_bytes()[:-40])
    run = load(directory)
    assert len(run.scenarios) == 30
    assert any("was torn and is cut" in note for note in run.notes)
    last = plans(30)[-1].scenario_id
    assert f"No result: {last}" in run.notes
    assert not run.scenarios["name"].isna().any()
    assert last in set(run.steps["scenario_id"]), "what the unfinished scenario did until then is kept"


def test_a_damaged_line_is_left_out_and_reported(copy_of: Callable[[str], Path]) -> None:
    directory = copy_of("killed")
    part = next(directory.glob("events-*.jsonl"))
    lines = part.read_bytes().splitlines(keepends=True)
    lines[3] = b"garbage\n"
    lines[5] = lines[5].replace(b'"step":', b'"stop":')
    part.write_bytes(b"".join(lines))
    notes = "\n".join(load(directory).notes)
    assert "line 4 is damaged and left out" in notes or "line 4 is no record" in notes
    assert "missing required field `step`" in notes


def test_a_line_damaged_in_its_middle_is_left_out_of_everything(copy_of: Callable[[str], Path]) -> None:
    directory = copy_of("killed")
    part = next(directory.glob("events-*.jsonl"))
    lines = part.read_bytes().splitlines(keepends=True)
    checks = [number for number, line in enumerate(lines) if line.startswith(b'{"record":"checks"')]
    lines[checks[0]] = lines[checks[0]].replace(b'"step":', b'"step"\xff:')
    lines[checks[1]] = lines[checks[1]][:90] + lines[checks[2]]
    part.write_bytes(b"".join(lines))
    killed = load(directory)
    assert "A record is damaged; it is left out." in killed.notes
    manifest = finish(directory, ended_at=killed.manifest.start)
    assert sum("a record of checks is left out" in note for note in manifest.notes) == 1
    assert sum("is no record and left out" in note for note in manifest.notes) == 1
    assert len(load(directory).checks) == len(killed.checks) == len(checks) - 2
    for line in (directory / "events.jsonl").read_bytes().splitlines():
        json.loads(line)


def test_a_null_where_none_may_be_is_no_row(copy_of: Callable[[str], Path]) -> None:
    directory = copy_of("killed")
    part = next(directory.glob("events-*.jsonl"))
    text = part.read_text()
    part.write_text(text.replace('"matcher":"equals"', '"matcher":null', 1))
    run = load(directory)
    assert any("`$.matcher`" in note for note in run.notes)
    assert not run.checks["matcher"].isna().any()


def test_an_empty_run_has_its_tables_without_rows(runs: Path) -> None:
    run = load(runs / "empty")
    assert run.manifest.outcome == "empty"
    assert run.scenarios.empty
    assert str(run.scenarios["duration_us"].dtype) == "int64"


def test_a_run_whose_parquet_is_gone_is_read_from_its_events(copy_of: Callable[[str], Path], runs: Path) -> None:
    directory = copy_of("failing")
    for path in (directory / "data").iterdir():
        path.unlink()
    pd.testing.assert_frame_equal(load(directory).steps, load(runs / "failing").steps)


def test_a_broken_parquet_file_is_an_error_never_an_empty_table(copy_of: Callable[[str], Path]) -> None:
    directory = copy_of("failing")
    (directory / "data" / "checks.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(InputError, match=r"checks\.parquet cannot be read.*harness verify"):
        _ = load(directory).checks


def test_an_old_schema_is_brought_to_the_current_one_when_read(runs: Path) -> None:
    run = load(runs / "draft")
    assert run.notes == ["Written with schema version 0, read as 2."]
    assert run.scenarios["duration_us"].tolist() == [12500, 800]
    assert run.scenarios["tags"].tolist() == [["anonymous", "smoke"], []]
    assert run.scenarios["flaky"].tolist() == [False, False]
    assert run.steps["duration_us"].tolist() == [6250, 400]
    assert set(run.checks["attempt"]) == {1}
    assert run.scenarios["case_id"].tolist() == run.scenarios["scenario_id"].tolist()


def test_every_older_version_has_an_upgrade() -> None:
    assert sorted(UPGRADES) == [0, 1]
    assert upgrade("logs", {"message": "m", "attempt": 2}, 0) == {"message": "m", "attempt": 2}


@pytest.mark.parametrize("version", [3, 99, "1", None, -1, True, 2.0])
def test_an_unknown_schema_version_is_refused(copy_of: Callable[[str], Path], version: object) -> None:
    directory = copy_of("good")
    manifest = json.loads((directory / "manifest.json").read_text())
    (directory / "manifest.json").write_text(json.dumps(manifest | {"schema_version": version}))
    with pytest.raises(InputError, match=r"good has schema version .*known are 0, 1, 2"):
        load(directory)


_NONE_OF = object()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("start", _NONE_OF), ("start", "yesterday"), ("start", None), ("start", 5), ("start", "2030-01-01T00:00:00"),
        ("end", "x"), ("outputs", "x"), ("outputs", {"junit.xml": 5}), ("notes", None), ("notes", [5]), ("raced", None),
        ("totals", 5), ("outcome", "banana"), ("target", None), ("seed", "x"), ("run_id", 7), ("shard", "1/2"),
    ],
)  # fmt: skip
def test_a_manifest_edited_by_hand_says_what_is_wrong_with_it(
    copy_of: Callable[[str], Path], key: str, value: object
) -> None:
    directory = copy_of("good")
    manifest = json.loads((directory / "manifest.json").read_text())
    manifest.pop(key)
    (directory / "manifest.json").write_text(json.dumps(manifest if value is _NONE_OF else {**manifest, key: value}))
    for reads in (load, verify):
        with pytest.raises(InputError, match=rf"manifest\.json is damaged: .*{key}"):
            reads(directory)


@pytest.mark.parametrize("seed", range(8))
def test_a_part_with_damaged_bytes_anywhere_is_read_and_finished(copy_of: Callable[[str], Path], seed: int) -> None:
    """As a disk leaves it that lost its power: the id at the head of a line may be no text any more."""
    directory, random = copy_of("killed"), Random(seed)
    part = next(directory.glob("events-*.jsonl"))
    content = bytearray(part.read_bytes())
    heads = [found.end() + random.randrange(2, 30) for found in re.finditer(rb'"(scenario_id|body_id)":', content)]
    for at in random.sample(heads, 3):
        content[at] = random.choice(b'\0\x80\xff\n"\\')
    part.write_bytes(content)
    assert any("left out" in note for note in load(directory).notes)
    finish(directory, ended_at=load(directory).manifest.start)
    assert len(load(directory).scenarios) >= 27


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'["\xff"]', b"["])
def test_a_damaged_plan_is_told(copy_of: Callable[[str], Path], content: bytes) -> None:
    directory = copy_of("killed")
    (directory / "plan.json").write_bytes(content)
    with pytest.raises(InputError, match=r"plan\.json is damaged"):
        _ = load(directory).notes
    (directory / "plan.json").unlink()
    assert len(load(directory).scenarios)


@pytest.mark.parametrize("cut", ["events.jsonl", "measured.jsonl"])
def test_without_tables_what_is_whole_of_the_lines_is_read_and_the_rest_noted(
    copy_of: Callable[[str], Path], cut: str
) -> None:
    directory = copy_of("good")
    whole = load(directory).scenarios
    rmtree(directory / "data")
    content = (directory / cut).read_bytes()
    (directory / cut).write_bytes(content[: len(content) // 2])
    run = load(directory)
    assert 0 < len(run.scenarios) < len(whole)
    assert "Files under data/ are gone: what they held is read from events.jsonl." in run.notes
    assert "A record is damaged; it is left out." in run.notes


def test_a_run_that_lost_all_its_records_is_not_taken_for_an_empty_one(copy_of: Callable[[str], Path]) -> None:
    directory = copy_of("good")
    rmtree(directory / "data")
    (directory / "events.jsonl").unlink()
    with pytest.raises(InputError, match="has lost its records"):
        _ = load(directory).scenarios


def test_a_table_in_anothers_place_is_told(copy_of: Callable[[str], Path]) -> None:
    directory = copy_of("good")
    copyfile(directory / "data" / "steps.parquet", directory / "data" / "scenarios.parquet")
    with pytest.raises(InputError, match=r"scenarios\.parquet cannot be read"):
        _ = load(directory).scenarios


@pytest.mark.parametrize("content", ["", "{", "[]", '{"run_id": "x"}', "[" * 100_000])
def test_a_broken_manifest_is_an_input_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(InputError):
        load(tmp_path)
