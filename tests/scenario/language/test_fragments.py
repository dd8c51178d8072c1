"""Fragments: what their arguments may be, and where."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.scenario.model import Suite
from harness.scenario.values import MapPattern, Matcher

HEAD = """feature: F
given: {catalog: production, visitor: anonymous}
fragments:
  ask:
    takes: {path: %s, status: <one of 200|404>, body: {error: {code: <string>}}}
    steps: [{http: {GET: $path}, expect: {status: $status, body: $body}}]
  look: {takes: {status: <lt 300>}, steps: [{call: {fragment: ask, with: {status: $status}}}]}
scenarios:
  - scenario: One
    when: [{call: %s}]
    then: [{changed: none}]
"""


@pytest.mark.parametrize(
    ("call", "status"),
    [
        ("ask", "<one of 200|404>"),
        ("{fragment: ask, with: {status: <gte 500>}}", "<gte 500>"),
        ("look", "<lt 300>"),
        ("{fragment: look, with: {status: <not 5>}}", "<not 5>"),
    ],
)
def test_a_default_that_is_only_compared_may_be_a_matcher(load: Callable[[str], Suite], call: str, status: str) -> None:
    (case,) = load(HEAD % ("/x", call)).cases
    (step,) = case.steps
    assert step.expect is not None
    assert isinstance(step.expect.pattern, MapPattern)
    compared = step.expect.pattern.get("status")
    assert isinstance(compared, Matcher)
    assert compared.text == status


def test_a_default_that_is_sent_may_not(problems: Callable[[str], str]) -> None:
    assert "a.yaml:5:19: <re x> is a matcher, and a value is sent here." in problems(HEAD % ("<re x>", "ask"))


@pytest.mark.parametrize(
    ("fragment", "said"),
    [
        ("{takes: [a, 5], steps: [{http: {GET: $a}}]}", "a.yaml:4:18: takes is a list of names; found 5."),
        ("{takes: [a, a], steps: [{http: {GET: $a}}]}", "a.yaml:4:18: takes has a twice."),
        ("[]", "a.yaml:4:6: The fragment f has no steps."),
        ("{takes: [a], steps: [{http: {GET: $a}, as: a}]}", "a.yaml:4:28: The fragment f takes a, and captures it here."),
    ],
)  # fmt: skip
def test_slips_in_a_fragment_are_told(problems: Callable[[str], str], fragment: str, said: str) -> None:
    scenario = "scenarios: [{scenario: One, when: [{http: {GET: /x}, expect: 404}]}]"
    text = f"feature: F\ngiven: {{catalog: production, visitor: anonymous}}\nfragments:\n  f: {fragment}\n{scenario}\n"
    assert said in problems(text)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("examples: [[x, x], [1, 2]]", "a.yaml:3:44: The column x stands here twice."),
        ("matrix: {x: [1, 2]}", "a.yaml:3:58: x is a parameter of this scenario."),
        ("tags: [smoke, and]", "a.yaml:3:43: the text and cannot stand in tags."),
    ],
)
def test_slips_in_a_scenario_are_told(problems: Callable[[str], str], part: str, said: str) -> None:
    scenario = f"scenarios: [{{scenario: One, {part}, when: [{{http: {{GET: /x}}, as: x, expect: {{status: $x}}}}]}}]"
    assert said in problems(f"feature: F\ngiven: {{catalog: production, visitor: anonymous}}\n{scenario}\n")


def test_a_capture_that_a_fragment_does_not_make_is_told(problems: Callable[[str], str]) -> None:
    text = """feature: F
given: {catalog: production, visitor: anonymous}
fragments:
  read: {takes: [id], steps: [{http: {GET: "/x/$id"}, as: answer}, {http: {GET: "/y/$answer.status"}}]}
  twice: {steps: [{call: {fragment: read, with: {id: 1}}, as: first}, {http: {GET: "/z/$first.answer.status"}}]}
scenarios:
  - scenario: One
    when:
      - {call: twice, as: one}
      - http: {GET: "/$one.first.answer.status/$one.frist"}
    then: [{changed: none}]
"""
    told = [line for line in problems(text).splitlines() if line.startswith("a.yaml:")]
    assert told == ["a.yaml:10:21: $one has no frist: the fragment captures no such thing. Did you mean first?"]


ASKS = "[{http: {GET: /x}}]"
NESTED = "[{parallel: [[{call: f%d}], %s]}]"
TWICE = "[{call: f%d}, {call: f%d}]"


def chain(length: int, step: Callable[[int], str], *, inside_out: bool) -> str:
    """A file whose fragment f0 calls f1, which calls f2…; the last one asks."""
    made = [f"  f{number}: {step(number + 1)}" for number in range(length)] + [f"  f{length}: {ASKS}"]
    text = "\n".join(reversed(made) if inside_out else made)
    scenario = "scenarios: [{scenario: One, when: [{call: f0}], then: [{changed: none}]}]"
    return f"feature: F\ngiven: {{catalog: production, visitor: anonymous}}\nfragments:\n{text}\n{scenario}\n"


def nested(number: int) -> str:
    return NESTED % (number, ASKS)


def twice(number: int) -> str:
    return TWICE % (number, number)


@pytest.mark.parametrize("inside_out", [False, True])
def test_fragments_lie_in_each_other_as_deep_as_twenty(
    load: Callable[[str], Suite], problems: Callable[[str], str], inside_out: bool
) -> None:
    assert len(load(chain(19, nested, inside_out=inside_out)).cases[0].steps) == 1
    assert "With f0, steps lie in each other more than 20 deep." in problems(chain(20, nested, inside_out=inside_out))


def test_a_long_chain_of_fragments_ends_with_its_place(problems: Callable[[str], str]) -> None:
    told = problems(chain(500, lambda number: f"[{{call: f{number}}}]", inside_out=False))
    assert "a.yaml:23:16: Fragments call each other more than 20 deep." in told
    assert "circle" not in told


@pytest.mark.parametrize("inside_out", [False, True])
def test_calls_that_double_at_each_turn_are_counted_before_they_are_made(
    load: Callable[[str], Suite], problems: Callable[[str], str], inside_out: bool
) -> None:
    assert len(load(chain(9, twice, inside_out=inside_out)).cases[0].steps) == 512
    told = problems(chain(19, twice, inside_out=inside_out))
    assert "the calls here come to 1,024 steps; 1,000 are the most." in told
