"""Shapes: what may stand where. One declaration reads a tree, converts a value and describes itself to an editor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from harness.errors import InputError, Position, Problem
from harness.scenario.show import show
from harness.scenario.suggest import did_you_mean
from harness.scenario.values import ListPattern, Literal, MapPattern, Matcher, Opaque, Pattern, compile_node
from harness.scenario.yamltree import ListNode, MapNode, Node, ScalarNode

if TYPE_CHECKING:
    from harness.scenario.model import Step
    from harness.scenario.tables import Tables

__all__ = [
    "AnyKeys",
    "Choice",
    "Either",
    "Field",
    "Free",
    "Items",
    "Keys",
    "Kind",
    "Reader",
    "Schema",
    "Shape",
    "Steps",
    "found",
]

Schema = dict[str, Any]


@dataclass(slots=True)
class Reader:
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


def _refuse(shape: Shape, value: Any, pattern: Pattern) -> InputError:
    return InputError(f"Expected {shape.expected}; found {_shown(value)}.", position=pattern.position)


def _nothing(node: Node) -> Pattern:
    return Literal(None, node.position)


@dataclass(frozen=True, slots=True)
class Free:
    """Any value: to compare, or to send."""

    sending: bool = False
    expected: str = "any value"

    def read(self, node: Node, reader: Reader) -> Pattern:
        return compile_node(node, sending=self.sending, problems=reader.problems)

    def convert(self, value: Any, pattern: Pattern) -> Any:  # noqa: ARG002  the protocol's signature
        return value

    def schema(self, reader: Reader) -> Schema:  # noqa: ARG002  the protocol's signature
        return {} if self.sending else {"$ref": "#/$defs/pattern"}


@dataclass(frozen=True, slots=True)
class Compared:
    """A pattern handed on as it is, for a verb that compares by itself."""

    inner: Shape = Free()
    expected: str = "a pattern"

    def read(self, node: Node, reader: Reader) -> Pattern:
        return Opaque(self.inner.read(node, reader), node.position)

    def convert(self, value: Any, pattern: Pattern) -> Any:  # noqa: ARG002  the protocol's signature
        return value

    def schema(self, reader: Reader) -> Schema:
        return self.inner.schema(reader)


@dataclass(frozen=True, slots=True)
class Kind:
    """A single value of one kind. `parse` raises ValueError for anything else."""

    expected: str
    parse: Callable[[Any], Any]
    json: Schema
    comparing: bool = False  # matchers are welcome

    def read(self, node: Node, reader: Reader) -> Pattern:
        pattern = compile_node(node, sending=not self.comparing, problems=reader.problems)
        if isinstance(pattern, Literal):
            try:
                self.parse(pattern.value)
            except ValueError as error:
                reader.note(node, f"Expected {self.expected}; found {found(node)}.", str(error))
        elif isinstance(pattern, MapPattern | ListPattern):
            reader.note(node, f"Expected {self.expected}; found {found(node)}.")
        return pattern

    def convert(self, value: Any, pattern: Pattern) -> Any:
        try:
            return self.parse(value)
        except ValueError:
            raise _refuse(self, value, pattern) from None

    def schema(self, reader: Reader) -> Schema:  # noqa: ARG002  the protocol's signature
        reference = {"type": "string", "pattern": r"\$"}
        matcher = [{"$ref": "#/$defs/matcher"}] if self.comparing else []
        return {"anyOf": [self.json, *matcher, reference], "description": self.expected}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[Any, ...]
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
        pattern = compile_node(node, sending=True, problems=reader.problems)
        if isinstance(pattern, MapPattern | ListPattern) or (
            isinstance(pattern, Literal) and pattern.value not in self.words
        ):
            words = [word for word in self.words if isinstance(word, str)]
            hint = did_you_mean(node.text, words) if isinstance(node, ScalarNode) and node.text else ""
            reader.note(node, f"Expected {self.expected}; found {found(node)}.", hint if hint.startswith("Did") else "")
        return pattern

    def convert(self, value: Any, pattern: Pattern) -> Any:
        if value not in self.words:
            raise _refuse(self, value, pattern)
        return value

    def schema(self, reader: Reader) -> Schema:  # noqa: ARG002  the protocol's signature
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Items:
    """A list of one shape."""

    of: Shape
    into: Callable[[list[Any]], Any] = list

    @property
    def expected(self) -> str:
        """A list."""
        return f"a list of: {self.of.expected}"

    def read(self, node: Node, reader: Reader) -> Pattern:
        if isinstance(node, ListNode):
            return ListPattern(tuple([self.of.read(item, reader) for item in node.items]), node.position)
        return _whole(self, node, reader)

    def convert(self, value: Any, pattern: Pattern) -> Any:
        if not isinstance(value, list | tuple):
            raise _refuse(self, value, pattern)
        inner = pattern.items if isinstance(pattern, ListPattern) else [pattern] * len(value)
        return self.into([self.of.convert(each, where) for each, where in zip(value, inner, strict=True)])

    def schema(self, reader: Reader) -> Schema:
        return {"type": "array", "items": self.of.schema(reader)}


@dataclass(frozen=True, slots=True)
class AnyKeys:
    """A map with free keys and values of one shape."""

    of: Shape

    @property
    def expected(self) -> str:
        """A map."""
        return f"a map of: {self.of.expected}"

    def read(self, node: Node, reader: Reader) -> Pattern:
        if isinstance(node, MapNode):
            return MapPattern({key: self.of.read(value, reader) for key, value in node.entries.items()}, node.position)
        return _whole(self, node, reader)

    def convert(self, value: Any, pattern: Pattern) -> Any:
        if not isinstance(value, Mapping):
            raise _refuse(self, value, pattern)
        return {key: self.of.convert(each, _under(pattern, key)) for key, each in value.items()}

    def schema(self, reader: Reader) -> Schema:
        return {"type": "object", "additionalProperties": self.of.schema(reader)}


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a map."""

    shape: Shape
    doc: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Keys:
    """A map with declared keys. `others` is the shape of undeclared ones, if they may be there."""

    fields: Mapping[str, Field]
    noun: str
    others: Shape | None = None
    make: Callable[[dict[str, Any]], Any] | None = None

    @property
    def expected(self) -> str:
        """A map with its keys."""
        return f"a map with {', '.join(self.fields)}"

    def read(self, node: Node, reader: Reader) -> Pattern:
        return self.read_map(node, reader) if isinstance(node, MapNode) else _whole(self, node, reader)

    def read_map(self, node: MapNode, reader: Reader) -> MapPattern:
        """The pattern of a map."""
        entries: dict[str, Pattern] = {}
        for key, value in node.entries.items():
            declared = self.fields.get(key)
            shape = declared.shape if declared else self.others
            if shape is None:
                reader.note(
                    node.keys[key], f"{self.noun} has no key {key}.", did_you_mean(key, self.fields, noun="keys")
                )
                continue
            entries[key] = shape.read(value, reader)
        for key, declared in self.fields.items():
            if declared.required and key not in node.entries:
                reader.note(node, f"{self.noun} needs {key}: {declared.shape.expected}.")
        return MapPattern(entries, node.position)

    def convert(self, value: Any, pattern: Pattern) -> Any:
        if not isinstance(value, Mapping):
            raise _refuse(self, value, pattern)
        converted: dict[str, Any] = {}
        for key, each in value.items():
            declared = self.fields.get(key)
            shape = declared.shape if declared else self.others
            if shape is None:
                raise InputError(
                    f"{self.noun} has no key {key}.",
                    did_you_mean(key, self.fields, noun="keys"),
                    _under(pattern, key).position,
                )
            converted[key] = shape.convert(each, _under(pattern, key))
        missing = [key for key, declared in self.fields.items() if declared.required and key not in converted]
        if missing:
            raise InputError(
                f"{self.noun} needs {missing[0]}: {self.fields[missing[0]].shape.expected}.", position=pattern.position
            )
        return self.build(converted, pattern.position)

    def build(self, converted: dict[str, Any], position: Position) -> Any:
        """The typed object of converted fields; what its constructor refuses is an InputError at `position`."""
        if self.make is None:
            return converted
        try:
            return self.make(converted)
        except ValueError as error:
            raise InputError(str(error), position=position) from None

    def schema(self, reader: Reader) -> Schema:
        properties = {key: described(each.shape.schema(reader), each.doc) for key, each in self.fields.items()}
        required = [key for key, each in self.fields.items() if each.required]
        others = self.others.schema(reader) if self.others else False
        schema: Schema = {"type": "object", "properties": properties, "additionalProperties": others}
        return {**schema, "required": required} if required else schema


@dataclass(frozen=True, slots=True)
class Either:
    """Different shapes for a single value, a list and a map."""

    scalar: tuple[Shape, ...] = ()
    list: Shape | None = None
    map: Shape | None = None

    @property
    def expected(self) -> str:
        """The alternatives."""
        return " or ".join(shape.expected for shape in self._all())

    def _all(self) -> tuple[Shape, ...]:
        return (*self.scalar, *(shape for shape in (self.list, self.map) if shape is not None))

    def read(self, node: Node, reader: Reader) -> Pattern:
        if isinstance(node, ListNode) and self.list is not None:
            return self.list.read(node, reader)
        if isinstance(node, MapNode) and self.map is not None:
            return self.map.read(node, reader)
        return self._single(node, reader)

    def _single(self, node: Node, reader: Reader) -> Pattern:
        for shape in self.scalar if isinstance(node, ScalarNode) else ():
            attempt = Reader([], reader.tables, reader.read_steps)
            pattern = shape.read(node, attempt)
            if not attempt.problems:
                return pattern
            if len(self.scalar) == 1 and self.list is None and self.map is None:
                reader.problems.extend(attempt.problems)
                return pattern
        return self._none_fits(node, reader)

    def _none_fits(self, node: Node, reader: Reader) -> Pattern:
        pattern = (
            compile_node(node, sending=False, problems=reader.problems)
            if isinstance(node, ScalarNode)
            else _nothing(node)
        )
        if isinstance(pattern, Literal | Matcher):
            words = [word for shape in self.scalar if isinstance(shape, Choice) for word in shape.words]
            hint = did_you_mean(node.text, words) if isinstance(node, ScalarNode) and words else ""
            reader.note(node, f"Expected {self.expected}; found {found(node)}.", hint if hint.startswith("Did") else "")
        return pattern

    def convert(self, value: Any, pattern: Pattern) -> Any:
        for shape in self._all():
            try:
                return shape.convert(value, pattern)
            except InputError:
                if (shape is self.list and isinstance(value, list)) or (
                    shape is self.map and isinstance(value, Mapping)
                ):
                    raise
        raise _refuse(self, value, pattern)

    def schema(self, reader: Reader) -> Schema:
        return {"anyOf": [shape.schema(reader) for shape in self._all()]}


@dataclass(frozen=True, slots=True)
class Steps:
    """A list of steps, read by the loader."""

    expected: str = "a list of steps"

    def read(self, node: Node, reader: Reader) -> Pattern:
        if reader.read_steps is None or not isinstance(node, ListNode):
            reader.note(node, f"Expected {self.expected}; found {found(node)}.")
            return _nothing(node)
        return Opaque(reader.read_steps(node), node.position)

    def convert(self, value: Any, pattern: Pattern) -> Any:  # noqa: ARG002  the protocol's signature
        return value

    def schema(self, reader: Reader) -> Schema:  # noqa: ARG002  the protocol's signature
        return {"type": "array", "items": {"$ref": "#/$defs/step"}}


def described(schema: Schema, doc: str) -> Schema:
    """`schema` with a description for hovering."""
    return {**schema, "description": doc, "markdownDescription": doc} if doc else schema


def _under(pattern: Pattern, key: str) -> Pattern:
    return pattern.entries.get(key, pattern) if isinstance(pattern, MapPattern) else pattern


def _whole(shape: Shape, node: Node, reader: Reader) -> Pattern:
    """A structure given as one reference is fine; anything else is not the structure."""
    pattern = (
        compile_node(node, sending=True, problems=reader.problems) if isinstance(node, ScalarNode) else _nothing(node)
    )
    if isinstance(pattern, Literal):
        reader.note(node, f"Expected {shape.expected}; found {found(node)}.")
    return pattern
