"""JSON is read as the standard library reads it, whatever it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.jsontext import parse, parse_digits, parse_exact, written

ODD = [
    "NaN", "[-Infinity]", '"\\ud800"', "1e400", "-0.0", "1E5", "", " ", "[1,]", '{"a":1,"a":2}', '"\x01"', "\ufeff1", "[1]x", "01", "-", "1.",
    b"\xef\xbb\xbf1", b"\xff", "9" * 40, "9" * 5000, "[" * 400 + "]" * 400, "9007199254740993.0", "0.1e-400", "\t[1]\n", "true", "nul",
]  # fmt: skip

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def read(how: Callable[[Any], Any], text: str | bytes) -> str:
    try:
        return repr(how(text))
    except ValueError:
        return "no JSON"


def agrees(text: str | bytes) -> None:
    assert read(parse, text) == read(json.loads, text)
    assert read(parse_exact, text) == read(lambda given: json.loads(given, parse_float=Decimal), text)


@pytest.mark.parametrize("text", ODD, ids=lambda text: repr(text)[:20])
def test_odd_texts_are_read_alike(text: str | bytes) -> None:
    agrees(text)


@pytest.mark.parametrize("how", [parse, parse_exact, parse_digits])
@pytest.mark.parametrize("text", ["[" * 200_000 + "]" * 200_000, '{"a":' * 200_000, b"[" * 200_000 + b"NaN"])
def test_what_is_nested_too_deeply_is_a_value_error(how: Callable[[Any], Any], text: str | bytes) -> None:
    with pytest.raises(ValueError, match="maximum recursion depth exceeded"):
        how(text)


@given(VALUES, st.booleans())
def test_any_value_is_read_alike(value: Any, ascii_only: bool) -> None:
    agrees(json.dumps(value, ensure_ascii=ascii_only))


def test_a_number_with_a_fraction_keeps_its_digits() -> None:
    assert str(parse_exact('{"price": 45.00}')["price"]) == "45.00"
    assert parse('{"price": 45.00}')["price"] == 45.0


def test_a_decimal_is_written_as_the_number_that_it_is() -> None:
    value = {"a": Decimal("0.1000000000000000000001"), "b": [Decimal("45.50"), Decimal("45.00"), Decimal("1e400")]}
    assert written(value, str) == '{"a": 0.1000000000000000000001, "b": [45.5, 45, 1' + 400 * "0" + "]}"
    assert written([Decimal("NaN"), Decimal("Infinity")], str) == "[NaN, Infinity]"


def test_what_no_json_has_is_a_value_error() -> None:
    loop: list[Any] = []
    loop.append(loop)
    for value in (loop, {(1, 2): 3}):
        with pytest.raises(ValueError, match=r"Circular|keys must be"):
            written(value, str)


@given(st.floats(allow_nan=False))
def test_a_float_is_read_as_a_float(value: float) -> None:
    read_again = parse_digits(json.dumps([value]))[0]
    assert (type(read_again), read_again) == (float, value)


@pytest.mark.parametrize("digits", ["0.1000000000000000000001", "-9007199254740993.5", "1.00000000000000000001e10"])
def test_a_number_of_more_digits_than_a_float_has_is_read_whole(digits: str) -> None:
    assert parse_digits(f'{{"a": {digits}}}') == {"a": Decimal(digits)}
