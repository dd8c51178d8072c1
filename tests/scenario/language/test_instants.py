"""Instants, dates, durations and how values are shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scenario.instants import parse_date, parse_duration, parse_instant, show_duration, show_instant
from harness.scenario.matchers import ABSENT
from harness.scenario.show import show
from harness.scenario.suggest import did_you_mean


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_that_is_shown_is_read_again(moment: datetime) -> None:
    assert parse_instant(show_instant(moment)) == moment


def test_what_holds_itself_or_never_ends_is_shown_as_far_as_there_is_room() -> None:
    twice: list[Any] = []
    twice += [twice, twice]
    named: dict[str, Any] = {}
    named["x"] = named
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    for value, begins in ((twice, "[[["), (named, "{x: {x: "), (deep, "[[[")):
        shown = show(value)
        assert shown.startswith(begins)
        assert shown.endswith(" …")
        assert len(shown) == 200
    assert show({"a": [1, "x, y", None, {"b": True}], "c": []}) == '{a: [1, "x, y", null, {b: true}], c: []}'


@given(st.integers(0, 10**10))
def test_a_duration_that_is_shown_is_read_again(milliseconds: int) -> None:
    duration = timedelta(milliseconds=milliseconds)
    assert parse_duration(show_duration(duration)) == duration
    assert parse_duration(show_duration(-duration)) == -duration


@given(st.text())
def test_any_text_is_an_instant_or_none(text: str) -> None:
    assert all(parse(text) is None or parse(text) for parse in (parse_instant, parse_date))
    assert parse_duration(text) is None or isinstance(parse_duration(text), timedelta)


@pytest.mark.parametrize(
    "text",
    ["2030-03-06", "2030-02-30T10:00Z", "2030-03-06T25:00Z", "2030-03-06T10:00+25:00", "0001-01-01T00:00+14:00", "x"],
)
def test_no_instants(text: str) -> None:
    assert parse_instant(text) is None


@pytest.mark.parametrize("text", ["5", "5 m", "m", "", "5mm", "1.5.5s", "999999999w", "-", "٥s"])
def test_no_durations(text: str) -> None:
    assert parse_duration(text) is None


def test_seconds_before_1970_and_offsets() -> None:
    assert parse_instant("1969-12-31T23:59:59.5+00:30") == datetime(1969, 12, 31, 23, 29, 59, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, "1"), ("1", '"1"'), ("true", '"true"'), (True, "true"), (None, "null"), ("null", '"null"'), ("", '""'),
        (" a", '" a"'), ("a\nb", '"a\\nb"'), (ABSENT, "<absent>"), ("<any>", '"<any>"'), (Decimal("45.00"), "45.00"),
        ({"a": [1, "x", "a, b"]}, '{a: [1, x, "a, b"]}'), ("x" * 500, "x" * 198 + " …"), (b"ab", "b'ab'"),
    ],
)  # fmt: skip
def test_values_that_differ_look_different(value: Any, expected: str) -> None:
    assert show(value) == expected


def test_suggestions() -> None:
    assert did_you_mean("clientid", ["clientId", "client"]) == "Did you mean clientId?"
    assert did_you_mean("zzz", ["a", "b"]) == "One of: a, b."
    assert did_you_mean("zzz", [], noun="keys") == "There are no keys here."
    assert did_you_mean("zzz", [f"n{i:02}" for i in range(20)], noun="verbs").startswith("Verbs: n00, n01")
