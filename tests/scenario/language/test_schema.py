"""The JSON Schema for editors: it takes every good file, and refuses what it can see."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from harness.scenario.registry import Registry
from harness.scenario.scenarioreader import Known
from harness.scenario.schema import json_schema, schema_text
from harness.scenario.tables import Tables
from harness.scenario.values import plain
from harness.scenario.yamltree import parse

HERE = Path(__file__).parent
BROKEN = Path(__file__).parents[3] / "fixtures" / "broken-scenarios"
SEEN = [
    "bad-count",
    "unknown-verb",
    "unknown-modifier",
    "two-verbs",
    "only-modifiers",
    "step-as-text",
    "step-as-list",
    "unknown-argument",
    "missing-argument",
    "missing-nested-argument",
    "bad-instant",
    "number-for-text",
    "bad-duration",
    "bad-choice",
    "yes-is-no-boolean",
    "verb-without-shorthand",
    "unknown-check",
    "check-as-text",
    "two-kinds-of-check",
    "unknown-table",
    "unknown-column",
    "unknown-enum-value",
    "unknown-key-of-changed",
    "unknown-log-level",
    "unknown-key-of-expect",
    "eventually-without-unit",
    "eventually-without-within",
    "no-steps",
    "empty-steps",
    "unknown-key-of-scenario",
    "unknown-rule",
    "tags-as-text",
    "empty-skip",
    "unknown-invariant",
    "matrix-of-texts",
    "unknown-catalogue",
    "unknown-key-of-file",
    "a-list",
    "scenarios-empty",
    "several-mistakes",
    "given-with-wrong-values",
    "bad-capture-name",
]


@pytest.fixture(scope="module")
def schema(registry: Registry, tables: Tables, known: Known) -> dict[str, Any]:
    roles = known.roles or {}
    return json_schema(
        registry,
        tables=tables,
        rules=known.rules,
        catalogues=known.catalogues or (),
        roles=roles["production"],
        invariants=known.invariants or (),
    )


def data(path: Path) -> Any:
    return json.loads(json.dumps(plain(parse(path.read_bytes())), default=lambda value: float(Decimal(value))))


def mistakes(schema: dict[str, Any], path: Path) -> list[str]:
    return [error.json_path for error in Draft202012Validator(schema).iter_errors(data(path))]


def test_it_is_a_schema(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    assert json.loads(schema_text(schema)) == schema


def test_it_takes_the_examples(schema: dict[str, Any]) -> None:
    assert mistakes(schema, HERE / "examples.txt") == []


@pytest.mark.parametrize("name", SEEN)
def test_it_refuses_what_can_be_seen_in_the_structure(schema: dict[str, Any], name: str) -> None:
    assert mistakes(schema, BROKEN / f"{name}.yaml") != []


def test_completion_has_verbs_matchers_tables_columns_and_rules(schema: dict[str, Any]) -> None:
    definitions = schema["$defs"]
    assert {"select_session", "create", "expect", "call", "outcomes"} <= set(definitions["step"]["properties"])
    assert "<one of PENDING|CONFIRMED>" in definitions["matcher"]["examples"]
    rows = definitions["check"]["properties"]["rows"]["properties"]
    assert set(rows) == {"Booking", "BookingTransition"}
    assert definitions["row-Booking"]["properties"]["amount"]["description"] == "Booking.amount: numeric(10,2)"
    rules = definitions["scenario"]["properties"]["covers"]["items"]
    assert dict(zip(rules["enum"], rules["enumDescriptions"], strict=True))["R03"] == "a rule"


def test_hovering_a_verb_shows_its_docstring(schema: dict[str, Any]) -> None:
    assert schema["$defs"]["step"]["properties"]["create"]["description"] == "Creates the booking."
