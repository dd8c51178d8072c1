"""What reports call a step, from the tree that it was read from."""

from __future__ import annotations

from harness.scenario.registry import Verb
from harness.scenario.show import visible
from harness.scenario.yamltree import ListNode, MapNode, Node, ScalarNode

__all__ = ["brief", "title"]

_TITLE = 80


def title(verb: Verb, value: Node) -> str:
    """A step as a person reads it: the verb and what matters most of its arguments."""
    if isinstance(value, MapNode):
        preferred = value.get(verb.shorthand) if verb.shorthand else None
        first = next(iter(value.entries.items()), None)
        if preferred is None and first is not None and isinstance(first[1], ScalarNode):
            return f"{verb.name} {first[0]} {brief(first[1])}"[:_TITLE]
        value = preferred or value
    shown = brief(value) if isinstance(value, ScalarNode) else ""
    return f"{verb.name} {shown}".strip()[:_TITLE]


def brief(node: Node) -> str:
    """A tree on one line, as one would write it in a flow map."""
    if isinstance(node, ScalarNode):
        return visible(" ".join(node.text.split())) if node.text or not node.plain else ""
    if isinstance(node, ListNode):
        return "[" + ", ".join(map(brief, node.items)) + "]"
    return "{" + ", ".join(f"{key}: {brief(value)}" for key, value in node.entries.items()) + "}"
