"""No message shows what a file calls secret, whatever else is wrong in it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.errors import InputErrors
from harness.scenario.concealing import without_secrets
from harness.scenario.yamltree import parse

BROKEN = {
    "a key twice, on one line": "given: {catalog: x, secrets: {e: CANARY-1, e: CANARY-2}}",
    "a key twice": "given:\n  secrets:\n    door: CANARY-1\n    door: CANARY-2",
    "a quote too few": 'given:\n  secrets:\n    door: "CANARY-1',
    "text after a quote": 'given:\n  secrets:\n    door: "CANARY-1"x',
    "a brace too few": "given:\n  secrets: {door: CANARY-1\n  catalog: production",
    "a bad escape": 'given:\n  "secrets": {door: "CANARY\\q"}',
    "a colon": "given:\n  secrets:\n    door: CANARY-1: CANARY-2",
    "a tag, on the next line": "given:\n  secrets:\n    door:\n      !x CANARY-1",
    "a leading zero": "given:\n  secrets:\n    n: {x: 012345, y: CANARY}",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_a_file_that_is_no_yaml_yet_shows_no_secret(text: str) -> None:
    with pytest.raises(InputErrors) as caught:
        parse(f"feature: F\n{text}\nscenarios: []\n", "a.yaml")
    assert "CANARY" not in str(caught.value)
    assert "***" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "found"),
    [("12345678", "something else. Write it in quotes."), ("abc", "text of 3."), ("[12345678]", "a list.")],
)
def test_what_stands_in_place_of_a_secret_is_not_told(problems: Callable[[str], str], value: str, found: str) -> None:
    text = f"""
feature: F
given: {{catalog: production, visitor: anonymous, secrets: {{door: {value}}}}}
scenarios:
  - scenario: One
    when: [{{select_session: intro-call}}]
    then: [{{changed: none}}]
"""
    told = problems(text)
    assert f"Expected text of at least 4 characters; found {found}" in told
    assert value.strip("[]") not in told


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("given: {secrets: {a: b-c, 'd': [e]}, visitor: anonymous}", "given: {secrets: {a: ***, 'd': [*]}, visitor: anonymous}"),
        ("secrets: # none", "secrets: * ****"),
        ("secrets of another kind: text", "secrets of another kind: text"),
        ("other: text # secrets", "other: text # secrets"),
    ],
)  # fmt: skip
def test_keys_stay_and_so_does_what_is_beside(line: str, shown: str) -> None:
    assert without_secrets([line, "scenarios: x"]) == [shown, "scenarios: x"]
