"""JSON Schema (draft 2020-12) of scenario files, for completion and hovering in editors.

Made from the same shapes that the loader reads with. It is an aid: what it cannot say (names captured later, fragments,
traps of YAML), `harness validate` says.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from harness.scenario.arguments import DURATION
from harness.scenario.filereader import FILE_KEYS
from harness.scenario.given import GIVEN
from harness.scenario.matchers import MATCHERS
from harness.scenario.registry import Registry, Verb
from harness.scenario.scenarioreader import SCENARIO_KEYS
from harness.scenario.shapes import Reader, Schema, described
from harness.scenario.stepreader import MODIFIERS
from harness.scenario.tables import Tables
from harness.scenario.values import WRAPPERS

__all__ = ["json_schema", "schema_text"]


def json_schema(
    registry: Registry,
    *,
    tables: Tables | None = None,
    rules: Mapping[str, str] | None = None,
    catalogues: Iterable[str] = (),
    roles: Iterable[str] = (),
    invariants: Iterable[str] = (),
) -> Schema:
    """The schema of a scenario file: verbs and checks of `registry`, and the names that the project gives."""
    reader = Reader([], tables)
    names = {"catalog": sorted(catalogues), "visitor": sorted(roles), "invariants": sorted(invariants)}
    own = {
        "given": _given(reader, names),
        "scenario": _scenario(rules, names),
        "fragment": _fragment(),
        "step": _step(registry, reader),
        "check": _check(registry, reader),
        "response": registry.checks["response"].declared.shape.schema(reader),
        "eventually": _eventually(),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Scenarios of the booking harness",
        "type": "object",
        "required": ["feature"],
        "additionalProperties": False,
        "properties": _file(),
        "$defs": {**_values(), **own, **reader.definitions},
    }


def schema_text(schema: Schema) -> str:
    """The text of `scenarios/scenario.schema.json`."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _file() -> Schema:
    shapes: dict[str, Schema] = {
        "feature": {"type": "string"},
        "use": {"type": "array", "items": {"type": "string"}},
        "given": {"$ref": "#/$defs/given"},
        "fragments": {"type": "object", "additionalProperties": {"$ref": "#/$defs/fragment"}},
        "scenarios": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/scenario"}},
    }
    return {key: described(shapes[key], doc) for key, doc in FILE_KEYS.items()}


def _values() -> dict[str, Schema]:
    snippets = [
        {"label": word.example, "body": word.example, "description": word.summary} for word in MATCHERS.values()
    ]
    words = "|".join(sorted(MATCHERS, key=len, reverse=True))
    table = "\n".join(f"- `{word.example}` {word.summary}" for word in MATCHERS.values())
    matcher: Schema = {
        "type": "string",
        "pattern": f"^<({words})( [^>].*)?>$",
        "examples": [word.example for word in MATCHERS.values()],
        "defaultSnippets": snippets,
    }
    wrappers = {word: {"description": text} for word, text in WRAPPERS.items()}
    return {
        "reference": {"type": "string", "pattern": r"\$", "description": "$name.path: what a step captured"},
        "matcher": {**matcher, "description": "a matcher", "markdownDescription": f"A matcher:\n{table}"},
        "marked": {"type": "string", "pattern": r"^<|\$"},
        "pattern": {"anyOf": [{"$ref": "#/$defs/matcher"}, {"type": "object", "properties": wrappers}, {}]},
    }


def _given(reader: Reader, names: Mapping[str, list[str]]) -> Schema:
    schema = GIVEN.schema(reader)
    for key, known in (("catalog", names["catalog"]), ("visitor", names["visitor"])):
        if known:
            value = {"anyOf": [{"enum": known}, {"$ref": "#/$defs/reference"}]}
            schema["properties"][key] = described(value, GIVEN.fields[key].doc)
    return schema


def _scenario(rules: Mapping[str, str] | None, names: Mapping[str, list[str]]) -> Schema:
    rule: Schema = {"type": "string"}
    if rules:
        texts = list(rules.values())
        rule = {"enum": list(rules), "enumDescriptions": texts, "markdownEnumDescriptions": texts}
    reasons = {name: {"type": "string"} for name in names["invariants"]}
    shapes: dict[str, Schema] = {
        "scenario": {"type": "string", "minLength": 1},
        "id": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        "covers": {"type": "array", "items": rule, "uniqueItems": True},
        "given": {"$ref": "#/$defs/given"},
        "matrix": {"type": "object", "minProperties": 1, "additionalProperties": {"type": "array", "minItems": 1}},
        "examples": {"type": "array", "minItems": 1, "items": {"type": ["object", "array"]}},
        "repeat": {"type": "integer", "minimum": 1, "maximum": 1000},
        "skip": {"type": "string", "minLength": 1},
        "origin": {"type": "string", "minLength": 1},
        "waive": {"type": "object", "properties": reasons, "additionalProperties": {"type": "string", "minLength": 1}},
        "when": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/step"}},
        "then": {"type": "array", "items": {"$ref": "#/$defs/check"}},
    }
    properties = {key: described(shapes[key], doc) for key, doc in SCENARIO_KEYS.items()}
    return {"type": "object", "required": ["scenario", "when"], "properties": properties, "additionalProperties": False}


def _fragment() -> Schema:
    steps = {"type": "array", "items": {"$ref": "#/$defs/step"}}
    takes = {"type": ["array", "object"], "description": "names of arguments, or names with defaults"}
    whole = {"type": "object", "properties": {"takes": takes, "steps": steps}, "required": ["steps"]}
    return {"anyOf": [steps, {**whole, "additionalProperties": False}]}


def _step(registry: Registry, reader: Reader) -> Schema:
    shapes: dict[str, Schema] = {
        "as": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_-]*$"},
        "by": {"type": "string", "minLength": 1},
        "expect": {"$ref": "#/$defs/response"},
        "then": {"type": "array", "items": {"$ref": "#/$defs/check"}},
        "eventually": {"$ref": "#/$defs/eventually"},
        "name": {"type": "string", "minLength": 1},
    }
    properties = {key: described(shapes[key], doc) for key, doc in MODIFIERS.items()}
    for verb in registry.verbs.values():
        properties[verb.name] = described(_verb(verb, reader), verb.doc or verb.summary)
        for key in verb.beside:
            field = verb.shape.fields[key]
            properties[key] = described(field.shape.schema(reader), field.doc)
    properties["call"] = described(_call(), "puts the steps of a fragment here")
    one_of = [{"required": [name]} for name in (*registry.verbs, "call")]
    return {"type": "object", "properties": properties, "additionalProperties": False, "oneOf": one_of}


def _verb(verb: Verb, reader: Reader) -> Schema:
    whole = verb.shape.schema(reader)
    whole["required"] = [key for key in whole.get("required", []) if key not in verb.beside]
    shapes: list[Any] = [whole]
    if verb.shorthand:
        shapes.append(verb.shape.fields[verb.shorthand].shape.schema(reader))
    if not whole["required"]:
        shapes.append({"type": "null"})
    return {"anyOf": shapes} if len(shapes) > 1 else whole


def _call() -> Schema:
    properties = {"fragment": {"type": "string"}, "with": {"type": "object", "description": "its arguments"}}
    whole = {"type": "object", "properties": properties, "required": ["fragment"], "additionalProperties": False}
    return {"anyOf": [{"type": "string"}, whole]}


def _check(registry: Registry, reader: Reader) -> Schema:
    properties: dict[str, Schema] = {
        kind.name: described(
            kind.declared.shape.schema(reader), f"{kind.declared.summary}\n\nFor example `{kind.declared.example}`"
        )
        for kind in registry.checks.values()
    }
    properties["eventually"] = described({"$ref": "#/$defs/eventually"}, MODIFIERS["eventually"])
    one_of = [{"required": [name]} for name in registry.checks]
    return {"type": "object", "properties": properties, "additionalProperties": False, "oneOf": one_of}


def _eventually() -> Schema:
    duration = DURATION.json
    properties = {"within": duration, "every": duration, "stop_if": {"$ref": "#/$defs/check"}}
    whole = {"type": "object", "properties": properties, "required": ["within"], "additionalProperties": False}
    return {"anyOf": [{**duration, "examples": ["5s"]}, whole]}
