"""Writing a run: what reaches the disk when, in which order, and what happens when the disk refuses."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from harness.errors import MachineError
from harness.records import BODY_LIMIT, Body, Cell, ChangedCells, Step
from harness.report import EventWriter, compare, finish, load, read_manifest
from harness.report.manifest import Manifest
from tests.report.planned import plans
from tests.report.sample import records_of, start_run, write_run

END = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)


def test_records_reach_the_file_when_their_scenario_ends(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path, 0)
    *before, scenario = records_of(plans(1)[0])
    for record in before:
        writer.write(record)
    assert writer.path.read_bytes() == b""
    writer.write(scenario)
    assert len(writer.path.read_bytes().splitlines()) == len([*before, scenario])
    writer.close()
    writer.close()


def test_a_body_is_written_once_by_each_worker(tmp_path: Path) -> None:
    body = Body.of("{}", scenario_id="s", attempt=1)
    with EventWriter(tmp_path, 0) as writer:
        writer.write(body)
        writer.write(msgspec.structs.replace(body, scenario_id="t"))
    assert len(writer.path.read_bytes().splitlines()) == 1


def test_the_cells_of_one_row_operation_are_rows_and_lines_of_their_own(tmp_path: Path) -> None:
    texts = [
        '},{"column":"x"}',
        '"',
        "[{},{}]",
        '{"record":"changed_cells"',
        "\\",
        ',"cells":[{"column":',
        "half \ud800",
        None,
    ]
    cells = tuple(Cell(f"c{number}", text, text) for number, text in enumerate(texts))
    plan = plans(1, failing=False)[0]
    *before, scenario = records_of(plan)
    operation = ChangedCells(
        scenario_id=plan.scenario_id,
        attempt=plan.attempt,
        step=1,
        change=9,
        transaction=3,
        table="T",
        key='{"id":"},{"}',
        operation="update",
        cells=cells,
    )
    start_run(tmp_path, [plan])
    with EventWriter(tmp_path, 0) as writer:
        for record in (*before, operation, scenario):
            writer.write(record)
    killed = load(tmp_path).row_changes
    finish(tmp_path, ended_at=END)
    finished = load(tmp_path).row_changes
    pd.testing.assert_frame_equal(killed, finished)
    of_it = finished[finished["change"] == 9]
    told = [text and text.replace("\ud800", "\N{REPLACEMENT CHARACTER}") for text in texts]
    for column in ("before", "after"):
        assert [None if pd.isna(text) else text for text in of_it[column]] == told
    assert of_it["column"].tolist() == [cell.column for cell in cells]
    assert set(of_it["key"]) == {operation.key}
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_bytes().splitlines()]
    changes = [line for line in lines if line["record"] == "row_changes"]
    assert [line["after"] for line in changes if line["change"] == 9] == told
    assert len(changes) == len(finished)
    for line in changes:
        assert list(line)[1:] == list(finished.columns)[1:], "the columns of the table, in its order"


def test_a_long_body_is_cut_and_says_so() -> None:
    body = Body.of("x" * (BODY_LIMIT + 1), scenario_id="s", attempt=1)
    assert len(body.text) == BODY_LIMIT
    assert body.truncated
    assert not Body.of("x" * BODY_LIMIT, scenario_id="s", attempt=1).truncated


def test_a_time_without_zone_is_told_and_not_guessed(tmp_path: Path) -> None:
    found = plans(1, failing=False)
    start_run(tmp_path, found)
    with EventWriter(tmp_path, 0) as writer:
        for record in records_of(found[0]):
            naive = isinstance(record, Step) and record.step == 1
            writer.write(msgspec.structs.replace(record, clock=datetime(2030, 1, 1)) if naive else record)
    assert any("timezone" in note and "`$.clock`" in note for note in finish(tmp_path, ended_at=END).notes)
    assert 1 not in set(load(tmp_path).steps["step"])


def test_a_full_disk_is_said_plainly_and_nothing_written_before_is_lost(tmp_path: Path) -> None:
    (tmp_path / "events-0.jsonl").symlink_to("/dev/full")
    writer = EventWriter(tmp_path, 0)
    *before, scenario = records_of(plans(1)[0])
    for record in before:
        writer.write(record)
    with pytest.raises(MachineError, match=r"Cannot write .*events-0\.jsonl.*No space left.*free some space"):
        writer.write(scenario)
    with pytest.raises(MachineError, match="free some space"):
        writer.close()


def test_a_disk_that_refuses_for_a_moment_leaves_no_record_twice_nor_torn(tmp_path: Path) -> None:
    found = plans(1, failing=False)
    start_run(tmp_path, found)
    writer = EventWriter(tmp_path, 0)
    *before, scenario = records_of(found[0])
    for record in before:
        writer.write(record)
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, usual[1]))
    try:
        with pytest.raises(MachineError, match="File too large"):
            writer.write(scenario)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    writer.close()
    lines = writer.path.read_bytes().splitlines()
    assert len(lines) == len(set(lines)) == len([*before, scenario])
    assert finish(tmp_path, ended_at=END).notes == ()


def test_a_directory_that_cannot_be_made_names_the_option(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match="--report DIR"):
        EventWriter(tmp_path / "file" / "run", 0)


def test_start_says_running_and_finish_says_what_came_out(tmp_path: Path) -> None:
    found = plans(3, failing=False)
    start_run(tmp_path / "r", found)
    assert read_manifest(tmp_path / "r").outcome == "running"
    with EventWriter(tmp_path / "r", 0) as writer:
        for plan in found:
            for record in records_of(plan):
                writer.write(record)
    manifest = finish(tmp_path / "r", ended_at=END)
    assert manifest.outcome == "passed"
    assert manifest.totals == {
        "scenarios": 3,
        "passed": 3,
        "failed": 0,
        "error": 0,
        "skipped": 0,
        "flaky": 0,
        "attempts": 3,
        "checks": 24,
    }
    assert read_manifest(tmp_path / "r") == manifest
    assert not list((tmp_path / "r").glob("events-*.jsonl"))
    assert not (tmp_path / "r" / ".finishing").exists()


@pytest.mark.parametrize(
    ("failing", "interrupted", "count", "outcome"),
    [
        (False, False, 5, "passed"),
        (True, False, 8, "failed"),
        (True, False, 20, "error"),
        (False, True, 5, "interrupted"),
        (False, False, 0, "empty"),
    ],
)
def test_the_outcome_of_a_run(tmp_path: Path, failing: bool, interrupted: bool, count: int, outcome: str) -> None:
    write_run(tmp_path / "r", count, failing=failing, finished=False)
    assert finish(tmp_path / "r", ended_at=END, interrupted=interrupted).outcome == outcome


def test_a_run_in_which_everything_was_skipped_does_not_pass(tmp_path: Path) -> None:
    found = [replace(plan, outcome="skipped") for plan in plans(2, failing=False)]
    start_run(tmp_path / "r", found)
    with EventWriter(tmp_path / "r", 0) as writer:
        for plan in found:
            for record in records_of(plan):
                writer.write(record)
    assert finish(tmp_path / "r", ended_at=END).outcome == "empty"


def test_latest_points_at_the_newest_run_and_leaves_a_real_directory_alone(tmp_path: Path) -> None:
    write_run(tmp_path / "a", 1)
    write_run(tmp_path / "b", 1)
    assert (tmp_path / "latest").readlink() == Path("b")
    other = tmp_path / "other"
    (other / "latest").mkdir(parents=True)
    write_run(other / "c", 1)
    assert (other / "latest").is_dir()
    assert not (other / "latest").is_symlink()


def test_the_same_records_give_the_same_bytes_whatever_workers_ran_them(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one" / "r", 40, workers=1)
    two = write_run(tmp_path / "two" / "r", 40, workers=3, pace=7)
    assert one.evidence == two.evidence
    assert (tmp_path / "one/r/events.jsonl").read_bytes() == (tmp_path / "two/r/events.jsonl").read_bytes()
    assert (tmp_path / "one/r/measured.jsonl").read_bytes() != (tmp_path / "two/r/measured.jsonl").read_bytes()
    for table in ("row_changes", "logs", "bodies"):
        name = f"data/{table}.parquet"
        assert (tmp_path / "one/r" / name).read_bytes() == (tmp_path / "two/r" / name).read_bytes()


def test_only_measured_columns_differ_between_two_runs_of_one_seed(tmp_path: Path) -> None:
    write_run(tmp_path / "one" / "r", 20)
    write_run(tmp_path / "two" / "r", 20, pace=3)
    one, two = load(tmp_path / "one/r"), load(tmp_path / "two/r")
    for table in ("scenarios", "steps", "checks", "exchanges", "deliveries"):
        left, right = one.table(table), two.table(table)
        differing = {column for column in left if not left[column].equals(right[column])}
        assert differing <= {"duration_us", "tries", "worker", "started_at"}, table
        assert differing


def test_a_second_finish_of_the_same_records_gives_the_same_files(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one" / "r", 30)
    two = write_run(tmp_path / "two" / "r", 30)
    assert one == two


def test_executions_come_in_the_order_of_the_plan(tmp_path: Path) -> None:
    found = plans(12, failing=False)
    start_run(tmp_path / "r", found)
    with EventWriter(tmp_path / "r", 0) as writer:
        for plan in reversed(found):
            for record in records_of(plan):
                writer.write(record)
    finish(tmp_path / "r", ended_at=END)
    assert load(tmp_path / "r").scenarios["scenario_id"].tolist() == [plan.scenario_id for plan in found]


def test_without_a_plan_they_come_by_file_and_line(tmp_path: Path) -> None:
    found = plans(12, failing=False)
    start_run(tmp_path / "r", [])
    with EventWriter(tmp_path / "r", 0) as writer:
        for plan in found:
            for record in records_of(plan):
                writer.write(record)
    finish(tmp_path / "r", ended_at=END)
    rows = load(tmp_path / "r").scenarios
    assert list(zip(rows["file"], rows["line"], strict=True)) == sorted(zip(rows["file"], rows["line"], strict=True))


def test_what_was_planned_and_has_no_result_is_named(tmp_path: Path) -> None:
    found = plans(3, failing=False)
    start_run(tmp_path / "r", found)
    with EventWriter(tmp_path / "r", 0) as writer:
        for record in records_of(found[0]):
            writer.write(record)
    manifest = finish(tmp_path / "r", ended_at=END)
    assert manifest.notes == tuple(f"No result: {plan.scenario_id}" for plan in found[1:])
    assert manifest.outcome == "error", "what has no result did not pass"
    assert "<title>2 of 3 planned scenarios have no result" in (tmp_path / "r" / "report.html").read_text()


def test_every_line_of_events_is_a_record_without_measured_values(runs: Path) -> None:
    lines = (runs / "failing" / "events.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert {record["record"] for record in records} == {
        "scenarios",
        "steps",
        "checks",
        "bodies",
        "exchanges",
        "row_changes",
        "calendly_calls",
        "deliveries",
        "logs",
    }
    assert not any("duration_us" in record or "run_id" in record for record in records)


def test_a_body_that_several_scenarios_name_is_stored_once(runs: Path) -> None:
    bodies = load(runs / "failing").bodies
    assert bodies["body_id"].is_unique
    for table in ("exchanges", "deliveries", "calendly_calls"):
        rows = load(runs / "failing").table(table)
        for column in ("request_body", "response_body"):
            assert set(rows[column].dropna()) <= set(bodies["body_id"])


def test_a_disk_that_fills_while_finishing_keeps_the_parts(
    copy_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = copy_of("killed")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("harness.report.junit.writing", full)
        with pytest.raises(MachineError, match="free some space"):
            finish(directory, ended_at=END)
    assert list(directory.glob("events-*.jsonl"))
    assert not (directory / ".finishing").exists(), "what is half done takes no room from the next try"
    assert finish(directory, ended_at=END).totals["scenarios"] == 30


def test_a_scenario_that_races_is_named_and_left_out_of_the_evidence(tmp_path: Path) -> None:
    def written(name: str, told: str, *, verb: str) -> Manifest:
        found = plans(3, failing=False)
        start_run(tmp_path / name, found)
        with EventWriter(tmp_path / name, 0) as writer:
            for number, plan in enumerate(found):
                for record in records_of(plan):
                    if number == 1 and isinstance(record, Step) and record.step == 1:
                        writer.write(msgspec.structs.replace(record, verb=verb, detail=told))
                    else:
                        writer.write(record)
        return finish(tmp_path / name, ended_at=END)

    one, two = written("a", '{"outcomes":["200","409"]}', verb="parallel"), written("b", "{}", verb="parallel")
    assert one.raced == two.raced == (plans(3)[1].scenario_id,)
    assert one.evidence == two.evidence
    assert load(tmp_path / "a").manifest.raced == one.raced
    assert "the evidence is the same, byte for byte" in compare(tmp_path / "a", tmp_path / "b").text()
    other = written("c", "{}", verb="http")
    again = written("d", '{"x":1}', verb="http")
    assert other.raced == ()
    assert other.evidence != again.evidence
    assert "byte for byte" not in compare(tmp_path / "c", tmp_path / "d").text()


def test_every_name_of_the_package_is_there_and_none_is_shadowed_by_a_module() -> None:
    """A module called as a function of the package would take its place once somebody imports it."""
    import importlib
    import pkgutil
    from types import ModuleType

    import harness.report

    names = set(harness.report.__all__)
    assert names.isdisjoint(module.name for module in pkgutil.iter_modules(harness.report.__path__))
    found = {name: getattr(importlib.import_module("harness.report"), name) for name in names}
    assert not [name for name, thing in found.items() if isinstance(thing, ModuleType)]
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        _ = harness.report.lode
