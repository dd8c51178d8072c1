"""Composite types that gain or lose attributes, keys that empty what takes no NULL."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.migrations.findings import Severity
from tests.migrations.conftest import Rehearse
from tests.migrations.places import ids, of

PLACES = (
    "CREATE TYPE place AS (street text, town text); CREATE TABLE shop (id int PRIMARY KEY, lies place, was place[]);"
)
PARENTS = "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int PRIMARY KEY, parent_id int{required});"


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    """A file for the schema of a test."""
    return tmp_path / "baseline.sql"


NESTED = (
    "CREATE TYPE place AS (street text, town text); CREATE TYPE firm AS (name text, at place); "
    "CREATE TABLE shop (id int PRIMARY KEY, lies firm, was firm[]);"
)
DOMAIN = (
    "CREATE TYPE place AS (street text, town text); CREATE DOMAIN there AS place; "
    "CREATE TABLE shop (id int PRIMARY KEY, lies there, was there[]);"
)
SHAPES = pytest.mark.parametrize("schema", [PLACES, NESTED, DOMAIN], ids=["arrays", "nested", "domains"])


@SHAPES
def test_an_attribute_more_changes_no_value_and_refuses_what_is_written_without_it(
    rehearse: Rehearse, baseline: Path, schema: str
) -> None:
    baseline.write_text(schema)
    sql = "SELECT 1;\nALTER TYPE place ADD ATTRIBUTE zip text;"
    report = rehearse(sql, baseline=baseline, phases=("data", "way back", "schema"))
    assert ids(report) == {"compat.old-app-write-fails"}
    found = of(report, "compat.old-app-write-fails")
    assert (found.severity, found.position.line) == (Severity.MEDIUM, 2)
    assert "type place has zip too, and shop.lies, shop.was is of it" in found.evidence
    assert report.way_back == ["ALTER TYPE place DROP ATTRIBUTE zip"]


@SHAPES
@pytest.mark.parametrize("change", ["DROP ATTRIBUTE town", "ADD ATTRIBUTE zip text, DROP ATTRIBUTE town"])
def test_what_stands_in_an_attribute_that_is_dropped_is_lost(
    rehearse: Rehearse, baseline: Path, schema: str, change: str
) -> None:
    baseline.write_text(schema)
    report = rehearse(
        f"SELECT 1;\nALTER TYPE place {change};", baseline=baseline, phases=("data", "way back", "schema")
    )
    assert ids(report) == {"data.loss", "down.loses-data", "compat.old-app-read-fails"}
    assert {f.position.line for f in report.findings} == {2}
    found = of(report, "data.loss")
    assert found.severity is Severity.BLOCKER
    assert "values within shop.lies are gone with their attribute" in found.evidence
    assert 'SELECT "id", to_jsonb("lies") AS "lies" FROM "public"."shop"' in found.remedy  # a copy would lose it too


def test_an_attribute_that_no_value_has_is_not_lost(rehearse: Rehearse, baseline: Path) -> None:
    baseline.write_text("CREATE TYPE place AS (street text, town text); CREATE TABLE shop (id int, lies place);")
    sql = "ALTER TYPE place ADD ATTRIBUTE zip text;\nALTER TYPE place DROP ATTRIBUTE zip;"
    assert ids(rehearse(sql, baseline=baseline, phases=("data", "way back", "schema"))) == set()


def test_an_attribute_more_and_a_value_that_is_written_is_told(rehearse: Rehearse, baseline: Path) -> None:
    baseline.write_text(PLACES.replace(", was place[]", ""))
    sql = "ALTER TYPE place ADD ATTRIBUTE zip text; UPDATE shop SET lies.town = 'x';"
    assert "data.changed" in ids(rehearse(sql, baseline=baseline, phases=("data",)))


@pytest.mark.parametrize(
    "change", ["RENAME ATTRIBUTE town TO city", "DROP ATTRIBUTE town", "RENAME ATTRIBUTE town TO city CASCADE"]
)
def test_an_attribute_that_the_running_release_may_name_is_told(
    rehearse: Rehearse, baseline: Path, change: str
) -> None:
    baseline.write_text(PLACES)
    report = rehearse(f"SELECT 1;\nALTER TYPE place {change};", baseline=baseline, phases=("schema",))
    found = of(report, "compat.old-app-read-fails")
    assert (found.severity, found.position.line) == (Severity.MEDIUM, 2)
    assert "place has no town any more, and shop.lies, shop.was is of it" in found.evidence


def test_an_attribute_of_a_type_that_no_column_has_is_no_finding(rehearse: Rehearse, baseline: Path) -> None:
    baseline.write_text("CREATE TYPE place AS (street text, town text);")
    sql = "ALTER TYPE place RENAME ATTRIBUTE town TO city;"
    assert ids(rehearse(sql, baseline=baseline, phases=("schema",))) == set()


@pytest.mark.parametrize(
    ("required", "action", "told"),
    [
        (" NOT NULL", "ON DELETE SET NULL", True),
        (" NOT NULL", "ON DELETE SET DEFAULT", True),
        (" NOT NULL DEFAULT 1", "ON DELETE SET DEFAULT", False),
        (" NOT NULL", "ON DELETE CASCADE", False),
        ("", "ON DELETE SET NULL", False),
    ],
)
def test_a_key_that_empties_what_takes_no_null_is_told(
    rehearse: Rehearse, baseline: Path, required: str, action: str, told: bool
) -> None:
    baseline.write_text(PARENTS.format(required=required))
    sql = f"CREATE INDEX ON child (parent_id); ALTER TABLE child ADD CONSTRAINT k FOREIGN KEY (parent_id) REFERENCES parent {action};"
    report = rehearse(sql, baseline=baseline, phases=("schema",))
    assert ids(report) == ({"schema.empties-required"} if told else set())


def test_a_column_that_becomes_required_under_such_a_key_is_told(rehearse: Rehearse, baseline: Path) -> None:
    baseline.write_text(
        PARENTS.format(required="") + "CREATE INDEX ON child (parent_id);"
        "ALTER TABLE child ADD CONSTRAINT k FOREIGN KEY (parent_id) REFERENCES parent ON DELETE SET NULL;"
    )
    sql = "ALTER TABLE child ALTER COLUMN parent_id SET NOT NULL;"
    assert ids(rehearse(sql, baseline=baseline, phases=("schema",))) == {"schema.empties-required"}
    sql = "ALTER TABLE child ADD COLUMN more int;"
    assert ids(rehearse(sql, baseline=baseline, phases=("schema",))) == set()
