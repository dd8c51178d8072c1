"""The rules by id are those of the specification, word for word."""

from __future__ import annotations

import re
from pathlib import Path

from harness.rules import FAMILIES, RULES

DOMAIN = Path(__file__).parents[2] / "docs" / "spec" / "DOMAIN.md"


def test_every_rule_of_the_specification_is_known_and_no_other() -> None:
    text = DOMAIN.read_text(encoding="utf-8")
    table = set(re.findall(r"^\| (R\d\d) \|", text, flags=re.MULTILINE))
    prose = set(
        re.findall(r"(?:^|· |\n)([BWF]\d\d) [a-z`]", text[text.index("Rules of the server") : text.index("## 8.")])
    )
    assert set(RULES) == table | prose
    assert len(table) == 20


def test_the_words_are_those_of_the_specification() -> None:
    text = " ".join(DOMAIN.read_text(encoding="utf-8").split())
    assert [rule for rule, words in RULES.items() if words not in text] == []


def test_every_rule_belongs_to_a_family() -> None:
    assert {rule[0] for rule in RULES} == set(FAMILIES)
