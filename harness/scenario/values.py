"""Patterns: what a scenario writes where a value stands, compiled from the tree.

A pattern is a literal, a reference (`$name.path[0]`), a text with references in it, a matcher, a map, a list or a
wrapper. Patterns to *send* hold no matchers; patterns to *compare* may hold everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias
from typing import Literal as Word

from msgspec import Struct

from harness.errors import InputErrors, Position, Problem
from harness.scenario.matchers import MATCHERS, compile_regex, split_matcher, split_one_of, word_mistake
from harness.scenario.yamltree import ListNode, MapNode, Node, ScalarNode, scalar_value

__all__ = [
    "WRAPPERS",
    "ListPattern",
    "Literal",
    "MapPattern",
    "Matcher",
    "Opaque",
    "Pattern",
    "Reference",
    "Template",
    "compile_node",
    "references",
]

ListMode: TypeAlias = Word["exact", "any_order", "includes", "every"]

WRAPPERS: Mapping[str, str] = {
    "exactly": "this map and no other keys, at any depth",
    "any_order": "these elements and no others, in any order",
    "includes": "these elements, in any order, others allowed",
    "every": "each element matches, and there is at least one",
    "literal": "the value as it stands: no matcher, no reference",
    "re": "a regular expression found in the text",
}


class Literal(Struct, frozen=True):
    """A value as it stands; `value` is plain data (a map or list only under `literal`)."""

    value: Any
    position: Position


class Reference(Struct, frozen=True):
    """`$name.path[0].x`: the value itself, whatever its type."""

    name: str
    path: tuple[str | int, ...]
    text: str
    position: Position


class Template(Struct, frozen=True):
    """Text with references in it."""

    parts: tuple[str | Reference, ...]
    text: str
    position: Position


class Matcher(Struct, frozen=True):
    """`<name args>`; an argument is a pattern, for `re` the compiled expression, for `len` and `now` text."""

    name: str
    args: tuple[Any, ...]
    text: str
    position: Position


class MapPattern(Struct, frozen=True):
    """A map: a subset of the actual one, or all of it when `exact`."""

    entries: Mapping[str, Pattern]
    position: Position
    exact: bool = False

    def get(self, key: str) -> Pattern | None:
        """The pattern under `key`, or None."""
        return self.entries.get(key)

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def items(self) -> Iterator[tuple[str, Pattern]]:
        """Keys and patterns in the order of the file."""
        return iter(self.entries.items())


class ListPattern(Struct, frozen=True):
    """A list. With mode `every`, `items` holds the one pattern that each element must match."""

    items: tuple[Pattern, ...]
    position: Position
    mode: ListMode = "exact"


class Opaque(Struct, frozen=True):
    """Something that the loader made (steps, a pattern to compare later) and that `resolve` hands on untouched."""

    value: Any
    position: Position


Pattern: TypeAlias = Literal | Reference | Template | Matcher | MapPattern | ListPattern | Opaque

_NAME = r"[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*"
_PATH = rf"{_NAME}(?:\.{_NAME}|\[[0-9]{{1,9}}\])*"
_DOLLAR = re.compile(rf"\$(?:(\$)|({_PATH})|\{{({_PATH})\}})?")
_STEP = re.compile(rf"({_NAME})|\[([0-9]+)\]")


def compile_node(node: Node, *, sending: bool = False, problems: list[Problem] | None = None) -> Pattern:
    """The pattern that `node` means.

    Args:
        node: a tree of `yamltree.parse`.
        sending: the value goes to the target, so matchers and wrappers (but `literal`) are mistakes.
        problems: where mistakes are noted; without it the first mistake is raised.

    Raises:
        InputErrors: a mistake, when `problems` is not given.
    """
    found: list[Problem] = []
    pattern = _Compiler(found, sending=sending).pattern(node, exact=False)
    if problems is not None:
        problems.extend(found)
    elif found:
        raise InputErrors(found)
    return pattern


def references(pattern: Pattern) -> Iterator[Reference]:
    """Every reference in `pattern`, in the order of the file."""
    match pattern:
        case Reference():
            yield pattern
        case Template(parts=parts):
            yield from (part for part in parts if isinstance(part, Reference))
        case Matcher(args=args):
            for arg in args:
                if isinstance(arg, Reference | Template | Matcher | Literal):
                    yield from references(arg)
        case MapPattern(entries=entries):
            for value in entries.values():
                yield from references(value)
        case ListPattern(items=items):
            for item in items:
                yield from references(item)
        case Opaque(value=value):
            if isinstance(value, Literal | Reference | Template | Matcher | MapPattern | ListPattern):
                yield from references(value)
        case _:
            pass


class _Compiler:
    def __init__(self, problems: list[Problem], *, sending: bool) -> None:
        self.problems = problems
        self.sending = sending

    def pattern(self, node: Node, *, exact: bool) -> Pattern:
        if isinstance(node, ScalarNode):
            return self.scalar(node)
        if isinstance(node, ListNode):
            return ListPattern(tuple([self.element(item, exact=exact) for item in node.items]), node.position)
        if len(node.entries) == 1:
            ((word, inner),) = node.entries.items()
            if word in WRAPPERS:
                return self.wrapper(word, node, inner, exact=exact)
        elif node.entries and not self.sending and node.entries.keys() <= WRAPPERS.keys():
            first, second, *_ = node.entries
            self.note(
                node.keys[second],
                f"{first} and {second} stand in one map, so it would be a map with these keys.",
                f"Keep one; for a map with these keys write {{literal: {{{first}: …}}}}.",
            )
        entries = {key: self.pattern(value, exact=exact) for key, value in node.entries.items()}
        return MapPattern(entries, node.position, exact)

    def element(self, node: Node, *, exact: bool) -> Pattern:
        """The pattern of an element of a list, which is there: `[<absent>]` would fit an empty list, and no other."""
        pattern = self.pattern(node, exact=exact)
        if isinstance(pattern, Matcher) and pattern.name == "absent":
            self.note(
                node,
                "An element of a list is always there, and <absent> fits what is not.",
                "Leave it out: a list matches exactly. Or write <null>.",
            )
        return pattern

    def scalar(self, node: ScalarNode) -> Pattern:
        text = node.value
        if not isinstance(text, str):
            return Literal(text, node.position)
        if text.startswith("<"):
            return self.matcher(node, text)
        if "$" in text:
            return self.text(node, text)
        return Literal(text, node.position)

    def text(self, node: ScalarNode, text: str) -> Literal | Reference | Template:
        parts: list[str | Reference] = []
        end = 0
        position = node.position
        for found in _DOLLAR.finditer(text):
            if found.start() > end:
                parts.append(text[end : found.start()])
            end = found.end()
            escaped, bare, braced = found.groups()
            path = bare or braced
            if path:
                parts.append(_reference(path, found.group(), position))
                continue
            if not escaped:
                self.note(
                    node,
                    f"A dollar sign begins a reference, and none follows in {text}.",
                    "Write $name, or $$ for a dollar.",
                )
            parts.append("$")
        if end < len(text):
            parts.append(text[end:])
        if len(parts) == 1 and isinstance(parts[0], Reference):
            return parts[0]
        if not any(isinstance(part, Reference) for part in parts):
            return Literal("".join(str(part) for part in parts), position)
        return Template(tuple(parts), text, position)

    def matcher(self, node: ScalarNode, text: str) -> Pattern:
        split = split_matcher(text)
        if split is None:
            self.unclosed(node, text)
            return Literal(text, node.position)
        if self.sending:
            self.note(
                node,
                f"{text} is a matcher, and a value is sent here.",
                f'For the text itself write {{literal: "{text}"}}.',
            )
            return Literal(text, node.position)
        return self.split_matcher(node, text, *split)

    def split_matcher(self, node: ScalarNode, text: str, word: str, rest: str) -> Pattern:
        mistake = word_mistake(word, rest, text)
        if mistake:
            self.note(node, *mistake)
            return Literal(text, node.position)
        return Matcher(word, self.arguments(node, word, rest), text, node.position)

    def arguments(self, node: ScalarNode, word: str, rest: str) -> tuple[Any, ...]:
        match word:
            case "re":
                return (compile_regex(rest),)
            case "between":
                return tuple(self.argument(node, part) for part in rest.split())
            case "one of":
                return tuple(
                    self.inner(node, part, nested=True)
                    if part[:1] == "<" and part[-1:] == ">"
                    else self.argument(node, part)
                    for part in split_one_of(rest)
                )
            case "not":
                nested = rest[:1] == "<"
                return (self.inner(node, rest if nested else f"<{rest}>", nested=nested),)  # <not <int>> is <not int>
            case "len" | "now":
                return (rest,)
            case _:
                return (self.argument(node, rest),) if rest else ()

    def inner(self, node: ScalarNode, text: str, *, nested: bool) -> Pattern:
        """The matcher `<text>` inside another one; the text itself where its word is none, unless it has brackets of its own
        (`nested`)."""
        split = split_matcher(text)
        if split and (nested or _is_word(*split)):
            return self.split_matcher(node, text, *split)
        return self.argument(node, text[1:-1] if text[-1:] == ">" else text)

    def argument(self, node: ScalarNode, text: str) -> Pattern:
        if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
            return Literal(text[1:-1], node.position)
        if "$" in text:
            return self.text(node, text)
        return Literal(scalar_value(text) if text else text, node.position)

    def unclosed(self, node: ScalarNode, text: str) -> None:
        word = re.split(r"[\s>]", text[1:].lstrip(), maxsplit=1)[0]
        if word in MATCHERS or word == "one":
            self.note(
                node,
                f"The matcher {text} is not closed.",
                "End it with >; quote it when it holds a comma, a bracket or a #.",
            )

    def wrapper(self, word: str, node: MapNode, inner: Node, *, exact: bool) -> Pattern:
        position = node.position
        if word == "literal":
            return Literal(plain(inner), position)
        if self.sending:
            self.note(
                node,
                f"{{{word}: …}} compares, and a value is sent here.",
                f"For a map with the key {word} write {{literal: {{{word}: …}}}}.",
            )
            return Literal(None, position)
        match word:
            case "exactly":
                return self.pattern(inner, exact=True)
            case "re":
                return self.regex(inner)
            case "every":
                return ListPattern((self.element(inner, exact=exact),), position, "every")
        if not isinstance(inner, ListNode):
            self.note(inner, f"{word} takes a list.", f"Write {{{word}: [a, b]}}.")
            return Literal(None, position)
        items = tuple(self.element(item, exact=exact) for item in inner.items)
        return ListPattern(items, position, "any_order" if word == "any_order" else "includes")

    def regex(self, inner: Node) -> Pattern:
        if not isinstance(inner, ScalarNode) or not inner.text:
            self.note(inner, "re takes a regular expression as text.", "Write {re: '^ab+c$'}.")
            return Literal(None, inner.position)
        return self.split_matcher(inner, f"<re {inner.text}>", "re", inner.text)

    def note(self, node: Node, what: str, remedy: str) -> None:
        self.problems.append(node.problem(what, remedy))


def _is_word(word: str, rest: str) -> bool:
    known = MATCHERS.get(word)
    return known is not None and (known.arguments != 0) == bool(rest)


def _reference(path: str, text: str, position: Position) -> Reference:
    steps = [name or int(index) for name, index in _STEP.findall(path)]
    return Reference(str(steps[0]), tuple(steps[1:]), text, position)


def plain(node: Node) -> Any:
    """The data of a tree as it stands: no references, no matchers."""
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return {key: plain(value) for key, value in node.entries.items()}
