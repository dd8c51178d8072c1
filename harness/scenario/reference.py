"""The reference of the language as Markdown, made from the code."""

from __future__ import annotations

from collections.abc import Mapping

from harness.scenario.checkshapes import CHECK_SHAPES
from harness.scenario.filereader import FILE_KEYS
from harness.scenario.given import GIVEN
from harness.scenario.matchers import MATCHERS
from harness.scenario.model import BUILTIN_NAMES
from harness.scenario.registry import Registry, Verb
from harness.scenario.scenarioreader import SCENARIO_KEYS
from harness.scenario.stepreader import MODIFIERS
from harness.scenario.structures import Either, Field, Keys
from harness.scenario.values import WRAPPERS

__all__ = ["reference_text"]

_KINDS = {
    "flow": "What a visitor does",
    "provider": "What happens at the provider",
    "low": "Low level",
}


def reference_text(registry: Registry) -> str:
    """The whole reference."""
    parts = [
        "# The scenario language, word by word",
        "Made from the code by `harness schema`; do not edit. The ideas are in docs/spec/SCENARIOS.md.",
        "## A file",
        _table(("key", "means"), FILE_KEYS),
        "## A scenario",
        _table(("key", "means"), SCENARIO_KEYS),
        "## given",
        _fields(GIVEN.fields),
        "## A step",
        "One verb, and any of:",
        _table(("key", "means"), MODIFIERS),
        *_verbs(registry),
        "## Checks",
        *_checks(),
        "## Values",
        "`$name.path[0]` stands for what was captured: alone it keeps its type, inside text it is inserted; "
        "`${name.path}` where letters follow; `$$` is a dollar. Known everywhere:",
        _table(("name", "is"), {f"${name}": text for name, text in BUILTIN_NAMES.items()}),
        "A map matches a subset, a list matches exactly and in order. Matchers:",
        _table(("matcher", "accepts"), {f"`{word.example}`": word.summary for word in MATCHERS.values()}),
        "Wrappers:",
        _table(("wrapper", "means"), {f"`{{{word}: …}}`": text for word, text in WRAPPERS.items()}),
    ]
    return "\n\n".join(parts) + "\n"


def _verbs(registry: Registry) -> list[str]:
    parts = []
    for kind, heading in _KINDS.items():
        verbs = [verb for verb in registry.verbs.values() if verb.kind == kind]
        if verbs:
            parts.append(f"## {heading}")
        for verb in verbs:
            parts += _verb(verb)
    return parts


def _verb(verb: Verb) -> list[str]:
    parts = [f"### {verb.name}", verb.doc or verb.summary]
    if verb.shorthand:
        parts.append(f"`{verb.name}: …` alone stands for `{{{verb.shorthand}: …}}`.")
    if verb.beside:
        parts.append(f"Beside it: {', '.join(f'`{key}`' for key in verb.beside)}.")
    return [*parts, _fields(verb.shape.fields)] if verb.shape.fields else [*parts, "It takes no arguments."]


def _checks() -> list[str]:
    parts = []
    for name, declared in CHECK_SHAPES.items():
        parts += [f"### {name}", f"{declared.summary[:1].upper()}{declared.summary[1:]}.", f"`{declared.example}`"]
        shape = declared.shape
        keys = shape.map if isinstance(shape, Either) else shape
        if isinstance(keys, Keys):
            parts.append(_fields(keys.fields))
    return parts


def _fields(fields: Mapping[str, Field]) -> str:
    rows = [
        f"| {key}{' (needed)' if field.required else ''} | {_cell(field.shape.expected)} | {_cell(field.doc)} |"
        for key, field in fields.items()
    ]
    return "\n".join(["| key | takes | means |", "| --- | --- | --- |", *rows])


def _table(head: tuple[str, str], rows: Mapping[str, str]) -> str:
    lines = [f"| {_cell(key)} | {_cell(text)} |" for key, text in rows.items()]
    return "\n".join([f"| {head[0]} | {head[1]} |", "| --- | --- |", *lines])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
