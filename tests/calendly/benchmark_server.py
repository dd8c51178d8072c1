"""How many requests a second the HTTP server answers with 10,000 events in it; exits 1 below 500.

    python tests/calendly/benchmark_server.py [--events 10000] [--seconds 5] [--clients 4]

Server and clients are processes of this machine. The mix is what an application asks: single resources, pages of
events by time, status and e-mail, available times, and one booking in twenty.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import random
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

FLOOR = 500
SERVER = (
    "from harness.calendly.command import serve_command\n"
    "serve_command(port=0, events={events}, rate_limits=False, as_json=True)\n"
)


def main() -> int:
    options = _options()
    started = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER.format(events=options.events)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        facts = json.loads(server.stdout.readline())
        print(f"{options.events} events made and served after {time.perf_counter() - started:.1f} s")
        rate = _measure(facts, options.clients, options.seconds)
    finally:
        server.terminate()
        server.wait(timeout=10)
    print(f"{rate / FLOOR:.1f} times the floor of {FLOOR} a second")
    return 0 if rate >= FLOOR else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--clients", type=int, default=4)
    return parser.parse_args()


def _measure(facts: dict[str, Any], clients: int, seconds: float) -> float:
    context = multiprocessing.get_context("spawn")
    with context.Pool(clients) as pool:
        results = pool.starmap(_client, [(facts, seed, seconds) for seed in range(clients)])
    times = sorted(spent for result in results for spent in result["times"])
    failed = sum(result["failed"] for result in results)
    rate = len(times) / seconds
    p50, p99 = statistics.median(times), times[int(len(times) * 0.99)]
    print(
        f"{rate:.0f} requests a second, {clients} clients, median {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms, {failed} failed"
    )
    if failed:
        raise SystemExit("requests failed")
    return rate


def _client(facts: dict[str, Any], seed: int, seconds: float) -> dict[str, Any]:
    chance = random.Random(seed)
    parts = urlsplit(facts["url"])
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    headers = {"Authorization": "Bearer benchmark", "Content-Type": "application/json"}
    first = _page(connection, headers, facts)
    times: list[float] = []
    failed = 0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        method, path, body, expected = _request(chance, facts, first)
        started = time.perf_counter()
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        times.append(time.perf_counter() - started)
        failed += answer.status not in expected
    return {"times": times, "failed": failed}


def _page(connection: http.client.HTTPConnection, headers: dict[str, str], facts: dict[str, Any]) -> list[str]:
    connection.request("GET", "/scheduled_events?" + urlencode({"user": facts["user"], "count": 100}), None, headers)
    return [urlsplit(row["uri"]).path for row in json.loads(connection.getresponse().read())["collection"]]


def _request(chance: random.Random, facts: dict[str, Any], known: list[str]) -> tuple[str, str, str | None, set[int]]:
    kinds = list(facts["event_types"])
    now = datetime.now(UTC)
    soon = (now + timedelta(days=60 + chance.randrange(150))).isoformat()
    share = chance.random()
    if share < 0.05:
        start = (now + timedelta(days=1 + chance.randrange(40))).replace(hour=10, minute=0, second=0, microsecond=0)
        person = {"name": "B", "email": "b@example.test", "timezone": "UTC"}
        body = json.dumps({"event_type": kinds[0], "start_time": start.isoformat(), "invitee": person})
        return "POST", "/invitees", body, {201, 400}
    if share < 0.15:
        query = {"event_type": kinds[0], "start_time": (now + timedelta(days=3)).isoformat(),
                 "end_time": (now + timedelta(days=10)).isoformat()}  # fmt: skip
        return "GET", "/event_type_available_times?" + urlencode(query), None, {200}
    if share < 0.5:
        query = {
            "user": facts["user"],
            "min_start_time": soon,
            "sort": chance.choice(["start_time:asc", "start_time:desc"]),
        }
        query |= chance.choice(
            [{}, {"status": "active"}, {"invitee_email": f"visitor{chance.randrange(9999)}@example.test"}]
        )
        return "GET", "/scheduled_events?" + urlencode(query), None, {200}
    if share < 0.9:
        return "GET", chance.choice(known) + chance.choice(["", "/invitees"]), None, {200}
    return "GET", "/users/me", None, {200}


if __name__ == "__main__":
    raise SystemExit(main())
