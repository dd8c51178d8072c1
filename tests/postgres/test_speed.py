"""What isolation and evidence cost. The figures are printed (pytest -s); the bounds leave room for a busy machine."""

from __future__ import annotations

import shutil
import statistics
import time
from pathlib import Path
from typing import Any

import psycopg

from harness.postgres import Sandbox, Template
from harness.postgres.embedded import start_embedded
from harness.postgres.places import Places

Connection = psycopg.Connection[Any]
ROUNDS = 400


def scenario(app: Connection) -> None:
    app.execute("INSERT INTO customer (id, name) VALUES ('new', 'n')")
    app.execute("""INSERT INTO "Order" ("customerId", amount) VALUES ('new', 45.00)""")
    app.execute("UPDATE counter SET label = 'x' WHERE id = 1")


def measured(sandbox: Sandbox, app: Connection) -> list[float]:
    """Milliseconds of begin, changes and reset for each of ROUNDS scenarios that touch three tables."""
    costs = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        sandbox.begin()
        begun = time.perf_counter()
        scenario(app)
        done = time.perf_counter()
        sandbox.changes()
        sandbox.reset()
        costs.append((begun - start + time.perf_counter() - done) * 1000)
    return costs


def test_a_scenario_costs_about_a_millisecond_and_stays_so(sandbox: Sandbox, app: Connection) -> None:
    measured(sandbox, app)
    first, last = measured(sandbox, app), measured(sandbox, app)
    print(f"\nbegin + changes + reset: {statistics.median(first):.2f} ms, later {statistics.median(last):.2f} ms")
    assert min(statistics.quantiles(first, n=4)[0], statistics.quantiles(last, n=4)[0]) < 3.0
    assert statistics.quantiles(last, n=4)[0] < 3 * statistics.quantiles(first, n=4)[0]


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
    with psycopg.connect(**server.parameters) as connection:  # type: ignore[arg-type]  # libpq's parameters
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
