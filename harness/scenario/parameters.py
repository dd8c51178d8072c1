"""The parameters of a scenario: a matrix, or examples."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.errors import Problem
from harness.scenario.expand import matrix_rows, parameter_text
from harness.scenario.model import BUILTIN_NAMES
from harness.scenario.scope import resolve
from harness.scenario.shapes import found
from harness.scenario.show import show
from harness.scenario.values import compile_node, plain, references
from harness.scenario.yamltree import ListNode, MapNode, Node, ScalarNode

__all__ = ["ParameterReader"]

_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*\Z")
_MAX_CASES = 10_000


class ParameterReader:
    """Reads the parameters of one scenario; mistakes go to `problems`."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems

    def read(self, node: MapNode) -> tuple[Mapping[str, Any], ...]:
        """One map of parameters a case."""
        if "matrix" in node.entries and "examples" in node.entries:
            self.note(node.keys["examples"], "A scenario has a matrix and examples.", "Keep one of them.")
        rows: tuple[Mapping[str, Any], ...] = ({},)
        if "matrix" in node.entries:
            rows = self.matrix(node.entries["matrix"])
        elif "examples" in node.entries:
            rows = self.examples(node.entries["examples"])
        seen: dict[str, Mapping[str, Any]] = {}
        for row in rows:
            name = parameter_text(row)
            other = seen.setdefault(name, row)
            if other is not row:
                where = node.keys["matrix" if "matrix" in node.entries else "examples"]
                if repr(other) == repr(row):
                    self.note(where, f"Two cases are the same: {name}.", "Remove one.")
                else:  # 1 and "1"
                    differing = next(key for key in row if repr(row[key]) != repr(other[key]))
                    values = f"{show(other[differing], beside=row[differing])} and {show(row[differing], beside=other[differing])}"
                    what = f"Two cases have one name, {name}: {differing} is {values}."
                    self.note(where, what, "Tell them apart by another parameter.")
                break
        return rows

    def matrix(self, node: Node) -> tuple[Mapping[str, Any], ...]:
        if not isinstance(node, MapNode) or not node.entries:
            self.note(
                node,
                f"matrix is a map of names to lists; found {found(node)}.",
                "Write `matrix: {session: [intro-call, office-hours]}`.",
            )
            return ({},)
        axes: dict[str, list[Any]] = {}
        for key, value in node.entries.items():
            self.parameter(node.keys[key])
            if not isinstance(value, ListNode) or not value.items:
                here = "an empty one" if isinstance(value, ListNode) else found(value)
                self.note(value, f"matrix.{key} is a list of values; found {here}.")
                continue
            axes[key] = [self.value(item) for item in value.items]
        count = 1
        for values in axes.values():
            count *= len(values)
        if count > _MAX_CASES:
            self.note(node, f"The matrix makes {count:,} cases.", f"Keep it below {_MAX_CASES:,}.")
            return ({},)
        return matrix_rows(axes)

    def examples(self, node: Node) -> tuple[Mapping[str, Any], ...]:
        if not isinstance(node, ListNode) or not node.items:
            self.note(
                node,
                f"examples is a list of maps; found {found(node)}.",
                "Write `examples: [{session: intro-call, minutes: 30}]`.",
            )
            return ({},)
        if isinstance(node.items[0], ListNode):
            return self.table(node, node.items[0])
        rows = []
        names = list(node.items[0].entries) if isinstance(node.items[0], MapNode) else []
        for item in node.items:
            if not isinstance(item, MapNode):
                self.note(item, f"An example is a map; found {found(item)}.")
                continue
            for key in item.keys.values():
                self.parameter(key)
            if list(item.entries) != names and set(item.entries) != set(names):
                self.note(
                    item,
                    f"This example names {', '.join(item.entries)}; the first names {', '.join(names)}.",
                    "Give each the same names.",
                )
            rows.append({name: self.value(item.entries[name]) for name in names if name in item.entries})
        return tuple(rows) or ({},)

    def table(self, node: ListNode, head: ListNode) -> tuple[Mapping[str, Any], ...]:
        """A list of lists: the first has the names."""
        lines = node.items[1:]
        names = [item.text for item in head.items if isinstance(item, ScalarNode)]
        for number, item in enumerate(head.items):
            self.parameter(item)
            if isinstance(item, ScalarNode) and item.text in names[:number]:
                self.note(item, f"The column {item.text} stands here twice.", "Remove one.")
        rows = []
        for line in lines:
            if not isinstance(line, ListNode) or len(line.items) != len(head.items):
                self.note(
                    line,
                    f"This row has not the {len(head.items)} values that the first names.",
                    "Give each row as many.",
                )
                continue
            rows.append(dict(zip(names, [self.value(item) for item in line.items], strict=False)))
        if not lines:
            self.note(node, "The examples name columns, and have no row.", "Add a row.")
        return tuple(rows) or ({},)

    def parameter(self, node: Node) -> None:
        text = node.text if isinstance(node, ScalarNode) else ""
        if not _PARAMETER.match(text):
            self.note(node, f"{text or 'This'} cannot name a parameter.", "Use letters, digits, _ and -.")
        elif text in BUILTIN_NAMES:
            self.note(node, f"{text} is a name of the language.", "Choose another name.")

    def value(self, node: Node) -> Any:
        """A parameter's value: plain data, no references."""
        pattern = compile_node(node, sending=True, problems=self.problems)
        for reference in references(pattern):
            self.note(node, f"{reference.text} cannot stand in a parameter.", "Write the value, or $$ for a dollar.")
        return plain(node) if any(True for _ in references(pattern)) else resolve(pattern, {})

    def note(self, node: Node, what: str, remedy: str = "") -> None:
        self.problems.append(node.problem(what, remedy))
