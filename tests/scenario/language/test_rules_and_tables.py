"""What stands beside the scenarios agrees with its source: rules with DOMAIN.md, tables with the migrated schema."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.postgres import open_server
from harness.scenario.fixtures import SECTIONS, history, populate
from harness.scenario.rules import load_rules
from harness.scenario.tables import Tables, load_tables, read_tables, tables_text

ROOT = Path(__file__).parents[3]


def test_every_rule_of_the_specification_is_there_in_its_words() -> None:
    text = " ".join((ROOT / "docs" / "spec" / "DOMAIN.md").read_text(encoding="utf-8").split())
    rules = load_rules(ROOT / "scenarios" / "rules.yaml")
    named = [
        f"{letter}{n:02}" for letter, last in (("R", 20), ("B", 21), ("W", 13), ("F", 9)) for n in range(1, last + 1)
    ]
    assert list(rules) == named
    assert [id_ for id_, words in rules.items() if not re.search(rf"{id_} (\| )?{re.escape(words)}", text)] == []


def test_the_list_of_tables_is_that_of_the_migrated_schema() -> None:
    with open_server("auto") as server:
        database = server.create_database()
        with database.connect() as connection:
            populate(connection, history(ROOT / "fixtures", SECTIONS), None)
            found = read_tables(connection)
        database.drop()
    assert tables_text(found) == (ROOT / "scenarios" / "tables.json").read_text(encoding="utf-8")
    assert found.labels("Booking", "status") == ("PENDING", "CONFIRMED", "CANCELLED", "COMPLETED")


def test_what_is_written_is_read_again(tables: Tables, tmp_path: Path) -> None:
    path = tmp_path / "tables.json"
    path.write_text(tables_text(tables), encoding="utf-8")
    assert load_tables(path) == tables


@pytest.mark.parametrize("text", [None, "", "[]", '{"tables": {}}', '{"tables": {}, "enums": []}'])
def test_a_list_of_tables_that_is_none(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "tables.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="harness schema"):
        load_tables(path, shown="scenarios/tables.json")
