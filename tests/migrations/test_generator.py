"""Rows for any schema: types, keys, enums and checks are honoured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from harness.migrations import generator
from harness.migrations.generator import fill, fill_awkward, insertion_order, row_sql
from harness.migrations.literals import Literals, literals_in
from harness.migrations.schema import Schema, snapshot
from harness.migrations.statements import split
from harness.postgres import Server
from tests.migrations.places import SHOP

EVERY_TYPE = """
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE DOMAIN postcode AS text;
CREATE TABLE parent (a int, b text, PRIMARY KEY (a, b));
CREATE TABLE everything (
  id uuid PRIMARY KEY, s smallint NOT NULL, i int NOT NULL, b bigint NOT NULL, n numeric(8, 2) NOT NULL, n5 numeric(5, 0) NOT NULL,
  r real NOT NULL, d double precision NOT NULL, m money NOT NULL, t text NOT NULL, v varchar(3) NOT NULL, c char(10) NOT NULL,
  bo boolean NOT NULL, da date NOT NULL, ti time NOT NULL, ts timestamp(3) NOT NULL, tz timestamptz NOT NULL, iv interval NOT NULL,
  j json NOT NULL, jb jsonb NOT NULL, by bytea NOT NULL, ip inet NOT NULL, mac macaddr NOT NULL, tv tsvector NOT NULL,
  ra int4range NOT NULL, mo mood NOT NULL, mos mood[] NOT NULL, ar int[] NOT NULL, p postcode NOT NULL,
  pa int NOT NULL, pb text NOT NULL, g int GENERATED ALWAYS AS (i * 2) STORED, idn bigint GENERATED ALWAYS AS IDENTITY,
  kind text NOT NULL CHECK (kind IN ('small', 'large')), low int NOT NULL CHECK (low BETWEEN 0 AND 10),
  FOREIGN KEY (pa, pb) REFERENCES parent (a, b)
);
CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree (id));
CREATE TABLE one (id bigint PRIMARY KEY, everything_id uuid NOT NULL UNIQUE REFERENCES everything (id));
"""


@pytest.fixture
def connection(server: Server) -> Iterator[psycopg.Connection[object]]:
    database = server.create_database()
    with database.connect() as opened:
        yield opened
    database.drop()


def schema_of(connection: psycopg.Connection[object], sql: str) -> Schema:
    connection.execute(sql)
    return snapshot(connection)


def number(connection: psycopg.Connection[Any], sql: str) -> object:
    row = connection.execute(sql).fetchone()
    return row[0] if row else None


def test_every_type_key_enum_and_check_is_filled(connection: psycopg.Connection[object]) -> None:
    schema = schema_of(connection, EVERY_TYPE)
    made = fill(connection, schema, dict.fromkeys(schema.tables, 300))
    assert made.failures == {}
    assert made.rows == {"parent": 300, "everything": 300, "tree": 300, "one": 300}
    orphans = (
        "SELECT count(*) FROM everything e WHERE NOT EXISTS (SELECT FROM parent p WHERE p.a = e.pa AND p.b = e.pb)"
    )
    assert number(connection, orphans) == 0


def test_parents_come_before_children(connection: psycopg.Connection[object]) -> None:
    order = insertion_order(schema_of(connection, EVERY_TYPE))
    assert order.index("parent") < order.index("everything") < order.index("one")


def test_a_second_fill_goes_on_where_the_first_ended(connection: psycopg.Connection[object]) -> None:
    schema = schema_of(connection, SHOP.read_text())
    fill(connection, schema, {"customer": 10})
    fill(connection, schema, {"customer": 25}, first=11)
    assert number(connection, "SELECT count(*) FROM customer") == 25
    connection.execute("INSERT INTO customer (email) VALUES ('next@example.test')")  # the sequence was moved on


def test_a_column_that_becomes_a_key_later_points_at_rows(connection: psycopg.Connection[object]) -> None:
    schema = schema_of(connection, SHOP.read_text())
    fill(connection, schema, dict.fromkeys(schema.tables, 50))
    connection.execute("ALTER TABLE item ADD FOREIGN KEY (product_id) REFERENCES product (id)")


def test_the_same_schema_and_size_give_the_same_rows(server: Server) -> None:
    digests = []
    for _ in range(2):
        database = server.create_database()
        with database.connect() as connection:
            schema = schema_of(connection, SHOP.read_text())
            fill(connection, schema, dict.fromkeys(schema.tables, 40))
            digests.append(number(connection, "SELECT md5(string_agg(o::text, '' ORDER BY id)) FROM orders o"))
        database.drop()
    assert digests[0] == digests[1]


def test_awkward_rows_are_those_that_the_schema_allows(connection: psycopg.Connection[object]) -> None:
    schema = schema_of(connection, SHOP.read_text())
    fill(connection, schema, dict.fromkeys(schema.tables, 20))
    made = fill_awkward(connection, schema, Literals({"state": ["'done'"]}))
    assert made.rows["orders"] > 10
    for question in (
        "SELECT count(*) FROM orders WHERE coupon IS NULL",
        "SELECT count(*) FROM item WHERE amount < 0",
        "SELECT count(*) FROM item WHERE state = 'done'",
        "SELECT count(*) FROM orders WHERE length(note) = 200",
        "SELECT count(*) FROM item WHERE NOT EXISTS (SELECT FROM product WHERE product.id = product_id)",
    ):
        assert number(connection, question), question
    assert number(connection, "SELECT count(*) FROM orders WHERE quantity <= 0") == 0  # its check says no


def test_a_type_without_values_is_a_failure_of_that_table_only(connection: psycopg.Connection[object]) -> None:
    schema = schema_of(
        connection,
        "CREATE TABLE odd (p pg_snapshot NOT NULL); CREATE TABLE fine (id int PRIMARY KEY)",
    )
    made = fill(connection, schema, {"odd": 5, "fine": 5})
    assert made.rows == {"fine": 5}
    assert "no value is known for the type pg_snapshot of odd.p" in made.failures["odd"]


def test_an_impossible_check_is_told(connection: psycopg.Connection[object]) -> None:
    schema = schema_of(connection, "CREATE TABLE never (id int PRIMARY KEY, x int CHECK (x > 5 AND x < 5))")
    connection.execute("ALTER TABLE never ALTER x SET NOT NULL")
    made = fill(connection, snapshot(connection), {"never": 5})
    assert "no value of x was found that the checks of never accept" in made.failures["never"]
    assert schema.is_table("never")


def test_a_minimal_row_leaves_out_what_has_a_default(connection: psycopg.Connection[object]) -> None:
    schema = schema_of(connection, SHOP.read_text())
    sql = row_sql(connection, schema, "customer", {}, minimal=True)
    assert '("email")' in sql
    connection.execute(sql)


def test_literals_are_found_where_columns_are_compared() -> None:
    sql = "UPDATE t SET a = 1 WHERE b = 'x' AND c IN ('y', 'z') AND d LIKE '%w%' AND t.e > 5 AND f = true"
    assert literals_in(split(sql, "m.sql").statements).by_column == {
        "b": ["'x'"],
        "c": ["'y'", "'z'"],
        "d": ["'xwx'"],
        "e": ["'5'"],
        "f": ["'true'"],
    }


def test_many_rows_are_made_by_several_connections_at_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rows as by one; a column whose type has too little room for a key of its own gets what fits."""
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    monkeypatch.setattr(generator, "MANY", 200)
    sql = "CREATE TABLE many (id int PRIMARY KEY, name text UNIQUE, at timestamp); CREATE TABLE few (on_off boolean UNIQUE)"
    template = server.template("many", lambda connection: connection.execute(sql) and None)
    rows = []
    for cores in (3, 1):
        monkeypatch.setattr(generator, "MOST_PARTS", cores)
        database = template.clone()
        with database.connect() as connection:
            made = fill(connection, snapshot(connection), {"many": 1000, "few": 1000})
            assert made.failures == {}
            rows.append(connection.execute("SELECT * FROM many ORDER BY id").fetchall())
            assert connection.execute("SELECT count(*) FROM few").fetchone() == (2,)
        database.drop()
    assert rows[0] == rows[1]
    assert len(rows[0]) == 1000
