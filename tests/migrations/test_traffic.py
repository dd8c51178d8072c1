"""Traffic while the migration applies: what the lock queue does to others, and what patience saves."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from harness.errors import HarnessFault, InputError
from harness.migrations.batches import units
from harness.migrations.checking import Report, check
from harness.migrations.impact import default_traffic, measure_impact
from harness.migrations.patience import Patience, groups, run_patiently
from harness.migrations.reading import plan
from harness.migrations.rehearsal import Options, Rehearsal
from harness.migrations.schema import Schema
from harness.migrations.traffic import Counts
from harness.postgres import Database, Server
from tests.migrations.conftest import Rehearse
from tests.migrations.places import SHOP, UPDATE, ids, of
from tests.migrations.test_batches import script

DROP = "ALTER TABLE orders ALTER COLUMN code DROP NOT NULL;"


@pytest.fixture(scope="module")
def update(server: Server) -> Report:
    """The update under the booking flow's own visitors."""
    options = Options(rows=500, production_rows=500, phases=("observe", "traffic"), traffic_seconds=1.5)
    return check(server, plan(UPDATE), options)


def test_anonymous_and_signed_in_visitors_run_meanwhile(update: Report) -> None:
    assert update.impact is not None
    assert "booking flow, legacy application" in update.impact.traffic
    for course in update.impact.courses:
        assert course.by_visitor["anonymous"] > 0
        assert course.by_visitor["signed-in"] > 0
        assert course.failures == 0, course.errors
        assert course.applied


def test_the_queue_behind_the_bare_migration_lasts_as_long_as_the_transaction_in_its_way(update: Report) -> None:
    assert update.impact is not None
    bare, patient = update.impact.courses
    assert bare.worst_wait > 0.9
    assert bare.blocked >= 2
    assert patient.worst_wait < bare.worst_wait
    assert patient.attempts > 1
    assert "lock.queue" in ids(update)
    assert "in at attempt" in of(update, "lock.queue").evidence


def test_any_schema_gets_readers_and_writers(rehearse: Rehearse) -> None:
    report = rehearse(DROP, phases=("observe", "traffic"), traffic_seconds=0.6)
    assert report.impact is not None
    assert report.impact.courses[0].by_visitor.keys() == {"reader", "writer"}
    assert report.impact.courses[0].failures == 0


def test_requests_that_fail_afterwards_are_a_blocker(rehearse: Rehearse) -> None:
    report = rehearse("ALTER TABLE orders DROP COLUMN note;", phases=("observe", "traffic"), traffic_seconds=0.4)
    assert 'column "note" does not exist' in of(report, "compat.requests-fail").evidence


def test_a_migration_of_new_tables_has_no_traffic_to_meet(rehearse: Rehearse) -> None:
    report = rehearse("CREATE TABLE n (id int PRIMARY KEY);", phases=("observe", "traffic"))
    assert report.impact is None
    assert any("no traffic: the migration touches no table that was there" in note for note in report.notes)


@dataclass
class Broken:
    """Traffic whose every request fails once the migration is in."""

    name: str = "broken"

    def fits(self, schema: Schema) -> str:
        return ""

    def prepare(self, connection: psycopg.Connection[Any]) -> None:
        return None

    def run(self, database: Database, stop: threading.Event, counts: Counts) -> None:
        while not stop.is_set():
            counts.add("visitor", 0.001, "500" if counts._late else "")
            time.sleep(0.01)


def test_own_traffic_can_be_given(server: Server, tmp_path: object) -> None:
    rehearsal = Rehearsal(server, plan(UPDATE), Options(rows=50, traffic_seconds=0.1))
    impact, found = measure_impact(rehearsal, Broken())
    assert impact is not None
    assert impact.traffic == "broken"
    assert [f.id for f in found] == ["compat.requests-fail"]


def test_the_default_traffic_follows_the_baseline(server: Server) -> None:
    assert "booking flow" in default_traffic(Rehearsal(server, plan(UPDATE), Options())).name
    assert (
        "SQL" in default_traffic(Rehearsal(server, plan(SHOP.parent / "rows" / "truncate.sql", [SHOP]), Options())).name
    )


class Shop:
    """A shop database with a table that somebody holds."""

    def __init__(self, server: Server) -> None:
        self.database = server.create_database()
        with self.database.connect() as connection:
            connection.execute("CREATE TABLE t (id int PRIMARY KEY, x int NOT NULL)")


def test_patience_gets_in_when_the_holder_lets_go(server: Server) -> None:
    database = Shop(server).database
    pauses: list[float] = []
    with database.connect() as holder, database.connect() as connection:
        holder.execute("BEGIN")
        holder.execute("SELECT 1 FROM t")

        def sleep(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                holder.execute("ROLLBACK")

        todo = units(script("ALTER TABLE t ALTER x DROP NOT NULL"), "psql")
        progress = run_patiently(connection, todo, Patience(lock_timeout=0.03, first_pause=1.0), sleep=sleep)
    database.drop()
    assert progress.failure is None
    assert [attempt.failure.sqlstate if attempt.failure else None for attempt in progress.attempts] == ["55P03"] * 3 + [
        None
    ]
    assert 0.8 <= pauses[0] <= 1.2
    assert all(1.6 <= pause <= 2.4 for pause in pauses[1:])  # doubled, up to the longest, give or take a fifth


def test_patience_ends(server: Server) -> None:
    database = Shop(server).database
    with database.connect() as holder, database.connect() as connection:
        holder.execute("BEGIN")
        holder.execute("SELECT 1 FROM t")
        todo = units(script("ALTER TABLE t ALTER x DROP NOT NULL"), "psql")
        progress = run_patiently(connection, todo, Patience(lock_timeout=0.01, attempts=3), sleep=lambda seconds: None)
    database.drop()
    assert len(progress.attempts) == 3
    assert progress.failure is not None


def test_what_is_no_lock_is_not_tried_again(server: Server) -> None:
    database = Shop(server).database
    with database.connect() as connection:
        progress = run_patiently(connection, units(script("ALTER TABLE nowhere ADD x int"), "psql"), Patience())
    database.drop()
    assert len(progress.attempts) == 1


def test_statements_are_grouped_by_their_transaction() -> None:
    todo = units(script("SELECT 1; BEGIN; SELECT 2; COMMIT; SELECT 3; SELECT 4"), "psql")
    assert [len(group) for group in groups(todo)] == [1, 3, 1, 1]


@dataclass
class Silent(Broken):
    """Traffic that asks nothing."""

    def run(self, database: Database, stop: threading.Event, counts: Counts) -> None:
        stop.wait()


@dataclass
class Raising(Broken):
    """Traffic that cannot even begin."""

    def run(self, database: Database, stop: threading.Event, counts: Counts) -> None:
        raise InputError("the application does not start.")


@pytest.mark.parametrize(("traffic", "error"), [(Silent(), HarnessFault), (Raising(), InputError)])
def test_traffic_that_does_not_flow_is_an_error_and_not_a_pass(
    server: Server, traffic: Broken, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.migrations.impact.PATIENCE", 0.2)
    rehearsal = Rehearsal(server, plan(UPDATE), Options(rows=50, traffic_seconds=0.1))
    with pytest.raises(error):
        measure_impact(rehearsal, traffic)


def test_a_failing_request_is_laid_at_the_door_of_what_it_names(rehearse: Rehearse) -> None:
    report = rehearse(
        "SET lock_timeout = '1s';\nCREATE INDEX i ON orders (code);\nALTER TABLE orders RENAME TO purchase;",
        phases=("observe", "traffic"),
        traffic_seconds=0.2,
    )
    assert of(report, "compat.requests-fail").position.line == 3
