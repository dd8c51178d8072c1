"""The files that editors and the loader read: the tables of the migrated schema, and the JSON Schema of scenarios."""

from __future__ import annotations

from pathlib import Path

from harness.postgres import open_server
from harness.scenario.editor import editor_files
from harness.scenario.fixtures import SECTIONS, history, populate
from harness.scenario.tables import read_tables

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
    return {root / name: text for name, text in editor_files(root, tables=tables).items()}
