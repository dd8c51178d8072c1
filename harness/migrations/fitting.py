"""Values for columns under CHECK constraints and domains: the first that the constraints of the schema accept.

What a constraint spells out (texts, numbers, patterns) is where to look; the server says whether a value fits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise, product
from typing import Any

import psycopg

from harness.errors import InputError
from harness.migrations.partitions import bounded
from harness.migrations.patterns import like_text, regex_text
from harness.migrations.schema import Column, Schema, quoted_name
from harness.migrations.values import NUMBERS, base_type, spelled

__all__ = ["fitting"]

_SOME = NUMBERS.format(series="unnest(ARRAY[1, 2, 3, 50, 1000, 100003]) AS g")  # rows on which a value is tried
_MOST = 2000  # combinations that are tried
_REGEX = re.compile(r"~\*? '((?:[^']|'')*)'")
_LIKE = re.compile(r"~~\*? '((?:[^']|'')*)'")
_QUOTED = re.compile(r"'(?:[^']|'')*'")
_NUMERAL = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])")
_INTEGERS = {"smallint", "integer", "bigint"}
_NUMBERS = {*_INTEGERS, "numeric", "real", "double precision"}
_TEXTS = {"text", "character varying", "character", "citext"}
_TIMES = {"date", "timestamp without time zone", "timestamp with time zone"}


def fitting(
    connection: psycopg.Connection[Any],
    schema: Schema,
    table: str,
    columns: Sequence[Column],
    plain: Callable[[Column], str],
) -> dict[str, str]:
    """SQL over NUMBERS by column, for those under a CHECK, of a domain, or in a partition key.

    `plain` gives what a column would hold if nothing limited it, which is tried first. Raises InputError when no value is found that the constraints accept.
    """
    checks = [entry for entry in schema.constraints.values() if entry["table"] == table and entry["kind"] == "c"]
    by_name = {column.name: column for column in columns}
    found = bounded(connection, table, lambda name: plain(by_name[name]))
    named = {name for check in checks for name in check["columns"] or ()}
    domains = {column.name for column in columns if base_type(column.type, schema) != column.type}
    domains |= {column.name for column in columns if column.type == "xml"}  # which not every server was built with
    limited = {
        column.name: column for column in columns if column.name in (named | domains) and column.name not in found
    }
    for group in _groups(list(limited), checks):
        found |= _Fit(connection, schema, table, [limited[name] for name in group], checks, plain).find()
    return found


def _groups(names: Sequence[str], checks: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """Columns that some CHECK ties together, directly or over others."""
    groups = [{name} for name in names]
    for check in checks:
        tied = [group for group in groups if group & set(check["columns"] or ())]
        groups = [group for group in groups if group not in tied] + ([set().union(*tied)] if tied else [])
    return [sorted(group) for group in groups]


@dataclass(frozen=True, slots=True)
class _Fit:
    """One group of columns and the checks that speak of nothing else."""

    connection: psycopg.Connection[Any]
    schema: Schema
    table: str
    columns: Sequence[Column]
    checks: Sequence[Mapping[str, Any]]
    plain: Callable[[Column], str]

    def find(self) -> dict[str, str]:
        """The first combination that fits; one whose values differ from row to row where a key asks for that."""
        lists = [[v for v in self._candidates(column) if self._fits([column], [v])] for column in self.columns]
        unique = {names[0] for names in self.schema.unique_sets(self.table) if len(names) == 1}
        for distinct in (True, False):
            keys = [column for column in self.columns if distinct and column.name in unique]
            for combination in islice(product(*lists), _MOST):
                if self._fits(self.columns, combination, keys):
                    return {c.name: f"({v})::{c.type}" for c, v in zip(self.columns, combination, strict=True)}
            if not keys and distinct:
                break
        names = ", ".join(column.name for column in self.columns)
        raise InputError(
            f"no value of {names} was found that the checks of {self.table} accept.", "Give rows with --data."
        )

    def _fits(self, columns: Sequence[Column], values: Sequence[str], keys: Sequence[Column] = ()) -> bool:
        """Whether the checks about these columns alone accept the values; the server decides."""
        names = {column.name for column in columns}
        shown = [f"({v})::{c.type} AS {quoted_name(c.name)}" for c, v in zip(columns, values, strict=True)]
        wanted = [
            f"bool_and(({_condition(check)}) IS NOT FALSE)"
            for check in self.checks
            if check["columns"] and set(check["columns"]) <= names
        ]
        wanted += [f"count({quoted_name(c.name)}) {'= count(*)' if c.not_null else '>= 0'}" for c in columns]
        wanted += [f"count(DISTINCT {quoted_name(c.name)}) = count(*)" for c in keys]
        sql = f"SELECT {' AND '.join(wanted)} FROM (SELECT {', '.join(shown)} FROM {_SOME}) AS candidate"
        try:
            row = self.connection.execute(sql).fetchone()
        except psycopg.Error:
            return False  # a value that is none of this type or domain
        return bool(row and row[0])

    def _candidates(self, column: Column) -> list[str]:
        base = base_type(column.type, self.schema)
        kind = re.sub(r"\([^)]*\)", "", base)
        definitions = [c["definition"] for c in self.checks if column.name in (c["columns"] or ())]
        definitions += self.schema.checks_of_domain(column.type)
        try:
            plain = f"({self.plain(column)})::{base}"
        except InputError:
            plain = "NULL"  # a type without a value of its own: what the checks spell out may do
        found = [plain]
        for definition in definitions:
            found += _spelled_out(definition, kind, plain)
        return list(dict.fromkeys([*found, *_general(kind, plain), "'1'", "'0'", "'100'", "'-1'", "NULL"]))


def _spelled_out(definition: str, kind: str, plain: str) -> Iterator[str]:
    """Values that a definition suggests."""
    texts = [text for text in spelled(definition) if text not in _patterns(definition)]
    numerals = sorted({float(n) for n in _NUMERAL.findall(_QUOTED.sub("''", definition))})
    if kind in _NUMBERS:
        yield from _numbers(kind, numerals, texts)
        return
    if len(texts) > 1:
        yield f"(ARRAY[{', '.join(_literal(t) for t in texts)}])[1 + (g % {len(texts)})::int]"
    yield from (_literal(text) for text in texts)
    if kind in _TIMES:
        for text in texts:
            for sign in "+-":
                yield f"({_literal(text)}::{kind} {sign} (1 + g % 300) * INTERVAL '1 day')"
    if kind in _TEXTS:
        yield from filter(None, (regex_text(p.replace("''", "'")) for p in _REGEX.findall(definition)))
        yield from (like_text(p.replace("''", "'")) for p in _LIKE.findall(definition))
        for size in (int(n) for n in numerals if 0 < n <= 1000):
            yield f"lpad(to_hex(g), {size}, '0')"
            yield f"upper(lpad(to_hex(g), {size}, '0'))"
            yield f"lpad((g)::text, {size}, '0')"
            yield f"rpad({plain}, {size + 1}, 'x')"


def _patterns(definition: str) -> set[str]:
    return {*_REGEX.findall(definition), *_LIKE.findall(definition)}


def _numbers(kind: str, numerals: Sequence[float], texts: Sequence[str]) -> Iterator[str]:
    """Between two numbers that are named, at them, and beside them."""
    named = sorted({*numerals, *(float(text) for text in texts if _NUMERAL.fullmatch(text.lstrip("-")))})
    for low, high in pairwise(named):
        room = int(high - low)
        if room >= 1:
            yield f"({int(low)} + g % {room + 1})"
        if room >= 2:
            yield f"({int(low)} + 1 + g % {room - 1})"
    if named:
        yield f"({int(named[-1])} + g)"
        yield f"({int(named[0])} - g)"
    for number in named:
        yield str(int(number)) if kind in _INTEGERS else str(number)


def _general(kind: str, plain: str) -> Iterator[str]:
    """What often fits, whatever a definition says."""
    if kind in _TEXTS:
        yield from (f"upper({plain})", f"lower({plain})")
        yield "'visitor' || (g)::text || '@example.test'"
        yield "'https://example.test/' || (g)::text"
        yield "'+44' || lpad((g)::text, 10, '0')"
        yield from ("(g)::text", "'v' || (g)::text")
    if kind in _TIMES:
        yield from (f"({plain} + INTERVAL '40 years')", f"({plain} - INTERVAL '40 years')")
    if kind in _NUMBERS:
        yield from ("(1 + g % 5)", "(- (g))")
    if kind == "boolean":
        yield from ("true", "false")


def _condition(check: Mapping[str, Any]) -> str:
    definition = str(check["definition"]).removeprefix("CHECK ")
    for ending in (" NOT VALID", " NOT ENFORCED", " NO INHERIT"):
        definition = definition.removesuffix(ending)
    return definition


def _literal(text: str) -> str:
    return f"'{text}'"  # as it is spelled in a definition: its quotes are doubled already
