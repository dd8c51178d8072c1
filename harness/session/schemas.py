"""The files that editors and the loader read: the tables of the migrated schema, and the JSON Schema of scenarios."""

from __future__ import annotations

import json
from pathlib import Path

from harness.postgres import open_server
from harness.scenario.fixtures import SECTIONS, catalogue, catalogues, history, populate
from harness.scenario.schema import json_schema
from harness.scenario.tables import read_tables, tables_text
from harness.session.plan import suite_of

__all__ = ["schema_files"]


def schema_files(root: Path, database: str) -> dict[Path, str]:
    """What each file should say, from the migrations as applied to a throwaway database and the verbs as registered.

    Raises:
        MachineError: no database can be had.
    """
    with open_server(database) as server:
        template = server.template("schema", lambda c: populate(c, history(root / "fixtures", SECTIONS), None))
        clone = template.clone()
        with clone.connect() as connection:
            tables = read_tables(connection)
        clone.drop()
    suite = suite_of((), root)
    fixtures = root / "fixtures"
    names = catalogues(fixtures)
    roles = sorted({"anonymous", *(role for name in names for role in catalogue(fixtures, name).rows("User"))})
    document = json_schema(
        suite.registry,
        tables=tables,
        rules=suite.rules,
        catalogues=names,
        roles=roles,
        invariants=[each.name for each in suite.invariants],
    )
    scenarios = root / "scenarios"
    return {
        scenarios / "tables.json": tables_text(tables),
        scenarios / "scenario.schema.json": json.dumps(document, indent=2, ensure_ascii=False) + "\n",
    }
