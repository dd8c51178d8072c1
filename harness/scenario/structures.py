"""Shapes of lists and maps, made of other shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

from msgspec import Struct

from harness.errors import HarnessError, InputError, InputErrors, Problem
from harness.scenario.plain import as_data, as_map
from harness.scenario.shapes import REFERENCE, Choice, Reader, Schema, Shape, described, found, nothing, refuse
from harness.scenario.suggest import did_you_mean, slip_of
from harness.scenario.values import ListPattern, Literal, MapPattern, Matcher, Pattern, compile_node
from harness.scenario.yamltree import ListNode, MapNode, Node, ScalarNode

__all__ = ["AnyKeys", "Either", "Field", "Items", "Keys", "Misplaced"]


class Misplaced(ValueError):
    """What a constructor of arguments refuses, by the path of keys where it stands."""

    def __init__(self, told: Mapping[tuple[str, ...], str]) -> None:
        super().__init__(" ".join(told.values()))
        self.told = told


class Items(Struct, frozen=True):
    """A list of one shape."""

    of: Shape
    into: Callable[[list[Any]], Any] = list
    checking: bool = False  # each element is a check, so an empty list checks nothing

    @property
    def expected(self) -> str:
        """A list."""
        return f"a list of: {self.of.expected}"

    def read(self, node: Node, reader: Reader) -> Pattern:
        if isinstance(node, ListNode):
            if self.checking and not node.items:
                reader.note(node, "An empty list checks nothing.", "Fill it, or remove it.")
            return ListPattern(tuple([self.of.read(item, reader) for item in node.items]), node.position)
        return _whole(self, node, reader)

    def convert(self, value: Any, pattern: Pattern) -> Any:
        value = as_data(value)
        if not isinstance(value, list | tuple):
            raise refuse(self, value, pattern)
        inner = pattern.items if isinstance(pattern, ListPattern) else [pattern] * len(value)
        return self.into([self.of.convert(each, where) for each, where in zip(value, inner, strict=True)])

    def schema(self, reader: Reader) -> Schema:
        return {"anyOf": [{"type": "array", "items": self.of.schema(reader)}, REFERENCE]}


class AnyKeys(Struct, frozen=True):
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
        value = value if isinstance(value, Mapping) else as_map(value)
        if not isinstance(value, Mapping):
            raise refuse(self, value, pattern)
        return {key: self.of.convert(each, _under(pattern, key)) for key, each in value.items()}

    def schema(self, reader: Reader) -> Schema:
        return {"anyOf": [{"type": "object", "additionalProperties": self.of.schema(reader)}, REFERENCE]}


class Field(Struct, frozen=True):
    """One key of a map."""

    shape: Shape
    doc: str = ""
    required: bool = False


class Keys(Struct, frozen=True):
    """A map with declared keys. `others` is the shape of undeclared ones, if they may be there."""

    fields: Mapping[str, Field]
    noun: str
    others: Shape | None = None
    make: Callable[[dict[str, Any]], Any] | None = None
    needs: tuple[str, ...] = ()  # at least one of these, or the map compares nothing
    slips: bool = False  # an undeclared key that is a declared one with a slip of the finger is a mistake

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
            if shape is None or (declared is None and self.slips and slip_of(key, self.fields)):
                reader.note(
                    node.keys[key], f"{self.noun} has no key {key}.", did_you_mean(key, self.fields, noun="keys")
                )
                continue
            entries[key] = shape.read(value, reader)
        for key, declared in self.fields.items():
            if declared.required and key not in node.entries:
                reader.note(node, f"{self.noun} needs {key}: {declared.shape.expected}.")
        if self.needs and not any(key in node.entries for key in self.needs) and entries.keys() == node.entries.keys():
            reader.note(node, f"{self.noun} here compares nothing.", f"Add one of: {', '.join(self.needs)}.")
        return MapPattern(entries, node.position)

    def convert(self, value: Any, pattern: Pattern) -> Any:
        value = value if isinstance(value, Mapping) else as_map(value)
        if not isinstance(value, Mapping):
            raise refuse(self, value, pattern)
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
        return self.build(converted, pattern)

    def build(self, converted: dict[str, Any], pattern: Pattern) -> Any:
        """The typed object of converted fields; what its constructor refuses is an InputError where that stands."""
        if self.make is None:
            return converted
        try:
            return self.make(converted)
        except Misplaced as error:
            raise InputErrors(
                [Problem(reduce(_under, path, pattern).position, what) for path, what in error.told.items()]
            ) from None
        except ValueError as error:
            raise InputError(str(error), position=pattern.position) from None
        except HarnessError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a constructor of a project's own raises is a message too
            raise InputError(f"{type(error).__name__}: {error}", position=pattern.position) from None

    def schema(self, reader: Reader) -> Schema:
        properties = {key: described(each.shape.schema(reader), each.doc) for key, each in self.fields.items()}
        required = [key for key, each in self.fields.items() if each.required]
        others = self.others.schema(reader) if self.others else False
        schema: Schema = {"type": "object", "properties": properties, "additionalProperties": others}
        return {**schema, "required": required} if required else schema


class Either(Struct, frozen=True):
    """Different shapes for a single value, a list and a map."""

    scalar: tuple[Shape, ...] = ()
    list: Shape | None = None
    map: Shape | None = None
    words: str = ""

    @property
    def expected(self) -> str:
        """The alternatives, or `words` where they are too many to read."""
        expected = [shape.expected for shape in self._all()]
        return self.words or " or ".join([each for each in expected if each != "null"] or expected)

    def _all(self) -> tuple[Shape, ...]:
        return (*self.scalar, *(shape for shape in (self.list, self.map) if shape is not None))

    def read(self, node: Node, reader: Reader) -> Pattern:
        if isinstance(node, ListNode) and self.list is not None:
            return self.list.read(node, reader)
        if isinstance(node, MapNode) and self.map is not None:
            return self.map.read(node, reader)
        return self._single(node, reader)

    def _single(self, node: Node, reader: Reader) -> Pattern:
        told = [shape for shape in self._all() if shape.expected != "null"] or list(self._all())
        only: tuple[Pattern, Reader] | None = None  # what the one alternative that is told made of it
        hints: list[str] = []
        for shape in self.scalar if isinstance(node, ScalarNode) else ():
            attempt = Reader([], reader.tables, reader.read_steps)
            pattern = shape.read(node, attempt)
            if not attempt.problems:
                return pattern
            hints += [problem.remedy for problem in attempt.problems if problem.remedy]
            if told == [shape] or isinstance(pattern, Matcher):
                only = pattern, attempt
        if only is None:
            return self._none_fits(node, reader, hints[0] if hints else "")
        reader.problems.extend(only[1].problems)
        return only[0]

    def _none_fits(self, node: Node, reader: Reader, hint: str) -> Pattern:
        pattern = (
            compile_node(node, sending=False, problems=reader.problems)
            if isinstance(node, ScalarNode)
            else nothing(node)
        )
        if isinstance(pattern, Literal | Matcher):
            words = [word for shape in self.scalar if isinstance(shape, Choice) for word in shape.words]
            meant = did_you_mean(node.text, words) if isinstance(node, ScalarNode) and words else ""
            remedy = meant if meant.startswith("Did") else hint
            reader.note(node, f"Expected {self.expected}; found {found(node)}.", remedy)
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
        raise refuse(self, value, pattern)

    def schema(self, reader: Reader) -> Schema:
        return {"anyOf": [shape.schema(reader) for shape in self._all()]}


def _under(pattern: Pattern, key: str) -> Pattern:
    return pattern.entries.get(key, pattern) if isinstance(pattern, MapPattern) else pattern


def _whole(shape: Shape, node: Node, reader: Reader) -> Pattern:
    """A structure given as one reference is fine; anything else is not the structure."""
    pattern = (
        compile_node(node, sending=True, problems=reader.problems) if isinstance(node, ScalarNode) else nothing(node)
    )
    if isinstance(pattern, Literal):
        reader.note(node, f"Expected {shape.expected}; found {found(node)}.")
    return pattern
