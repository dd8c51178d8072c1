"""The files that `harness schema` writes: what editors and readers need, made from the code and the project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.scenario.fixtures import catalogue, catalogues
from harness.scenario.invariants import load_invariants
from harness.scenario.loader import verbs_of
from harness.scenario.reference import reference_text
from harness.scenario.registry import Registry, builtin_registry
from harness.scenario.rules import load_rules
from harness.scenario.schema import json_schema, schema_text
from harness.scenario.tables import Tables, load_tables, tables_text

__all__ = ["REFERENCE", "SCHEMA", "TABLES", "editor_files"]

SCHEMA = "scenarios/scenario.schema.json"
REFERENCE = "docs/reference/scenarios.md"
TABLES = "scenarios/tables.json"


def editor_files(project: Path, *, tables: Tables | None = None) -> Mapping[str, str]:
    """Path in the project → text: the JSON Schema, the reference, and the list of tables when `tables` is given.

    `tables` are those of a migrated database (`tables.read_tables`); without them the schema has those of the file.

    Raises:
        InputError: rules, invariants, catalogues, tables or own verbs of the project cannot be read.
    """
    registry = verbs_of(project)
    stored = load_tables(project / TABLES, shown=TABLES) if (project / TABLES).is_file() else None
    files = {
        SCHEMA: schema_text(_schema(project, registry, tables or stored)),
        REFERENCE: reference_text(builtin_registry()),
    }
    return {**files, TABLES: tables_text(tables)} if tables is not None else files


def _schema(project: Path, registry: Registry, tables: Tables | None) -> dict[str, object]:
    scenarios, fixtures = project / "scenarios", project / "fixtures"
    rules, invariants = scenarios / "rules.yaml", scenarios / "invariants.yaml"
    names = catalogues(fixtures)
    users = {user for name in names for user in catalogue(fixtures, name).rows("User")}
    return json_schema(
        registry,
        tables=tables,
        rules=load_rules(rules, shown="scenarios/rules.yaml") if rules.is_file() else None,
        catalogues=names,
        roles=["anonymous", *users] if users else [],
        invariants=[each.name for each in load_invariants(invariants)] if invariants.is_file() else [],
    )
