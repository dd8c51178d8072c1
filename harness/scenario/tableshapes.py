"""Shapes that know tables and columns."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from harness.errors import InputError
from harness.scenario.cells import Cell
from harness.scenario.shapes import Reader, Schema, Shape
from harness.scenario.structures import Items
from harness.scenario.suggest import did_you_mean
from harness.scenario.values import Literal, MapPattern, Pattern, compile_node
from harness.scenario.yamltree import ListNode, MapNode, Node

__all__ = ["Columns", "PerTable", "TableRows"]


class Columns(Struct, frozen=True):
    """A row: columns of one table, each with a value, or a pattern, or (`changes`) `{from, to}`."""

    table: str
    sending: bool = False
    changes: bool = False

    @property
    def expected(self) -> str:
        """A row."""
        return f"a row of {self.table}: a map of columns"

    def read(self, node: Node, reader: Reader) -> Pattern:
        if not isinstance(node, MapNode):
            pattern = compile_node(node, sending=self.sending, problems=reader.problems)
            if isinstance(pattern, Literal) or isinstance(node, ListNode):
                reader.note(node, f"Expected {self.expected}.", "Write {column: value}.")
            return pattern
        known = reader.tables.columns.get(self.table) if reader.tables else None
        entries: dict[str, Pattern] = {}
        for key, value in node.entries.items():
            if known is not None and key not in known:
                reader.note(
                    node.keys[key], f"{self.table} has no column {key}.", did_you_mean(key, known, noun="columns")
                )
            entries[key] = self.cell(key, value, reader)
        return MapPattern(entries, node.position)

    def cell(self, column: str, node: Node, reader: Reader) -> Pattern:
        if self.changes and isinstance(node, MapNode) and node.entries.keys() <= {"from", "to"} and node.entries:
            return MapPattern(
                {key: self.value(column, value, reader) for key, value in node.entries.items()}, node.position
            )
        if self.changes and isinstance(node, MapNode) and self.holds_no_map(column, reader):
            for key in node.entries.keys() - {"from", "to"} if node.entries.keys() & {"from", "to"} else ():
                reader.note(node.keys[key], f"A changed cell has no {key}.", "Write {from: …, to: …}.")
        return self.value(column, node, reader)

    def holds_no_map(self, column: str, reader: Reader) -> bool:
        """Whether the column is known to be no JSON."""
        kind = reader.tables.type_of(self.table, column) if reader.tables else None
        return kind is not None and "json" not in kind

    def value(self, column: str, node: Node, reader: Reader) -> Pattern:
        pattern = compile_node(node, sending=self.sending, problems=reader.problems)
        as_it_is = isinstance(node, MapNode) and isinstance(pattern, Literal)  # `literal` is what it says
        if reader.tables is not None and not as_it_is:
            told = Cell(self.table, column, pattern, self.sending).misfit(pattern, reader.tables)
            for what, remedy in told:
                reader.note(node, f"{what}.", remedy)
        return pattern

    def convert(self, value: Any, pattern: Pattern) -> Any:
        if not isinstance(value, dict):
            raise InputError(f"Expected {self.expected}.", position=pattern.position)
        return value

    def schema(self, reader: Reader) -> Schema:
        """A reference to one definition a table, so that the schema stays small."""
        known = reader.tables.columns.get(self.table) if reader.tables else None
        if known is None:
            return {"type": "object"}
        name = f"row-{self.table}"
        if name not in reader.definitions:
            properties = {column: self.cell_schema(column, kind, reader) for column, kind in known.items()}
            reader.definitions[name] = {"type": "object", "properties": properties, "additionalProperties": False}
        return {"$ref": f"#/$defs/{name}"}

    def cell_schema(self, column: str, kind: str, reader: Reader) -> Schema:
        labels = reader.tables.labels(self.table, column) if reader.tables else None
        value: Schema = (
            {"anyOf": [{"enum": [*labels, None]}, {"$ref": "#/$defs/marked"}, {"type": "object"}]} if labels else {}
        )
        return {**value, "description": f"{self.table}.{column}: {kind}"}


class PerTable(Struct, frozen=True):
    """`{table: …}`; `of` makes the shape for a table, `words` are keys that are no table."""

    of: Any  # Callable[[str], Shape]
    words: tuple[tuple[str, Shape], ...] = ()
    expected: str = "a map of tables"

    def read(self, node: Node, reader: Reader) -> Pattern:
        if not isinstance(node, MapNode):
            reader.note(node, f"Expected {self.expected}.", "Write {Table: …}.")
            return Literal(None, node.position)
        words = dict(self.words)
        if not node.entries.keys() - words.keys():
            reader.note(node, "No table is named here.", "Write {Table: …}; for no change at all, `changed: none`.")
        entries: dict[str, Pattern] = {}
        for key, value in node.entries.items():
            if key not in words and reader.tables is not None and key not in reader.tables.columns:
                reader.note(
                    node.keys[key],
                    f"There is no table {key}.",
                    did_you_mean(key, [*reader.tables.columns, *words], noun="tables"),
                )
                continue
            shape: Shape = words[key] if key in words else self.of(key)
            entries[key] = shape.read(value, reader)
        return MapPattern(entries, node.position)

    def convert(self, value: Any, pattern: Pattern) -> Any:
        return value

    def schema(self, reader: Reader) -> Schema:
        tables = list(reader.tables.columns) if reader.tables else []
        properties = {table: self.of(table).schema(reader) for table in tables}
        properties.update({word: shape.schema(reader) for word, shape in self.words})
        return {"type": "object", "properties": properties, "additionalProperties": not tables}


def _rows_to_send(table: str) -> Shape:
    return Items(Columns(table, sending=True))


class TableRows(Struct, frozen=True):
    """`{table: [row, …]}` of rows to insert."""

    expected: str = "a map of tables to lists of rows"

    def read(self, node: Node, reader: Reader) -> Pattern:
        return PerTable(_rows_to_send, expected=self.expected).read(node, reader)

    def convert(self, value: Any, pattern: Pattern) -> Any:
        return value

    def schema(self, reader: Reader) -> Schema:
        return PerTable(_rows_to_send).schema(reader)
