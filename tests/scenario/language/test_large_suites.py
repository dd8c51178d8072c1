"""A suite of thousands is held small: of a scenario little more than its title, and nothing of what reading it took."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.memory import uncollected
from harness.scenario.compiled import Compiled
from harness.scenario.expand import Cases
from harness.scenario.loader import load as load_files
from harness.scenario.model import Suite
from harness.scenario.registry import Registry

BEGINNING = "feature: Many\ngiven: {catalog: production, visitor: anonymous}\nscenarios:\n"
SCENARIO = """
  - scenario: A free session is booked, number %d
    when:
      - select_session: intro-call
      - create: {}
        expect: {status: 200, body: {state: BOOKING_CONFIRMED, booking: {id: <uuid>, startTime: <instant>}}}
    then: [{rows: {Booking: 1}}, {changed: {Booking: {added: 1}}}]
"""
FILES, SCENARIOS = 20, 40
LEFT = 900  # bytes of a scenario when its suite is let go: a few scripts as they are, and what Python and the project remember
HELD = 700  # bytes of a scenario; measured 480 with what its file and the project add

SHAPES = """feature: Shapes
given: {catalog: production, visitor: anonymous}
scenarios:
  - scenario: Alone
    when: [{create: {}}]
    then: [{changed: none}]
  - scenario: In a matrix
    matrix: {session: [intro-call, group-build]}
    repeat: 2
    when: [{select_session: $session}]
    then: [{changed: none}]
  - scenario: Last
    repeat: 3
    when: [{create: {}}]
    then: [{changed: none}]
"""


@pytest.fixture
def shapes(load: Callable[[str], Suite]) -> Cases:
    return load(SHAPES).cases


@pytest.mark.parametrize("read_before", [False, True])
def test_of_a_scenario_little_is_held(tmp_path: Path, registry: Registry, read_before: bool) -> None:
    for file in range(FILES):
        texts = [SCENARIO % number for number in range(file * SCENARIOS, (file + 1) * SCENARIOS)]
        (tmp_path / f"{file}.yaml").write_text(BEGINNING + "".join(texts))

    def loaded() -> Suite:
        return load_files([tmp_path], project=tmp_path, registry=registry, compiled=Compiled(tmp_path / "compiled"))

    loaded()
    if not read_before:
        (tmp_path / "compiled").unlink()
    gc.collect()
    with uncollected():  # as while a command loads: what holds itself would stay
        tracemalloc.start()
        suite = loaded()
        held, _ = tracemalloc.get_traced_memory()
        count = sum(1 for case in suite.cases if case.steps)
        del suite  # as the end of a run does
        left, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert count == FILES * SCENARIOS
    assert held / count < HELD
    assert left / count < LEFT


def test_cases_are_counted_through_whatever_their_scenarios_make_of_them(shapes: Cases) -> None:
    assert [case.case_id.removeprefix("a.yaml::") for case in shapes] == [
        "Alone",
        "In a matrix[session=intro-call]#1",
        "In a matrix[session=intro-call]#2",
        "In a matrix[session=group-build]#1",
        "In a matrix[session=group-build]#2",
        "Last#1",
        "Last#2",
        "Last#3",
    ]
    assert [case.number for case in shapes] == [1, 1, 2, 3, 4, 1, 2, 3]
    assert [case.repetition for case in shapes] == [1, 1, 2, 1, 2, 1, 2, 3]
    assert shapes[-1].case_id == "a.yaml::Last#3"
    with pytest.raises(IndexError):
        shapes[8]


def test_a_part_of_the_cases_is_cases_again(shapes: Cases) -> None:
    part = shapes[1::2].where(lambda case: "matrix" in case.title)
    assert [case.number for case in part] == [1, 3]
    assert [case.params for case in part.at([1, 0])] == [{"session": "group-build"}, {"session": "intro-call"}]
    assert len(shapes[8:]) == 0


def test_a_case_says_what_it_does_each_time_it_is_made(shapes: Cases) -> None:
    first, again = shapes[3], shapes[1:][2]
    assert first is not again
    assert first.steps == again.steps
    assert (first.given, first.then) == (again.given, again.then)
