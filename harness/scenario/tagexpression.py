"""Expressions over tags: `smoke and (anonymous or not slow)`."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias

from harness.errors import InputError
from harness.scenario.model import Case
from harness.scenario.suggest import did_you_mean

__all__ = ["every_one", "tag_filter"]

_TOKEN = re.compile(r"\s*(?:(?P<bracket>[()])|(?P<word>[A-Za-z0-9][A-Za-z0-9_.:-]*)|(?P<other>\S))")
_EXAMPLE = "Write for example: smoke and not (slow or stripe)."
_DEPTH = 50
Test: TypeAlias = Callable[[frozenset[str]], bool]


def tag_filter(
    text: str, known: Collection[str], elsewhere: Callable[[], Collection[str]] = frozenset
) -> Callable[[Case], bool]:
    """Whether a case's tags fit the expression. `not` binds tightest, then `and`, then `or`.

    `elsewhere` is asked for the tags of scenarios that are not chosen from, when one is not `known`: none of a folder
    may be slow, and `not slow` is no mistake there.

    Raises:
        InputError: the expression cannot be read, or names a tag that no scenario has.
    """
    test = _Parser(text, known, elsewhere).whole()
    return lambda case: test(frozenset(case.scenario.tags))


def every_one(texts: Sequence[str]) -> str | None:
    """One expression for several that must all hold; None for none."""
    return " and ".join(f"({text})" if len(texts) > 1 else text for text in texts) if texts else None


class _Parser:
    def __init__(self, text: str, known: Collection[str], elsewhere: Callable[[], Collection[str]]) -> None:
        self.text = text
        self.known = known
        self.elsewhere = elsewhere
        self.tokens = [found.group().strip() for found in _TOKEN.finditer(text)]
        bad = [found.group("other") for found in _TOKEN.finditer(text) if found.group("other")]
        if bad:
            raise InputError(f"{bad[0]} cannot stand in the tag expression {text!r}.", _EXAMPLE)

    def whole(self) -> Test:
        test = self.either(0)
        if self.tokens:
            raise self.left_over()
        return test

    def left_over(self) -> InputError:
        return InputError(
            f"{self.tokens[0]} stands in the tag expression {self.text!r} without `and` or `or` before it.", _EXAMPLE
        )

    def either(self, depth: int) -> Test:
        tests = [self.both(depth)]
        while self.take("or"):
            tests.append(self.both(depth))
        return lambda tags: any(test(tags) for test in tests)

    def both(self, depth: int) -> Test:
        tests = [self.single(depth)]
        while self.take("and"):
            tests.append(self.single(depth))
        return lambda tags: all(test(tags) for test in tests)

    def single(self, depth: int) -> Test:
        if depth > _DEPTH:
            raise InputError("The tag expression is nested too deep.", _EXAMPLE)
        if self.take("not"):
            inner = self.single(depth + 1)
            return lambda tags: not inner(tags)
        if self.take("("):
            inner = self.either(depth + 1)
            if not self.take(")"):
                if self.tokens:
                    raise self.left_over()
                raise InputError(f"A bracket is not closed in the tag expression {self.text!r}.", _EXAMPLE)
            return inner
        return self.tag()

    def tag(self) -> Test:
        if not self.tokens or self.tokens[0] in {"and", "or", ")"}:
            before = f"before {self.tokens[0]}" if self.tokens else "at the end"
            raise InputError(f"A tag is missing {before} in the tag expression {self.text!r}.", _EXAMPLE)
        name = self.tokens.pop(0)
        if name not in self.known:
            self.known = {*self.known, *self.elsewhere()}
        if name not in self.known:
            raise InputError(f"No scenario has the tag {name}.", did_you_mean(name, self.known, noun="tags"))
        return lambda tags: name in tags

    def take(self, token: str) -> bool:
        if self.tokens and self.tokens[0] == token:
            self.tokens.pop(0)
            return True
        return False
