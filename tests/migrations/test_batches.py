"""What a runner sends as one: that decides what is atomic."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from harness.errors import InputError
from harness.migrations.batches import messages, refuses_transaction, runner_for, units
from harness.migrations.reading import Script, read
from harness.postgres import Server
from tests.migrations.conftest import Rehearse
from tests.migrations.places import ids

TWO = "CREATE TABLE a (x int);\nCREATE TABLE b (x int);"


def script(sql: str) -> Script:
    return Script("m.sql", Path("m.sql"), "m.sql", sql.encode(), prisma=False)


@pytest.mark.parametrize(
    ("runner", "sql", "transactions"),
    [
        ("psql", TWO, [None, None]),
        ("one-transaction", TWO, [1, 1]),
        ("prisma@6", TWO, [1, 1]),
        ("prisma@7.4", TWO, [None, None]),
        ("prisma@7.4", TWO + "\nDO $$ BEGIN END $$;", [1, 1, 1]),
        ("psql", "BEGIN; SELECT 1; COMMIT; SELECT 2;", [1, 1, 1, None]),
        ("prisma@6", "SELECT 1; COMMIT; SELECT 2;", [1, 1, 2]),
    ],
)
def test_statements_know_their_transaction(runner: str, sql: str, transactions: list[int | None]) -> None:
    assert [unit.transaction for unit in units(script(sql), runner)] == transactions


@pytest.mark.parametrize(
    ("runner", "kept"), [("psql", ["a"]), ("prisma@6", []), ("prisma@7.4", ["a"]), ("one-transaction", [])]
)
def test_the_server_keeps_what_the_batching_says(server: Server, runner: str, kept: list[str]) -> None:
    """The messages are really sent; a failure in the second leaves the first exactly when they are two."""
    database = server.create_database()
    broken = script(TWO.replace("TABLE b (x int)", "TABLE b (x no_such_type)"))
    with database.connect() as connection:
        for message in messages(broken, runner):
            try:
                connection.execute("; ".join(statement.text for statement in message.statements))
            except psycopg.Error:
                break
        rows = connection.execute("SELECT relname::text FROM pg_class WHERE relname IN ('a', 'b')").fetchall()
    database.drop()
    assert [row[0] for row in rows] == kept


def test_auto_reads_prismas_version_from_package_json(tmp_path: Path) -> None:
    folder = tmp_path / "prisma" / "migrations" / "20250101000000_a"
    folder.mkdir(parents=True)
    (folder / "migration.sql").write_text("SELECT 1;")
    (only,) = read(tmp_path)
    assert runner_for(only, "auto") == "prisma@7.4"
    (tmp_path / "package.json").write_text('{"devDependencies": {"prisma": "^6.19.0"}}')
    assert runner_for(only, "auto") == "prisma@6"


def test_an_unknown_runner_is_refused() -> None:
    with pytest.raises(InputError, match=r"runner 'flyway' is not known\. Use one of auto, psql"):
        runner_for(script("SELECT 1"), "flyway")


@pytest.mark.parametrize(
    ("sql", "alone"),
    [
        ("DISCARD ALL", True),
        ("DISCARD PLANS", False),
        ("COMMIT PREPARED 'a'", True),
        ("COMMIT", False),
        ("VACUUM", True),
        ("ANALYZE", False),
        ("CLUSTER", True),
        ("CLUSTER a USING b", False),
        ("REINDEX TABLE CONCURRENTLY a", True),
        ("REINDEX TABLE a", False),
        ("DROP INDEX CONCURRENTLY a", True),
        ("DROP INDEX a", False),
        ("ALTER TABLE a DETACH PARTITION b CONCURRENTLY", True),
        ("ALTER TABLE a DETACH PARTITION b", False),
    ],
)
def test_what_no_transaction_may_be_around(sql: str, alone: bool) -> None:
    assert refuses_transaction(script(sql).source.statements[0]) is alone


def test_a_backfill_that_walks_from_key_to_key_ends(rehearse: Rehearse) -> None:
    """Keys of awkward rows lie near the others: the walk to a billion in steps of a hundred would count as endless."""
    sql = """DO $$ DECLARE last int := 0; BEGIN
      WHILE last <= (SELECT max(id) FROM orders) LOOP
        UPDATE orders SET coupon = 'none' WHERE id > last AND id <= last + 100 AND coupon IS NULL;
        last := last + 100;
        COMMIT;
      END LOOP; END $$;"""
    report = rehearse(sql, phases=("observe", "data"), longest=10.0)
    assert {"tx.endless", "schema.refused"} & ids(report) == set()
