"""Shapes: what may stand where. One declaration reads a tree, converts a value and describes itself to an editor.

Here are those of single values; `structures` has lists and maps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct, field

from harness.errors import InputError, Problem
from harness.scenario.plain import as_data
from harness.scenario.possible import alternatives, same_for_all
from harness.scenario.show import show
from harness.scenario.suggest import did_you_mean
from harness.scenario.values import ListPattern, Literal, MapPattern, Matcher, Opaque, Pattern, compile_node
from harness.scenario.yamltree import ListNode, MapNode, Node

if TYPE_CHECKING:
    from harness.scenario.model import Step
    from harness.scenario.tables import Tables

__all__ = [
    "Choice",
    "Compared",
    "Free",
    "Kind",
    "Reader",
    "Schema",
    "Shape",
    "Steps",
    "described",
    "found",
    "nothing",
    "refuse",
]

Schema = dict[str, Any]
REFERENCE: Schema = {"$ref": "#/$defs/reference"}


class Reader(Struct):
    """What reading needs beside the tree, and where mistakes go."""

    problems: list[Problem]
    tables: Tables | None = None
    read_steps: Callable[[Node], tuple[Step, ...]] | None = None
    definitions: dict[str, Schema] = field(default_factory=dict)

    def note(self, node: Node, what: str, remedy: str = "") -> None:
        """Notes a mistake made at `node`."""
        self.problems.append(node.problem(what, remedy))


class Shape(Protocol):
    """What may stand at one place."""

    @property
    def expected(self) -> str:
        """What is expected, in a few words: `a duration such as 15m`."""

    def read(self, node: Node, reader: Reader) -> Pattern:
        """The pattern of `node`; mistakes are noted in the reader."""

    def convert(self, value: Any, pattern: Pattern) -> Any:
        """The typed value of a resolved `value`. Raises InputError at the pattern's position."""

    def schema(self, reader: Reader) -> Schema:
        """JSON Schema of it, for editors."""


def found(node: Node) -> str:
    """What stands at `node`, in words."""
    if isinstance(node, ListNode):
        return "a list"
    if isinstance(node, MapNode):
        return "a map"
    if isinstance(node.value, str):
        return f"the text {show(node.value)}"
    return "nothing" if node.text == "" else node.text


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f"the text {show(value)}"
    if isinstance(value, Mapping):
        return "a map"
    return "a list" if isinstance(value, list | tuple) else show(value)


def refuse(shape: Shape, value: Any, pattern: Pattern) -> InputError:
    """The error of a resolved value that the shape does not take."""
    return InputError(f"Expected {shape.expected}; found {_shown(value)}.", position=pattern.position)


def nothing(node: Node) -> Pattern:
    """What stands in for a value that was mistaken."""
    return Literal(None, node.position)


class Free(Struct, frozen=True):
    """Any value: to compare, or to send."""

    sending: bool = False
    expected: str = "any value"

    def read(self, node: Node, reader: Reader) -> Pattern:
        return compile_node(node, sending=self.sending, problems=reader.problems)

    def convert(self, value: Any, pattern: Pattern) -> Any:
        return value

    def schema(self, reader: Reader) -> Schema:
        return {} if self.sending else {"$ref": "#/$defs/pattern"}


class Compared(Struct, frozen=True):
    """A pattern handed on as it is, for a verb that compares by itself."""

    inner: Shape = Free()
    expected: str = "a pattern"

    def read(self, node: Node, reader: Reader) -> Pattern:
        return Opaque(self.inner.read(node, reader), node.position)

    def convert(self, value: Any, pattern: Pattern) -> Any:
        return value

    def schema(self, reader: Reader) -> Schema:
        return self.inner.schema(reader)


class Kind(Struct, frozen=True):
    """A single value of one kind. `parse` raises ValueError for anything else.

    `values` are those that can come, as far as a matcher tells them apart: one that accepts none of them is a mistake,
    and where it is there `to_fail`, one that accepts all of them too.
    """

    expected: str
    parse: Callable[[Any], Any]
    json: Schema
    comparing: bool = False  # matchers are welcome
    values: Callable[[Matcher], Iterable[Any]] | None = None
    to_fail: bool = False

    def read(self, node: Node, reader: Reader) -> Pattern:
        before = len(reader.problems)
        pattern = compile_node(node, sending=not self.comparing, problems=reader.problems)
        if len(reader.problems) > before:
            return pattern
        if isinstance(pattern, Literal):
            try:
                self.parse(pattern.value)
            except ValueError as error:
                reader.note(node, f"Expected {self.expected}; found {found(node)}.", str(error))
        elif isinstance(pattern, Matcher):
            self.judge(node, pattern, reader)
        elif isinstance(pattern, MapPattern | ListPattern):
            reader.note(node, f"Expected {self.expected}; found {found(node)}.")
        return pattern

    def judge(self, node: Node, matcher: Matcher, reader: Reader) -> None:
        """Notes what keeps a matcher from ever holding here, or from ever failing."""
        for value in alternatives(matcher):
            try:
                if value is not None:
                    self.parse(value)
            except ValueError as error:
                reader.note(node, f"Expected {self.expected}; found {_shown(value)} in {matcher.text}.", str(error))
                return
        held = same_for_all(matcher, self.values(matcher)) if self.values else None
        if held is False:
            reader.note(node, f"{matcher.text} never holds here.", f"Expected {self.expected}.")
        elif held and self.to_fail:
            reader.note(
                node, f"{matcher.text} holds whatever happens, so it checks nothing.", "Narrow it, or remove it."
            )

    def convert(self, value: Any, pattern: Pattern) -> Any:
        try:
            return self.parse(as_data(value))
        except ValueError:
            raise refuse(self, value, pattern) from None

    def schema(self, reader: Reader) -> Schema:
        matcher = [{"$ref": "#/$defs/matcher"}] if self.comparing else []
        return {"anyOf": [self.json, *matcher, REFERENCE]}


class Choice(Struct, frozen=True):
    """One of a few words."""

    words: tuple[Any, ...]
    comparing: bool = False  # matchers are welcome
    docs: Mapping[str, str] = field(default_factory=dict)

    @property
    def expected(self) -> str:
        """The words."""
        return (
            " or ".join([", ".join(map(show, self.words[:-1])), show(self.words[-1])])
            if len(self.words) > 1
            else show(self.words[0])
        )

    def read(self, node: Node, reader: Reader) -> Pattern:
        pattern = compile_node(node, sending=not self.comparing, problems=reader.problems)
        if isinstance(pattern, MapPattern | ListPattern):
            reader.note(node, f"Expected {self.expected}; found {found(node)}.")
        named = [pattern.value] if isinstance(pattern, Literal) else list(alternatives(pattern))
        for value in [each for each in named if not self.has(each)][:1]:
            said = f"{_shown(value)} in {pattern.text}" if isinstance(pattern, Matcher) else found(node)
            words = [word for word in self.words if isinstance(word, str)]
            hint = did_you_mean(str(value), words) if value not in (None, "") else ""
            reader.note(node, f"Expected {self.expected}; found {said}.", hint if hint.startswith("Did") else "")
        return pattern

    def has(self, value: Any) -> bool:
        """Whether it is one of the words; `true` is not `1`."""
        return any(word == value and isinstance(word, bool) == isinstance(value, bool) for word in self.words)

    def convert(self, value: Any, pattern: Pattern) -> Any:
        if not self.has(value):
            raise refuse(self, value, pattern)
        return value

    def schema(self, reader: Reader) -> Schema:
        matcher = [{"$ref": "#/$defs/matcher"}] if self.comparing else []
        return {"anyOf": [{"enum": list(self.words)}, *matcher, REFERENCE]}


class Steps(Struct, frozen=True):
    """A list of steps, read by the loader."""

    expected: str = "a list of steps"

    def read(self, node: Node, reader: Reader) -> Pattern:
        if reader.read_steps is None or not isinstance(node, ListNode):
            reader.note(node, f"Expected {self.expected}; found {found(node)}.")
            return nothing(node)
        if not node.items:
            reader.note(node, "Here is no step.", "Add one: an empty list does nothing.")
        return Opaque(reader.read_steps(node), node.position)

    def convert(self, value: Any, pattern: Pattern) -> Any:
        return value

    def schema(self, reader: Reader) -> Schema:
        return {"type": "array", "items": {"$ref": "#/$defs/step"}}


def described(schema: Schema, doc: str) -> Schema:
    """`schema` with a description for hovering."""
    return {**schema, "description": doc, "markdownDescription": doc} if doc else schema
