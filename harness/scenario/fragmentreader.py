"""Reading a fragment: its arguments and its steps."""

from __future__ import annotations

from msgspec.structs import replace

from harness.errors import Problem
from harness.scenario.fragments import Fragment, all_steps, depth_of
from harness.scenario.model import BUILTIN_NAMES
from harness.scenario.names import NameCheck
from harness.scenario.shapes import found
from harness.scenario.stepreader import StepReader
from harness.scenario.suggest import did_you_mean
from harness.scenario.values import Literal, Pattern, compile_node, references
from harness.scenario.yamltree import ListNode, MapNode, Node, ScalarNode

__all__ = ["read_fragment"]


def read_fragment(steps: StepReader, key: ScalarNode, node: Node) -> Fragment:
    """The fragment under `key`: a list of steps, or a map with `takes` and `steps`. Mistakes are noted."""
    problems = steps.reader.problems
    takes: Node | None = None
    body: Node | None = node
    if isinstance(node, MapNode):
        for each in node.entries:
            if each not in {"takes", "steps"}:
                problems.append(
                    node.keys[each].problem(f"A fragment has no key {each}.", did_you_mean(each, ["takes", "steps"]))
                )
        takes, body = node.get("takes"), node.get("steps")
    if body is None:
        problems.append(node.problem(f"The fragment {key.text} has no steps.", "Write `steps: [ … ]`."))
    steps.calls = steps.called = 0
    made = Fragment(key.text, {}, steps.steps(body) if body is not None else (), key.position)
    parameters = _parameters(takes, made.sent, problems) if takes is not None else {}
    size = sum(1 for _ in all_steps(made.steps))
    made = replace(made, parameters=parameters, size=size, depth=depth_of(made.steps))
    if body is None:
        return made
    if isinstance(body, ListNode) and not body.items:
        problems.append(body.problem(f"The fragment {key.text} has no steps.", "Add one: an empty list does nothing."))
    for step in made.steps:
        captured = (step.as_ or "").partition(".")[0]
        if captured in parameters:
            what = f"The fragment {key.text} takes {captured}, and captures it here."
            problems.append(key.source.problem(*step.position[1:], what, "Choose another name."))
    check = NameCheck({*BUILTIN_NAMES, *parameters})
    check.steps(made.steps)
    problems += check.problems
    _unused(made, check, key, problems)
    return made


def _parameters(node: Node, sent: frozenset[str], problems: list[Problem]) -> dict[str, Pattern | None]:
    """`[name, …]`: all must be given; `{name: default}`: `<any>` stands for none. A default may be a matcher, unless the
    steps send it (`sent`)."""
    if isinstance(node, ListNode):
        names: dict[str, Pattern | None] = {}
        for item in node.items:
            if not isinstance(item, ScalarNode) or not isinstance(item.value, str):
                problems.append(
                    item.problem(f"takes is a list of names; found {found(item)}.", "Write `takes: [session]`.")
                )
            elif item.text in names:
                problems.append(item.problem(f"takes has {item.text} twice.", "Remove one."))
            else:
                names[item.text] = None
        return names
    if not isinstance(node, MapNode):
        problems.append(node.problem(f"takes is a list of names, or a map with defaults; found {found(node)}."))
        return {}
    parameters: dict[str, Pattern | None] = {}
    for name, value in node.entries.items():
        needed = isinstance(value, ScalarNode) and value.text == "<any>"
        pattern = compile_node(value, sending=name in sent and not needed, problems=problems)
        parameters[name] = None if needed else pattern
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
