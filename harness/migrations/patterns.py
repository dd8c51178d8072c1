"""Texts that a regular expression or a LIKE pattern accepts, as SQL over a row number: for the CHECKs of any schema.

A part of PostgreSQL's syntax is understood (characters, classes, groups, alternatives, quantifiers, anchors); for the
rest there is no text. What comes out is tried on the server before it is used, so a mistake here costs rows, not truth.
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["like_text", "regex_text"]

_CLASSES = {
    "d": string.digits,
    "w": string.ascii_lowercase + string.digits,
    "s": " ",
}
_NAMED = {
    "[:digit:]": string.digits,
    "[:alpha:]": string.ascii_lowercase,
    "[:lower:]": string.ascii_lowercase,
    "[:upper:]": string.ascii_uppercase,
    "[:alnum:]": string.ascii_lowercase + string.digits,
    "[:space:]": " ",
}
_ANY = string.ascii_lowercase + string.digits + string.ascii_uppercase + "-_@. "
_PREFERRED = string.ascii_lowercase + string.digits
_MANY = 8  # times that an open quantifier repeats, so that many numbers have texts of their own


class _NotUnderstood(Exception):
    """A part of the syntax for which nothing is made."""


@dataclass(slots=True)
class _Reader:
    """Reads a pattern from left to right; what it gives is one string of allowed characters for each place."""

    pattern: str
    at: int = 0

    def alternatives(self) -> list[str]:
        """The first alternative; the others are read over."""
        first = self.sequence()
        while self.peek() == "|":
            self.at += 1
            self.sequence()
        return first

    def sequence(self) -> list[str]:
        places: list[str] = []
        while self.at < len(self.pattern) and self.peek() not in {"|", ")"}:
            if self.peek() in {"^", "$"}:
                self.at += 1
                continue
            places += self.quantified(self.atom())
        return places

    def atom(self) -> list[str]:
        character = self.take()
        if character == "(":
            if self.pattern.startswith("?:", self.at):
                self.at += 2
            elif self.peek() == "?":
                raise _NotUnderstood
            inner = self.alternatives()
            if self.take() != ")":
                raise _NotUnderstood
            return inner
        if character == "[":
            return [self.bracket()]
        if character == "\\":
            escaped = self.take()
            if escaped.isalnum() and escaped not in _CLASSES:
                raise _NotUnderstood
            return [_CLASSES.get(escaped, escaped)]
        return [_PREFERRED if character == "." else character]

    def bracket(self) -> str:
        negated = self.peek() == "^"
        self.at += negated
        chosen = ""
        while self.peek() != "]" or not chosen:
            chosen += self.member()
        self.at += 1
        if negated:
            chosen = "".join(c for c in _PREFERRED if c not in chosen) or "".join(c for c in _ANY if c not in chosen)
        if not chosen:
            raise _NotUnderstood
        return "".join(dict.fromkeys(chosen))

    def member(self) -> str:
        named = next((name for name in _NAMED if self.pattern.startswith(name, self.at)), "")
        if named:
            self.at += len(named)
            return _NAMED[named]
        first = self.take()
        if first == "\\":
            escaped = self.take()
            return _CLASSES.get(escaped, escaped)
        if self.peek() == "-" and self.pattern[self.at + 1 : self.at + 2] not in {"", "]"}:
            self.at += 1
            return "".join(map(chr, range(ord(first), ord(self.take()) + 1)))
        return first

    def quantified(self, places: list[str]) -> list[str]:
        mark = self.peek()
        if mark in {"*", "+"}:
            self.at += 1
            times = _MANY
        elif mark == "?":
            self.at += 1
            times = 1
        elif mark == "{":
            end = self.pattern.index("}", self.at)
            low, comma, high = self.pattern[self.at + 1 : end].partition(",")
            self.at = end + 1
            times = max(int(low), min(_MANY, int(high or _MANY))) if comma else int(low)
        else:
            return places
        if self.peek() == "?":
            self.at += 1
        return places * times

    def peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def take(self) -> str:
        if self.at >= len(self.pattern):
            raise _NotUnderstood
        self.at += 1
        return self.pattern[self.at - 1]


def regex_text(pattern: str) -> str:
    """SQL for the text numbered `g` that `pattern` accepts; empty for a pattern that is not understood."""
    reader = _Reader(pattern)
    try:
        places = reader.alternatives()
    except (_NotUnderstood, ValueError):
        return ""
    if reader.at < len(pattern) or not places or len(places) > 200:
        return ""
    return " || ".join(_spelled(places))


def like_text(pattern: str) -> str:
    """SQL for the text numbered `g` that the LIKE pattern accepts."""
    pieces = []
    for character in pattern:
        pieces.append("(g)::text" if character == "%" else _literal("x" if character == "_" else character))
    return " || ".join(pieces) or "''"


def _spelled(places: list[str]) -> Iterator[str]:
    """From the last place to the first the number is written in digits of each place's own."""
    pieces: list[str] = []
    divisor = 1
    for allowed in reversed(places):
        if len(allowed) == 1 or divisor > 10**12:
            pieces.append(_literal(allowed[0]))
        else:
            number = f"(g)::bigint / {divisor}" if divisor > 1 else "(g)::bigint"
            pieces.append(f"substr({_literal(allowed)}, (1 + ({number}) % {len(allowed)})::int, 1)")
            divisor *= len(allowed)
    return reversed(pieces)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
