"""Which scenarios and invariants cover which rule."""

from __future__ import annotations

from harness.scenario.model import Suite

__all__ = ["coverage"]


def coverage(suite: Suite) -> dict[str, list[str]]:
    """Every rule of the project with the places that cover it: `file:line  title`, in the order of the files."""
    found: dict[str, list[str]] = {rule: [] for rule in suite.rules}
    for scenario in suite.scenarios:
        for rule in scenario.covers:
            found.setdefault(rule, []).append(f"{scenario.file}:{scenario.position.line}  {scenario.title}")
    for invariant in suite.invariants:
        for rule in invariant.covers:
            place = f"{invariant.position.file}:{invariant.position.line}"
            found.setdefault(rule, []).append(f"{place}  invariant {invariant.name}")
    return found
