"""Reading a fragment: its arguments and its steps."""

from __future__ import annotations

from harness.errors import Problem
from harness.scenario.fragments import Fragment
from harness.scenario.model import BUILTIN_NAMES
from harness.scenario.names import NameCheck
from harness.scenario.shapes import found
from harness.scenario.stepreader import StepReader
from harness.scenario.suggest import did_you_mean
from harness.scenario.values import Literal, Matcher, Pattern, compile_node, references
from harness.scenario.yamltree import ListNode, MapNode, Node, ScalarNode

__all__ = ["read_fragment"]


def read_fragment(steps: StepReader, key: ScalarNode, node: Node) -> Fragment:
    """The fragment under `key`: a list of steps, or a map with `takes` and `steps`. Mistakes are noted."""
    problems = steps.reader.problems
    parameters: dict[str, Pattern | None] = {}
    body: Node | None = node
    if isinstance(node, MapNode):
        for each in node.entries:
            if each not in {"takes", "steps"}:
                problems.append(
                    node.keys[each].problem(f"A fragment has no key {each}.", did_you_mean(each, ["takes", "steps"]))
                )
        body = node.get("steps")
        if "takes" in node.entries:
            parameters = _parameters(node.entries["takes"], problems)
    if body is None:
        problems.append(node.problem(f"The fragment {key.text} has no steps.", "Write `steps: [ … ]`."))
        return Fragment(key.text, parameters, (), key.position)
    steps.calls = 0
    made = Fragment(key.text, parameters, steps.steps(body), key.position)
    check = NameCheck({*BUILTIN_NAMES, *parameters})
    check.steps(made.steps)
    problems += check.problems
    _unused(made, check, key, problems)
    return made


def _parameters(node: Node, problems: list[Problem]) -> dict[str, Pattern | None]:
    """`[name, …]`: all must be given; `{name: default}`: `<any>` stands for none."""
    if isinstance(node, ListNode):
        names = [item for item in node.items if isinstance(item, ScalarNode) and isinstance(item.value, str)]
        return {item.text: None for item in names}
    if not isinstance(node, MapNode):
        problems.append(node.problem(f"takes is a list of names, or a map with defaults; found {found(node)}."))
        return {}
    parameters: dict[str, Pattern | None] = {}
    for name, value in node.entries.items():
        pattern = compile_node(
            value, sending=value.text != "<any>" if isinstance(value, ScalarNode) else True, problems=problems
        )
        parameters[name] = None if isinstance(pattern, Matcher) else pattern
        for reference in references(pattern):
            if reference.name not in BUILTIN_NAMES:
                problems.append(value.problem(f"A default cannot name {reference.text}.", "Give it in the call."))
    return parameters


def _unused(made: Fragment, check: NameCheck, key: ScalarNode, problems: list[Problem]) -> None:
    texts = " ".join(f"{step.by or ''} {step.title}" for step in made.steps)
    for name, default in made.parameters.items():
        if name not in check.used and f"${name}" not in texts:
            where = default.position if isinstance(default, Literal) else key.position
            source = key.source
            problems.append(
                source.problem(
                    where.line, where.column, f"The fragment {made.name} takes {name} and never uses it.", "Remove it."
                )
            )
