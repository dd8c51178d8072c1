"""MIGRATIONS.md 3: what common statements do, measured again on two PostgreSQL versions.

Each row: the statements (the last one is looked at), the locks on tables that were there, whether the table is
rewritten, whether every row is read, which index is built.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from harness.migrations.batches import units
from harness.migrations.confinement import install_watch, login_for
from harness.migrations.generator import fill
from harness.migrations.locks import mode_words
from harness.migrations.reading import Script
from harness.migrations.schema import snapshot
from harness.migrations.tracing import Observation, trace
from harness.postgres import Server
from tests.migrations.places import SHOP

AE, SRE, S, SUE, RE = "ACCESS EXCLUSIVE", "SHARE ROW EXCLUSIVE", "SHARE", "SHARE UPDATE EXCLUSIVE", "ROW EXCLUSIVE"
NO: tuple[str, ...] = ()

TABLE = [
    # statement, locks by table, rewritten, scanned, index built
    ("ALTER TABLE orders ALTER code DROP NOT NULL", {"orders": AE}, False, NO, False),
    ("ALTER TABLE orders DROP COLUMN note", {"orders": AE}, False, NO, False),
    ("ALTER TABLE orders RENAME COLUMN note TO remark", {"orders": AE}, False, NO, False),
    ("ALTER TABLE orders ALTER note SET DEFAULT 'x'", {"orders": AE}, False, NO, False),
    ("ALTER TABLE orders ADD z integer", {"orders": AE}, False, NO, False),
    ("ALTER TABLE orders ADD z integer NOT NULL DEFAULT 4", {"orders": AE}, False, NO, False),
    ("ALTER TABLE orders ADD z timestamptz DEFAULT now()", {"orders": AE}, False, NO, False),
    ("ALTER TABLE orders ALTER coupon SET NOT NULL", {"orders": AE}, False, ("orders",), False),
    (
        "ALTER TABLE orders ADD CONSTRAINT c CHECK (coupon IS NOT NULL) NOT VALID; ALTER TABLE orders VALIDATE CONSTRAINT c; "
        "ALTER TABLE orders ALTER coupon SET NOT NULL",
        {"orders": AE},
        False,
        NO,
        False,
    ),
    ("ALTER TABLE orders ADD z uuid DEFAULT gen_random_uuid()", {"orders": AE}, True, None, True),
    ("ALTER TABLE orders ADD z serial", {"orders": AE}, True, None, True),
    ("ALTER TABLE orders ADD z int GENERATED ALWAYS AS IDENTITY", {"orders": AE}, True, None, True),
    ("ALTER TABLE orders ADD z int GENERATED ALWAYS AS (quantity * 2) STORED", {"orders": AE}, True, None, True),
    ("ALTER TABLE item ADD z integer REFERENCES product (id)", {"item": AE, "product": SRE}, False, NO, False),
    ("ALTER TABLE orders ALTER note TYPE varchar(300)", {"orders": AE}, False, NO, False),
    ("ALTER TABLE orders ALTER note TYPE text", {"orders": AE}, False, NO, False),
    ("ALTER TABLE item ALTER amount TYPE numeric(12, 2)", {"item": AE}, False, NO, False),
    ("ALTER TABLE orders ALTER note TYPE varchar(40)", {"orders": AE}, True, None, True),
    ("ALTER TABLE orders ALTER quantity TYPE bigint", {"orders": AE}, True, None, True),
    ("ALTER TABLE item ALTER amount TYPE numeric(12, 3)", {"item": AE}, True, None, True),
    ("ALTER TABLE customer ALTER favourite TYPE text", {"customer": AE}, True, None, True),
    ("SET TimeZone = 'UTC'; ALTER TABLE customer ALTER joined TYPE timestamptz", {"customer": AE}, False, NO, False),
    (
        "SET TimeZone = 'Europe/London'; ALTER TABLE customer ALTER joined TYPE timestamptz",
        {"customer": AE},
        True,
        None,
        True,
    ),
    ("ALTER TABLE item ADD CONSTRAINT c CHECK (amount >= 0)", {"item": AE}, False, ("item",), False),
    ("ALTER TABLE item ADD CONSTRAINT c CHECK (amount >= 0) NOT VALID", {"item": AE}, False, NO, False),
    (
        "ALTER TABLE item ADD CONSTRAINT c CHECK (amount >= 0) NOT VALID; ALTER TABLE item VALIDATE CONSTRAINT c",
        {"item": SUE},
        False,
        ("item",),
        False,
    ),
    (
        "ALTER TABLE item ADD CONSTRAINT f FOREIGN KEY (product_id) REFERENCES product (id)",
        {"item": SRE, "product": SRE},
        False,
        ("item", "product"),
        False,
    ),
    (
        "ALTER TABLE item ADD CONSTRAINT f FOREIGN KEY (product_id) REFERENCES product (id) NOT VALID",
        {"item": SRE, "product": SRE},
        False,
        NO,
        False,
    ),
    (
        "ALTER TABLE item ADD CONSTRAINT f FOREIGN KEY (product_id) REFERENCES product (id) NOT VALID; "
        "ALTER TABLE item VALIDATE CONSTRAINT f",
        {"item": SUE, "product": "ROW SHARE"},
        False,
        ("item", "product"),
        False,
    ),
    ("ALTER TABLE item DROP CONSTRAINT item_order_fk", {"item": AE, "orders": AE}, False, NO, False),
    ("ALTER TABLE orders ADD UNIQUE (code)", {"orders": AE}, False, None, True),
    ("CREATE INDEX i ON orders (code)", {"orders": S}, False, NO, True),
    ("CREATE INDEX CONCURRENTLY i ON orders (code)", {"orders": SUE}, False, NO, True),
    ("TRUNCATE item", {"item": AE}, False, NO, None),
    ("DROP TABLE setting", {"setting": AE}, False, NO, False),
    ("DROP INDEX orders_placed_idx", {"orders": AE}, False, NO, False),
    ("DROP INDEX CONCURRENTLY orders_placed_idx", {"orders": SUE}, False, NO, False),
    ("ALTER TYPE order_status ADD VALUE 'lost'", {}, False, NO, False),
    ("UPDATE orders SET note = 'x'", {"orders": RE}, False, NO, False),
]


def observed(server: Server, sql: str) -> Observation:
    template = server.template("lock table", _build, owner=login_for(server, ()), prepare=_watch)
    database = template.clone()
    try:
        with database.connect() as connection:
            before = snapshot(connection)
        script = Script("m.sql", Path("m.sql"), "m.sql", sql.encode(), prisma=False)
        seen, _ = trace(str(database.dsn), units(script, "psql"), before)
        return seen[-1]
    finally:
        database.drop()


def _watch(connection: psycopg.Connection[Any]) -> None:
    assert install_watch(connection)


def _build(connection: psycopg.Connection[Any]) -> None:
    connection.execute(SHOP.read_bytes())
    schema = snapshot(connection)
    fill(connection, schema, dict.fromkeys(schema.tables, 500))


@pytest.mark.parametrize(("sql", "locks", "rewritten", "scanned", "built"), TABLE, ids=[row[0][:60] for row in TABLE])
def test_a_statement_does_what_the_table_says(
    either: Server,
    sql: str,
    locks: dict[str, str],
    rewritten: bool,
    scanned: tuple[str, ...] | None,
    built: bool | None,
) -> None:
    seen = observed(either, sql)
    assert seen.failure is None
    assert {lock.table: mode_words(lock.mode) for lock in seen.locks if lock.on == "table"} == locks
    assert bool(seen.rewritten) == rewritten
    if scanned is not None:
        assert seen.scanned == scanned
    if built is not None:
        assert bool(seen.built) == built


def test_a_column_used_by_a_view_refuses_another_type(either: Server) -> None:
    seen = observed(either, "ALTER TABLE orders ALTER total TYPE numeric(12, 2)")
    assert seen.failure is not None
    assert seen.failure.sqlstate == "0A000"


def test_wal_tells_a_rewrite_from_a_change_of_the_catalogue(either: Server) -> None:
    cheap = observed(either, "ALTER TABLE orders ALTER code DROP NOT NULL")
    dear = observed(either, "ALTER TABLE orders ALTER quantity TYPE bigint")
    assert cheap.wal < 20_000 < dear.wal


def test_what_the_migration_made_itself_is_in_nobodys_way(either: Server) -> None:
    seen = observed(either, "BEGIN; CREATE TABLE mine (x int); CREATE INDEX ON mine (x); COMMIT")
    assert seen.locks == frozenset()


def test_what_nobody_delays_is_sampled_too(either: Server) -> None:
    seen = observed(either, "VACUUM orders")
    assert seen.sampled
    assert {lock.table: mode_words(lock.mode) for lock in seen.locks if lock.on == "table"} == {"orders": SUE}
