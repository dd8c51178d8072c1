"""A temporary table hides one of the same name that stays: each statement is judged on the one that it means."""

from __future__ import annotations

import pytest

from harness.migrations.actions import subjects
from harness.migrations.statements import split
from tests.migrations.conftest import Rehearse
from tests.migrations.places import ids, of

PHASES = ("observe", "data", "failure", "compatibility", "way back", "schema")


@pytest.mark.parametrize(
    ("sql", "schemas"),
    [
        ("CREATE TEMP TABLE t (id int); DELETE FROM t; DROP TABLE t; DELETE FROM t;", "t t t -"),
        ("CREATE TEMPORARY TABLE t AS SELECT * FROM t; TRUNCATE t; ALTER TABLE public.t ADD a int;", "t t public"),
        ("SELECT * INTO TEMP t FROM other; UPDATE t SET a = 1;", "- t"),
        ("CREATE TEMP TABLE t (id int); ALTER TABLE t RENAME TO u; DELETE FROM t; DELETE FROM u;", "t t - t"),
        ("BEGIN; CREATE TEMP TABLE t (id int) ON COMMIT DROP; DELETE FROM t; COMMIT; DELETE FROM t;", "- t t - -"),
        ("BEGIN; CREATE TEMP TABLE t (id int); ROLLBACK; DELETE FROM t;", "- t - -"),
        ("CREATE TEMP TABLE t (id int); DISCARD TEMP; DELETE FROM t;", "t - -"),
        ("CREATE TEMP TABLE t (id int); DROP TABLE pg_temp.t; DELETE FROM t;", "t t -"),
        ("CREATE TABLE t (id int); DELETE FROM t; -- no temp table", "- -"),
    ],
)
def test_a_name_means_the_temporary_table_while_there_is_one(sql: str, schemas: str) -> None:
    found = [[name.schema for name in subjects(s)] for s in split(sql, "x.sql").statements]
    assert [(each or [""])[0] for each in found] == [
        {"t": "pg_temp", "-": ""}.get(word, word) for word in schemas.split()
    ]


def test_a_query_of_the_same_name_is_no_table() -> None:
    (_, insert) = split("CREATE TEMP TABLE t (id int); WITH t AS (SELECT 1) SELECT * FROM t;", "x.sql").statements
    assert "pg_temp" not in str(insert.tree)


def test_what_is_done_to_a_temporary_table_is_done_to_no_other(rehearse: Rehearse) -> None:
    sql = """CREATE TEMP TABLE orders (LIKE public.orders);
    INSERT INTO orders SELECT * FROM public.orders;
    DELETE FROM orders WHERE total < 5;
    CREATE INDEX orders_total ON orders (total);
    ALTER TABLE orders DROP COLUMN note;"""
    assert ids(rehearse(sql, phases=PHASES)) == set()


@pytest.mark.parametrize("begin", ["CREATE TEMP TABLE orders AS SELECT id FROM orders;\nDROP TABLE orders;"])
def test_once_it_is_dropped_the_name_means_the_table_that_stays(rehearse: Rehearse, begin: str) -> None:
    report = rehearse(f"{begin}\nALTER TABLE orders DROP COLUMN note;", phases=PHASES)
    placed = {f.position.line for f in report.findings}
    assert placed == {3}
    assert {"data.loss", "compat.old-app-write-fails"} <= ids(report)
    assert report.way_back == ["ALTER TABLE orders ADD COLUMN note character varying(200)"]


def test_a_second_run_and_the_way_back_are_another_sessions(rehearse: Rehearse) -> None:
    sql = "CREATE TEMP TABLE keep AS SELECT id FROM orders;\nALTER TABLE orders ADD COLUMN IF NOT EXISTS a int;"
    report = rehearse(sql, phases=PHASES)
    assert {"rerun.fails", "rerun.stuck", "tx.not-atomic"} & ids(report) == set()
    assert report.way_back == ["ALTER TABLE orders DROP COLUMN a"]


def test_a_half_done_migration_is_told_in_words(rehearse: Rehearse) -> None:
    sql = "ALTER TABLE orders DROP CONSTRAINT orders_quantity_positive, ADD CONSTRAINT orders_quantity_positive CHECK (quantity > 1) NOT VALID;\nSELECT 1;"
    told = of(rehearse(sql, phases=("observe", "failure")), "tx.not-atomic").evidence
    assert "definition CHECK ((quantity > 0)) → CHECK ((quantity > 1)) NOT VALID" in told
    assert "{" not in told
