"""Fragments: what their arguments may be, and where."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.scenario.model import Suite
from harness.scenario.values import Matcher

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
    compared = step.expect.pattern.get("status")  # type: ignore[union-attr]  # a map
    assert isinstance(compared, Matcher)
    assert compared.text == status


def test_a_default_that_is_sent_may_not(problems: Callable[[str], str]) -> None:
    assert "a.yaml:5:19: <re x> is a matcher, and a value is sent here." in problems(HEAD % ("<re x>", "ask"))
