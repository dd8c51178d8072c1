"""Scenario files as tests write them: the head and the end that every one has, and a case of them."""

from __future__ import annotations

from harness.scenario.model import Case, Suite

HEAD = "feature: F\ngiven: {catalog: production, visitor: anonymous}\n"


THEN = "    then: [{changed: none}]\n"


def scenario(*lines: str, head: str = HEAD, then: str = THEN) -> str:
    return head + "scenarios:\n  - scenario: One\n" + "".join(f"    {line}\n" for line in lines) + then


def only(suite: Suite) -> Case:
    (case,) = suite.cases
    return case
