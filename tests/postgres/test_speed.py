"""What isolation and evidence cost. The figures are printed (pytest -s); the bounds leave room for a busy machine."""

from __future__ import annotations

import shutil
import statistics
import time
from pathlib import Path
from typing import Any

import psycopg

from harness.postgres import Sandbox, Template
from harness.postgres.dsn import Dsn
from harness.postgres.embedded import start_embedded
from harness.postgres.places import Places

Connection = psycopg.Connection[Any]
ROUNDS = 400


def scenario(app: Connection) -> None:
    app.execute("INSERT INTO customer (id, name) VALUES ('new', 'n')")
    app.execute("""INSERT INTO "Order" ("customerId", amount) VALUES ('new', 45.00)""")
    app.execute("UPDATE counter SET label = 'x' WHERE id = 1")


def measured(sandbox: Sandbox, app: Connection) -> tuple[float, float]:
    """Medians over ROUNDS scenarios that touch three tables: milliseconds of begin, changes and reset together, and
    of one question and its answer, which tells how busy the machine is."""
    costs, questions = [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        sandbox.begin()
        begun = time.perf_counter()
        scenario(app)
        done = time.perf_counter()
        sandbox.changes()
        sandbox.reset()
        end = time.perf_counter()
        app.execute("SELECT 1")
        costs.append((begun - start + end - done) * 1000)
        questions.append((time.perf_counter() - end) * 1000)
    return statistics.median(costs), statistics.median(questions)


def test_a_scenario_costs_about_a_millisecond_and_stays_so(sandbox: Sandbox, app: Connection) -> None:
    measured(sandbox, app)
    first, question = measured(sandbox, app)
    last, later = measured(sandbox, app)
    print(f"\nbegin + changes + reset: {first:.2f} ms, later {last:.2f} ms; one question {question:.2f} ms")
    assert first < 25 * question
    assert last < 25 * later
    assert last / later < 2 * first / question


def test_a_cached_data_directory_starts_in_a_third_of_the_time(tmp_path: Path) -> None:
    room = Path("/dev/shm") if shutil.disk_usage("/dev/shm").free > 2**29 else tmp_path
    cold, warm = [], []
    for number in range(2):
        place = Places(Path(f"/tmp/bhs{id(tmp_path)}{number}"), room / f"bhs{id(tmp_path)}", ())
        cold.append(_start(place))
        warm += [_start(place) for _ in range(3)]
        shutil.rmtree(place.cache)
    print(f"\nstart: from nothing {min(cold) * 1000:.0f} ms, from the cache {min(warm) * 1000:.0f} ms")
    assert min(warm) <= min(cold) / 3


def _start(places: Places) -> float:
    start = time.perf_counter()
    server = start_embedded(None, places)
    with psycopg.connect(Dsn.of(server.parameters)) as connection:
        connection.execute("SELECT 1")
    taken = time.perf_counter() - start
    server.stop()
    return taken


def test_a_clone_costs_less_than_building(shop: Template) -> None:
    start = time.perf_counter()
    databases = [shop.clone() for _ in range(5)]
    print(f"\na clone: {(time.perf_counter() - start) * 200:.0f} ms")
    for database in databases:
        database.drop()
