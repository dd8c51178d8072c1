"""`schema.prisma` read as far as drift needs it: models, fields, relations, keys and enums, with their lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import InputError, Position

__all__ = ["Field", "Model", "PrismaSchema", "Relation", "read_prisma_schema"]

_BLOCK = re.compile(r"^(?P<kind>model|enum|view|type|datasource|generator)\s+(?P<name>\w+)\s*\{", re.MULTILINE)
_FIELD = re.compile(r"^\s*(?P<name>\w+)\s+(?P<type>\w+)(?P<mark>\?|\[\])?(?P<rest>.*)$")
_NAMED = re.compile(r'@{1,2}map\(\s*(?:name:\s*)?"(?P<name>[^"]+)"\s*\)')
_LIST = re.compile(r"\[(?P<inside>[^\]]*)\]")
_NATIVE = re.compile(r"@db\.(?P<name>\w+)(?:\((?P<size>[^)]*)\))?")
_ACTION = re.compile(r"(?P<which>onDelete|onUpdate):\s*(?P<action>\w+)")


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a model. `kind` is Prisma's type or the enum's name; `native` what `@db.` says."""

    name: str
    column: str
    kind: str
    optional: bool
    many: bool
    native: str
    line: int


@dataclass(frozen=True, slots=True)
class Relation:
    """A foreign key as the model means it; actions in Prisma's words, defaults filled in."""

    columns: tuple[str, ...]
    parent: str
    on_delete: str
    on_update: str
    line: int


@dataclass(slots=True)
class Model:
    """A table as the model means it. `uniques` include the id."""

    name: str
    table: str
    line: int
    fields: dict[str, Field] = field(default_factory=dict)
    relations: list[Relation] = field(default_factory=list)
    uniques: set[frozenset[str]] = field(default_factory=set)


@dataclass(slots=True)
class PrismaSchema:
    """Models by name and enums (values by database name) with the line where each begins."""

    file: str
    models: dict[str, Model] = field(default_factory=dict)
    enums: dict[str, tuple[tuple[str, ...], int]] = field(default_factory=dict)


def read_prisma_schema(path: Path) -> PrismaSchema:
    """Read the file; raises InputError when it holds no model or names a type that is nowhere."""
    if not path.is_file():
        raise InputError(
            f"{path} does not exist.", "Give the schema.prisma of the release that follows this migration."
        )
    text = re.sub(r"//[^\n]*", "", path.read_text(encoding="utf-8"))
    schema = PrismaSchema(str(path))
    blocks = list(_blocks(text))
    for kind, name, line, body in blocks:
        if kind == "enum":
            schema.enums[name] = (tuple(_enum_values(body)), line)
    tables = {name: _mapped(body) or name for kind, name, _, body in blocks if kind == "model"}
    for kind, name, line, body in blocks:
        if kind == "model":
            schema.models[name] = _model(name, line, body, schema, tables)
    if not schema.models:
        raise InputError(
            "this file holds no model.", "An empty schema would agree with everything.", Position(str(path))
        )
    return schema


def _blocks(text: str) -> Iterator[tuple[str, str, int, str]]:
    for match in _BLOCK.finditer(text):
        end = text.find("\n}", match.end())
        yield match["kind"], match["name"], text.count("\n", 0, match.start()) + 1, text[match.end() : end]


def _enum_values(body: str) -> Iterator[str]:
    for line in body.splitlines():
        words = line.split()
        if words and not words[0].startswith("@@"):
            named = _NAMED.search(line)
            yield named["name"] if named else words[0]


def _mapped(body: str) -> str:
    match = re.search(r'@@map\(\s*(?:name:\s*)?"([^"]+)"', body)
    return match[1] if match else ""


def _model(name: str, line: int, body: str, schema: PrismaSchema, tables: dict[str, str]) -> Model:
    model = Model(name, tables[name], line)
    rows = list(enumerate(body.splitlines(), start=line))
    for number, row in rows:
        match = _FIELD.match(row)
        if match and match["type"] not in tables and not row.strip().startswith("@@"):
            _add_field(model, match, row, number, schema)
    for number, row in rows:
        match = _FIELD.match(row)
        if match and match["type"] in tables and "fields:" in row:
            model.relations.append(_relation(model, match["type"], row, number, tables))
        if row.strip().startswith(("@@unique", "@@id")) and (inside := _LIST.search(row)):
            model.uniques.add(frozenset(_columns(model, inside["inside"])))
    return model


def _add_field(model: Model, match: re.Match[str], row: str, number: int, schema: PrismaSchema) -> None:
    rest = match["rest"]
    known = {"String", "Int", "BigInt", "Float", "Decimal", "Boolean", "DateTime", "Json", "Bytes", "Unsupported"}
    if match["type"] not in known and match["type"] not in schema.enums:
        raise InputError(
            f"type {match['type']} is not known.", "", Position(schema.file, number, row.index(match["type"]) + 1)
        )
    named = _NAMED.search(rest)
    native = _NATIVE.search(rest)
    column = named["name"] if named else match["name"]
    shown = (
        f"{native['name']}({native['size'].replace(' ', '')})"
        if native and native["size"]
        else native["name"]
        if native
        else ""
    )
    model.fields[match["name"]] = Field(
        match["name"], column, match["type"], match["mark"] == "?", match["mark"] == "[]", shown, number
    )
    if re.search(r"@(id|unique)\b", rest):
        model.uniques.add(frozenset({column}))


def _relation(model: Model, parent: str, row: str, number: int, tables: dict[str, str]) -> Relation:
    inside = re.search(r"fields:\s*\[([^\]]*)\]", row)
    columns = tuple(_columns(model, inside[1] if inside else ""))
    names = [name.strip() for name in (inside[1] if inside else "").split(",")]
    optional = any(model.fields[name].optional for name in names if name in model.fields)
    said = {match["which"]: match["action"] for match in _ACTION.finditer(row)}
    return Relation(
        columns,
        tables[parent],
        said.get("onDelete", "SetNull" if optional else "Restrict"),
        said.get("onUpdate", "Cascade"),
        number,
    )


def _columns(model: Model, text: str) -> Iterator[str]:
    for part in text.split(","):
        name = part.strip().split("(")[0]
        yield model.fields[name].column if name in model.fields else name
