"""What stands beside the scenarios agrees with its source: rules with DOMAIN.md, tables with the migrated schema."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.errors import InputError, InputErrors
from harness.postgres import open_server
from harness.scenario.columnkinds import impossible
from harness.scenario.fixtures import SECTIONS, history, populate
from harness.scenario.loader import load
from harness.scenario.rules import load_rules
from harness.scenario.tables import Tables, load_tables, read_tables, tables_text
from harness.scenario.values import compile_node
from harness.scenario.yamltree import MapNode, parse

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


@pytest.mark.parametrize(
    "text",
    [None, "", "[]", '{"tables": {}}', '{"tables": {}, "enums": []}', '{"tables": {"A": 5}, "enums": {}}', "[" * 100_000],
)  # fmt: skip
def test_a_list_of_tables_that_is_none(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "tables.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="harness schema"):
        load_tables(path, shown="scenarios/tables.json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a", "A catalogue is a map: table, key, row."),
        ("User: {sam: 5}", "The row sam is a map of columns."),
    ],
)  # fmt: skip
def test_a_catalogue_whose_rows_are_none_is_told_once(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "fixtures" / "catalogues").mkdir(parents=True)
    (tmp_path / "fixtures" / "catalogues" / "shop.yaml").write_text(text)
    (tmp_path / "a.yaml").write_text(
        "feature: F\ngiven: {catalog: shop, visitor: sam}\n"
        "scenarios: [{scenario: One, when: [{http: {GET: /$catalog.sam.id}, expect: 200}]}]"
    )
    with pytest.raises(InputErrors) as told:
        load([tmp_path / "a.yaml"], project=tmp_path)
    assert [each.what for each in told.value.problems] == [said]


def test_a_session_type_without_an_id_ends_no_loading(tmp_path: Path) -> None:
    (tmp_path / "fixtures" / "catalogues").mkdir(parents=True)
    (tmp_path / "fixtures" / "catalogues" / "shop.yaml").write_text("SessionType: {call: {title: A call}}")
    (tmp_path / "a.yaml").write_text(
        "feature: F\ngiven: {catalog: shop, visitor: anonymous}\n"
        "scenarios: [{scenario: One, when: [{select_session: call, expect: 200}]}]"
    )
    assert load([tmp_path / "a.yaml"], project=tmp_path).cases


@pytest.mark.parametrize(
    ("kind", "never", "may"),
    [
        ("boolean", ['"true"', "1", "<int>", "<re t>"], ["true", "null", "<bool>", "<not true>"]),
        ("integer", ['"30"', "true", "<re 3>", "<contains 3>", "<len 2>", "<gt 2030-01-01>", "<bool>", '<not "30">'], ["30", "3.5", "<gt 3>", "<one of 1|2>"]),
        ("numeric(10,2)", ['"45.00"', '<one of "45.00"|1>', "<now +-5s>", "{a: 1}", "[1]"], ["45.00", "<number>", "<between 1 2>"]),
        ("timestamp(3) without time zone", ["tomorrow", '"2030-03-06"', "5", "<gt 5>", "<int>"], ['"2030-03-06T10:00Z"', "<now +-5s>", "<gt 2030-03-06>", "<contains 2030>"]),
        ("date", ["5", '"2030-03-06T10:00Z"', "<now +-5s>"], ['"2030-03-06"', "<date>", "<lt 2030-03-06>"]),
        ("text", ["5", "true", "{a: 1}", "[x]", "<gt 5>", "<int>", "<one of 5|x>"], ["x", '"5"', "<uuid>", "<gt 2030-01-01>", "<re ^x>", "$name", "null", "<absent>"]),
        ("text[]", ["x", "<gt 1>", "<re x>"], ["[x]", "{includes: [x]}", "<contains x>", "<len 1>"]),
        ("jsonb", [], ["x", "5", "{a: 1}", "[1]", "<gt 5>", "<re x>"]),
        ('"BookingStatus"', [], ["PENDING", "<one of PENDING|CONFIRMED>"]),
        ("interval", [], ["1d", "5"]),
    ],
)  # fmt: skip
def test_what_a_column_can_hold_is_known_by_its_type(kind: str, never: list[str], may: list[str]) -> None:
    def told(text: str) -> bool:
        root = parse(f"a: {text}", "a.yaml")
        assert isinstance(root, MapNode)
        return impossible(kind, compile_node(root.entries["a"])) is not None

    assert [text for text in never if not told(text)] == []
    assert [text for text in may if told(text)] == []
