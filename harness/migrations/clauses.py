"""Which clause of a long ALTER TABLE a finding is about, so that it stands on that line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pglast.parser import ParseError, scan

from harness.errors import Position
from harness.migrations.statements import Statement

__all__ = ["place"]

_BEGINS = {"ADD_P", "ALTER", "DROP", "VALIDATE", "RENAME", "SET", "RESET", "ATTACH", "DETACH", "ENABLE_P", "DISABLE_P"}
_NAMED = re.compile(r'"([^"]+)"')


def place(statement: Statement, about: str) -> Position:
    """Where the clause begins that names what `about` names (a column or constraint, or a message that quotes one); the
    statement's own place when no clause does, or when it is one line anyway."""
    wanted = {*_NAMED.findall(about), about} - {""}
    if statement.kind != "AlterTableStmt" or "\n" not in statement.text or not wanted:
        return statement.position
    for start, names in _clauses(statement.text):
        if names & wanted:
            before = statement.text[:start]
            lines = before.count("\n")
            column = start - before.rfind("\n") if lines else statement.position.column + start
            return Position(statement.position.file, statement.position.line + lines, column)
    return statement.position


def _clauses(text: str) -> Iterator[tuple[int, set[str]]]:
    """(offset, words without their quotes) of each clause after the table's name."""
    try:
        tokens = scan(text)
    except ParseError:
        return
    start, names, depth = -1, set[str](), 0
    for token in tokens[2:]:  # ALTER TABLE
        word = text[token.start : token.end + 1]
        depth += (word == "(") - (word == ")")
        if start < 0 and token.name not in _BEGINS:
            continue
        if word == "," and depth == 0:
            yield start, names
            start, names = -1, set()
            continue
        start = token.start if start < 0 else start
        names.add(word[1:-1].replace('""', '"') if word.startswith('"') else word.lower())
    if start >= 0:
        yield start, names
