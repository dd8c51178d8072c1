"""The application notices nothing of the journal: same answers, same plans of migration tools, same errors."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, create_engine

from harness.postgres import Sandbox, Server, Template
from tests.postgres.shop import catalogue_of

Connection = psycopg.Connection[Any]

VIEWS = ["tables", "columns", "table_constraints", "key_column_usage", "views", "sequences", "routines", "domains"]


def test_the_catalogue_is_the_templates_but_for_triggers(shop: Template, sandbox: Sandbox) -> None:
    plain = shop.clone()
    with plain.connect() as before, sandbox.database.connect() as after:
        ours = [row for row in catalogue_of(after) if row[0] != "event trigger"]
        assert ours == catalogue_of(before)
    plain.drop()


@pytest.mark.parametrize("view", VIEWS)
def test_the_information_schema_shows_nothing_outside_the_schema_harness(
    shop: Template, sandbox: Sandbox, view: str
) -> None:
    plain = shop.clone()
    schema = {"table_constraints": "table_schema", "key_column_usage": "table_schema", "sequences": "sequence_schema",
              "routines": "routine_schema", "domains": "domain_schema"}.get(view, "table_schema")  # fmt: skip
    query = f"SELECT count(*) FROM information_schema.{view} WHERE {schema} <> 'harness'"
    with plain.connect() as before, sandbox.database.connect() as after:
        assert after.execute(query).fetchone() == before.execute(query).fetchone()
    plain.drop()


def test_alembic_sees_no_difference(server: Server) -> None:
    metadata = MetaData()
    Table("one", metadata, Column("id", Integer, primary_key=True), Column("name", String, nullable=False))
    Table("two", metadata, Column("id", Integer, primary_key=True), Column("one", ForeignKey("one.id"), index=True))
    ddl = (
        "CREATE TABLE one (id serial PRIMARY KEY, name varchar NOT NULL);"
        "CREATE TABLE two (id serial PRIMARY KEY, one int REFERENCES one); CREATE INDEX ix_two_one ON two (one)"
    )
    with Sandbox(server.template("two", lambda connection: connection.execute(ddl) and None)) as sandbox:
        engine = create_engine(sandbox.database.sqlalchemy_url)
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"include_schemas": False})
            assert compare_metadata(context, metadata) == []
            Table("three", metadata, Column("id", Integer, primary_key=True))
            assert [what[0] for what in compare_metadata(context, metadata)] == ["add_table"]
        engine.dispose()


def test_unqualified_names_are_those_of_the_application(sandbox: Sandbox, app: Connection) -> None:
    assert app.execute("SHOW search_path").fetchone() == ('"$user", public',)
    for name in ("journal", "base", "watched"):
        app.execute(f"CREATE TABLE {name} (i int)")
    app.execute("CREATE TABLE position (transaction int, relation int, operation int, before int, after int)")
    app.execute("INSERT INTO position VALUES (1, 2, 3, 4, 5)")
    assert [o.table for o in sandbox.changes()] == ["position"]


def test_functions_of_the_application_do_not_stand_in_for_the_servers(sandbox: Sandbox, app: Connection) -> None:
    app.execute("CREATE FUNCTION public.lower(text) RETURNS text LANGUAGE sql AS 'SELECT NULL'")
    app.execute("CREATE FUNCTION public.row_to_json(counter) RETURNS json LANGUAGE sql AS 'SELECT NULL::json'")
    app.execute("SET search_path = public, pg_catalog; INSERT INTO counter (label) VALUES ('x')")
    assert sandbox.changes()[0].after == {"id": 6, "label": "x"}


def test_row_counts_and_returning_are_untouched(app: Connection) -> None:
    assert app.execute("UPDATE customer SET name = 'x' WHERE id < 'c15' RETURNING id").rowcount == 6
    assert app.execute("DELETE FROM customer").statusmessage == "DELETE 20"


def test_lastval_is_the_applications(app: Connection) -> None:
    app.execute("INSERT INTO counter (label) VALUES ('x')")
    assert app.execute("SELECT currval('counter_id_seq')").fetchone() == (6,)
    assert app.execute("SELECT lastval()").fetchone() == (6,)
