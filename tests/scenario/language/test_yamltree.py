"""YAML as the language reads it: the traps of YAML 1.1 are shut, every node knows its place."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from harness.errors import InputErrors
from harness.scenario.values import plain
from harness.scenario.yamltree import MapNode, ScalarNode, parse


def value(text: str) -> Any:
    root = parse(f"v: {text}\n")
    assert isinstance(root, MapNode)
    return plain(root.entries["v"])


def refused(text: str | bytes) -> list[str]:
    with pytest.raises(InputErrors) as caught:
        parse(text, "a.yaml")
    return [f"{problem.position}: {problem.what}" for problem in caught.value.problems]


SURPRISES = """NO no yes on off y True FALSE 22:30 2030-03-01 2030-03-06T10:00Z 1E5 +15m 0x1F 1_000 +5 .5 1. .inf .nan
1e3 NULL Null 12:30:45 0.1.2 0o17"""


@pytest.mark.parametrize("text", SURPRISES.split())
def test_what_yaml_1_1_turns_into_something_else_stays_text(text: str) -> None:
    assert value(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [("true", True), ("false", False), ("null", None), ("~", None), ("", None), ("0", 0), ("-7", -7), ("42", 42)],
)
def test_booleans_nulls_and_whole_numbers(text: str, expected: object) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("text", ["45.00", "0.10", "-3.5", "0.0"])
def test_decimals_keep_their_text(text: str) -> None:
    found = value(text)
    assert isinstance(found, Decimal)
    assert str(found) == text


@pytest.mark.parametrize("text", ['"12"', "'true'", '"null"', '"45.00"', "'0123'"])
def test_quotes_make_text(text: str) -> None:
    assert value(text) == text[1:-1]


@pytest.mark.parametrize("text", ["0123", "007", "-01", "00.5", "00"])
def test_a_leading_zero_asks_for_quotes(text: str) -> None:
    assert refused(f"v: {text}") == [f"a.yaml:1:4: {text} is a number with a leading zero."]


def test_keys_are_text_whatever_they_look_like() -> None:
    assert plain(parse("{200: a, on: b, true: c, 1.50: d}")) == {"200": "a", "on": "b", "true": "c", "1.50": "d"}


def test_a_duplicate_key_tells_both_places() -> None:
    assert refused("a: 1\nb: 2\na: 3\n") == ["a.yaml:3:1: The key a stands here a second time; the first is at 1:1."]


def test_every_structural_mistake_is_told_at_once() -> None:
    found = refused("a: &x 1\nb: *x\n<<: {c: 1}\nd: !!str 2\ne: 010\ne: 1\n")
    assert [line.split(" ", 1)[0] for line in found] == [
        "a.yaml:1:4:", "a.yaml:2:4:", "a.yaml:3:1:", "a.yaml:4:4:", "a.yaml:5:4:", "a.yaml:6:1:",
    ]  # fmt: skip


def test_positions_of_keys_and_values_count_from_one() -> None:
    root = parse("a:\n  bé: [1, x]\n", "f.yaml")
    assert isinstance(root, MapNode)
    inner = root.entries["a"]
    assert isinstance(inner, MapNode)
    assert str(inner.keys["bé"].position) == "f.yaml:2:3"
    assert str(inner.entries["bé"].position) == "f.yaml:2:7"


def test_a_quoted_merge_key_is_a_key() -> None:
    assert plain(parse('{"<<": 1}')) == {"<<": 1}


def test_an_empty_key_is_one_in_quotes_only() -> None:
    assert value('{"": 1}') == {"": 1}
    assert refused("? \n: 1") == ["a.yaml:1:2: A key is missing before the colon."]


def test_half_a_surrogate_pair_is_told_as_that() -> None:
    """JSON writes 😀 as two of them."""
    assert refused(r'v: "\ud83d\ude00"') == ["a.yaml:1:7: The escape stands for no character."]


def test_a_byte_order_mark_is_no_mistake() -> None:
    assert plain(parse(b"\xef\xbb\xbfa: 1\n")) == {"a": 1}


def test_depth_is_limited() -> None:
    assert "nested deeper than 40" in refused("v: " + "[" * 50 + "]" * 50)[0]


def test_size_is_limited() -> None:
    assert "larger than" in refused("a" * 2_000_001)[0]


def test_many_values_are_limited() -> None:
    assert "more than 200,000 values" in refused("[" + "a," * 200_001 + "]")[0]


def test_digits_without_end_stay_text() -> None:
    assert value("9" * 5000) == "9" * 5000


def test_a_long_line_is_cut_in_the_message() -> None:
    with pytest.raises(InputErrors) as caught:
        parse("v: 01 " + "x" * 5000 + "\nw: 01\n" + "# " + "y" * 400)
    assert all(len(problem.source_line) < 250 for problem in caught.value.problems)


@pytest.mark.parametrize("before", [0, 20, 100, 300, 5000])
@pytest.mark.parametrize("after", [0, 100, 5000])
@pytest.mark.parametrize("letter", ["x", "日"])
def test_a_long_line_is_shown_around_its_mistake(before: int, after: int, letter: str) -> None:
    with pytest.raises(InputErrors) as caught:
        parse(f"{{v: '{letter * before}', w: 01, x: '{'y' * after}'}}")
    for width in (60, 160):
        _, line, caret = caught.value.problems[0].shown(width).splitlines()
        assert len(line) <= width
        columns = [char for char in line for _ in range(2 if char == "日" else 1)]
        assert columns[caret.index("^")] == "0"
        assert ("…" in line) is (before + after > width or len(line) >= width)


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"a: \xe9", b"\x00", b"a: \x1b[31m", b"\xed\xa0\x80", b"a: '\x7f'"])
def test_bytes_that_are_no_text_have_a_position(data: bytes) -> None:
    assert refused(data)[0].startswith("a.yaml:1:")


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "...\n"])
def test_an_empty_document_is_a_mistake_or_null(text: str) -> None:
    try:
        root = parse(text)
    except InputErrors:
        return
    assert isinstance(root, ScalarNode)
    assert root.value is None
