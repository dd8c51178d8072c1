"""Generic mutants: what they are made of, how they are drawn, how they are put in and taken out."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest

from harness.booking.rules import TimeRules
from harness.errors import InputError
from harness.strength.equivalents import read
from harness.strength.grafting import NotViable, compiled, function_of, grafted
from harness.strength.mutants import LEFT_OUT, Mutant, mutants
from harness.strength.reach import BOOKING


@pytest.fixture(scope="module")
def drawn() -> list[Mutant]:
    return mutants(120)[0]


def test_there_are_enough_of_them(drawn: list[Mutant]) -> None:
    assert len(drawn) == 120
    assert mutants(0)[1] >= 5000


def test_the_same_ones_are_drawn_again(drawn: list[Mutant]) -> None:
    assert [each.id for each in mutants(120)[0]] == [each.id for each in drawn]


def test_a_larger_sample_holds_the_smaller(drawn: list[Mutant]) -> None:
    assert {each.id for each in drawn} <= {each.id for each in mutants(200)[0]}


def test_each_has_an_id_of_its_own_and_stands_in_the_reference(drawn: list[Mutant]) -> None:
    assert len({each.id for each in drawn}) == len(drawn)
    for each in drawn:
        assert each.module not in LEFT_OUT
        lines = (BOOKING / f"{each.module}.py").read_text(encoding="utf-8").splitlines()
        assert 1 <= each.line <= len(lines)


@pytest.mark.parametrize("name", ["rules.TimeRules.check~00000000", "nothing", "serving.serve~00000000", ""])
def test_an_unknown_one_is_an_error(name: str) -> None:
    with pytest.raises(InputError, match=f"There is no mutant '{re.escape(name)}'"):
        mutants(0, [name])


def test_what_was_judged_equivalent_is_still_there() -> None:
    assert len(mutants(0, list(read()))[0]) == len(read())


def is_text(code: str) -> bool:
    try:
        return isinstance(ast.literal_eval(code), str)
    except (ValueError, SyntaxError):
        return False


def test_texts_for_people_are_left_alone(drawn: list[Mutant]) -> None:
    for each in drawn:
        assert not (is_text(each.before) and " " in each.before), each.title


def test_each_can_be_put_in_and_is_taken_out_again(drawn: list[Mutant]) -> None:
    for each in drawn:
        original = function_of(each).__code__
        try:
            with grafted(each):
                assert function_of(each).__code__ is not original
        except NotViable:
            pass  # what compiles to the same code is no mutant
        assert function_of(each).__code__ is original


def rule(before: str, after: str) -> Mutant:
    source = f"""
def _overlaps(self, one: Booking, other: Booking) -> bool:
    return (
        {after}
    )
"""
    return Mutant("rules.TimeRules._overlaps~x", "rules", "TimeRules", "_overlaps", 79, before, after, source)


def test_a_mutant_changes_what_the_reference_does() -> None:
    nothing: Any = None
    with grafted(rule("…", "'changed'")):
        changed: object = TimeRules()._overlaps(nothing, nothing)  # the mutant looks at neither
        assert changed == "changed"
    with pytest.raises(AttributeError):
        TimeRules()._overlaps(nothing, nothing)  # the reference looks at both


def test_what_does_not_compile_is_no_mutant() -> None:
    with pytest.raises(NotViable):
        compiled(rule("…", "one +"))


def test_what_compiles_to_the_same_is_no_mutant() -> None:
    same = "one.builder_id == other.builder_id and one.start_time < other.end_time and other.start_time < one.end_time"
    with pytest.raises(NotViable, match="the same code"), grafted(rule("…", same)):
        pass
