"""After a reset everything is as the template has it, whatever the scenario did."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from harness.errors import InputError
from harness.postgres import Sandbox, Server, Template, open_server
from tests.postgres.shop import SHOP, state_of

Connection = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def alone() -> Iterator[Sandbox]:
    """A sandbox with a server to itself, where roles and settings are put back too."""
    with open_server(os.environ.get("BOOKING_HARNESS_TEST_DATABASE", "embedded")) as server:
        server.admin("CREATE ROLE guest; GRANT pg_read_all_settings TO guest")
        template = server.template("shop", lambda connection: connection.execute(SHOP) and None)
        with Sandbox(template) as sandbox:
            yield sandbox


def state(sandbox: Sandbox) -> dict[str, Any]:
    with sandbox.database.connect() as connection:
        return state_of(connection)


ROWS = {
    "insert": "INSERT INTO customer VALUES ('new', 'n')",
    "update": "UPDATE customer SET name = 'x', mood = 'bad'",
    "update of a key": "UPDATE customer SET id = 'd' || id",
    "swap of keys": "UPDATE counter SET label = 's', id = DEFAULT; DELETE FROM counter WHERE id > 8",
    "delete with cascade": "DELETE FROM customer WHERE id < 'c15'",
    "exact values": """UPDATE "Order" SET raw = '{}', ratio = 1e300, grid = '{}', blob = '', price = 0, wait = '0'""",
    "delete and insert again": "DELETE FROM counter WHERE id = 2; INSERT INTO counter (label) VALUES ('again')",
    "truncate": "TRUNCATE customer, counter, diary RESTART IDENTITY CASCADE",
    "duplicates without a key": "DELETE FROM diary WHERE line = 'same'; INSERT INTO diary VALUES ('same', 1)",
    "odd names": """DELETE FROM "odd ""table"" %s"; INSERT INTO "odd ""table"" %s" VALUES (3, 'x', NULL)""",
    "a cycle of foreign keys": "DELETE FROM chicken; DELETE FROM egg",
    "a row that changes its partition": "UPDATE event SET year = 4049 - year WHERE id = 2",
    "inheritance": "UPDATE parent SET id = id + 10; DELETE FROM child",
    "a trigger of the schema": "UPDATE audited SET id = id",
    "another schema": """DELETE FROM "Other".thing""",
    "sequences": "SELECT nextval('ticket'), nextval('ticket'), setval('counter_id_seq', 90)",
    "triggers switched off": "SET session_replication_role = replica; DELETE FROM customer; RESET ALL",
    "the settings of a session": "SET datestyle = 'German'; UPDATE customer SET \"createdAt\" = now(); RESET ALL",
}


@pytest.mark.parametrize("statement", ROWS.values(), ids=ROWS.keys())
def test_rows_and_sequences_are_put_back_in_place(sandbox: Sandbox, app: Connection, statement: str) -> None:
    before = state(sandbox)
    app.execute("BEGIN; SET CONSTRAINTS ALL DEFERRED; " + statement + "; COMMIT" if "cycle" in statement else statement)
    assert state(sandbox)["rows"] != before["rows"]
    report = sandbox.reset()
    assert state(sandbox) == before
    assert not report.replaced
    assert report.tables or report.sequences
    assert sandbox.reset().tables == ()


DDL = {
    "a table": "CREATE TABLE extra (id int PRIMARY KEY); INSERT INTO extra VALUES (1)",
    "a column": "ALTER TABLE customer ADD COLUMN age int DEFAULT 5; UPDATE customer SET age = 6",
    "a dropped table": "DROP TABLE customer CASCADE",
    "a dropped type": 'ALTER TABLE customer DROP COLUMN mood CASCADE; DROP TYPE mood',
    "a renamed key": "ALTER TABLE counter RENAME id TO number; INSERT INTO counter (label) VALUES ('x')",
    "nullability": "ALTER TABLE customer ALTER COLUMN name DROP NOT NULL; INSERT INTO customer VALUES ('n', NULL)",
    "an index": "CREATE INDEX ON customer (name)",
    "an enum value": "ALTER TYPE mood ADD VALUE 'odd'",
    "a comment": "COMMENT ON TABLE customer IS NULL",
    "a view": "CREATE OR REPLACE VIEW happy AS SELECT * FROM customer",
    "a materialized view": "DELETE FROM customer; REFRESH MATERIALIZED VIEW names",
    "a function": "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "a trigger": "ALTER TABLE audited DISABLE TRIGGER count_change; UPDATE audited SET changes = 9",
    "a schema": "CREATE SCHEMA more; CREATE TABLE more.x (i int)",
    "the public schema": "DROP SCHEMA public CASCADE; CREATE SCHEMA public",
    "a privilege": "GRANT SELECT ON customer TO PUBLIC",
    "row security": "ALTER TABLE customer ENABLE ROW LEVEL SECURITY",
    "an event trigger": "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
                        "CREATE EVENT TRIGGER mine ON ddl_command_end EXECUTE FUNCTION e()",
    "a large object": "SELECT lo_from_bytea(0, 'x')",
    "an identity": "ALTER TABLE counter ALTER id RESTART WITH 1000",
    "a sequence": "ALTER SEQUENCE ticket INCREMENT 7",
    "the journal's triggers": 'DROP TRIGGER "00_harness_rows" ON counter; DELETE FROM counter',
}  # fmt: skip


@pytest.mark.parametrize("statement", DDL.values(), ids=DDL.keys())
def test_a_change_of_the_schema_is_undone_by_a_new_clone(sandbox: Sandbox, app: Connection, statement: str) -> None:
    before, old, generation = state(sandbox), sandbox.database, sandbox.generation
    app.execute(statement)
    report = sandbox.reset()
    assert state(sandbox) == before
    assert report.replaced
    assert sandbox.generation == generation + 1
    assert sandbox.database is not old
    assert sandbox.database.name != old.name
    sandbox.begin()
    sandbox.execute("DELETE FROM customer")
    assert len(sandbox.changes()) == 40
    assert not sandbox.reset().replaced


@pytest.mark.parametrize("change", ["SET work_mem = '9MB'", "CONNECTION LIMIT 50"])
def test_properties_of_the_database_itself_are_undone_by_a_new_clone(sandbox: Sandbox, change: str) -> None:
    before = state(sandbox)
    sandbox.execute(f"ALTER DATABASE {sandbox.database.name} {change}")
    assert sandbox.reset().replaced
    assert state(sandbox) == before


@pytest.mark.parametrize(
    ("before", "change"),
    [
        ("", "INSERT INTO nothing DEFAULT VALUES"),
        ("ALTER TABLE audited ENABLE ALWAYS TRIGGER count_change", "UPDATE audited SET id = id + 2"),
        ("CREATE RULE r AS ON DELETE TO counter DO ALSO DELETE FROM diary; ALTER TABLE counter ENABLE ALWAYS RULE r",
         "INSERT INTO counter (label) VALUES ('x')"),
    ],
)  # fmt: skip
def test_a_table_whose_rows_cannot_be_put_back_gets_a_new_clone(server: Server, before: str, change: str) -> None:
    template = server.template(before, lambda connection: connection.execute(SHOP + before) and None)
    with Sandbox(template) as sandbox:
        expected = state(sandbox)
        sandbox.execute(change)
        assert sandbox.reset().replaced
        assert state(sandbox) == expected


def test_temporary_tables_are_no_change_of_the_schema(sandbox: Sandbox, app: Connection) -> None:
    app.execute("CREATE TEMP TABLE t AS SELECT 1 AS i; INSERT INTO t VALUES (2); DROP TABLE t")
    assert sandbox.changes() == []
    assert not sandbox.reset().replaced


def test_a_reset_without_changes_reports_none(sandbox: Sandbox) -> None:
    report = sandbox.reset()
    assert (report.tables, report.sequences, report.schema_changes, report.terminated) == ((), (), (), ())
    assert not report.replaced


def test_a_report_names_what_was_put_back(sandbox: Sandbox, app: Connection) -> None:
    app.execute("DELETE FROM customer; SELECT nextval('ticket')")
    report = sandbox.reset()
    assert report.tables == ("Order", "customer")
    assert report.sequences == ("ticket",)
    app.execute("CREATE TABLE extra (i int)")
    assert sandbox.reset().schema_changes == ("CREATE TABLE public.extra",)


def test_the_application_keeps_its_connections_over_a_reset(sandbox: Sandbox, app: Connection) -> None:
    for _ in range(10):
        sandbox.begin()
        app.execute("UPDATE customer SET name = %s WHERE id = %s", ("x", "c1"), prepare=True)
        assert len(sandbox.changes()) == 1
        assert sandbox.reset().terminated == ()


def test_begin_resets_what_was_not(sandbox: Sandbox, app: Connection) -> None:
    before = state(sandbox)
    app.execute("DELETE FROM customer")
    sandbox.begin()
    assert state(sandbox) == before
    assert sandbox.changes() == []


def test_a_transaction_left_open_does_not_hang_the_reset(sandbox: Sandbox, connect: Callable[..., Connection]) -> None:
    before = state(sandbox)
    idle = connect(autocommit=False)
    idle.execute("SET application_name = 'forgetful'; UPDATE customer SET name = 'locked'")
    started = time.monotonic()
    report = sandbox.reset()
    assert time.monotonic() - started < 3
    assert [what.split(":")[0] for what in report.terminated] == ["forgetful, idle in transaction"]
    assert state(sandbox) == before
    with pytest.raises(psycopg.OperationalError):
        idle.execute("COMMIT")
    assert state(sandbox) == before


def test_a_transaction_that_locks_nothing_of_others_is_ended_too(
    sandbox: Sandbox, connect: Callable[..., Connection]
) -> None:
    connect(autocommit=False).execute("INSERT INTO customer VALUES ('later', 'x')")
    assert len(sandbox.reset().terminated) == 1


def test_a_transaction_that_is_about_to_end_may(sandbox: Sandbox, connect: Callable[..., Connection]) -> None:
    before = state(sandbox)
    app = connect(autocommit=False)
    app.execute("INSERT INTO customer VALUES ('late', 'x')")
    timer = threading.Timer(0.05, app.commit)
    timer.start()
    assert sandbox.reset().terminated == ()
    timer.join()
    assert state(sandbox) == before


def test_a_statement_that_still_runs_is_ended(sandbox: Sandbox, connect: Callable[..., Connection]) -> None:
    app = connect()

    def sleep() -> None:
        with pytest.raises(psycopg.OperationalError):
            app.execute("SELECT pg_sleep(60)")

    thread = threading.Thread(target=sleep)
    thread.start()
    while not sandbox.query("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%%'"):
        time.sleep(0.01)
    assert "pg_sleep" in sandbox.reset().terminated[0]
    thread.join(5)
    assert not thread.is_alive()


def test_an_advisory_lock_is_let_go(sandbox: Sandbox, connect: Callable[..., Connection]) -> None:
    connect().execute("SELECT pg_advisory_lock(7)")
    assert len(sandbox.reset().terminated) == 1
    assert sandbox.query("SELECT pg_try_advisory_lock(7) AS free") == [{"free": True}]


def test_only_the_busy_connections_are_ended(sandbox: Sandbox, connect: Callable[..., Connection]) -> None:
    calm, busy = connect(), connect(autocommit=False)
    busy.execute("SELECT 1")
    sandbox.reset()
    assert calm.execute("SELECT 1").fetchone() == (1,)


def test_a_scenario_may_end_every_connection(sandbox: Sandbox, app: Connection) -> None:
    before = state(sandbox)
    app.execute("DELETE FROM counter")
    app.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()")  # fmt: skip
    assert len(sandbox.changes()) == 5
    sandbox.reset()
    assert state(sandbox) == before


def test_what_a_step_leaves_in_the_own_connection_is_gone(sandbox: Sandbox) -> None:
    sandbox.execute("SET search_path = pg_catalog; CREATE TEMP TABLE customer (i int); BEGIN; SET ROLE pg_monitor")
    sandbox.reset()
    assert sandbox.query("SELECT current_user::text AS me, count(*) AS n FROM customer") == [
        {"me": "postgres", "n": 20}
    ]


SHARED = {
    "a role": "CREATE ROLE clerk LOGIN PASSWORD 'x'; GRANT SELECT ON customer TO clerk; ALTER TABLE counter OWNER TO clerk",
    "a changed role": "ALTER ROLE guest SET work_mem = '1MB'; COMMENT ON ROLE guest IS 'x'; ALTER ROLE guest LOGIN",
    "an end of a role": "ALTER ROLE guest VALID UNTIL '2090-01-01'",
    "a membership": "GRANT guest TO pg_monitor WITH ADMIN OPTION; REVOKE pg_read_all_settings FROM guest",
    "a setting of all": "ALTER ROLE ALL SET search_path = 'a b', public",
    "the server's settings": "ALTER SYSTEM SET work_mem = '9MB'",
    "a database": "CREATE DATABASE another",
    "a slot": "SELECT pg_create_physical_replication_slot('slot')",
}  # fmt: skip


@pytest.mark.parametrize("statements", SHARED.values(), ids=SHARED.keys())
def test_what_all_databases_share_is_put_back(alone: Sandbox, statements: str) -> None:
    alone.begin()
    before = state(alone)
    for statement in statements.split("; "):
        alone.execute(statement)
    assert state(alone)["catalogue"] != before["catalogue"] or "slot" in statements
    report = alone.reset()
    assert report.shared_changes
    assert report.left_alone == ()
    assert state(alone) == before
    assert alone.query("SELECT count(*) AS n FROM pg_replication_slots") == [{"n": 0}]
    assert alone.reset().shared_changes == ()


def test_a_changed_setting_is_back_in_force(alone: Sandbox) -> None:
    alone.execute("ALTER SYSTEM SET work_mem = '9MB'")
    alone.execute("SELECT pg_reload_conf()")
    alone.reset()
    assert alone.query("SHOW work_mem") == [{"work_mem": "4MB"}]


def test_a_dropped_role_comes_back_with_all_it_had() -> None:
    with open_server("embedded") as server:
        server.admin("CREATE ROLE clerk LOGIN CONNECTION LIMIT 3 PASSWORD 'x'")
        server.admin("ALTER ROLE clerk SET search_path = 'a b', public")
        server.admin("GRANT pg_monitor TO clerk")
        template = server.template("empty", lambda connection: None)
        with Sandbox(template) as sandbox:
            before = state(sandbox)
            sandbox.execute("DROP ROLE clerk")
            assert "role clerk dropped" in sandbox.reset().shared_changes
            assert state(sandbox) == before


def test_with_two_sandboxes_on_a_server_shared_changes_are_told_and_left_alone(server: Server, shop: Template) -> None:
    with Sandbox(shop) as one, Sandbox(shop) as other:
        one.execute("CREATE ROLE of_one")
        assert other.reset().left_alone == ("role of_one made",)
        assert one.reset().left_alone == ("role of_one made",)
        assert one.reset().left_alone == ()
        server.admin("DROP ROLE of_one")


def test_two_sandboxes_do_not_see_each_other(shop: Template) -> None:
    with Sandbox(shop) as one, Sandbox(shop) as other:
        one.begin()
        other.begin()
        one.execute("DELETE FROM counter")
        assert other.changes() == []
        assert other.query("SELECT count(*) AS n FROM counter") == [{"n": 5}]


def test_a_closed_sandbox_leaves_no_database(server: Server, shop: Template) -> None:
    sandbox = Sandbox(shop)
    name = sandbox.database.name
    sandbox.close()
    sandbox.close()
    assert server.admin("SELECT 1 FROM pg_database WHERE datname = %s", (name,)) == []


def test_nothing_is_dropped_that_lost_the_mark(server: Server, shop: Template) -> None:
    sandbox = Sandbox(shop)
    name = sql.Identifier(sandbox.database.name)
    server.admin(sql.SQL("COMMENT ON DATABASE {} IS 'the books'").format(name))
    with pytest.raises(InputError, match="was not made by the harness, so nothing is deleted"):
        sandbox.reset()
    server.admin(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
    sandbox.close()


def test_rows_of_a_small_table_come_back_in_their_order(sandbox: Sandbox, app: Connection) -> None:
    before = app.execute("SELECT id FROM customer").fetchall()
    for number in range(600):
        sandbox.begin()
        app.execute("UPDATE customer SET name = 'x' WHERE id = %s", (f"c{number % 20 + 1}",))
        app.execute("DELETE FROM customer WHERE id = %s", (f"c{number % 7 + 1}",))
        app.execute("INSERT INTO customer VALUES (%s, 'x')", (f"n{number}",))
        sandbox.reset()
        assert app.execute("SELECT id FROM customer").fetchall() == before, number


def test_a_large_table_is_repaired_row_by_row(server: Server) -> None:
    ddl = "CREATE TABLE big AS SELECT n AS id, 'row ' || n AS name FROM generate_series(1, 30000) n;"
    template = server.template("big", lambda c: c.execute(ddl + "ALTER TABLE big ADD PRIMARY KEY (id)") and None)
    with Sandbox(template) as sandbox:
        before = state(sandbox)
        sandbox.execute("DELETE FROM big WHERE id <= 5")
        sandbox.execute("UPDATE big SET id = -id, name = 'x' WHERE id BETWEEN 100 AND 105")
        sandbox.execute("INSERT INTO big VALUES (1, 'another'), (40000, 'x')")
        sandbox.reset()
        started = time.perf_counter()
        sandbox.execute("UPDATE big SET name = 'x' WHERE id = 7")
        sandbox.reset()
        assert time.perf_counter() - started < 0.1
        assert state(sandbox) == before
        sandbox.execute("TRUNCATE big")
        sandbox.reset()
        assert state(sandbox) == before


def test_dead_rows_do_not_pile_up(sandbox: Sandbox, app: Connection) -> None:
    for _ in range(300):
        sandbox.begin()
        app.execute("UPDATE customer SET name = 'x'")
        sandbox.reset()
    (row,) = sandbox.query("SELECT pg_total_relation_size('customer') + pg_total_relation_size('harness.journal') AS n")
    assert row["n"] < 3_000_000


@pytest.mark.parametrize("copy", ["COPY customer TO STDOUT", "COPY customer FROM STDIN"])
def test_a_copy_to_or_from_the_client_is_refused_and_the_connection_serves_on(sandbox: Sandbox, copy: str) -> None:
    sandbox.begin()
    with pytest.raises(psycopg.ProgrammingError):
        sandbox.execute(copy)
    assert sandbox.query("SELECT 1 AS one") == [{"one": 1}]
    sandbox.reset()
