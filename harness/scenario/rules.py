"""The rules that scenarios may cover, from `scenarios/rules.yaml`: id → text, as docs/spec/DOMAIN.md has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from harness.errors import InputErrors, Problem
from harness.scenario.files import read_tree
from harness.scenario.yamltree import MapNode, ScalarNode

__all__ = ["load_rules"]

_ID = re.compile(r"[A-Z]\d{2}\Z")


def load_rules(path: Path, *, shown: str = "") -> Mapping[str, str]:
    """Rule id → its text, in the order of the file.

    Raises:
        InputErrors: the file is missing, or holds something else than ids with texts.
    """
    root = read_tree(path, shown or str(path))
    if not isinstance(root, MapNode):
        raise InputErrors([root.problem("The rules are a map of id to text.", 'Write R01: "…".')])
    problems: list[Problem] = []
    rules: dict[str, str] = {}
    for key, value in root.entries.items():
        if not _ID.match(key):
            problems.append(root.keys[key].problem(f"{key} is no rule id.", "Write a capital and two digits: R01."))
        elif not isinstance(value, ScalarNode) or not isinstance(value.value, str):
            problems.append(value.problem(f"The rule {key} needs its text.", f'Write {key}: "…".'))
        else:
            rules[key] = value.value
    if problems:
        raise InputErrors(problems)
    return rules
