"""What changed between runs, and who changes their mind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.errors import InputError
from harness.records import Scenario
from harness.report import EventWriter, compare, finish, flakiness, history, load, look_back, lookback, runs_in, trends
from harness.report.analysis import health
from harness.report.analysis.quantiles import quantiles
from harness.report.loading import Run
from harness.report.manifest import Shard
from tests.report.planned import Plan, plans
from tests.report.sample import records_of, start_run
from tests.support.commands import harness

START = datetime(2026, 11, 1, tzinfo=UTC)


def small_run(
    directory: Path, outcomes: str, *, day: int = 0, slow: int = 1, names: Sequence[str] = "abcdef", missing: Sequence[str] = "",
    finished: bool = True, **more: Any,
) -> Path:  # fmt: skip
    """One case a letter of `outcomes`: p(assed), P(assed, in three times the time), f(ailed), s(kipped); `missing` are planned only."""
    words: dict[str, Any] = {"p": "passed", "P": "passed", "f": "failed", "s": "skipped"}
    base = plans(1, failing=False)[0]
    found = [replace(base, scenario_id=f"x.yaml::{name}", title=name) for name in names[: len(outcomes)]]
    absent = [replace(base, scenario_id=f"x.yaml::{name}", title=name) for name in missing]
    start_run(directory, [*found, *absent], started_at=START + timedelta(days=day), **more)
    with EventWriter(directory, 0) as writer:
        for plan, letter in zip(found, outcomes, strict=True):
            _write(
                writer,
                replace(plan, outcome=words[letter], defect="state" if letter == "f" else ""),
                slow * (3 if letter == "P" else 1),
            )
    if finished:
        finish(directory, ended_at=START + timedelta(days=day, seconds=9))
    return directory


def _write(writer: EventWriter, plan: Plan, slow: int) -> None:
    for record in records_of(plan):
        writer.write(
            msgspec.structs.replace(record, duration_us=100_000 * slow) if isinstance(record, Scenario) else record
        )


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("events.jsonl", "x.yaml::b", "x.yaml::B"),
        ("events.jsonl", '"x.yaml::b"', '"x.yaml'),
        ("manifest.json", '"notes": []', '"notes": ["x"]'),
    ],
)
def test_evidence_that_was_edited_or_torn_is_not_called_the_same(tmp_path: Path, file: str, old: str, new: str) -> None:
    before, after = small_run(tmp_path / "one", "pp"), small_run(tmp_path / "two", "pp")
    assert compare(before, after).text().endswith("the evidence is the same, byte for byte")
    text = (before / file).read_text()
    assert old in text
    (before / file).write_text(text.replace(old, new, 1))
    found = compare(before, after)
    assert (found.same_evidence, "byte for byte" in found.text()) == (False, False)
    assert [note for note in found.notes if f"{before.name}: not as it was written: {file};" in note]


def test_every_kind_of_change_is_told_apart(tmp_path: Path) -> None:
    before = small_run(tmp_path / "one", "ppffp")
    after = small_run(tmp_path / "two", "pfpf", slow=1)
    found = compare(before, after)
    assert found.broken == ("x.yaml::b",)
    assert found.fixed == ("x.yaml::c",)
    assert found.still_failing == ("x.yaml::d",)
    assert found.removed == ("x.yaml::e",)
    assert (found.new, found.slower, found.unchanged) == ((), (), 1)
    assert compare(after, before).new == ("x.yaml::e",)


def test_what_is_skipped_now_is_neither_fixed_nor_unchanged(tmp_path: Path) -> None:
    found = compare(small_run(tmp_path / "one", "pfsss"), small_run(tmp_path / "two", "ssspf"))
    assert found.skipped == ("x.yaml::a", "x.yaml::b")
    assert (found.fixed, found.new, found.broken) == ((), ("x.yaml::d",), ("x.yaml::e",))
    assert found.unchanged == 1
    assert "skipped now (2)\n  x.yaml::a\n  x.yaml::b" in found.text()


@pytest.mark.parametrize("finished", [True, False])
def test_what_was_planned_and_has_no_result_is_not_taken_for_removed(tmp_path: Path, finished: bool) -> None:
    """A run that was killed on its way must not look as good as the one before."""
    before = small_run(tmp_path / "one", "ppp")
    after = small_run(tmp_path / "two", "p", missing="bz", finished=finished)
    found = compare(before, after)
    assert (found.missing, found.removed, found.unchanged) == (("x.yaml::b",), ("x.yaml::c",), 1)
    assert "no result (1)\n  x.yaml::b" in found.text()
    assert "note: two has no result of 2 of its cases." in found.text()
    assert ("note: two did not come to its end" in found.text()) is not finished
    done = harness("compare", str(before), str(after))
    assert done.code == 1, done
    told = look_back(tmp_path)
    assert told.runs["outcome"].tolist() == ["passed", "error" if finished else "running"]
    assert ("1 passed  (did not come to its end)" in told.text()) is not finished


def test_a_round_that_did_not_run_hides_behind_no_other(tmp_path: Path) -> None:
    before = small_run(tmp_path / "one", "pp")
    after = small_run(tmp_path / "two", "p", names=["a"], missing=["b#1", "b#2"])
    assert compare(before, after).missing == ("x.yaml::b",)


def test_runs_on_other_targets_are_told_apart(tmp_path: Path) -> None:
    found = compare(small_run(tmp_path / "one", "p"), small_run(tmp_path / "two", "p", target="legacy"))
    assert found.notes == ("one ran on reference, two on legacy.",)


def test_a_notebook_shows_outcomes_and_times_of_what_changed(tmp_path: Path) -> None:
    before, after = small_run(tmp_path / "one", "ppf"), small_run(tmp_path / "two", "pfpp")
    shown = compare(before, after)._repr_html_()
    assert "1 broken, 1 fixed, 1 new; 1 unchanged" in shown
    for title in ("before", "after", "took before", "took after"):
        assert f">{title}</th>" in shown, title
    assert ">passed</td>" in shown
    assert ">100.0 ms</td>" in shown


def test_slower_needs_both_a_ratio_and_an_amount(tmp_path: Path) -> None:
    before, after = small_run(tmp_path / "one", "pp"), small_run(tmp_path / "two", "pp", slow=3)
    assert len(compare(before, after).slower) == 2
    assert compare(before, after, slower_by=4).slower == ()
    assert compare(before, after, at_least_us=300_000).slower == ()
    assert compare(after, before).slower == ()


def test_a_new_scenario_that_fails_is_broken_not_merely_new(tmp_path: Path) -> None:
    found = compare(small_run(tmp_path / "one", "p"), small_run(tmp_path / "two", "pf"))
    assert found.broken == ("x.yaml::b",)


def test_the_text_names_what_broke_first_with_its_reason(tmp_path: Path) -> None:
    text = compare(small_run(tmp_path / "one", "pp"), small_run(tmp_path / "two", "pf")).text()
    assert text.splitlines() == [
        "one → two",
        "",
        "broken (1)",
        "  x.yaml::b",
        "      $.body.state   expected BOOKING_CONFIRMED   got IDLE",
        "",
        "unchanged 1",
    ]


def test_a_run_compared_with_itself_is_unchanged(runs: Path) -> None:
    found = compare(runs / "failing", runs / "failing")
    assert (found.broken, found.fixed, found.new, found.removed, found.slower) == ((), (), (), (), ())
    assert len(found.still_failing) == 4


def test_flakiness_counts_switches_within_the_last_runs(tmp_path: Path) -> None:
    for day, outcomes in enumerate(["pps", "pfp", "ppp", "pfs", "ppp"]):
        small_run(tmp_path / f"run{day}", outcomes, day=day)
    told = history(runs_in(tmp_path))
    found = flakiness(told).set_index("scenario_id")
    assert list(found.index) == ["x.yaml::b"]
    assert found.loc["x.yaml::b", "switches"] == 4
    assert found.loc["x.yaml::b", "score"] == pytest.approx(1.0)
    assert found.loc["x.yaml::b", "outcomes"] == "✓✗✓✗✓"
    assert flakiness(told, last=2)["switches"].tolist() == [1]


def test_a_retry_that_helped_counts_as_flaky_without_any_switch(runs: Path) -> None:
    found = flakiness(history([runs / "failing"]))
    assert found["flaky_runs"].sum() == load(runs / "failing").manifest.totals["flaky"]
    assert found["switches"].sum() == 0


def test_trends_compare_the_latest_with_the_median_before(tmp_path: Path) -> None:
    for day, slow in enumerate([1, 1, 1, 3]):
        small_run(tmp_path / f"run{day}", "p", day=day, slow=slow)
    found = trends(history(runs_in(tmp_path)))
    assert found["ratio"].tolist() == [pytest.approx(3.0)]
    assert found["runs"].tolist() == [4]
    assert trends(history(runs_in(tmp_path, last=2))).empty


def test_runs_are_in_the_order_of_their_start_and_links_count_once(tmp_path: Path) -> None:
    for day, name in enumerate(["z", "a", "m"]):
        small_run(tmp_path / name, "p", day=day)
    assert [run.name for run in runs_in(tmp_path)] == ["z", "a", "m"]
    assert [run.name for run in runs_in(tmp_path, last=1)] == ["m"]


def test_no_history_is_an_error_not_an_empty_answer() -> None:
    with pytest.raises(InputError, match="no run to make a history of"):
        history([])


def test_quantiles_by_group_are_those_of_the_rows(runs: Path) -> None:
    for name in ("failing", "killed"):
        run = load(runs / name)
        found = quantiles(run, "steps", "duration_us", by=["verb"], at=[0.5]).set_index("verb")
        expected = run.steps.groupby("verb")["duration_us"].median()
        assert found["p50"].to_dict() == pytest.approx(expected.to_dict())
        assert int(found["rows"].sum()) == len(run.steps)


def test_quantiles_refuse_what_is_no_number(runs: Path) -> None:
    with pytest.raises(InputError, match="verb is no number"):
        quantiles(load(runs / "good"), "steps", "verb", by=["phase"])
    with pytest.raises(InputError, match="no column 'fase'"):
        quantiles(load(runs / "good"), "steps", "duration_us", by=["fase"])


def test_a_scenario_with_an_id_keeps_its_identity_when_renamed(tmp_path: Path) -> None:
    base = replace(plans(1, failing=False)[0], scenario_id="free-session")
    for name, title in (("one", "Old title"), ("two", "New title")):
        start_run(tmp_path / name, [base])
        with EventWriter(tmp_path / name, 0) as writer:
            _write(writer, replace(base, title=title), 1)
        finish(tmp_path / name, ended_at=START)
    found = compare(tmp_path / "one", tmp_path / "two")
    assert (found.new, found.removed, found.unchanged) == ((), (), 1)


def told(tmp_path: Path, days: list[tuple[str, int]]) -> None:
    for day, (outcomes, slow) in enumerate(days):
        small_run(tmp_path / f"run{day}", outcomes, day=day, slow=slow)


def test_looking_back_tells_the_runs_and_who_is_not_steady(tmp_path: Path) -> None:
    told(tmp_path, [("pppp", 1), ("pfpp", 1), ("ppps", 1), ("Pppp", 1)])
    found = look_back(tmp_path)
    assert found.text().splitlines() == [
        "1 of 4 cases in 4 runs on reference changed their mind, 1 became slower",
        "",
        "  run0  2026-11-01 00:00  4 passed",
        "  run1  2026-11-02 00:00  3 passed, 1 failed",
        "  run2  2026-11-03 00:00  3 passed, 1 skipped",
        "  run3  2026-11-04 00:00  4 passed",
        "",
        "changed their mind (1)",
        "  ✓✗✓✓  x.yaml::b",
        "",
        "became slower (1; the latest against the median before)",
        "  100.0 ms → 300.0 ms  x.yaml::a",
    ]
    document = found.document()
    assert [row["scenario_id"] for row in document["changing"]] == ["x.yaml::b"]
    assert document["runs"][1]["failed"] == 1
    assert look_back(tmp_path, last=2).changing.empty
    assert len(look_back(tmp_path, until=START + timedelta(days=1)).runs) == 2


def test_a_long_history_is_read_a_few_runs_at_a_time_and_of_them_only_what_it_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(tmp_path, [("pppp", 1), ("pfps", 2), ("", 1), ("pppf", 1), ("Pppp", 1)])
    small_run(tmp_path / "killed", "pf", day=9, finished=False)
    whole = look_back(tmp_path).document()
    assert [run["failed"] for run in whole["runs"]] == [0, 1, 0, 1, 0, 1]
    asked: list[tuple[str, int]] = []
    reads = Run.arrow

    def noted(run: Run, name: str, columns: Sequence[str] | None = None) -> Any:
        asked.append((name, len(columns or ())))
        return reads(run, name, columns)

    monkeypatch.setattr(Run, "arrow", noted)
    monkeypatch.setattr(lookback, "_AT_ONCE", 2)
    assert look_back(tmp_path).document() == whole
    assert asked == [("scenarios", 7)] * 6


def test_a_table_that_cannot_be_read_makes_no_shorter_history(tmp_path: Path) -> None:
    told(tmp_path, [("pp", 1), ("pf", 1)])
    table = tmp_path / "run0" / "data" / "scenarios.parquet"
    table.write_bytes(table.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"scenarios\.parquet cannot be read"):
        look_back(tmp_path)


def test_a_run_that_was_slow_as_a_whole_makes_no_case_slower(tmp_path: Path) -> None:
    told(tmp_path, [("ppp", 1), ("ppp", 1), ("Ppp", 4)])
    found = look_back(tmp_path)
    assert found.slower["scenario_id"].tolist() == ["x.yaml::a"]
    assert "the latest run took 4.0 times as long in every case" in found.text()
    assert found.document()["pace"] == pytest.approx(4.0)


def test_runs_on_another_target_are_no_flakiness(tmp_path: Path) -> None:
    told(tmp_path, [("pp", 1), ("pf", 1), ("pp", 1)])
    manifest = tmp_path / "run1" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"target": "reference"', '"target": "defect:I4"'))
    assert look_back(tmp_path).changing.empty
    assert look_back(tmp_path, target="defect:I4").finding() == ("One run on defect:I4 only: a history needs a second")
    with pytest.raises(InputError, match="no run on legacy under"):
        look_back(tmp_path, target="legacy")


def test_a_run_that_cannot_be_read_is_told_and_the_health_of_another_goes_on(tmp_path: Path) -> None:
    told(tmp_path, [("pp", 1), ("pf", 1)])
    (tmp_path / "run0" / "manifest.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        look_back(tmp_path)
    assert "could not be read" in health.before(load(tmp_path / "run1"))._repr_html_()


def test_a_part_of_a_run_says_that_it_is_one(tmp_path: Path) -> None:
    part = Shard(part="2/2", cases=2, division="0a")
    found = compare(small_run(tmp_path / "one", "pp"), small_run(tmp_path / "two", "p", shard=part))
    assert found.notes == ("two was shard 2/2 of 2 cases; what the other parts ran is not in it.",)
    assert found.removed == ("x.yaml::b",)
