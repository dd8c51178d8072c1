"""A target that differs where only a query, a block or a function of the migration goes is another target."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.migrations.applying import ApplyOptions, apply
from harness.migrations.followed import Checked
from harness.postgres import Server
from tests.migrations.conftest import Rehearse

BASE = """
CREATE TABLE ware (id int PRIMARY KEY, price numeric(8, 2), "Old" text, note text);
CREATE TABLE log (id int, said text);
CREATE FUNCTION deep() RETURNS void LANGUAGE sql AS 'UPDATE ware SET note = price::text';
CREATE PROCEDURE fill() LANGUAGE plpgsql AS 'BEGIN PERFORM deep(); END';
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO log VALUES (NEW.id, 1); RETURN NEW; END';
CREATE TRIGGER noted AFTER UPDATE ON ware FOR EACH ROW EXECUTE FUNCTION noted();
"""
OTHER_PRICE = "ALTER TABLE ware ALTER price TYPE numeric(10, 4)"
OTHER_LOG = "ALTER TABLE log ALTER said TYPE varchar(3)"
OTHER_OLD = 'ALTER TABLE ware ALTER "Old" TYPE varchar(3)'
COLUMN = "ALTER TABLE ware ADD COLUMN more text;\n"


@pytest.mark.parametrize(
    ("sql", "other", "outcome", "told"),
    [
        (COLUMN + "DO $$ BEGIN UPDATE ware SET note = price::text; END $$;", OTHER_PRICE, "refused", "lacks ware: column price numeric(8,2)"),
        ("DO $$ BEGIN UPDATE ware SET note = price::text; END $$;", OTHER_PRICE, "refused", "lacks ware: column price"),
        ("UPDATE ware SET note = price::text;", OTHER_PRICE, "refused", "lacks ware: column price"),
        (COLUMN + "CALL fill();", OTHER_PRICE, "refused", "lacks ware: column price"),
        (COLUMN + "SELECT deep();", OTHER_PRICE, "refused", "lacks ware: column price"),
        (COLUMN + "UPDATE ware SET note = 'x';", OTHER_LOG, "refused", "lacks log: column said text"),
        (COLUMN, OTHER_OLD, "dry run", "otherwise than checked, about which the migration says nothing: ware: column Old text"),
        (COLUMN + "DO $$ BEGIN EXECUTE 'UPDATE ware SET ' || 'note = 1'; END $$;", OTHER_OLD, "dry run", "whether the migration goes there is not known ("),
        (COLUMN + 'DO $$ BEGIN UPDATE ware SET note = "Old"; END $$;', OTHER_OLD, "refused", "lacks ware: column Old text"),
    ],
)  # fmt: skip
def test_a_difference_where_the_migration_goes_is_refused(
    server: Server, rehearse: Rehearse, tmp_path: Path, sql: str, other: str, outcome: str, told: str
) -> None:
    base = tmp_path / "base.sql"
    base.write_text(BASE)
    report = rehearse(sql, baseline=base, phases=("observe",), rows=20)
    database = server.create_database()
    try:
        with database.connect() as connection:
            connection.execute(BASE)
            same = ApplyOptions(checked=Checked(report.identity), records=None)
            assert apply(str(database.dsn), report.plan.target, same).outcome == "dry run"
            connection.execute(other)
        result = apply(str(database.dsn), report.plan.target, same)
        assert result.outcome == outcome, result.lines
        assert told in "\n".join(result.lines)
    finally:
        database.drop()
