"""What `secrets` of a file holds, in its lines as messages show them: stars, also where the file is no YAML yet.

Found in the text alone: where a quote or a brace is missing, or a key stands twice, there is no tree to ask.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

__all__ = ["without_secrets"]

_BEGUN = re.compile(r"""(?P<before>^|[\s{,])["']?secrets["']?\s*:(?=\s|$)""")
_VALUES = re.compile(
    r"""(?P<key>(?:^|[{,])\s*["']?[\w.-]+["']?\s*:(?=\s|$))|"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|["'].*|[^\s{}\[\],]"""
)
"""A key, which stays; a text in quotes, one that is not closed, or any other character but those that hold values together."""


def without_secrets(lines: Sequence[str]) -> list[str]:
    """`lines` with stars for every value below a key `secrets`; each character stays where it is."""
    shown = list(lines)
    for at, begin, end in _parts(lines):
        line = shown[at]
        before = ":" if begin else ""  # right after `secrets:` in its line no key begins without a brace
        shown[at] = line[:begin] + _VALUES.sub(_starred, before + line[begin:end])[len(before) :] + line[end:]
    return shown


def _starred(found: re.Match[str]) -> str:
    return found["key"] or re.sub(r"\S", "*", found[0])


def _parts(lines: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Which line, from where to where, lies below a key `secrets`."""
    at = 0
    while at < len(lines):
        begun = _BEGUN.search(lines[at])
        if begun is None:
            at += 1
            continue
        column, depth = begun.end("before"), 0
        begin, first = begun.end(), at
        while at < len(lines):
            line = lines[at]
            text = line.strip()
            indented = len(line) - len(line.lstrip())
            if at > first and text and depth <= 0 and indented <= column:
                break
            end, depth = _closed(line, begin, depth)
            yield at, begin, end
            at += 1
            begin = 0
            if end < len(line):
                break


def _closed(line: str, begin: int, depth: int) -> tuple[int, int]:
    """Where the map in braces that is open `depth` times ends, or the line; and how deep it is there."""
    for found in re.finditer(r"""[{}\[\]]|(?<=[\s:,{\[])(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')""", line[begin:]):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(found[0], 0)
        if depth == 0 and found[0] in "}]":
            return begin + found.end(), 0
    return len(line), depth
