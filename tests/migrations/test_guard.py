"""SQL that would reach outside its database is refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import InputErrors
from harness.migrations.guard import REACHES, refuse_reaching_out
from harness.migrations.reading import Script, read

REFUSED = {
    "COPY t TO PROGRAM 'cat > /tmp/x'": "copy-file",
    "COPY t FROM '/etc/passwd'": "copy-file",
    "SELECT dblink_connect('host=elsewhere')": "dblink",
    "CREATE EXTENSION dblink": "dblink",
    "CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw": "foreign-data",
    "IMPORT FOREIGN SCHEMA public FROM SERVER s INTO x": "foreign-data",
    "CREATE ROLE evil SUPERUSER": "roles",
    "ALTER USER postgres PASSWORD 'x'": "roles",
    "DROP DATABASE production": "databases",
    "ALTER SYSTEM SET fsync = off": "system",
    "LOAD 'auto_explain'": "system",
    "SELECT pg_read_file('/etc/passwd')": "files",
    "SELECT pg_ls_dir('/')": "files",
    "SELECT lo_import('/etc/passwd')": "files",
    "CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'x'": "untrusted-language",
    "CREATE FUNCTION f() RETURNS int LANGUAGE plpython3u AS 'return 1'": "untrusted-language",
    "CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p": "replication",
    "DO $$ BEGIN EXECUTE 'DROP DATABASE production'; END $$": "databases",
    "DO $$ BEGIN PERFORM dblink('host=x', 'select 1'); END $$": "dblink",
    "SELECT pg_terminate_backend(1)": "system",
    "\\! rm -rf /tmp/x": "psql",
    "\\i /etc/other.sql": "psql",
    "\\set who `id`": "psql",
    "DO $$ BEGIN EXECUTE $q$ALTER SYSTEM SET fsync = off$q$; END $$": "system",
    "DO $$ DECLARE q text := 'COPY t TO PROGRAM ''cat'' '; BEGIN EXECUTE q; END $$": "copy-file",
    "DO $$ BEGIN COPY t TO '/tmp/x'; END $$": "copy-file",
    "DO $$ BEGIN PERFORM dblink /* there */ ('host=x'); END $$": "dblink",
    "DO 'BEGIN EXECUTE ''CREATE ROLE evil''; END'": "roles",
    "ALTER ROLEX; CREATE ROLE evil WITH nonsense (": "roles",
}
ALLOWED = [
    "COPY t FROM stdin;\n1\n\\.",
    "\\restrict abc\nSELECT 1",
    "\\set ON_ERROR_STOP on\nSELECT 1",
    "CREATE EXTENSION IF NOT EXISTS pgcrypto",
    "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'",
    "GRANT SELECT ON t TO PUBLIC",
    "SELECT 'DROP DATABASE x'",
    "DO $$ BEGIN\n-- never CREATE ROLE here\n/* ALTER SYSTEM, dblink('x') */ PERFORM 1; END $$",
    "DO $$ BEGIN RAISE NOTICE 'use dblink(...) or ALTER ROLE % instead', 1; EXECUTE 'SELECT 1'; END $$",
    "DO $$ BEGIN INSERT INTO hint VALUES ('drop database shop, copy x to program'); END $$",
    "ALTER TABEL t; -- CREATE ROLE evil",
]


def script(sql: str) -> Script:
    return Script("m.sql", Path("m.sql"), "m.sql", sql.encode(), prisma=False)


@pytest.mark.parametrize(("sql", "reach"), REFUSED.items())
def test_it_is_refused_with_its_line_and_the_name_that_allows_it(sql: str, reach: str) -> None:
    with pytest.raises(InputErrors) as caught:
        refuse_reaching_out([script(sql)])
    assert f"--allow {reach}" in str(caught.value)
    assert "m.sql:1:" in str(caught.value)


@pytest.mark.parametrize(("sql", "reach"), REFUSED.items())
def test_allowed_by_name_it_passes(sql: str, reach: str) -> None:
    refuse_reaching_out([script(sql)], [reach])


@pytest.mark.parametrize("sql", ALLOWED)
def test_what_stays_inside_passes(sql: str) -> None:
    refuse_reaching_out([script(sql)])


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(InputErrors) as caught:
        refuse_reaching_out([script("CREATE ROLE a;\nDROP DATABASE b;")])
    assert len(caught.value.problems) == 2


def test_an_unknown_permission_is_a_mistake() -> None:
    with pytest.raises(InputErrors, match=f"Known: {', '.join(list(REACHES)[:2])}"):
        refuse_reaching_out([script("SELECT 1")], ["everything"])


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE SUBSCRIPTION s CONNECTION 'host=x password=hunter22' PUBLICATION p;",
        "CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (user 'a', password 'hunter22');",
        "ALTER ROLE app PASSWORD 'hunter22';",
        "\\connect postgresql://u:hunter22@h/db\n",
    ],
)
def test_a_refusal_shows_no_password(tmp_path: Path, sql: str) -> None:
    (tmp_path / "m.sql").write_text(sql)
    with pytest.raises(InputErrors) as refused:
        refuse_reaching_out(read(tmp_path / "m.sql"))
    assert "hunter22" not in str(refused.value)
    assert sql.split(maxsplit=1)[0] in str(refused.value)
