"""The two paths side by side, on rows made for the question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from harness.records import Check, Record, RowChange
from harness.report import EventWriter, Run, finish, load
from harness.report.analysis import health, paths
from harness.report.analysis.intervals import median_interval
from tests.report.planned import plans
from tests.report.sample import records_of, start_run


@pytest.fixture
def run(runs: Path) -> Run:
    return load(runs / "failing")


def test_requests_rows_and_calls_are_counted_for_each_case(run: Run) -> None:
    rows = paths.comparison(run).set_index("path")
    assert rows.loc["anonymous", "requests"] == 1
    assert rows.loc["authenticated", "requests"] == 2
    assert rows["cases"].sum() == 58
    assert (rows["low_us"] <= rows["median_us"]).all()
    assert (rows["median_us"] <= rows["high_us"]).all()


def test_what_only_one_path_is_accepted_for(run: Run) -> None:
    found = paths.differences(run).to_dict("records")
    assert found == [
        {"request": "POST /api/scheduling/bookings/initialize", "only": "authenticated", "other": "not tried"}
    ]


def test_a_funnel_only_narrows(run: Run) -> None:
    rows = paths.funnel(run)
    for path in paths.PATHS:
        counts = rows.loc[rows["path"] == path, "cases"].tolist()
        assert counts == sorted(counts, reverse=True)
        assert counts[0] > 0
    assert rows.loc[rows["stage"] == "paid", "cases"].tolist() == [0, 0]


def refused_by_the_server(record: Record) -> Record | None:
    """The scenario expects a refusal and gets it: its step passes and nothing is stored."""
    return None if isinstance(record, RowChange) else record


def refused_by_the_page(record: Record) -> Record | None:
    """Choosing is refused, as expected; what the server is asked all the same is another matter."""
    if isinstance(record, Check) and record.path == "$.status":
        return msgspec.structs.replace(record, step=1, path="$.refused")
    return record


def paid_for(record: Record) -> Record | None:
    if isinstance(record, RowChange) and record.column == "amount":
        return msgspec.structs.replace(record, after='"100.00"')
    return record


def whose_client_is(value: str) -> Callable[[Record], Record | None]:
    def told(record: Record) -> Record | None:
        if isinstance(record, RowChange) and (record.table, record.column) == ("Booking", "clientId"):
            return msgspec.structs.replace(record, after=value)
        return paid_for(record)

    return told


@pytest.mark.parametrize(
    ("told", "reached"),
    [
        (lambda record: record, [4, 4, 4, 0]),
        (refused_by_the_server, [4, 4, 0, 0]),
        (refused_by_the_page, [0, 0, 0, 0]),
        (paid_for, [4, 4, 4, 4]),
        (whose_client_is("null"), [4, 4, 3, 3]),  # the fourth is a scenario of a client, in which somebody else books
        (whose_client_is('"10000000"'), [4, 4, 1, 1]),
    ],
)
def test_a_stage_needs_evidence_and_not_only_a_step_that_passed(
    tmp_path: Path, told: Callable[[Record], Record | None], reached: list[int]
) -> None:
    found = plans(4, failing=False)
    manifest = start_run(tmp_path / "run", found)
    writer = EventWriter(tmp_path / "run", 0)
    for plan in found:
        for record in records_of(plan):
            kept = told(record)
            if kept is not None:
                writer.write(kept)
    writer.close()
    finish(tmp_path / "run", ended_at=manifest.start + timedelta(seconds=30))

    rows = paths.funnel(load(tmp_path / "run"))

    assert rows.groupby("stage", sort=False)["cases"].sum().tolist() == reached


def test_steps_are_compared_in_the_order_in_which_they_come(run: Run) -> None:
    assert list(dict.fromkeys(paths.step_latency(run)["verb"])) == ["select_session", "schedule", "create", "deliver"]


def test_a_path_nobody_took_closes_the_gate(copy_of: Callable[[str], Path]) -> None:
    run = load(copy_of("good"))
    run.scenarios = run.scenarios.assign(actor="anonymous")
    assert paths.gate(run) == ["No scenario took the authenticated path."]
    assert paths.finding(run) == "No authenticated visitor was exercised, so the paths cannot be compared"
    chart = paths.latency_chart(run)
    assert [text.get_text() for text in chart.figure.axes[0].texts] == ["no step was taken on both paths"]
    assert list(chart.figure.axes[0].get_xticks()) == [], "an empty chart measures nothing"


def test_an_interval_needs_five_values_and_holds_the_median() -> None:
    assert median_interval([3.0, 1.0, 2.0]) == (2.0, None, None, 3)
    found = median_interval(list(map(float, range(101))))
    assert found.median == 50
    assert found.low is not None
    assert found.high is not None
    assert 35 < found.low < 50 < found.high < 65
    assert median_interval(list(map(float, range(101)))) == found
    with pytest.raises(ValueError, match="no median of nothing"):
        median_interval([])


def test_one_scenario_is_told_in_the_singular(tmp_path: Path) -> None:
    """On the page, in the gates and in the headings of the notebooks."""
    anonymous = next(plan for plan in plans(9, failing=False) if plan.actor == "anonymous")
    start = start_run(tmp_path / "one", [plan := replace(anonymous, outcome="failed", defect="state")])
    with EventWriter(tmp_path / "one", 0) as writer:
        for record in records_of(plan):
            writer.write(record)
    finish(tmp_path / "one", ended_at=start.start + timedelta(seconds=30))
    run = load(tmp_path / "one")
    assert "1 scenario of the anonymous path did not hold." in paths.gate(run)
    assert health.gate(run)[0].startswith("1 scenario did not hold")
    assert health.finding(run) == "1 of 1 scenario did not hold"
    assert "<title>1 of 1 scenario failed" in (tmp_path / "one" / "report.html").read_text()
