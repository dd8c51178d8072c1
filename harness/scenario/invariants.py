"""Invariants: SQL that must return no row, from `scenarios/invariants.yaml`."""

from __future__ import annotations

from pathlib import Path

from harness.errors import InputErrors, Problem
from harness.scenario.checkshapes import TEXT
from harness.scenario.files import read_tree
from harness.scenario.model import Invariant
from harness.scenario.shapes import Reader
from harness.scenario.structures import Field, Items, Keys
from harness.scenario.values import Literal, MapPattern
from harness.scenario.yamltree import ListNode, MapNode

__all__ = ["load_invariants"]

SHAPE = Keys(
    {
        "name": Field(TEXT, "what it is called: no-double-booking", required=True),
        "reason": Field(TEXT, "why it must hold, naming the rule", required=True),
        "sql": Field(TEXT, "a query that returns the rows that break it", required=True),
        "covers": Field(Items(TEXT), "ids of the rules it guards"),
    },
    "an invariant",
)


def load_invariants(path: Path, *, shown: str = "") -> list[Invariant]:
    """The invariants of a file: a list of maps with name, reason and sql, or a map with that list under `invariants`.

    Raises:
        InputErrors: every mistake in the file.
    """
    top = read_tree(path, shown or str(path))
    root = top.get("invariants") if isinstance(top, MapNode) else top
    if not isinstance(root, ListNode):
        raise InputErrors(
            [top.problem("Invariants are a list of maps with name, reason and sql.", "Begin a line with `- name: …`.")]
        )
    problems: list[Problem] = []
    found: dict[str, Invariant] = {}
    for item in root.items:
        pattern = SHAPE.read(item, Reader(problems))
        if not isinstance(pattern, MapPattern) or not all(
            isinstance(pattern.get(key), Literal) for key in ("name", "reason", "sql")
        ):
            continue
        values = {key: each.value for key, each in pattern.items() if isinstance(each, Literal)}
        covers = tuple(
            str(id_.value) for id_ in getattr(pattern.get("covers"), "items", ()) if isinstance(id_, Literal)
        )
        if values["name"] in found:
            problems.append(
                item.problem(f"The invariant {values['name']} stands here a second time.", "Choose another name.")
            )
        found[values["name"]] = Invariant(values["name"], values["reason"], values["sql"], item.position, covers)
    if problems:
        raise InputErrors(sorted(problems, key=lambda problem: problem.position or item.position))
    return list(found.values())
