"""SQL text as statements with positions, each with its parse tree or the reason why it has none.

PostgreSQL's own grammar (pglast) parses. A file that it refuses is split by its scanner and parsed piece by piece,
so one unknown statement does not hide the others. psql's backslash lines and COPY data are taken out first, as
psql would, without moving any offset.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pglast.parser import ParseError, parse_sql_json, scan
from pglast.parser import split as scanner_split

from harness.errors import Position
from harness.migrations.lexing import comments
from harness.migrations.trees import name_temporary
from harness.migrations.variables import interpolate
from harness.redaction import MASK, Redactor

__all__ = ["Allowance", "MetaCommand", "Source", "Statement", "split"]

_META = re.compile(r"^[ \t]*\\(?P<command>[a-zA-Z!?.]+)(?P<rest>[^\n]*)$", re.MULTILINE)
_INLINE = re.compile(
    r"\\(?P<command>gexec|gset|gdesc|gx|g|crosstabview|watch|bind\w*|parse)\b(?P<rest>[^\n\\]*)$", re.MULTILINE
)
_COPY_START = re.compile(r"""\bcopy\b[^;]*\bfrom\s+stdin\b(?:[^;']|'(?:[^']|'')*')*;[ \t\r]*\n""", re.IGNORECASE)
_COPY_END = re.compile(r"^\\\.[ \t\r]*$", re.MULTILINE)
_GAP = re.compile(r"[ \t\n\r\f\v]+|--[^\n\r]*(?:[\n\r]|$)")  # as PostgreSQL's scanner has it
_ALLOW = re.compile(
    r"harness[ \t]*:[ \t]*allow[ \t]+(?P<ids>[\w.*-]+(?:[ \t]*,[ \t]*(?!because\b)[\w.*-]+)*)[ \t]*,?[ \t]*(?P<reason>.*)",
    re.IGNORECASE | re.DOTALL,
)
_LIKE_ALLOW = re.compile(
    r"@?harness\b\W{0,3}(?:allow|ignore|disable|suppress|skip|permit|accept|noqa|nolint|off)", re.IGNORECASE
)
_PASSWORD = re.compile(r"""(\bpassword["']?\s*=?\s*)E?'(?:[^']|'')*'?""", re.IGNORECASE)
_TEMPORARY = re.compile(r"\btemp(?:orary)?\b", re.IGNORECASE)
_MOST_READ = 100_000  # characters of a statement, for its one line: one with a million rows is not read for 120 of them
_UNCLOSED = re.compile(r"(\bunterminated [\w -]+ at or near ).*", re.DOTALL)
_BECAUSE = re.compile(r"^(?:because|--|—|:)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Allowance:
    """`-- harness: allow lock.no-timeout because …`: ids suppressed for one statement, and why."""

    ids: tuple[str, ...]
    reason: str
    position: Position

    def covers(self, finding_id: str) -> bool:
        """Whether the id, or its family as `lock.*`, is named."""
        family = finding_id.split(".", 1)[0]
        return finding_id in self.ids or f"{family}.*" in self.ids


@dataclass(frozen=True, slots=True)
class MetaCommand:
    """A psql backslash line, such as `\\restrict` of pg_dump."""

    command: str
    text: str
    position: Position

    @property
    def short(self) -> str:
        """The line without passwords."""
        return without_passwords(self.text)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `tree` is pglast's JSON of it; None when it could not be analysed, with `error` saying why."""

    number: int  # from 1 within its file
    text: str
    position: Position
    end_line: int
    tree: Mapping[str, Any] | None
    error: str = ""
    copy_data: str | None = None
    allowances: tuple[Allowance, ...] = ()

    @property
    def kind(self) -> str:
        """Name of the parse tree's node, such as `AlterTableStmt`; empty when not analysed."""
        return next(iter(self.tree), "") if self.tree else ""

    @property
    def node(self) -> Mapping[str, Any]:
        """The body of that node."""
        return self.tree[self.kind] if self.tree else {}

    def covers(self, position: Position) -> bool:
        """Whether a place lies in it: a finding may stand on one of its clauses."""
        begun = self.position.line < position.line <= self.end_line
        return self.position == position or (self.position.file == position.file and begun)

    @property
    def short(self) -> str:
        """The text on one line, at most 120 characters, without passwords."""
        line = without_passwords(" ".join(self.text[:_MOST_READ].split()))
        return line if len(line) <= 120 else line[:119] + "…"


def without_passwords(text: str) -> str:
    """SQL to show, or what was said of it: what a PASSWORD clause, a connection string or an address holds is masked, and
    so is what follows an opening quote that nothing closes."""
    text = _UNCLOSED.sub(r"\1…", text)
    return Redactor(personal_data=False).text(_PASSWORD.sub(rf"\1'{MASK}'", text))


@dataclass(frozen=True, slots=True)
class Source:
    """A file's text taken apart."""

    statements: tuple[Statement, ...]
    meta_commands: tuple[MetaCommand, ...]
    allowances: tuple[Allowance, ...]
    misread: tuple[tuple[str, Position], ...] = ()  # comments that read like a suppression and are none


def split(text: str, file: str) -> Source:
    """Take `text` apart; never raises for SQL that is not understood (see `Statement.error`)."""
    clean, found = _without_copy_data(text)
    clean, metas = _without_meta_commands(clean, file)
    clean, moves = interpolate(clean, [(meta.position.line, meta.text) for meta in metas])
    copies = {at + sum(more for offset, more in moves if offset <= at): rows for at, rows in found}
    lines = _Lines(clean, file)  # every line is where it was
    allowances, misread = _allowances(clean, lines)
    left = deque(sorted(allowances, key=lambda allowance: allowance.position.line))
    statements: list[Statement] = []
    previous_end = 0
    pieces = list(_pieces(clean))
    if _TEMPORARY.search(clean):
        name_temporary([tree for _, _, tree, _ in pieces if tree])
    for start, end, tree, error in pieces:
        begin = _skip_gap(clean, start, end)
        if begin >= end:
            continue
        body = clean[begin:end].rstrip()
        mine = []  # a comment at the end of a statement's last line belongs to that statement, not to the next
        while left and left[0].position.line <= lines.line(end):
            allowance = left.popleft()
            if allowance.position.line >= lines.line(previous_end):
                mine.append(allowance)
        statements.append(
            Statement(
                number=len(statements) + 1,
                text=body,
                position=lines.position(begin),
                end_line=lines.line(begin + len(body)),
                tree=tree,
                error=error,
                copy_data=copies.get(end, copies.get(end - 1)),
                allowances=tuple(mine),
            )
        )
        previous_end = end
    return Source(tuple(statements), metas, allowances, misread)


class _Lines:
    """Places in a text: where each line begins is found once, since a file may hold 20 MB of INSERTs."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def line(self, offset: int) -> int:
        return bisect_right(self.starts, offset)

    def position(self, offset: int) -> Position:
        line = self.line(offset)
        return Position(self.file, line, offset - self.starts[line - 1] + 1)


def _pieces(text: str) -> Iterator[tuple[int, int, dict[str, Any] | None, str]]:
    """(start, end, tree, error) in characters, statement by statement."""

    try:
        parsed = json.loads(parse_sql_json(text))
    except ParseError:
        yield from _pieces_by_scanner(text)
        return
    raw = text.encode()
    at = characters = 0  # of what is behind: statements come in order
    for entry in parsed.get("stmts", ()):
        start = entry.get("stmt_location", 0)
        length = entry.get("stmt_len", 0)
        end = start + length if length else len(raw)
        begin = characters + len(raw[at:start].decode())
        at, characters = end, begin + len(raw[start:end].decode())
        yield begin, characters, entry["stmt"], ""


def _pieces_by_scanner(text: str) -> Iterator[tuple[int, int, dict[str, Any] | None, str]]:

    try:
        slices = scanner_split(text, with_parser=False, only_slices=True)
    except ParseError as problem:  # an unclosed quote or comment: nothing after it can be told apart
        yield 0, len(text), None, _reason(problem)
        return
    done = 0
    for piece in slices:
        start, end = piece.start, piece.stop
        yield from _passed_over(text, done, start)
        done = max(done, end)
        try:
            trees = json.loads(parse_sql_json(text[start:end])).get("stmts", ())
        except ParseError as problem:
            yield start, end, None, _reason(problem)
            continue
        if trees:
            yield start, end, trees[0]["stmt"], ""
    rest = _first(text, done, len(text))
    if rest < len(text) and not text.rstrip(" \t\r\n").endswith(";"):
        yield (
            rest,
            len(text),
            None,
            "the statement does not end",
        )  # the scanner drops what follows an unclosed parenthesis
    else:
        yield from _passed_over(text, rest, len(text))


def _passed_over(text: str, start: int, end: int) -> Iterator[tuple[int, int, dict[str, Any] | None, str]]:
    """What the scanner takes for no statement, since it has no keyword (words joined by a no-break space): the server
    is sent it all the same."""
    begin = _first(text, start, end)
    if begin < end:
        stop = begin + len(text[begin:end].rstrip(" \t\r\n;"))
        yield begin, stop, None, f'syntax error at or near "{text[begin:stop].split(";", 1)[0]}"'


def _first(text: str, start: int, end: int) -> int:
    """Where something stands that is neither blank nor comment nor semicolon; `end` when nothing does."""
    while (begin := _skip_gap(text, start, end)) < end and text[begin] == ";":
        start = begin + 1
    return begin


def _reason(problem: Exception) -> str:
    return str(problem.args[0]) if problem.args else str(problem)


def _without_copy_data(text: str) -> tuple[str, list[tuple[int, str]]]:
    """Blank out rows between `COPY … FROM stdin;` and `\\.`; give (offset of the semicolon, rows)."""
    copies: list[tuple[int, str]] = []
    position = 0
    while match := _COPY_START.search(text, position):
        end = _COPY_END.search(text, match.end())
        rows, position = (
            (end.start(), end.end()) if end else (len(text), len(text))
        )  # psql reads on to the end of the file
        copies.append((text.rindex(";", match.start(), match.end()), text[match.end() : rows]))
        text = text[: match.end()] + _blank(text[match.end() : position]) + text[position:]
    return text, copies


def _without_meta_commands(text: str, file: str) -> tuple[str, tuple[MetaCommand, ...]]:
    found: list[MetaCommand] = []
    lines = _Lines(text, file)  # what is taken out leaves blanks: no offset moves
    for match in list(_META.finditer(text)):
        if _inside_quotes(text, match.start()):
            continue
        found.append(MetaCommand(match["command"], match[0].strip(), lines.position(match.start())))
        text = text[: match.start()] + _blank(match[0]) + text[match.end() :]
    for match in list(_INLINE.finditer(text)):  # ends the statement before it, as a semicolon does
        if not _inside_quotes(text, match.start()) and not _in_comment(text, match.start()):
            found.append(MetaCommand(match["command"], match[0].strip(), lines.position(match.start())))
            text = text[: match.start()] + ";" + _blank(match[0][1:]) + text[match.end() :]
    return text, tuple(sorted(found, key=lambda meta: meta.position))


def _in_comment(text: str, offset: int) -> bool:
    """Whether `offset` lies in a comment that ends with its line."""
    end = text.find("\n", offset)
    read = text if end < 0 else text[:end]
    return any(at <= offset < at + len(comment) for at, comment in comments(read))


def _inside_quotes(text: str, offset: int) -> bool:
    """Whether `offset` lies in a dollar-quoted or quoted body that began before it."""

    try:
        scan(text[:offset])
    except ParseError:
        return True
    return False


def _allowances(text: str, lines: _Lines) -> tuple[tuple[Allowance, ...], tuple[tuple[str, Position], ...]]:
    """What comments allow, and comments that read as if they did, with their places."""
    found, misread = [], []
    for offset, comment in comments(text) if "harness" in text.lower() else ():
        said = comment.removeprefix("--").removeprefix("/*").removesuffix("*/").strip()
        if match := _ALLOW.fullmatch(said):
            ids = tuple(part.strip().lower() for part in match["ids"].split(","))
            reason = _BECAUSE.sub("", match["reason"].strip()).strip()
            found.append(Allowance(ids, reason, lines.position(offset)))
        elif _LIKE_ALLOW.match(said):
            misread.append((comment, lines.position(offset)))
    return tuple(found), tuple(misread)


def _skip_gap(text: str, start: int, end: int) -> int:
    """First character after blanks and comments (block comments nest, as in PostgreSQL)."""
    while start < end:
        if text.startswith("/*", start):
            start = _end_of_block_comment(text, start, end)
        elif match := _GAP.match(text, start, end):
            start = match.end()
        else:
            break
    return start


def _end_of_block_comment(text: str, start: int, end: int) -> int:
    depth = 0
    for match in re.compile(r"/\*|\*/").finditer(text, start, end):
        depth += 1 if match[0] == "/*" else -1
        if depth == 0:
            return match.end()
    return end


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)
