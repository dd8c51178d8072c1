"""The matchers `<word arguments>`: their grammar, and what each accepts.

A matcher is the whole text of a value, from `<` to `>`. Nothing but `<absent>` accepts a missing value, so
`<not null>` and `<any>` both demand that something is there.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, TypeGuard
from uuid import UUID

from msgspec import Struct

from harness.scenario.instants import parse_date, parse_duration, parse_instant
from harness.scenario.suggest import did_you_mean, nearest

__all__ = ["ABSENT", "MATCHERS", "MatcherWord", "compile_regex", "split_matcher", "split_one_of", "word_mistake"]


class _Absent:
    """The actual value of a key that is not there."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<absent>"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


class MatcherWord(Struct, frozen=True):
    """One word of the matcher language; `arguments` says how many follow (None: the rest of the text is one)."""

    name: str
    summary: str
    example: str
    arguments: int | None = 0
    accepts: Callable[[Any], bool] | None = None  # only for words without arguments


def _number(value: Any) -> TypeGuard[int | float | Decimal]:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _int(value: Any) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite() and value == value.to_integral_value()
    return isinstance(value, int) and not isinstance(value, bool)


_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z", re.IGNORECASE | re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+\Z")
_URL = re.compile(r"https?://[^\s/?#]+[^\s]*\Z", re.IGNORECASE)


def _text(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.match(value) is not None


def _uuid(value: Any) -> bool:
    return isinstance(value, UUID) or (isinstance(value, str) and _UUID.match(value) is not None)


def _instant(value: Any) -> bool:
    return isinstance(value, datetime) or (isinstance(value, str) and parse_instant(value) is not None)


def _date(value: Any) -> bool:
    if isinstance(value, date):
        return not isinstance(value, datetime)
    return isinstance(value, str) and parse_date(value) is not None


_WORDS = (
    MatcherWord("any", "any value that is there, null too", "<any>", 0, lambda _: True),
    MatcherWord("absent", "the key is not there", "<absent>", 0, lambda value: value is ABSENT),
    MatcherWord("null", "null", "<null>", 0, lambda value: value is None),
    MatcherWord("int", "a whole number", "<int>", 0, _int),
    MatcherWord("number", "a number", "<number>", 0, _number),
    MatcherWord("bool", "true or false", "<bool>", 0, lambda value: isinstance(value, bool)),
    MatcherWord("string", "a text", "<string>", 0, lambda value: isinstance(value, str)),
    MatcherWord("uuid", "a UUID", "<uuid>", 0, _uuid),
    MatcherWord("email", "an e-mail address", "<email>", 0, _text(_EMAIL)),
    MatcherWord("instant", "a date with a time, ISO 8601", "<instant>", 0, _instant),
    MatcherWord("date", "a date, YYYY-MM-DD", "<date>", 0, _date),
    MatcherWord("url", "an http or https URL", "<url>", 0, _text(_URL)),
    MatcherWord("gt", "greater than a number or instant", "<gt 0>", 1),
    MatcherWord("gte", "at least a number or instant", "<gte 1>", 1),
    MatcherWord("lt", "less than a number or instant", "<lt 10>", 1),
    MatcherWord("lte", "at most a number or instant", "<lte 10>", 1),
    MatcherWord("between", "from A to B, both included", "<between 1 5>", 2),
    MatcherWord("now", "the scenario's clock, give or take a duration", "<now +-5s>", 1),
    MatcherWord("len", "the length of a text, list or map", "<len 36>", 1),
    MatcherWord("re", "a regular expression found in the text (anchor it with ^ and $)", "<re ^ab+c$>", None),
    MatcherWord("contains", "a text that holds this text, or a list that holds this value", "<contains abc>", None),
    MatcherWord("one of", "one of several values, between bars", "<one of PENDING|CONFIRMED>", None),
    MatcherWord("not", "not this value or matcher (but there)", "<not null>", None),
)
MATCHERS: Mapping[str, MatcherWord] = {word.name: word for word in _WORDS}

_SHAPE = re.compile(r"<\s*([^\s>]*)\s*(.*?)\s*>\Z", re.DOTALL)


def split_matcher(text: str) -> tuple[str, str] | None:
    """Word and rest of `<word rest>`; None when `text` is ordinary text."""
    found = _SHAPE.match(text)
    if not found:
        return None
    word, rest = found.groups()
    if word == "one" and (rest == "of" or rest.startswith("of ")):
        return "one of", rest[2:].strip()
    return word, rest


def word_mistake(word: str, rest: str, text: str) -> tuple[str, str] | None:
    """What is wrong with the word and the number of its arguments, and what to do; None when nothing is."""
    known = MATCHERS.get(word)
    if known is None:
        hint = _word_hint(word, rest)
        return (
            f"{text} is no matcher: the word {word or '(nothing)'} is unknown.",
            f'{hint} For the text itself write {{literal: "{text}"}}.',
        )
    if known.arguments == 0 and rest:
        return f"<{word}> takes no argument; here it has {rest}.", f"Write {known.example}."
    if known.arguments != 0 and not rest:
        return f"<{word}> needs an argument.", f"Write for example {known.example}."
    if known.arguments == 2 and len(rest.split()) != 2:
        return f"<{word}> takes two arguments; here it has {rest}.", f"Write for example {known.example}."
    return argument_mistake(word, rest)


def _word_hint(word: str, rest: str) -> str:
    if not word:
        return "A matcher is <word …>."
    two = nearest(f"{word} {rest.partition(' ')[0]}", ["one of"])
    return "Did you mean one of?" if two else did_you_mean(word, MATCHERS, noun="matchers")


def argument_mistake(word: str, rest: str) -> tuple[str, str] | None:
    """What is wrong with an argument that holds no reference."""
    if "$" in rest and word not in {"re", "len", "now"}:
        return None
    judge = _JUDGES.get(word)
    return judge(word, rest, f"Write for example {MATCHERS[word].example}.") if judge else None


def _bad_order(word: str, rest: str, example: str) -> tuple[str, str] | None:
    bad = [part for part in ([rest] if word != "between" else rest.split()) if _ordered(part) is None]
    if bad:
        return f"<{word}> compares numbers, dates and instants; {bad[0]} is none.", example
    return _never_between(*rest.split()) if word == "between" else None


def _bad_now(_: str, rest: str, example: str) -> tuple[str, str] | None:
    good = rest.startswith("+-") and parse_duration(rest[2:]) is not None
    return None if good else (f"<now> takes a tolerance such as +-5s; here it has {rest}.", example)


def _bad_length(_: str, rest: str, example: str) -> tuple[str, str] | None:
    told = f"<len> takes a whole number, or gt, gte, lt, lte and a number; here it has {rest}."
    return None if _length(rest) else (told, example)


def _bad_regex(_: str, rest: str, example: str) -> tuple[str, str] | None:
    reason = compile_regex(rest)
    return (f"The regular expression {rest} is wrong: {reason}.", example) if isinstance(reason, str) else None


def _bad_not(_: str, rest: str, __: str) -> tuple[str, str] | None:
    told = "<not any> never holds: <any> is whatever is there."
    return (told, "Write <absent> for what is not there.") if rest in {"any", "<any>"} else None


def _bad_contains(_: str, rest: str, __: str) -> tuple[str, str] | None:
    told = "<contains> of no text holds of every text."
    return (told, "Write <string>, or what the text must hold.") if rest in {'""', "''"} else None


_JUDGES: Mapping[str, Callable[[str, str, str], tuple[str, str] | None]] = {
    **dict.fromkeys(("gt", "gte", "lt", "lte", "between"), _bad_order),
    "now": _bad_now,
    "len": _bad_length,
    "re": _bad_regex,
    "not": _bad_not,
    "contains": _bad_contains,
}


def _never_between(low: str, high: str) -> tuple[str, str] | None:
    """What is wrong with limits between which nothing can be."""
    first, last = _ordered(low), _ordered(high)
    if type(first) is not type(last):
        return f"<between> has limits of two kinds: {low} and {high}.", "Write two numbers, two dates or two instants."
    if first > last:
        return f"<between {low} {high}> never holds: the first is the greater.", f"Write <between {high} {low}>."
    return None


def _ordered(text: str) -> Any:
    """A number, an instant or a date; None when `text` is neither."""
    from harness.scenario.yamltree import scalar_value

    value = scalar_value(text)
    return Decimal(value) if _number(value) else parse_instant(text) or parse_date(text)


def _length(text: str) -> bool:
    word, _, number = text.rpartition(" ")
    return (
        number.isdecimal() and number.isascii() and len(number) < 10 and word.strip() in {"", "gt", "gte", "lt", "lte"}
    )


_AT_THE_END = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$", re.DOTALL)
"""An escape, a class of characters, or a dollar: alone it is the end of the text, not also a line break before it."""


def compile_regex(text: str) -> re.Pattern[str] | str:
    """The compiled expression, or why it is wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compiled = re.compile(text)
            if "$" in text and not compiled.flags & re.MULTILINE:
                compiled = re.compile(_AT_THE_END.sub(lambda found: found[0] if len(found[0]) > 1 else r"\Z", text))
            return compiled
        except (re.error, OverflowError, RecursionError) as error:
            return str(error) or type(error).__name__


def split_one_of(rest: str) -> Sequence[str]:
    """The alternatives of `<one of a|b>`; a bar inside a matcher, such as `<re ^(a|b)$>`, belongs to it."""
    pieces, parts = rest.split("|"), list[str]()
    for piece in pieces:
        if parts and _unclosed(parts[-1]):
            parts[-1] += f"|{piece}"
        else:
            parts.append(piece)
    return [part.strip() for part in (pieces if _unclosed(parts[-1]) else parts)]


def _unclosed(part: str) -> bool:
    return part.lstrip().startswith("<") and part.count("<") > part.count(">")
