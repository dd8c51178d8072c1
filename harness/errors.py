"""Every error that the harness raises on purpose.

    HarnessError              something the user can act on; never a traceback
    ├── InputError            mend your input: a file, an option, a value        exit 4
    ├── NothingSelected       the selection is empty                             exit 5
    ├── MachineError          mend your machine: no database, Docker or disk     exit 10
    └── HarnessFault          a fault of the harness itself, with what to report exit 3

A product that fails a check is none of these: it is a result (see `harness.records`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

__all__ = [
    "HarnessError",
    "HarnessFault",
    "InputError",
    "InputErrors",
    "MachineError",
    "NothingSelected",
    "Position",
    "Problem",
]


class Position(NamedTuple):
    """A place in a file; `line` and `column` count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    @property
    def place(self) -> str:
        """FILE:LINE, for a sentence about the line as a whole."""
        return f"{self.file}:{self.line}"


class Problem(NamedTuple):
    """One mistake in the input: where, what, and what to do about it.

    `source_line` is the line, or the part of it that begins `skipped` characters later.
    """

    position: Position | None
    what: str
    remedy: str = ""
    source_line: str = ""
    skipped: int = 0

    def __str__(self) -> str:
        return self.shown(WIDTH)

    def shown(self, width: int) -> str:
        """The message, and the line with a caret, of which so much is shown as fits into `width` columns."""
        place = f"{self.position}: " if self.position else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        text = f"{place}{self.what}{remedy}"
        if self.source_line and self.position:
            at = self.position.column - 1 - self.skipped
            start, part = around(self.source_line, at, max(width - len(_INDENT), 30))
            before = "… " if start + self.skipped else ""
            after = " …" if start + len(part) < len(self.source_line) else ""
            caret = " " * _columns(before + part[: at - start]) + "^"
            text += f"\n{_INDENT}{before}{part}{after}\n{_INDENT}{caret}"
        return text


WIDTH = 160
_INDENT = "    "
_ELLIPSES = 4  # columns of "… " and " …"


def around(line: str, at: int, width: int) -> tuple[int, str]:
    """The part of `line` around character `at` that is at most `width` long with ellipses, and where it begins."""
    if len(line) <= width and at <= width:
        return 0, line
    room = width - _ELLIPSES
    start = 0 if at < room * 2 // 3 else at - room // 2
    return start, line[start : start + room]


def _columns(text: str) -> int:
    """How many columns of a terminal `text` takes."""
    if text.isascii():
        return len(text)
    wide = {"W": 2, "F": 2}
    return sum(0 if unicodedata.combining(char) else wide.get(unicodedata.east_asian_width(char), 1) for char in text)


class HarnessError(Exception):
    """Root of the tree; `exit_code` is the contract of the command line."""

    exit_code: ClassVar[int] = 3

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(f"{what} {remedy}".strip())
        self.what = what
        self.remedy = remedy

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a traceback: the message is the help."""
        return [f"{type(self).__name__}: {self}"]


class InputError(HarnessError):
    """The input is wrong: one place, one mistake."""

    exit_code = 4

    def __init__(self, what: str, remedy: str = "", position: Position | None = None) -> None:
        super().__init__(what, remedy)
        self.position = position

    def __str__(self) -> str:
        return str(Problem(self.position, self.what, self.remedy))


class InputErrors(InputError):
    """Every mistake found in the files at once, in the order of the files."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        count = len(problems)
        super().__init__(f"{count} mistake{'s' if count != 1 else ''} in the input")
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return self.shown(WIDTH)

    def shown(self, width: int) -> str:
        """Every mistake, for a terminal of so many columns."""
        return "\n".join(problem.shown(width) for problem in self.problems)


class NothingSelected(HarnessError):
    """No scenario (or test, or migration) is left after the selection."""

    exit_code = 5


class MachineError(HarnessError):
    """The machine lacks something; `remedy` says what to install or free."""

    exit_code = 10


class HarnessFault(HarnessError):
    """The harness itself went wrong; never counted against the product."""

    exit_code = 3
