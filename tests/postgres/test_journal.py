"""The journal: every committed row, old and new, in order, by transaction, whoever changed it and how."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from harness.postgres import RowOperation, Sandbox

Connection = psycopg.Connection[Any]


def told(operations: list[RowOperation]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(operation.table, operation.operation, operation.key) for operation in operations]


def test_an_insert_an_update_and_a_delete_tell_whole_rows(sandbox: Sandbox, app: Connection) -> None:
    app.execute("INSERT INTO counter (label) VALUES ('new')")
    app.execute("UPDATE counter SET label = 'changed' WHERE id = 6")
    app.execute("DELETE FROM counter WHERE id = 6")
    inserted, updated, deleted = sandbox.changes()
    assert (inserted.before, inserted.after) == (None, {"id": 6, "label": "new"})
    assert (updated.before, updated.after) == ({"id": 6, "label": "new"}, {"id": 6, "label": "changed"})
    assert (deleted.before, deleted.after) == ({"id": 6, "label": "changed"}, None)
    assert told([inserted, updated, deleted]) == [
        ("counter", word, {"id": 6}) for word in ("insert", "update", "delete")
    ]


def test_values_keep_their_scale_and_times_are_iso_text(sandbox: Sandbox, app: Connection) -> None:
    app.execute("""UPDATE "Order" SET amount = 45.00 WHERE id = '00000000-0000-0000-0000-000000000001'""")
    (operation,) = sandbox.changes()
    assert operation.after is not None
    assert str(operation.after["amount"]) == "45.00"
    assert operation.after["doubled"] == Decimal("90.00")
    assert operation.after["details"] == {"a": Decimal("1.50")}
    assert operation.after["at"] == "2025-03-01T07:00:00+00:00"
    assert operation.after["tags"] == ["x", None, '{"']
    assert list(operation.after)[:4] == ["id", "customerId", "amount", "doubled"]


def test_the_session_of_the_application_does_not_change_what_is_told(
    sandbox: Sandbox, connect: Callable[[], Connection]
) -> None:
    plain, odd = connect(), connect()
    odd.execute(
        "SET timezone = 'Asia/Tokyo'; SET datestyle = 'SQL, DMY'; SET intervalstyle = 'sql_standard';"
        " SET bytea_output = 'escape'; SET extra_float_digits = -10; SET search_path = pg_catalog"
    )
    for connection in (plain, odd):
        connection.execute("""UPDATE public."Order" SET at = at WHERE id = '00000000-0000-0000-0000-000000000001'""")
    first, second = sandbox.changes()
    assert first.after == second.after


def test_operations_are_numbered_by_transaction(sandbox: Sandbox, connect: Callable[..., Connection]) -> None:
    one = connect(autocommit=False)
    one.execute("INSERT INTO counter (label) VALUES ('a')")
    one.execute("INSERT INTO counter (label) VALUES ('b')")
    one.commit()
    one.execute("INSERT INTO counter (label) VALUES ('c')")
    one.commit()
    operations = sandbox.changes()
    assert [operation.transaction for operation in operations] == [1, 1, 2]
    assert [operation.position for operation in operations] == [1, 2, 3]


def test_what_is_rolled_back_is_not_told(sandbox: Sandbox, connect: Callable[..., Connection]) -> None:
    app = connect(autocommit=False)
    app.execute("INSERT INTO counter (label) VALUES ('lost')")
    app.rollback()
    app.execute("INSERT INTO counter (label) VALUES ('kept')")
    with pytest.raises(psycopg.errors.UniqueViolation), app.transaction():
        app.execute("INSERT INTO customer VALUES ('new', 'n'), ('c1', 'twice')")
    app.commit()
    assert [operation.after for operation in sandbox.changes()] == [{"id": 7, "label": "kept"}]


def test_a_cascade_is_told_after_its_cause(sandbox: Sandbox, app: Connection) -> None:
    app.execute("DELETE FROM customer WHERE id = 'c3'")
    app.execute("UPDATE customer SET id = 'd4' WHERE id = 'c4'")
    assert [(o.table, o.operation) for o in sandbox.changes()] == [
        ("customer", "delete"),
        ("Order", "delete"),
        ("customer", "update"),
        ("Order", "update"),
    ]


def test_truncate_tells_each_row_that_it_removed(sandbox: Sandbox, app: Connection) -> None:
    app.execute("TRUNCATE customer CASCADE")
    operations = sandbox.changes()
    assert {(o.table, o.operation, o.after is None) for o in operations} == {
        ("customer", "truncate", True),
        ("Order", "truncate", True),
    }
    assert len(operations) == 40
    app.execute("TRUNCATE event")
    assert len(sandbox.changes()) == 43


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("INSERT INTO customer VALUES ('c1', 'x') ON CONFLICT (id) DO UPDATE SET name = 'y'", [("customer", "update")]),
        ("INSERT INTO customer VALUES ('c1', 'x') ON CONFLICT DO NOTHING", []),
        (
            "MERGE INTO customer c USING (VALUES ('c1'), ('new')) v(id) ON c.id = v.id"
            " WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id, name) VALUES (v.id, 'n')",
            [("customer", "delete"), ("Order", "delete"), ("customer", "insert")],
        ),
        ("UPDATE happy SET name = 'z' WHERE id = 'c2'", [("customer", "update")]),
        ("UPDATE parent SET name = 'n'", [("parent", "update"), ("child", "update")]),
        ("UPDATE event SET year = 2025 WHERE id = 2", [("event", "delete"), ("event", "insert")]),
        ("INSERT INTO event_2024 VALUES (9, 2024, 'direct')", [("event", "insert")]),
        ("""INSERT INTO "Other".thing (customer) VALUES ('c9')""", [("Other.thing", "insert")]),
        ("INSERT INTO nothing DEFAULT VALUES", [("nothing", "insert")]),
        ("WITH gone AS (DELETE FROM diary WHERE t = 2 RETURNING line) INSERT INTO customer SELECT 'w', line FROM gone",
         [("diary", "delete"), ("customer", "insert")]),
        ("SET session_replication_role = replica; DELETE FROM customer WHERE id = 'c7'", [("customer", "delete")]),
    ],
)  # fmt: skip
def test_every_way_of_changing_rows_is_told(
    sandbox: Sandbox, app: Connection, statement: str, expected: list[tuple[str, str]]
) -> None:
    app.execute(statement)
    assert sorted((o.table, o.operation) for o in sandbox.changes()) == sorted(expected)


def test_copy_is_told(sandbox: Sandbox, app: Connection) -> None:
    with app.cursor() as cursor, cursor.copy("COPY diary FROM STDIN") as copy:
        copy.write_row(("copied", 7))
    assert told(sandbox.changes()) == [("diary", "insert", {"line": "copied", "t": 7})]


def test_keys_follow_the_primary_key_then_a_unique_key_then_the_row(sandbox: Sandbox, app: Connection) -> None:
    app.execute("""UPDATE "odd ""table"" %s" SET k = 'x' WHERE "select" = 2""")
    app.execute("CREATE TABLE keyed (a int NOT NULL UNIQUE, b int UNIQUE)")
    app.execute("INSERT INTO keyed VALUES (1, NULL)")
    app.execute("DELETE FROM diary WHERE t = 2")
    assert told(sandbox.changes()) == [
        ('odd "table" %s', "update", {"a b": "one", "select": 2}),
        ("keyed", "insert", {"a": 1}),
        ("diary", "delete", {"line": "other", "t": 2}),
    ]


def test_a_role_without_rights_on_the_journal_is_watched_too(sandbox: Sandbox, app: Connection) -> None:
    app.execute("CREATE ROLE clerk; GRANT INSERT, SELECT ON counter TO clerk; SET ROLE clerk")
    app.execute("INSERT INTO counter (label) VALUES ('by the clerk')")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("SELECT * FROM harness.journal")
    assert told(sandbox.changes()) == [("counter", "insert", {"id": 6})]
    app.execute("RESET ROLE")
    sandbox.reset()


def test_a_mark_divides_by_commit(sandbox: Sandbox, connect: Callable[..., Connection]) -> None:
    slow, quick = connect(autocommit=False), connect()
    slow.execute("INSERT INTO counter (label) VALUES ('slow')")  # written first, committed last
    quick.execute("INSERT INTO counter (label) VALUES ('quick')")
    mark = sandbox.mark()
    slow.commit()
    assert [o.after["label"] for o in sandbox.changes(mark) if o.after] == ["slow"]
    assert [o.after["label"] for o in sandbox.changes() if o.after] == ["quick", "slow"]
    assert sandbox.changes(sandbox.mark()) == []


def test_take_tells_each_operation_once(sandbox: Sandbox, app: Connection) -> None:
    assert sandbox.take() == []
    app.execute("INSERT INTO counter (label) VALUES ('a')")
    first = sandbox.take()
    app.execute("INSERT INTO counter (label) VALUES ('b')")
    second = sandbox.take()
    assert [len(first), len(second), len(sandbox.take())] == [1, 1, 0]
    assert sandbox.changes() == first + second


def test_since_may_be_the_position_of_an_operation(sandbox: Sandbox, app: Connection) -> None:
    app.execute("INSERT INTO counter (label) VALUES ('a'), ('b'), ('c')")
    second = sandbox.changes()[1]
    assert [o.key for o in sandbox.changes(second.position)] == [{"id": 8}]


def test_begin_forgets_what_was(sandbox: Sandbox, app: Connection) -> None:
    app.execute("INSERT INTO counter (label) VALUES ('old')")
    sandbox.begin()
    app.execute("INSERT INTO counter (label) VALUES ('new')")
    (operation,) = sandbox.changes()
    assert (operation.position, operation.transaction, operation.key) == (1, 1, {"id": 6})


def test_execute_is_committed_and_told_and_query_gives_python_values(sandbox: Sandbox, app: Connection) -> None:
    assert sandbox.execute("UPDATE counter SET label = %s WHERE id = 1 RETURNING id", ("mine",)) == [{"id": 1}]
    assert app.execute("SELECT label FROM counter WHERE id = 1").fetchone() == ("mine",)
    assert told(sandbox.changes()) == [("counter", "update", {"id": 1})]
    (row,) = sandbox.query("""SELECT amount, at FROM "Order" WHERE "customerId" = %s""", ("c1",))
    assert row["amount"] == Decimal("46.00")
    assert row["at"].isoformat() == "2025-03-01T07:00:00+00:00"
    assert sandbox.query("SELECT '100%' AS share") == [{"share": "100%"}]


def test_rows_of_a_table_that_the_scenario_made_are_told(sandbox: Sandbox, app: Connection) -> None:
    app.execute("CREATE TABLE made AS SELECT 1 AS n")
    app.execute("INSERT INTO made VALUES (2)")
    app.execute("CREATE TABLE event_2026 PARTITION OF event FOR VALUES FROM (2026) TO (2027)")
    app.execute("INSERT INTO event VALUES (1, 2026, 'later')")
    app.execute("CREATE TABLE gone (n int); INSERT INTO gone VALUES (5); DROP TABLE gone")
    shown = [(o.table.split(" ")[0], o.after) for o in sandbox.changes()]
    assert shown == [
        ("made", {"n": 1}),
        ("made", {"n": 2}),
        ("event", {"id": 1, "year": 2026, "note": "later"}),
        ("(dropped", {"n": 5}),
        ("(dropped", None),
    ]


def test_a_changed_table_is_told_as_it_then_was(sandbox: Sandbox, app: Connection) -> None:
    app.execute("UPDATE counter SET label = 'before' WHERE id = 1")
    app.execute("ALTER TABLE counter RENAME COLUMN id TO number; ALTER TABLE counter ADD COLUMN further text")
    app.execute("UPDATE counter SET number = DEFAULT WHERE number = 2")
    first, second = sandbox.changes()
    assert first.after == {"id": 1, "label": "before"}
    assert second.before == {"number": 2, "label": "label 2", "further": None}
    assert second.after == {"number": 6, "label": "label 2", "further": None}


REWRITTEN: dict[str, tuple[str, dict[str, Any], dict[str, Any] | None]] = {
    "ALTER TABLE counter ALTER COLUMN label TYPE int USING 7": ("counter", {"label": "label 1"}, {"label": 7}),
    "ALTER TABLE counter DROP COLUMN label": ("counter", {"id": 1, "label": "label 1"}, {"id": 1}),
    "ALTER TABLE counter ADD COLUMN n int DEFAULT 3": ("counter", {"label": "label 1"}, {"n": 3}),
    "ALTER TABLE audited ALTER COLUMN id TYPE text USING 'x' || id": ("audited", {"id": 1}, None),
    "ALTER TABLE diary ALTER COLUMN t TYPE int USING t + 1": ("diary", {"line": "other", "t": 2}, None),
    "ALTER TABLE event ALTER COLUMN note TYPE text USING upper(note)": ("event", {"note": "a"}, {"note": "A"}),
    "ALTER TABLE parent ALTER COLUMN name TYPE text USING upper(name)": ("child", {"name": "c"}, {"name": "C"}),
    "ALTER TYPE mood RENAME VALUE 'good' TO 'fine'": ("customer", {"mood": "good"}, {"mood": "fine"}),
    "DROP TYPE mood CASCADE": ("customer", {"mood": "good"}, {}),
}


@pytest.mark.parametrize("statement", REWRITTEN)
def test_rows_that_a_change_of_the_schema_rewrites_are_told(sandbox: Sandbox, app: Connection, statement: str) -> None:
    table, before, after = REWRITTEN[statement]
    app.execute(statement)
    operations = [
        each for each in sandbox.take() if each.table == table and (each.before or {}).items() >= before.items()
    ]
    assert {each.operation for each in operations} == {"update" if after is not None else "delete"}
    assert all(each.after is None or each.after.items() >= (after or {}).items() for each in operations)
    app.execute(f"DROP TABLE {table} CASCADE")
    assert not {each.operation for each in sandbox.take()} - {"delete", "update"}


@pytest.mark.parametrize(
    "statement",
    ["ALTER TABLE customer RENAME COLUMN name TO called", "ALTER TABLE customer ADD COLUMN further text", "ALTER TABLE customer ALTER COLUMN name DROP NOT NULL",
     'ALTER TABLE "Order" ADD CHECK (amount > 0)', "ALTER TABLE customer RENAME TO client", "ALTER TYPE mood ADD VALUE 'odd'", "ALTER TABLE diary SET UNLOGGED"],
)  # fmt: skip
def test_a_change_of_the_schema_that_rewrites_no_row_tells_none(
    sandbox: Sandbox, app: Connection, statement: str
) -> None:
    app.execute("UPDATE customer SET name = 'Changed' WHERE id = 'c1'; DELETE FROM customer WHERE id = 'c2'")
    sandbox.take()
    app.execute(statement)
    assert sandbox.take() == []


def test_an_attached_table_stays_watched(sandbox: Sandbox, app: Connection) -> None:
    app.execute("CREATE TABLE loose (LIKE event INCLUDING ALL)")
    app.execute("ALTER TABLE event ATTACH PARTITION loose FOR VALUES FROM (2030) TO (2031)")
    app.execute("INSERT INTO event VALUES (1, 2030, 'x')")
    assert told(sandbox.changes()) == [("event", "insert", {"id": 1, "year": 2030})]


def test_rows_that_come_and_go_with_a_table_are_told(sandbox: Sandbox, app: Connection) -> None:
    app.execute("CREATE TABLE made AS SELECT n, 'x' AS text FROM generate_series(1, 2) n")
    assert [(op.table, op.operation, op.after) for op in sandbox.take()] == [
        ("made", "insert", {"n": 1, "text": "x"}), ("made", "insert", {"n": 2, "text": "x"}),
    ]  # fmt: skip
    app.execute("DELETE FROM made WHERE n = 1")
    sandbox.take()
    app.execute("DROP TABLE made")
    assert [(op.operation, op.before) for op in sandbox.take()] == [("delete", {"n": 2, "text": "x"})]


def test_a_table_of_the_beginning_is_dropped_with_its_rows_as_they_were_then(sandbox: Sandbox, app: Connection) -> None:
    rows = app.execute("SELECT count(*) FROM customer").fetchone()
    app.execute("UPDATE customer SET name = 'Changed' WHERE id = (SELECT min(id) FROM customer)")
    sandbox.take()
    app.execute("DROP TABLE customer CASCADE")
    gone = [op for op in sandbox.take() if op.table == "customer"]
    assert {op.operation for op in gone} == {"delete"}
    assert (len(gone),) == rows
    assert [op.before["name"] for op in gone if op.before].count("Changed") == 1


def test_who_disables_the_triggers_of_a_table_is_watched_all_the_same(sandbox: Sandbox, app: Connection) -> None:
    app.execute("ALTER TABLE customer DISABLE TRIGGER ALL")
    app.execute("UPDATE customer SET name = 'Quiet'")
    app.execute("ALTER TABLE customer ENABLE TRIGGER ALL")
    app.execute("SET session_replication_role = replica; DELETE FROM customer")
    assert {op.operation for op in sandbox.take() if op.table == "customer"} == {"update", "delete"}


def test_what_earlier_scenarios_did_to_a_table_is_not_told_when_it_is_rewritten_or_dropped(
    sandbox: Sandbox, app: Connection
) -> None:
    rows = app.execute("SELECT count(*) FROM customer").fetchone()
    for _ in range(2):
        app.execute("UPDATE customer SET name = 'Changed' WHERE id = 'c1'; INSERT INTO customer VALUES ('new', 'New')")
        app.execute("DELETE FROM customer WHERE id = 'c2'")
        sandbox.reset()
        sandbox.begin()
    app.execute("ALTER TABLE customer ADD COLUMN further text")
    assert sandbox.take() == []
    app.execute("DROP TABLE customer CASCADE")
    gone = [op for op in sandbox.take() if op.table == "customer"]
    assert (len(gone),) == rows
    assert "Changed" not in [op.before["name"] for op in gone if op.before]
