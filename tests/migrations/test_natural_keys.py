"""Rows that a migration finds by the keys which it says itself: upserts, MERGE, UPDATE by a unique value."""

from __future__ import annotations

import pytest

from harness.migrations.findings import Severity
from harness.postgres import Server
from tests.migrations.conftest import Rehearse
from tests.migrations.places import ids, of

PHASES = ("observe", "data", "way back")
OVERWRITING = {
    "upsert": "INSERT INTO setting (name, value) VALUES ('theme', 'dark') ON CONFLICT (name) DO UPDATE SET value = 'dark';",
    "two columns": "INSERT INTO visit (id, day, page) VALUES (7, '2026-03-01', '/x') ON CONFLICT (id, day) "
    "DO UPDATE SET page = EXCLUDED.page;",
    "merge": "MERGE INTO product p USING (VALUES ('A-1', 'Chair', 10.0)) AS v (sku, title, price) ON p.sku = v.sku "
    "WHEN MATCHED THEN UPDATE SET title = v.title WHEN NOT MATCHED THEN INSERT (sku, title, price) "
    "VALUES (v.sku, v.title, v.price);",
}


@pytest.mark.parametrize("kind", OVERWRITING)
def test_what_is_written_over_a_row_with_the_same_key_is_told(rehearse: Rehearse, either: Server, kind: str) -> None:
    report = rehearse(OVERWRITING[kind], rows=50, on=either, phases=PHASES)
    changed, lost = of(report, "data.changed"), of(report, "down.loses-data")
    assert (changed.severity, changed.status) == (Severity.LOW, "predicted")
    assert (lost.severity, lost.status) == (Severity.MEDIUM, "predicted")
    assert lost.evidence.endswith("; does production have rows with these keys?")


def test_what_overwrites_every_row_is_measured(rehearse: Rehearse) -> None:
    sql = "INSERT INTO setting SELECT name, 'x' FROM setting ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value;"
    found = of(rehearse(sql, rows=50, phases=PHASES), "down.loses-data")
    assert (found.severity, found.status) == (Severity.HIGH, "measured")


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO setting (name, value) VALUES ('theme', 'dark') ON CONFLICT (name) DO NOTHING;",
        "INSERT INTO setting (name, value) VALUES ('theme', 'dark');",
        "INSERT INTO setting VALUES ('theme', 'dark');\nUPDATE setting SET value = 'light' WHERE name = 'theme';",
    ],
)
def test_what_overwrites_no_row_that_was_there_is_no_loss(rehearse: Rehearse, sql: str) -> None:
    report = rehearse(sql, rows=50, phases=("observe", "data"))
    assert not ids(report) & {"data.changed", "data.loss", "data.fails-on-existing"}


def test_an_update_by_a_unique_value_finds_its_row(rehearse: Rehearse) -> None:
    report = rehearse("UPDATE setting SET value = 'x' WHERE name = 'theme';", rows=50, phases=("observe", "data"))
    assert "data.changed" in ids(report)
    assert "data.touches-nothing" not in ids(report)


def test_rows_that_a_merge_deletes_are_gone(rehearse: Rehearse) -> None:
    sql = (
        "ALTER TABLE item ADD COLUMN x int;\n"
        "MERGE INTO product p USING (VALUES ('A-1')) AS v (sku) ON p.sku = v.sku WHEN MATCHED THEN DELETE;"
    )
    found = of(rehearse(sql, rows=50, phases=("observe", "data")), "data.loss")
    assert found.position.line == 2
