"""The records of a run's cases, held small: each comes back as it was, in the order of the plan."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from harness import records
from harness.session.results import Results

COUNT = 1_500  # several blocks, the last not full


def record(number: int) -> records.Scenario:
    outcomes: tuple[records.Outcome, ...] = ("passed", "passed", "passed", "failed", "skipped", "error")
    outcome = outcomes[number % len(outcomes)]
    return records.Scenario(
        scenario_id=f"scenarios/a.yaml::Scenario {number}",
        attempt=1 + number % 2,
        case_id=f"scenarios/a.yaml::Scenario {number}",
        name=f"Scenario {number} \ud800",  # half a pair, as a file may have it
        feature="A feature",
        file="scenarios/a.yaml",
        line=number,
        tags=("slow",),
        covers=("R16",),
        actor="anonymous",
        target="reference",
        params="{}",
        seed=number,
        outcome=outcome,
        flaky=number % 7 == 0,
        fault=number % 11 == 0,
        failure="it is so" if outcome == "failed" else None,
        failure_text=None,
        notes=(),
        rerun=f"harness run scenarios/a.yaml:{number}",
        worker=0,
        started_at=datetime(2030, 3, 4, 9, tzinfo=UTC),
        duration_us=number,
    )


@pytest.mark.parametrize("order", ["plan", "two workers", "any"])
def test_records_come_back_in_the_order_of_the_plan(order: str) -> None:
    numbers = list(range(COUNT))
    if order == "two workers":
        numbers = [number for pair in zip(numbers[::2], numbers[1::2], strict=True) for number in reversed(pair)]
    elif order == "any":
        random.Random(7).shuffle(numbers)
    wanted = [record(number) for number in range(COUNT)]
    results = Results()
    for number in numbers:
        results.add(number, wanted[number])
    assert list(results) == wanted
    assert (len(results), results[0], results[-1], results[300:303]) == (COUNT, wanted[0], wanted[-1], wanted[300:303])
    assert results.counts["failed"] == sum(each.outcome == "failed" for each in wanted)
    assert results.counts["flaky"] == sum(each.flaky for each in wanted)
    assert results.counts["fault"] == sum(each.fault for each in wanted)


def test_a_record_can_be_asked_for_while_others_come() -> None:
    results = Results()
    for number in range(600):
        results.add(number, record(number))
        assert results[-1] == record(number)
    assert results[0] == record(0)


def test_a_thousand_records_take_a_hundred_bytes_each() -> None:
    import tracemalloc

    tracemalloc.start()
    results = Results()
    for number in range(1_024):
        results.add(number, record(number))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(results) == 1_024
    assert held < 1_024 * 100
