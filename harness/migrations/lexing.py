"""What of a text is code, by PostgreSQL's own scanner: comments and quoted texts are no statements."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pglast.parser import ParseError, scan

__all__ = ["code", "comments"]

_COMMENTS = {"SQL_COMMENT", "C_COMMENT"}
_QUOTED = {"SCONST", "USCONST", "XCONST", "BCONST"}
_DOLLAR = re.compile(r"\$(?:[^\W\d]\w*)?\$")


def comments(text: str) -> Iterator[tuple[int, str]]:
    """(offset, text with its marks) of each comment; none when the scanner does not understand `text`."""
    try:
        tokens = scan(text)
    except ParseError:
        return
    for token in tokens:
        if token.name in _COMMENTS:
            yield token.start, text[token.start : token.end + 1]


def code(text: str, *, quoted: bool = False) -> str:
    """`text` of the same length with comments and quoted texts blank; a text that it does not understand stays as it is.

    Kept is what may run: bodies between dollars, and what a block that says EXECUTE quotes, but not what it only tells
    (RAISE); with `quoted` all that is quoted. What is built from pieces cannot be seen here.
    """
    try:
        tokens = scan(text)
    except ParseError:
        return text
    runs_text = quoted or any(token.name == "EXECUTE" for token in tokens)
    told, parts, done = False, [], 0
    for token in tokens:
        word = text[token.start : token.end + 1]
        parts.append(text[done : token.start])
        done = token.end + 1
        told = (told or word.lower() == "raise") and word != ";"
        if token.name in _COMMENTS:
            parts.append(_blank(word))
        elif token.name not in _QUOTED or (runs_text and not told):
            parts.append(word)
        elif match := _DOLLAR.match(word):
            mark = match[0]
            parts.append(f"{mark}{code(word[len(mark) : -len(mark)])}{mark}")
        else:
            parts.append(f"'{_blank(word[1:-1])}'")
    return "".join(parts) + text[done:]


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)
