"""Counting anonymous inserts (B21): who is one caller, and that counting costs the same however many there are."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest

from harness.booking.limits import MemoryWindows

from .conftest import Bench

NOW = datetime(2030, 3, 4, 9)
MINUTE = timedelta(minutes=1)


def took(windows: MemoryWindows, key: str, seconds: float = 0, limit: int = 2) -> int:
    return windows.take(key, NOW + timedelta(seconds=seconds), limit=limit, window=MINUTE)


def test_room_comes_back_as_the_window_slides() -> None:
    windows = MemoryWindows()

    assert [took(windows, "a", at) for at in (0, 20, 30)] == [0, 0, 30]
    assert [took(windows, "a", at) for at in (59.5, 60, 61, 80)] == [1, 0, 19, 0]
    assert took(windows, "b", 80) == 0


def test_who_waits_as_long_as_told_waits_long_enough() -> None:
    windows = MemoryWindows()
    took(windows, "a", 0, limit=1)

    wait = took(windows, "a", 10.6, limit=1)

    assert wait == 50
    assert took(windows, "a", 10.6 + wait, limit=1) == 0


def test_what_is_over_is_forgotten_in_whatever_order_it_came() -> None:
    windows = MemoryWindows()
    for key, at in (("a", 0), ("b", 10), ("a", 30), ("c", 40)):
        took(windows, key, at)

    took(windows, "d", 71)

    assert set(windows._taken) == {"a", "c", "d"}


def test_none_at_all_may_be_allowed(bench: Bench) -> None:
    bench.app = bench.build(anonymous_inserts=0)

    answer = bench.initialize("intro-call")

    assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
    assert bench.initialize("intro-call", by="client").status == 200


def test_a_flood_from_everywhere_does_not_slow_the_counting_down() -> None:
    def spent(callers: int) -> float:
        windows = MemoryWindows()
        for number in range(callers):
            took(windows, str(number))
        started = time.process_time()
        for number in range(500):
            took(windows, f"new {number}")
        return time.process_time() - started

    assert spent(100_000) < 20 * min(spent(100) for _ in range(5)) + 0.05


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True), ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("198.51.100.7", "198.51.100.8", False), ("::ffff:198.51.100.7", "198.51.100.7", True),
        ("unknown", "unknown", True), ("unknown", "198.51.100.7", False),
    ],
)  # fmt: skip
def test_who_has_a_whole_network_is_one_caller(bench: Bench, first: str, second: str, is_one: bool) -> None:
    bench.app = bench.build(anonymous_inserts=1, forwarded_proxies=1)
    given = bench.creation("intro-call", bench.schedule("intro-call"))
    payload = {name: given[name] for name in ("builderId", "sessionTypeId")}

    def begins(address: str) -> int:
        headers = {"X-Forwarded-For": address}
        return bench.call("POST", "scheduling/bookings/initialize", payload, headers=headers).status

    assert (begins(first), begins(second)) == (200, 429 if is_one else 200)
