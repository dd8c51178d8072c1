"""What other runners mean by a file's name and by comments in it: numbers, Flyway's letters, sections up and down."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

__all__ = ["Section", "is_way_back", "ordered", "placeholders", "same_number", "section", "undo_of"]

_DOWN = re.compile(r"(^|[._-])(down|undo|rollback|revert)\.sql$", re.IGNORECASE)
_FLYWAY = re.compile(r"^(?P<letter>[VU])(?P<number>\d+(?:[._]\d+)*)__.*\.sql$")
_REPEATABLE = re.compile(r"^R__.*\.sql$")
_NUMBER = re.compile(r"^\d+")
# goose, sql-migrate and dbmate; what stands after the word may say that there is no transaction
_MARK = re.compile(
    r"^--[ \t]*(?:\+(?:goose|migrate)[ \t]+|migrate:)(?P<part>up|down)\b(?P<options>[^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)
_APART = re.compile(r"notransaction|transaction:[ \t]*false", re.IGNORECASE)
_BRACED = re.compile(r"\$\{[^}\n]+\}")
_OF_SHELL = re.compile(r"\$(?:\{[^}\n]+\}|[A-Za-z_]\w*)")
_GOOSE_FILLS = re.compile(r"^--[ \t]*\+goose[ \t]+envsub[ \t]+(?P<switch>on|off)\b", re.IGNORECASE | re.MULTILINE)
_GOOSE_APART = re.compile(r"^--[ \t]*\+goose[ \t]+no[ \t]+transaction\b", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Section:
    """One direction of a file that holds both: `text` with all else blank, so that no line moves."""

    text: str
    in_transaction: bool


def section(text: str, part: str) -> Section | None:
    """The section `up` or `down` of a file of goose, sql-migrate or dbmate; None where the file has none."""
    marks = list(_MARK.finditer(text))
    if not any(mark["part"].lower() == part for mark in marks):
        return None
    kept, done, apart = [], 0, bool(_GOOSE_APART.search(text))
    for mark, end in zip(marks, [*(mark.start() for mark in marks[1:]), len(text)], strict=True):
        if mark["part"].lower() == part:
            kept += [_blank(text[done : mark.start()]), text[mark.start() : end]]
            apart = apart or bool(_APART.search(mark["options"]))
            done = end
    return Section("".join((*kept, _blank(text[done:]))), not apart)


def placeholders(name: str, text: str) -> Iterator[tuple[int, str, str]]:
    """(line, placeholder, whose) of what goose (between ENVSUB ON and OFF) or Flyway replaces before it sends the SQL."""
    if _FLYWAY.match(name) or _REPEATABLE.match(name):
        yield from _found(_BRACED, text, 0, len(text), "Flyway")
    marks = [*_GOOSE_FILLS.finditer(text)]
    for mark, end in zip(marks, [*(mark.start() for mark in marks[1:]), len(text)], strict=False):
        if mark["switch"].lower() == "on":
            yield from _found(_OF_SHELL, text, mark.end(), end, "goose")


def _found(pattern: re.Pattern[str], text: str, start: int, end: int, whose: str) -> Iterator[tuple[int, str, str]]:
    for match in pattern.finditer(text, start, end):
        yield text.count("\n", 0, match.start()) + 1, match[0], whose


def is_way_back(path: Path) -> bool:
    """Whether a file undoes another, by its name."""
    found = _FLYWAY.match(path.name)
    return bool(_DOWN.search(path.name) or (found and found["letter"] == "U"))


def undo_of(path: Path) -> Path | None:
    """Flyway's `U2__….sql` beside `V2__….sql`."""
    found = _FLYWAY.match(path.name)
    if not found or found["letter"] != "V":
        return None
    return next((other for other in sorted(path.parent.glob(f"U{found['number']}__*.sql")) if other.is_file()), None)


def ordered(files: Sequence[Path]) -> list[Path]:
    """By number where every name has one (2 before 10), Flyway's repeatable ones last, otherwise by name."""
    repeatable = sorted(file for file in files if _REPEATABLE.match(file.name))
    versions = sorted(file for file in files if file not in repeatable)
    numbers = {file: _number(file) for file in versions}
    if all(numbers.values()):
        versions.sort(key=lambda file: (numbers[file], file.name))
    elif not any(_FLYWAY.match(file.name) for file in versions):
        return sorted(files)
    return [*versions, *repeatable]


def same_number(files: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Neighbours with one number, of which most runners refuse the second or run them in an order of their own."""
    return [(one, other) for one, other in pairwise(files) if _number(one) and _number(one) == _number(other)]


def _number(file: Path) -> tuple[int, ...]:
    if found := _FLYWAY.match(file.name):
        return tuple(int(part) for part in re.split(r"[._]", found["number"]))
    found = _NUMBER.match(file.name)
    return (int(found[0]),) if found else ()


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)
