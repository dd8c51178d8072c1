"""The way back of migrations in which a name means one thing before a statement and another after it, or is made twice."""

from __future__ import annotations

import pytest

from harness.migrations.checking import Report
from harness.migrations.findings import Severity
from tests.migrations.conftest import Rehearse
from tests.migrations.places import ids, of

PHASES = ("observe", "way back")
PRISMAS_ENUM = """BEGIN;
CREATE TYPE colour_new AS ENUM ('red', 'green', 'blue');
ALTER TABLE customer ALTER COLUMN favourite TYPE colour_new USING (favourite::text::colour_new);
ALTER TYPE colour RENAME TO colour_old;
ALTER TYPE colour_new RENAME TO colour;
DROP TYPE colour_old;
COMMIT;
"""


def _hidden(report: Report) -> list[str]:
    """What is said of a way back that does not run, or not all the way."""
    return [note for note in report.notes if "derived" in note]


@pytest.mark.parametrize(
    ("sql", "back"),
    [
        (
            "ALTER TABLE setting RENAME TO setting_old;\nCREATE TABLE setting (name text PRIMARY KEY, value text);",
            ["DROP TABLE setting", "ALTER TABLE setting_old RENAME TO setting"],
        ),
        (
            "CREATE TABLE a (id int);\nALTER TABLE a RENAME TO b;\nALTER TABLE b ADD COLUMN x int;",
            ["ALTER TABLE b RENAME TO a", "DROP TABLE a"],
        ),
        (
            "ALTER TABLE setting RENAME COLUMN value TO old_value;\nALTER TABLE setting ADD COLUMN value text;",
            ["ALTER TABLE setting DROP COLUMN value", "ALTER TABLE setting RENAME COLUMN old_value TO value"],
        ),
        (
            "CREATE TABLE staging (id int);\nINSERT INTO staging VALUES (1);\nDROP TABLE staging;\n"
            "ALTER TABLE orders ADD COLUMN tmp int;\nALTER TABLE orders DROP COLUMN tmp;",
            [],
        ),
        ("BEGIN;\nALTER TABLE orders ADD COLUMN a int;\nROLLBACK;", []),
        (
            "ALTER TABLE setting DROP CONSTRAINT setting_pkey, ADD PRIMARY KEY (value, name);",
            [
                "ALTER TABLE setting DROP CONSTRAINT setting_pkey",
                "ALTER TABLE setting ADD CONSTRAINT setting_pkey PRIMARY KEY (name)",
            ],
        ),
        (
            "DROP INDEX orders_placed_idx;\nCREATE INDEX orders_placed_idx ON orders (placed DESC);",
            [
                "DROP INDEX IF EXISTS orders_placed_idx",
                "CREATE INDEX orders_placed_idx ON public.orders USING btree (placed)",
            ],
        ),
        (
            "CREATE UNIQUE INDEX u ON customer (email);\nALTER TABLE customer ADD CONSTRAINT one_email UNIQUE USING INDEX u;",
            ["ALTER TABLE customer DROP CONSTRAINT IF EXISTS one_email"],
        ),
    ],
)
def test_the_way_back_speaks_of_what_is_there_at_each_step(rehearse: Rehearse, sql: str, back: list[str]) -> None:
    report = rehearse(sql, rows=50, phases=PHASES)
    assert report.way_back == back
    assert not _hidden(report)


def test_an_enum_that_prisma_makes_anew_goes_back_value_by_value(rehearse: Rehearse) -> None:
    report = rehearse(PRISMAS_ENUM, rows=50, phases=PHASES)
    assert report.way_back[-2:] == [
        "ALTER TABLE customer ALTER COLUMN favourite TYPE colour USING favourite::text::colour",
        "DROP TYPE colour_new",
    ]
    assert ids(report) & {"down.loses-data", "down.impossible-after-new-rows"} == {"down.impossible-after-new-rows"}
    assert "'blue'" in of(report, "down.impossible-after-new-rows").evidence


def test_what_is_written_into_the_table_that_took_the_name_goes_with_it(rehearse: Rehearse) -> None:
    sql = "ALTER TABLE setting RENAME TO setting_old;\nCREATE TABLE setting (name text PRIMARY KEY, value text);"
    found = of(rehearse(sql, rows=50, phases=PHASES), "down.loses-data")
    assert (found.severity, found.table) == (Severity.HIGH, "setting")
    assert "written into setting after the migration" in found.evidence


def test_a_derived_way_back_that_does_not_run_is_not_shown(rehearse: Rehearse) -> None:
    sql = (
        "ALTER TABLE setting RENAME TO setting_old;\nCREATE TABLE setting (name text PRIMARY KEY, value text NOT NULL);\n"
        "INSERT INTO setting SELECT * FROM setting_old;\nDROP TABLE setting_old;\nALTER TABLE setting ADD COLUMN note text;"
    )
    report = rehearse(sql, rows=50, phases=PHASES)
    assert report.way_back == []
    assert _hidden(report) == [
        "the way back that is derived from the statements does not run and is not shown: "
        '42P01: relation "setting_old" does not exist'
    ]


def test_what_a_derived_way_back_leaves_out_is_told(rehearse: Rehearse) -> None:
    report = rehearse("ALTER TABLE orders DROP COLUMN code CASCADE;", rows=50, phases=PHASES)
    (note,) = _hidden(report)
    assert note.endswith("differences to the schema before, first: open_orders: gone")
