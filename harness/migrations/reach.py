"""Where a migration goes besides what it changes in the schema: what its queries, blocks and functions name, and where its rehearsal
wrote."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from harness.migrations.actions import bodies, walk
from harness.migrations.lexing import code
from harness.migrations.schema import Schema
from harness.migrations.statements import Statement

__all__ = ["Reach", "Routine", "reach"]

_WORD = re.compile(r'"((?:[^"]|"")+)"|([^\W\d]\w*)')
_PUTS_TOGETHER = re.compile(r"\bexecute\b(?!\s+(?:function|procedure)\b)", re.IGNORECASE)
_READABLE = {"sql", "plpgsql"}


@dataclass(frozen=True, slots=True)
class Routine:
    """A function or procedure of the baseline."""

    name: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Reach:
    """`tables` by label, `columns` by name; of tables `written` without being named, every column. `unseen`: the place of SQL
    that no text tells, empty when there is none."""

    tables: frozenset[str] = frozenset()
    columns: frozenset[str] = frozenset()
    written: frozenset[str] = frozenset()
    unseen: str = ""

    def rests_on(self, table: str, column: str) -> bool:
        """Whether it may read or write this column."""
        return table in self.written or (table in self.tables and column in self.columns)


def reach(
    statements: Sequence[Statement],
    before: Schema,
    written: Collection[str],
    routines: Callable[[], Sequence[Routine]],
) -> Reach:
    """Read off the statements; `routines` is asked only where one of the baseline's is called."""
    known = {name.partition("(")[0].rpartition(".")[2].strip('"') for name in before.functions}
    read: dict[str, Routine] = {}
    tables: set[str] = set()
    columns: set[str] = set()
    unseen = ""
    there: Sequence[Routine] | None = None
    for statement in statements:
        left = [(text, "plpgsql") for text in bodies(statement)]
        own_tables, own_columns, called = _named(statement)
        tables |= own_tables
        columns |= own_columns
        while True:
            for text, language in left:
                words = set(_words(code(text, quoted=True)))
                tables |= words
                columns |= words
                called |= words & known
                if language not in _READABLE or _PUTS_TOGETHER.search(code(text)):
                    unseen = unseen or statement.position.place
            if not (called & known) - read.keys():
                break
            there = routines() if there is None else there
            new = [routine for routine in there if routine.name in called - read.keys()]
            read |= {name: Routine(name, "", "") for name in called & known} | {
                routine.name: routine for routine in new
            }
            left = [(routine.text, routine.language) for routine in new]
    labels = frozenset(label for label in before.tables if label.rpartition(".")[2] in tables)
    return Reach(labels, frozenset(columns), frozenset(set(written) & before.tables.keys()) - labels, unseen)


def _words(text: str) -> Iterator[str]:
    for quoted, plain in _WORD.findall(text):
        yield quoted.replace('""', '"') if quoted else plain.lower()


def _named(statement: Statement) -> tuple[set[str], set[str], set[str]]:
    """Tables, columns and functions that the parse tree of a statement names."""
    tables, columns, called = set(), set(), set()
    for kind, body in walk(statement.tree) if statement.tree else ():
        if kind == "RangeVar":
            tables.add(body["relname"])
        elif kind == "ColumnRef":
            columns |= {part["String"]["sval"] for part in body.get("fields", ()) if "String" in part}
        elif kind == "ResTarget" and statement.kind in {"InsertStmt", "UpdateStmt", "MergeStmt"}:
            columns.add(body.get("name", ""))
        elif kind in {"FuncCall", "funccall"} and "funcname" in body:
            called.add(body["funcname"][-1]["String"]["sval"])
    return tables, columns, called
