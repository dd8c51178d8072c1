"""Mutants that no scenario can notice, judged by hand: which, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness.errors import InputError, Position
from harness.scenario.values import plain
from harness.scenario.yamltree import parse
from harness.strength.verdicts import Verdict

__all__ = ["FILE", "judged", "read"]

FILE = Path(__file__).with_name("equivalents.yaml")


def read(path: Path = FILE) -> dict[str, str]:
    """The reasons by mutant id. Raises InputError when the file is not a map of reason and ids."""
    groups = plain(parse(path.read_text(encoding="utf-8"), str(path)))
    if not isinstance(groups, list):
        raise InputError("The equivalents are a list of {reason, mutants}.", position=Position(str(path)))
    found: dict[str, str] = {}
    for group in groups:
        for each in group["mutants"]:
            if each in found:
                raise InputError(f"{each} is judged twice.", position=Position(str(path)))
            found[each] = " ".join(str(group["reason"]).split())
    return found


def judged(verdicts: Sequence[Verdict], reasons: Mapping[str, str]) -> list[Verdict]:
    """`verdicts` with those that survived as a person said they would. One that is noticed is noticed, whatever was said."""
    return [
        replace(each, outcome="equivalent", reason=reasons[each.defect_id])
        if each.outcome in ("survived", "not_reached") and each.defect_id in reasons
        else each
        for each in verdicts
    ]
