r"""psql's variables: `\set name value`, then `:name`, `:'name'` or `:"name"` in the SQL after it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from pglast.parser import ParseError, scan

__all__ = ["interpolate"]

_SET = re.compile(r"\\set[ \t]+(?P<name>\w+)(?P<value>[^\n]*)")
_PART = re.compile(r"'((?:[^']|'')*)'|([^\s']+)")


def interpolate(text: str, lines: Sequence[tuple[int, str]]) -> tuple[str, list[tuple[int, int]]]:
    r"""`text` with its variables written out, as psql does it, and (offset in `text`, characters more) of each.

    `lines` are psql's own, taken out of `text`: (line, words), of which those with `\set` count. No line break comes
    or goes. Quoted texts and comments are left alone, and so are variables that nobody set.
    """
    settings = [(line, match) for line, words in lines if (match := _SET.match(words))]
    if not settings or ":" not in text:
        return text, []
    parts, moves, done = [], [], 0
    for start, end, mark, name in _uses(text):
        here = text.count("\n", 0, start) + 1
        value = next((_value(m["value"]) for line, m in reversed(settings) if line < here and m["name"] == name), None)
        if value is not None:
            written = f"{mark}{value.replace(mark, mark * 2)}{mark}" if mark else value
            parts += [text[done:start], written]
            moves.append((end, len(written) - (end - start)))
            done = end
    return "".join((*parts, text[done:])), moves


def _uses(text: str) -> Iterator[tuple[int, int, str, str]]:
    """(start, end, quote, name) of what reads like a variable."""
    try:
        tokens = scan(text)
    except ParseError:
        return
    for colon, token in pairwise(tokens):
        if colon.name == "ASCII_58" and token.start == colon.end + 1:
            word = text[token.start : token.end + 1]
            mark = word[0] if word[0] in "'\"" else ""
            yield colon.start, token.end + 1, mark, word.strip(mark) if mark else word


def _value(words: str) -> str:
    """psql joins what stands after the name; quotes come off."""
    return "".join(quoted.replace("''", "'") or plain for quoted, plain in _PART.findall(words))
