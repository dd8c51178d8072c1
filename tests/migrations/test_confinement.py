"""What reaches outside is refused by the server too, however it is put together at run time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from harness.errors import InputError, InputErrors
from harness.migrations.checking import check
from harness.migrations.findings import Severity
from harness.migrations.guard import refuse_reaching_out
from harness.migrations.reading import Script, plan
from harness.migrations.rehearsal import Options
from harness.postgres import Server, open_server
from harness.postgres.existing import sweep_databases
from tests.migrations.conftest import Rehearse
from tests.migrations.places import ids, of

BUILT_AT_RUN_TIME = {
    "a program": "DO $$ BEGIN EXECUTE 'COPY (SELECT 1) TO PRO' || 'GRAM ''touch {mark}'''; END $$",
    "an operator over a file function": (
        "CREATE OPERATOR @! (FUNCTION = pg_read_file, RIGHTARG = text); CREATE TABLE loot AS SELECT @! '/etc/passwd' AS x"
    ),
    "a query in a text": "SELECT query_to_xml('SELECT pg_read_' || 'file(''/etc/passwd'')', true, false, '')",
    "a large object": "DO $$ BEGIN EXECUTE 'SELECT lo_ex' || 'port(lo_from_bytea(0, ''x''), ''{mark}'')'; END $$",
    "a role": "DO $$ BEGIN EXECUTE 'CREATE RO' || 'LE evil SUPERUSER'; END $$",
    "its own rights": "DO $$ BEGIN EXECUTE 'ALTER RO' || 'LE ' || quote_ident(current_user) || ' SUPERUSER'; END $$",
    "another identity": "SET SESSION AUTHORIZATION postgres",
    "a setting of the server": "SELECT set_config('log_statement', 'all', false)",
    "an extension": "DO $$ BEGIN EXECUTE 'CREATE EXT' || 'ENSION file_fdw'; END $$",
    "an event trigger": "CREATE EVENT TRIGGER x ON ddl_command_end EXECUTE FUNCTION harness_watch.rewritten()",
    "the harness's own trigger": "DROP EVENT TRIGGER harness_rewrite",
}


@pytest.mark.parametrize("sql", BUILT_AT_RUN_TIME.values(), ids=BUILT_AT_RUN_TIME)
def test_the_server_refuses_what_the_guard_cannot_read(rehearse: Rehearse, tmp_path: Path, sql: str) -> None:
    mark = Path("/tmp") / f"harness-{tmp_path.name}"  # the server's account may write there
    text = sql.format(mark=mark)
    refuse_reaching_out([Script("m.sql", Path("m.sql"), "m.sql", text.encode(), prisma=False)])
    report = rehearse(text)
    refused = [finding for finding in report.findings if finding.id == "schema.refused"]
    assert [finding.severity for finding in refused] == [Severity.BLOCKER]
    assert "425" in refused[0].evidence or "42704" in refused[0].evidence
    assert not mark.exists()


def test_a_trigger_that_waits_for_somebody_with_more_rights_finds_nobody(rehearse: Rehearse, tmp_path: Path) -> None:
    mark = Path("/tmp") / f"harness-{tmp_path.name}"
    sql = (
        "CREATE FUNCTION boom() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'COPY (SELECT 1) TO PRO' || "
        f"'GRAM ''touch {mark}'''; RETURN NEW; END $$;\n"
        "CREATE TRIGGER boom BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION boom();\n"
        "ALTER TABLE orders ENABLE ALWAYS TRIGGER boom;\n"
    )
    report = rehearse(sql, phases=(), traffic_seconds=0.2)
    assert not mark.exists()
    assert "compat.requests-fail" in ids(report)


def test_the_same_in_a_baseline_stops_the_check(rehearse: Rehearse, tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.sql"
    baseline.write_text("DO $$ BEGIN EXECUTE 'CREATE RO' || 'LE evil'; END $$;")
    with pytest.raises(InputError, match="permission denied to create role"):
        rehearse("SELECT 1", baseline=baseline)


def test_a_superuser_is_allowed_by_name_only(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "m.sql"
    file.write_text("DO $$ BEGIN ASSERT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user); END $$;")
    planned = plan(file)
    seen = {
        allow: ids(check(server, planned, Options(allow=allow, phases=("lint", "observe"), rows=10)))
        for allow in ((), ("psql",), ("superuser",))
    }
    assert "schema.refused" in seen[()] & seen[("psql",)]
    assert "schema.refused" not in seen[("superuser",)]


def test_roles_allowed_by_name_may_be_made_but_no_superuser(rehearse: Rehearse) -> None:
    assert "schema.refused" not in ids(
        rehearse("CREATE ROLE harness_test_reader; DROP ROLE harness_test_reader", allow=("roles",))
    )
    report = rehearse("CREATE ROLE harness_test_evil SUPERUSER", allow=("roles",))
    assert "--allow superuser" in of(report, "schema.refused").evidence


@pytest.mark.parametrize("option", ["down", "data"])
def test_the_guard_reads_what_comes_with_the_migration(rehearse: Rehearse, tmp_path: Path, option: str) -> None:
    given = tmp_path / "given.sql"
    given.write_text("COPY orders FROM PROGRAM 'id';")
    with pytest.raises(InputErrors, match="--allow copy-file"):
        rehearse("SELECT 1", **{option: given})


def test_roles_of_production_are_there_for_grants_owners_and_policies(rehearse: Rehearse) -> None:
    report = rehearse(
        "GRANT SELECT ON orders TO app_readonly;\nALTER TABLE orders ENABLE ROW LEVEL SECURITY;\n"
        "CREATE POLICY p ON orders TO authenticated USING (true);\nALTER TABLE orders OWNER TO app_owner;\n"
        "ALTER TABLE orders ADD COLUMN later integer;\n"
    )
    assert "schema.refused" not in ids(report)


def test_a_dump_of_a_superuser_is_a_baseline(rehearse: Rehearse, tmp_path: Path) -> None:
    """Owners, grants, event triggers and an extension that only a superuser may make."""
    baseline = tmp_path / "dump.sql"
    baseline.write_text(
        "CREATE SCHEMA extensions;\nALTER SCHEMA extensions OWNER TO postgres;\n"
        "CREATE EXTENSION IF NOT EXISTS pg_stat_statements WITH SCHEMA extensions;\n"
        "COMMENT ON EXTENSION pg_stat_statements IS 'track statistics';\n"
        "CREATE FUNCTION told() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;\n"
        "CREATE EVENT TRIGGER told ON ddl_command_end EXECUTE FUNCTION told();\n"
        "CREATE TABLE t (id int PRIMARY KEY);\nALTER TABLE t OWNER TO postgres;\nGRANT ALL ON t TO someone;\n"
    )
    report = rehearse("ALTER TABLE t ADD x int", baseline=baseline)
    assert "schema.refused" not in ids(report)
    assert any("2 statements of the baseline were left out" in note for note in report.notes)


def test_messages_are_heard_though_the_migration_asks_for_silence(rehearse: Rehearse) -> None:
    report = rehearse("SET client_min_messages = error;\nALTER TABLE orders ALTER coupon SET NOT NULL;")
    assert "scan.blocks-reads" in ids(report)


@pytest.fixture(scope="module")
def theirs() -> Iterator[Server]:
    """A server of its own, in the part of somebody else's."""
    with open_server("embedded") as server:
        server.admin("CREATE ROLE maker LOGIN CREATEDB")
        yield server


def logins(server: Server) -> list[str]:
    return [name for (name,) in server.admin("SELECT rolname FROM pg_roles WHERE rolname LIKE 'harness%'")]


@pytest.mark.parametrize("user", ["postgres", "maker"])
def test_somebody_elses_server_keeps_no_login(theirs: Server, rehearse: Rehearse, user: str) -> None:
    with open_server(f"postgresql://{user}@/postgres?host={theirs._parameters['host']}") as server:
        report = rehearse("ALTER TABLE orders ALTER quantity TYPE bigint", on=server)
        assert "rewrite" in ids(report)
        assert bool(logins(theirs)) == (user == "postgres")
    assert logins(theirs) == []


def test_the_login_of_a_run_that_died_is_dropped_by_the_next(theirs: Server) -> None:
    with open_server(f"postgresql://postgres@/postgres?host={theirs._parameters['host']}") as server:
        server.create_database(owner=server.login("one"))
        assert len(logins(theirs)) == 1
        assert server._admin is not None
        server._admin.close()  # as if it had died: its lock is free
        with psycopg.connect(theirs.admin_dsn, autocommit=True) as connection:
            assert sweep_databases(connection) == 1
        assert logins(theirs) == []
