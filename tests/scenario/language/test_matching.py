"""Comparing: every leaf tells, kinds of values stay apart, the database's types are known."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InputError, InputErrors, Problem
from harness.scenario.matching import ABSENT, Comparison, Typed, compare, matches
from harness.scenario.scope import capture, resolve
from harness.scenario.show import show
from harness.scenario.values import Pattern, compile_node
from harness.scenario.yamltree import parse

NOW = datetime(2030, 3, 4, 9, 0, tzinfo=UTC)
TIMESTAMP = "timestamp(3) without time zone"


def pattern(text: str) -> Pattern:
    return compile_node(parse(text))


def ok(text: str, actual: Any, column_type: str | None = None, **scope: Any) -> bool:
    return matches(pattern(text), actual, scope, column_type=column_type, now=NOW)


def told(text: str, actual: Any, **scope: Any) -> list[str]:
    return [_line(each) for each in compare(pattern(text), actual, scope, now=NOW) if not each.passed]


def _line(each: Comparison) -> str:
    return f"{each.path} {each.matcher}: expected {each.expected}, got {each.actual}"


@pytest.mark.parametrize(
    ("text", "actual"),
    [
        ("1", 1), ("1", Decimal("1.0")), ("45.00", Decimal("45")), ("45.0", 45), ("0.1", 0.1), ('"1"', "1"),
        ("true", True), ("null", None), ("NO", "NO"), ("2030-03-01", "2030-03-01"), ("{}", {"a": 1}), ("[]", []),
        ("{a: 1}", {"a": 1, "b": 2}), ("[1, x]", [1, "x"]), ("$$5", "$5"), ("{literal: <b>}", "<b>"),
        ("{literal: {a: $x}}", {"a": "$x"}), ("{exactly: {a: {b: 1}}}", {"a": {"b": 1}}),
        ("{any_order: [1, {a: 1}]}", [{"a": 1, "b": 2}, 1]), ("{includes: [2]}", [1, 2, 3]), ("{includes: []}", [1]),
        ("{every: <int>}", [1, 2]), ("{re: '^a+$'}", "aaa"), ("{any_order: [<int>, 1]}", [1, 2]), ("{exactly: {}}", {}),
    ],
)  # fmt: skip
def test_accepted(text: str, actual: Any) -> None:
    assert ok(text, actual)


@pytest.mark.parametrize(
    ("text", "actual"),
    [
        ("1", "1"), ('"1"', 1), ("1", True), ("true", 1), ("true", "true"), ("null", "null"), ("null", ABSENT),
        ("45.00", "45.00"), ("[1]", [1, 2]), ("[1, 2]", [2, 1]), ("[1]", 1), ("{a: null}", {}), ("[]", [1]),
        ("{exactly: {a: 1}}", {"a": 1, "b": 2}), ("{exactly: {a: {b: 1}}}", {"a": {"b": 1, "c": 2}}), ("{}", []),
        ("{any_order: [1, 1]}", [1, 2]), ("{any_order: [1]}", [1, 1]), ("{includes: [2, 2]}", [1, 2, 3]),
        ("{every: <int>}", []), ("{every: <int>}", [1, "x"]), ("{re: '^a+$'}", "aab"), ("{any_order: []}", [1]),
        ("{literal: {a: 1}}", {"a": 1, "b": 2}), ("{exactly: {}}", {"a": 1}), ("x", "X"), ("{a: 1}", None),
    ],
)  # fmt: skip
def test_refused(text: str, actual: Any) -> None:
    assert not ok(text, actual)


@pytest.mark.parametrize(
    ("matcher", "good", "bad"),
    [
        ("<any>", [None, 1, "", {}], [ABSENT]),
        ("<absent>", [ABSENT], [None, 1]),
        ("<null>", [None], ["null", 0, ABSENT]),
        ("<int>", [1, -3, Decimal("2")], [1.5, True, "1", Decimal("1.5"), Decimal("NaN")]),
        ("<number>", [1, 1.5, Decimal("1.5")], [True, "1", None]),
        ("<bool>", [True, False], [0, "true", None]),
        ("<string>", ["x", ""], [1, None, ["x"]]),
        ("<uuid>", ["3F2504E0-4f89-41d3-9a0c-0305e82c3301", UUID(int=1)], ["x", "3f2504e04f8941d39a0c0305e82c3301"]),
        ("<email>", ["sam@example.test"], ["sam", "sam@example", "a b@c.d", 1]),
        ("<instant>", ["2030-03-06T10:00:00Z", "2030-03-06 10:00", NOW], ["2030-03-06", "10:00", "2030-13-06T10:00Z"]),
        ("<date>", ["2030-03-06", date(2030, 3, 6)], ["2030-02-30", NOW, "2030-03-06T10:00Z"]),
        ("<url>", ["https://a.test/x?y", "http://a"], ["ftp://a", "//a", "https://", "a.test"]),
        ("<gt 1>", [2, 1.5, Decimal("1.01")], [1, 0, "2", None, True, ABSENT]),
        ("<gte 1>", [1, 2], [0, "x"]),
        ("<lt 1>", [0, -1], [1, "0"]),
        ("<lte 1>", [1], [2]),
        ("<gt 2030-03-06T10:00Z>", ["2030-03-06T11:00:00Z", "2030-03-06T12:00+01:30"], ["2030-03-06T10:00Z", 5]),
        ("<between 1 5>", [1, 3, 5], [0, 6, "3"]),
        ("<between 2030-01-01 2030-12-31>", ["2030-06-01"], ["2031-01-01", 2030]),
        ("<now +-5s>", ["2030-03-04T09:00:05Z", NOW], ["2030-03-04T09:00:06Z", "x", 5]),
        ("<len 3>", ["abc", [1, 2, 3], {"a": 1, "b": 2, "c": 3}], ["ab", 3, None]),
        ("<len gte 2>", ["ab", [1, 2, 3]], ["a", []]),
        ("<re ^a+$>", ["aaa"], ["b", 1, None, "aaa\n"]),
        (r"<re ^a\$[$b]$>", ["a$$", "a$b"], ["a$b\n", "a$"]),
        ("<re (?m)^a$>", ["a\nb"], ["ab"]),
        ("<one of <int>|x|<re ^y+$>>", [1, "x", "yy"], ["1", "<int>", "z", ABSENT]),
        ("<contains bc>", ["abcd", ["bc"], {"bc": 1}], ["abd", ["abc"], 5, None]),
        ("<contains true>", ["it is true", [True]], ["it is True", ["true"], [1]]),
        ("<contains null>", ["is null", [None]], ["None", ["null"]]),
        ("<not contains null>", ["None", []], ["is null"]),
        ("<one of <re ^(a|b)$>|x>", ["a", "b", "x"], ["c", "b)$>", "<re ^(a"]),
        ("<one of <b|c>", ["<b", "c"], ["<b|c"]),
        ("<one of <not one of a|b>|a>", ["a", "c"], ["b"]),
        ("<one of 502|503>", [502, Decimal("503")], ["502", 500]),
        ('<one of "1"|x|null>', ["1", "x", None], [1, "null", ABSENT]),
        ("<not null>", [0, "", False], [None, ABSENT]),
        ("<not absent>", [None, 1], [ABSENT]),
        ("<not CONFIRMED>", ["PENDING", None], ["CONFIRMED", ABSENT]),
        ("<not one of a|b>", ["c"], ["a", ABSENT]),
        ("<not <int>>", ["3", None], [3, ABSENT]),
        ("<not <one of a|b>>", ["c"], ["a", ABSENT]),
        ("<not re ^a>", ["b", 1], ["ab"]),
        ('<not "date">', ["2030-01-01"], ["date"]),
    ],
)  # fmt: skip
def test_matchers(matcher: str, good: list[Any], bad: list[Any]) -> None:
    quoted = json.dumps(matcher)
    assert [each for each in good if not ok(quoted, each)] == []
    assert [each for each in bad if ok(quoted, each)] == []


@pytest.mark.parametrize(
    ("text", "actual", "column_type", "fits"),
    [
        ("2030-03-06T10:00Z", "2030-03-06T10:00:00", TIMESTAMP, True),
        ("2030-03-06T11:00+01:00", "2030-03-06T10:00:00", TIMESTAMP, True),
        ("2030-03-06T10:00Z", "2030-03-06T10:00:00.001", TIMESTAMP, False),
        ("2030-03-06T10:00Z", "2030-03-06T12:00:00+02:00", "timestamp with time zone", True),
        ("2030-03-06", "2030-03-06", "date", True),
        ("3F2504E0-4F89-41D3-9A0C-0305E82C3301", "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "uuid", True),
        ("3F2504E0-4F89-41D3-9A0C-0305E82C3301", "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "text", False),
        ("45.00", Decimal("45"), "numeric(10,2)", True),
        ("1", "1", "text", False),
        ("CONFIRMED", "CONFIRMED", '"BookingStatus"', True),
        ("2030-03-06T10:00Z", datetime(2030, 3, 6, 10), None, True),
        ("2030-03-06T10:00Z", "2030-03-06T10:00:00", "text", False),
        ("5m", timedelta(minutes=5), None, True),
        ("<now +-1s>", "2030-03-04T09:00:00.5", TIMESTAMP, True),
        ("<lt 2030-03-06T10:00Z>", "2030-03-06T09:59:59", TIMESTAMP, True),
        ("{a: [1]}", {"a": [1], "b": 2}, "jsonb", True),
    ],
)
def test_database_values_are_compared_by_the_type_of_their_column(
    text: str, actual: Any, column_type: str, fits: bool
) -> None:
    assert ok(text, actual, column_type) is fits
    assert ok("{v: " + text + "}", {"v": Typed(actual, column_type)}) is fits


def test_every_leaf_is_listed_passed_or_not() -> None:
    found = compare(pattern("{a: 1, b: {c: <string>, d: x}, e: [1, 2]}"), {"a": 1, "b": {"c": "y"}, "e": [1, 3, 4]}, {})
    assert [(each.path, each.passed) for each in found] == [
        ("$.a", True), ("$.b.c", True), ("$.b.d", False), ("$.e[0]", True), ("$.e[1]", False), ("$.e[2]", False),
    ]  # fmt: skip


def test_messages() -> None:
    assert told("{state: BOOKING_CONFIRMED}", {"state": "IDLE"}) == [
        "$.state equals: expected BOOKING_CONFIRMED, got IDLE"
    ]
    assert told("{n: 1, odd name: x}", {"n": "1"}) == [
        '$.n equals: expected 1, got "1"',
        '$["odd name"] equals: expected x, got <absent>',
    ]
    assert told("a b", "a  b") == ['$ equals: expected "a b", got "a  b"']
    assert told("{a: 1, b: 2}", [1]) == ["$ map: expected a map with a, b, got [1]"]
    assert told('"<gte $n>"', 1, n=5) == ["$ gte: expected <gte 5>, got 1"]
    assert told('"<one of $a|b>"', "c", a="x") == ["$ one of: expected <one of x|b>, got c"]


def test_an_element_in_no_order_is_told_by_the_closest() -> None:
    found = told("{any_order: [{id: 1, s: A}, {id: 2, s: B}]}", [{"id": 2, "s": "B"}, {"id": 1, "s": "X"}])
    assert found == [
        "$[1].s any order, closest: expected A, got X",
        "$[1] any order: expected no such element, got {id: 1, s: X}",
    ]
    assert told("{includes: [1, 2]}", [1]) == ["$ includes: expected an element like 2, got 1 elements, none left"]


def test_positions_are_those_of_the_pattern() -> None:
    (found,) = compare(pattern("a:\n  b: 1\n"), {"a": {"b": 2}}, {})
    assert (found.position.line, found.position.column) == (2, 6)


def test_references_keep_their_type_alone_and_are_text_inside_text() -> None:
    scope = {"b": {"id": 7, "list": [1, {"x": None}], "flag": True, "at": NOW}, "n": Decimal("45.00")}
    assert resolve(pattern("$b.id"), scope) == 7
    assert resolve(pattern("$b.list[1].x"), scope) is None
    assert resolve(pattern('"/x/$b.id/$b.flag?p=$n&t=$b.at"'), scope) == "/x/7/true?p=45.00&t=2030-03-04T09:00:00Z"
    assert resolve(pattern('"${b.id}th $b.id."'), scope) == "7th 7."
    assert resolve(pattern("{a: [$b.id, $$]}"), scope) == {"a": [7, "$"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$x.y", "<text>:1:1: $x is not known here. Did you mean xs?"),
        ("$xs[3]", "<text>:1:1: $xs has 1 elements, so [3] is not there. The first is [0]."),
        ("$xs.a", "<text>:1:1: $xs has no a."),
        ("$m.kye", "<text>:1:1: $m has no kye. Did you mean key?"),
        ("$m.key[0]", "<text>:1:1: $m.key is no list, so [0] is not there."),
    ],
)
def test_a_reference_to_nothing_says_what_there_is(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve(pattern(text), {"xs": [1], "m": {"key": 1}})
    assert str(caught.value) == message


def test_objects_give_their_public_attributes_only() -> None:
    class Thing:
        event_uri = "u"
        _secret = "s"

        def act(self) -> None: ...

    assert resolve(pattern("$t.event_uri"), {"t": Thing()}) == "u"
    for text in ("$t._secret", "$t.act", "$t.__class__"):
        with pytest.raises((InputError, InputErrors)):
            resolve(pattern(text), {"t": Thing()})


def test_a_matcher_is_no_value() -> None:
    with pytest.raises(InputError, match="is a matcher"):
        resolve(pattern("{a: <uuid>}"), {})


def test_now_needs_a_clock() -> None:
    with pytest.raises(InputError, match="clock"):
        compare(pattern("<now +-5s>"), "2030-01-01T00:00Z", {})


def test_dotted_captures_make_maps() -> None:
    scope: dict[str, Any] = {}
    capture(scope, "booked.booking", 1)
    capture(scope, "booked.event", 2)
    assert scope == {"booked": {"booking": 1, "event": 2}}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_a_captured_value_is_equal_to_itself(value: Any) -> None:
    assert ok("$v", value, v=value)


@given(VALUES, VALUES)
def test_comparing_never_fails_otherwise_than_by_telling(value: Any, other: Any) -> None:
    found = compare(pattern("{any_order: [$v, {a: $v}]}"), [other], {"v": value})
    assert all(len(each.actual) <= 200 and len(each.expected) <= 260 for each in found)


@given(st.lists(st.integers(0, 3), max_size=6), st.lists(st.integers(0, 3), max_size=6))
def test_any_order_is_equality_of_multisets(wanted: list[int], actual: list[int]) -> None:
    assert ok("{any_order: " + json.dumps(wanted) + "}", actual) is (sorted(wanted) == sorted(actual))


@pytest.mark.parametrize(
    ("matcher", "said"),
    [
        ("<between 5 1>", "<between 5 1> never holds: the first is the greater. Write <between 1 5>."),
        ("<not between 5 1>", "<between 5 1> never holds"),
        ("<between 2030-01-01 5>", "<between> has limits of two kinds: 2030-01-01 and 5."),
        ("<not any>", "<not any> never holds"),
        ("<not <any>>", "<not any> never holds"),
        ('<contains "">', "<contains> of no text holds of every text."),
        ("<one of <it>|x>", "<it> is no matcher: the word it is unknown. Did you mean int?"),
        ("<not <uid>>", "<uid> is no matcher: the word uid is unknown. Did you mean uuid?"),
        ("<len $n>", "<len> takes a whole number, or gt, gte, lt, lte and a number; here it has $n."),
        ("<now +-$n>", "<now> takes a tolerance such as +-5s; here it has +-$n."),
    ],
)
def test_a_matcher_that_compares_nothing_is_a_mistake(matcher: str, said: str) -> None:
    with pytest.raises(InputErrors) as caught:
        pattern(json.dumps(matcher))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("value", "beside", "shown"),
    [
        ("caf\u00e9", "cafe\u0301", r'"caf\u00e9"'),
        ("a\u00a0b", "a b", r'"a\u00a0b"'),
        ("a b", "a\u00a0b", '"a b"'),
        ("a\u200bb", "ab", r'"a\u200bb"'),
        ("\ufb01ne", "fine", r'"\ufb01ne"'),
        ("caf\u00e9 ", "caf\u00e9", '"caf\u00e9 "'),
        ("caf\u00e9", "cafe", "caf\u00e9"),
    ],
)
def test_two_texts_that_look_alike_are_shown_apart(value: str, beside: str, shown: str) -> None:
    assert show(value, beside=beside) == shown
    assert show(value, beside=beside) != show(beside, beside=value)


def test_what_has_no_text_of_its_own_is_shown_the_same_in_every_run() -> None:
    assert show([object(), "at 0xff"]) == "[<object object>, at 0xff]"


@pytest.mark.parametrize(
    "text", ["[<absent>]", "[1, <absent>]", "{every: <absent>}", "{includes: [<absent>]}", "{any_order: [<absent>]}"]
)
def test_no_element_of_a_list_is_absent(text: str) -> None:
    """`[<absent>]` fitted the empty list, and `[1, <absent>]` a list of one: what a shorter list says in fewer words."""
    problems: list[Problem] = []
    compile_node(parse(text), problems=problems)
    assert [problem.what for problem in problems] == [
        "An element of a list is always there, and <absent> fits what is not."
    ]
