"""Verbs as typed functions: what is declared, what is bound, what is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from msgspec import Struct

from harness.errors import HarnessFault, InputError
from harness.scenario.arguments import shape_of
from harness.scenario.registry import Compare, Duration, Instant, Registry, Value, bind, check, verb
from harness.scenario.shapes import Reader
from harness.scenario.userverbs import load_verbs
from harness.scenario.values import MapPattern
from harness.scenario.yamltree import parse


@dataclass(frozen=True)
class Inner:
    name: str
    size: int = 1


@dataclass(frozen=True)
class Everything:
    """Every type that a scenario can write."""

    text: str = ""
    number: int = 0
    flag: bool = False
    money: Decimal = Decimal(0)
    at: Instant | None = None
    wait: Duration = timedelta()
    day: date | None = None
    when: Instant | Duration | None = None
    word: Annotated[Literal["a", "b"], "a word"] = "a"
    texts: list[str] = field(default_factory=list)
    pair: tuple[int, ...] = ()
    table: dict[str, int] = field(default_factory=dict)
    inner: Inner | None = None
    inners: list[Inner] = field(default_factory=list)
    either: str | Inner = ""
    anything: Value = None
    pattern: Compare = None
    from_: str = ""


class Inside(Struct, frozen=True):
    size: int


class Given(Struct, frozen=True, kw_only=True):
    number: int = 1
    inner: Inside
    in_: Annotated[str, "where"] = ""
    texts: list[str] = []


def read(text: str) -> tuple[MapPattern, list[str]]:
    problems: list[Any] = []
    pattern = shape_of(Everything, "everything").read(parse(text), Reader(problems))
    assert isinstance(pattern, MapPattern)
    return pattern, [f"{problem.position}: {problem.what} {problem.remedy}".rstrip() for problem in problems]


def bound(text: str, **scope: Any) -> Everything:
    pattern, problems = read(text)
    assert problems == []
    return bind(Everything, pattern, scope)


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("text: x", "text", "x"), ("number: 3", "number", 3), ("flag: true", "flag", True),
        ("money: 45.00", "money", Decimal("45.00")), ("money: 45", "money", Decimal(45)),
        ("at: 2030-03-06T10:00Z", "at", datetime(2030, 3, 6, 10, tzinfo=UTC)), ("at: null", "at", None),
        ("wait: 1h30m", "wait", timedelta(minutes=90)), ("wait: -5s", "wait", timedelta(seconds=-5)),
        ("day: 2030-03-06", "day", date(2030, 3, 6)), ("when: +15m", "when", timedelta(minutes=15)),
        ("when: 2030-03-06T10:00Z", "when", datetime(2030, 3, 6, 10, tzinfo=UTC)), ("word: b", "word", "b"),
        ("texts: [a, b]", "texts", ["a", "b"]), ("pair: [1, 2]", "pair", (1, 2)), ("table: {a: 1}", "table", {"a": 1}),
        ("inner: {name: x}", "inner", Inner("x")), ("inners: [{name: x, size: 2}]", "inners", [Inner("x", 2)]),
        ("either: x", "either", "x"), ("either: {name: x}", "either", Inner("x")), ("from: x", "from_", "x"),
        ("anything: {a: [1, x]}", "anything", {"a": [1, "x"]}),
    ],
)  # fmt: skip
def test_values_become_what_the_annotation_says(text: str, name: str, expected: Any) -> None:
    found = getattr(bound(text), name)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text: 5", '<text>:1:7: Expected text; found 5. Quote it: "…".'),
        ("number: '5'", "<text>:1:9: Expected a whole number; found the text \"5\"."),
        ("number: 1.5", "<text>:1:9: Expected a whole number; found 1.5."),
        ("number: true", "<text>:1:9: Expected a whole number; found true."),
        ("flag: yes", "<text>:1:7: Expected true or false; found the text yes. Nothing else is a boolean."),
        ("wait: 5", "<text>:1:7: Expected a duration such as 15m; found 5. Add the unit: ms, s, m, h, d or w."),
        ("day: 2030-02-30", "<text>:1:6: Expected a date such as 2030-03-06; found the text 2030-02-30."),
        ("word: c", "<text>:1:7: Expected a or b; found the text c."),
        ("texts: a", "<text>:1:8: Expected a list of: text; found the text a."),
        ("texts: [a, 5]", '<text>:1:12: Expected text; found 5. Quote it: "…".'),
        ("table: {a: x}", "<text>:1:12: Expected a whole number; found the text x."),
        ("inner: {size: 2}", "<text>:1:8: inner needs name: text."),
        ("inner: {name: x, siz: 2}", "<text>:1:18: inner has no key siz. Did you mean size?"),
        ("either: [1]", "<text>:1:9: Expected text or a map with name, size; found a list."),
        ("text: {a: 1}", "<text>:1:7: Expected text; found a map."),
        ("frm: x", "<text>:1:1: everything has no key frm. Did you mean from?"),
        ("anything: <uuid>", '<text>:1:11: <uuid> is a matcher, and a value is sent here. For the text itself write {literal: "<uuid>"}.'),
    ],
)  # fmt: skip
def test_literals_of_another_type_are_told_at_load(text: str, message: str) -> None:
    assert read(text)[1] == [message]


@pytest.mark.parametrize(
    ("text", "value", "message"),
    [
        ("number: $v", "5", '<text>:1:9: Expected a whole number; found the text "5".'),
        ("texts: $v", 5, "<text>:1:8: Expected a list of: text; found 5."),
        ("texts: [a, $v]", 5, "<text>:1:12: Expected text; found 5."),
        ("inner: $v", {"nam": 1}, "<text>:1:8: inner has no key nam. Did you mean name?"),
        ("inner: {name: $v}", None, "<text>:1:15: Expected text; found null."),
        ("wait: $v", "soon", "<text>:1:7: Expected a duration such as 15m; found the text soon."),
        ("text: $w", 1, "<text>:1:7: $w is not known here. Did you mean v?"),
    ],
)
def test_references_are_checked_when_they_are_known(text: str, value: Any, message: str) -> None:
    pattern, problems = read(text)
    assert problems == []
    with pytest.raises(InputError) as caught:
        bind(Everything, pattern, {"v": value})
    assert (
        str(caught.value)
        .replace(" There are no known names here.", "")
        .startswith(message.split(" Did", maxsplit=1)[0])
    )


def test_references_bring_whole_structures() -> None:
    found = bound("{inner: $v, texts: $t, when: $n}", v={"name": "x"}, t=["a"], n=datetime(2030, 1, 1, tzinfo=UTC))
    assert (found.inner, found.texts, found.when) == (Inner("x"), ["a"], datetime(2030, 1, 1, tzinfo=UTC))


def test_a_pattern_to_compare_is_handed_on() -> None:
    found = bound("pattern: {200: <gte 1>}")
    assert isinstance(found.pattern, MapPattern)


def test_a_class_of_arguments_may_be_a_struct() -> None:
    shape = shape_of(Given)
    assert {key: each.required for key, each in shape.fields.items()} == {
        "number": False, "inner": True, "in": False, "texts": False,
    }  # fmt: skip
    assert shape.fields["in"].doc == "where"
    pattern = shape.read(parse("inner: {size: 3}\nin: x"), Reader([]))
    assert isinstance(pattern, MapPattern)
    assert bind(Given, pattern, {}) == Given(inner=Inside(3), in_="x")


def test_what_the_constructor_refuses_has_a_position() -> None:
    @dataclass(frozen=True)
    class Picky:
        a: int

        def __post_init__(self) -> None:
            if self.a > 1:
                raise ValueError("a is too large.")

    pattern = shape_of(Picky).read(parse("{a: $v}"), Reader([]))
    assert isinstance(pattern, MapPattern)
    with pytest.raises(InputError, match="<text>:1:1: a is too large"):
        bind(Picky, pattern, {"v": 2})


def test_a_verb_has_its_docstring_and_its_kind() -> None:
    registry = Registry()
    with registry.collecting():

        @verb("wave", shorthand="name", kind="flow", args=Inner)
        def wave(world: Any, args: Inner) -> str:
            """Waves.

            Twice, if need be.
            """
            return args.name

    known = registry.verbs["wave"]
    assert (known.summary, known.kind, known.shorthand) == ("Waves.", "flow", "name")
    assert known.run(None, Inner("x")) == "x"


def test_checks_are_declared_before_they_can_be_run() -> None:
    registry = Registry()
    with registry.collecting():
        check("rows")(lambda world: [])
        with pytest.raises(HarnessFault, match="There is no kind of check called row"):
            check("row")(lambda world: [])
    assert registry.checks["rows"].run is not None
    assert set(registry.checks) == {"response", "rows", "changed", "calls", "deliveries", "logs", "sql", "invariant"}


GOOD = """
from __future__ import annotations
import functools
from dataclasses import dataclass
from harness.scenario.registry import verb

@dataclass(frozen=True)
class A:
    x: int = 1

"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('@verb("v")\ndef v(world): ...', "The verb v is called with world and args, and that is not what it takes: too many"),
        ('@verb("v")\ndef v(world, *, args: A): ...', "that is not what it takes"),
        ('@verb("v")\ndef v(world, args: A, more): ...', "missing a required argument: 'more'"),
        ('@verb("v", args=A)\nclass V: ...', "The verb v is no function."),
        ('verb("v")(functools.partial(print))', "The verb v is no function."),
        ('@verb("a b")\ndef v(world, args: A): ...', "'a b' cannot be the name of a verb."),
        ("@verb\ndef v(world, args: A): ...", "A verb needs a name."),
        ('@verb("v", kind="other")\ndef v(world, args: A): ...', "The verb v has the kind 'other'."),
        ("@dataclass\nclass B:\n    x: set[int]\n" + '@verb("v")\ndef v(world, args: B): ...', "which no scenario can write"),
        ("@dataclass\nclass B:\n    x: tuple[int, str]\n" + '@verb("v")\ndef v(world, args: B): ...', "which no scenario can write"),
        ("@dataclass\nclass B:\n    x: dict[int, str]\n" + '@verb("v")\ndef v(world, args: B): ...', "which no scenario can write"),
        ("@dataclass\nclass B:\n    x: Nowhere\n" + '@verb("v")\ndef v(world, args: B): ...', "name 'Nowhere' is not defined"),
        ("@dataclass\nclass B:\n    x: B | None\n" + '@verb("v")\ndef v(world, args: B): ...', "RecursionError"),
    ],
)  # fmt: skip
def test_a_function_that_cannot_be_a_verb_is_told_where_it_stands(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "verbs.py").write_text(GOOD + text + "\n")
    registry = Registry()
    with pytest.raises(InputError) as caught:
        load_verbs(tmp_path / "verbs.py", registry, shown="verbs.py")
    assert said in str(caught.value)
    assert str(caught.value).startswith("verbs.py:1")
    assert not registry.verbs


def test_whatever_a_constructor_raises_is_the_inputs_mistake() -> None:
    @dataclass(frozen=True)
    class Odd:
        a: float

        def __post_init__(self) -> None:
            raise KeyError(self.a)

    pattern = shape_of(Odd).read(parse("{a: 1.5}"), Reader([]))
    assert isinstance(pattern, MapPattern)
    with pytest.raises(InputError, match=r"<text>:1:1: KeyError: 1\.5"):
        bind(Odd, pattern, {})


@pytest.mark.parametrize(("text", "value", "fits"), [("true", True, False), ('"1"', "1", False), ("1", 1, True), ("a", "a", True)])  # fmt: skip
def test_of_a_choice_one_is_not_true(text: str, value: object, fits: bool) -> None:
    @dataclass(frozen=True)
    class Chosen:
        one: Literal["a", 1]

    shape = shape_of(Chosen)
    reader = Reader([])
    shape.read(parse(f"{{one: {text}}}"), reader)
    assert (not reader.problems) is fits
    pattern = shape.read(parse("{one: $v}"), Reader([]))
    assert isinstance(pattern, MapPattern)
    if fits:
        assert bind(Chosen, pattern, {"v": value}) == Chosen(value)  # type: ignore[arg-type]  # one that fits
    else:
        with pytest.raises(InputError, match="Expected a or 1"):
            bind(Chosen, pattern, {"v": value})
