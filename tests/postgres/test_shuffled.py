"""Six hundred scenarios in any order: each finds the same state and gives the same outcome as alone."""

from __future__ import annotations

import random
from typing import Any

import psycopg

from harness.postgres import RowOperation, Sandbox, Template
from tests.postgres.shop import catalogue_of, rows_of

Connection = psycopg.Connection[Any]

DISTINCT = 200
TIMES = 3

CHANGES = [
    "INSERT INTO customer VALUES ('n{n}', 'new', 'bad', '2025-01-01') ON CONFLICT (id) DO UPDATE SET name = 'again'",
    "UPDATE customer SET name = name || '!', mood = 'bad' WHERE id = 'c{n}'",
    "UPDATE customer SET id = 'm{n}' WHERE id = 'c{n}'",
    "DELETE FROM customer WHERE id = 'c{n}'",
    "INSERT INTO counter (label) VALUES ('x'), ('y')",
    "DELETE FROM counter WHERE id = {n}",
    "UPDATE counter SET label = NULL WHERE id <= {n}",
    "INSERT INTO diary VALUES ('line {n}', {n})",
    "DELETE FROM diary WHERE line = 'same'",
    "UPDATE event SET year = 2025 WHERE id = 2 AND year = 2024",
    "INSERT INTO event VALUES ({n} + 10, 2024, 'e')",
    "TRUNCATE counter RESTART IDENTITY",
    "TRUNCATE diary",
    "UPDATE audited SET id = id",
    "UPDATE parent SET name = 'p{n}'",
    """UPDATE "Order" SET amount = {n}.50, at = at + interval '1 day' WHERE "customerId" = 'c{n}'""",
    """UPDATE "odd ""table"" %%s" SET "a b" = 'two' WHERE "select" = 1""",
    "SELECT nextval('ticket')",
    "SELECT setval('counter_id_seq', {n} + 50)",
    "UPDATE chicken SET egg = 3 - egg",
]
RARE = [
    "CREATE TABLE made_{n} (id int PRIMARY KEY); INSERT INTO made_{n} VALUES (1)",
    "ALTER TABLE customer ALTER name DROP NOT NULL; INSERT INTO customer VALUES ('null', NULL)",
    "CREATE INDEX ON customer (name)",
    "CREATE ROLE scribe; GRANT SELECT ON customer TO scribe",
    "ALTER ROLE postgres SET work_mem = '5MB'",
]


def run(sandbox: Sandbox, app: Connection, number: int) -> Any:
    """One scenario: what it does follows from its number alone; its outcome is all that it could see."""
    choice = random.Random(number)
    sandbox.begin()
    seen = app.execute("SELECT id FROM customer").fetchall()  # without an ORDER BY, as applications do
    for _ in range(choice.randint(1, 4)):
        statement = choice.choice(CHANGES)
        app.execute(statement.replace("%%", "%").format(n=choice.randint(1, 20)))
    if number % 40 == 0:
        for part in choice.choice(RARE).format(n=number).split("; "):
            app.execute(part)
    seen += app.execute("SELECT id, name FROM customer ORDER BY id").fetchall()
    seen += app.execute("SELECT * FROM counter ORDER BY id").fetchall()
    following = app.execute("SELECT nextval('ticket'), nextval('counter_id_seq')").fetchall()
    return told(sandbox.changes()), seen, following


def told(operations: list[RowOperation]) -> list[Any]:
    """The operations; the rows of one transaction and table in one order, since PostgreSQL takes any."""
    rows = [(o.transaction, o.table, o.operation, o.before, o.after) for o in operations]
    return sorted(rows, key=repr)


def test_six_hundred_scenarios_in_shuffled_order(shop: Template) -> None:
    order = [number for number in range(DISTINCT) for _ in range(TIMES)]
    random.Random(20250101).shuffle(order)
    outcomes: dict[int, Any] = {}
    with Sandbox(shop) as sandbox:
        app = sandbox.database.connect()
        rows, catalogue = rows_of(app), catalogue_of(app)
        for count, number in enumerate(order):
            outcome = run(sandbox, app, number)
            assert outcomes.setdefault(number, outcome) == outcome, number
            if replaced := sandbox.reset().replaced:
                app.close()
                app = sandbox.database.connect()
            if count % 20 == 0:
                assert rows_of(app) == rows, number
            if replaced:
                assert catalogue_of(app) == catalogue, number
        app.close()
        assert sandbox.generation >= DISTINCT // 40 * TIMES // 2
    for number in range(0, DISTINCT, 20):
        with Sandbox(shop) as alone, alone.database.connect() as app:
            assert run(alone, app, number) == outcomes[number]
            alone.reset()
