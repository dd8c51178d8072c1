"""Values of partition keys that some partition takes, however many levels of partitions there are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import psycopg

from harness.migrations.schema import Schema, quoted_name

__all__ = ["bounded", "domains_to_be", "key_columns", "parts_to_be"]

_TREE = """
SELECT t.relid::oid, t.parentrelid::oid, t.isleaf, pg_get_expr(c.relpartbound, c.oid), p.partstrat,
  ARRAY(SELECT a.attname FROM unnest(p.partattrs::int2[]) WITH ORDINALITY k(num, n)
    LEFT JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = k.num AND k.num > 0 ORDER BY k.n)::text[],
  ARRAY(SELECT format_type(a.atttypid, a.atttypmod) FROM unnest(p.partattrs::int2[]) WITH ORDINALITY k(num, n)
    LEFT JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = k.num AND k.num > 0 ORDER BY k.n)::text[]
FROM pg_partition_tree(to_regclass(%s)) t JOIN pg_class c ON c.oid = t.relid
  LEFT JOIN pg_partitioned_table p ON p.partrelid = t.parentrelid
ORDER BY t.level, c.relname
"""
_RANGE = re.compile(r"^FOR VALUES FROM \((?P<low>.*)\) TO \((?P<high>.*)\)$")
_LIST = re.compile(r"^FOR VALUES IN \((?P<values>.*)\)$")
_BOUND = re.compile(r"'(?:[^']|'')*'|[^,\s]+")
_DEFAULT = "DEFAULT"
_ROOM = {
    "smallint": 1_000,
    "integer": 1_000_000,
    "bigint": 1_000_000_000,
    "numeric": 1_000_000_000,
}  # kept from a bound
_START = dict.fromkeys(_ROOM, "0")
_TIMES = ("date", "timestamp")


@dataclass(frozen=True, slots=True)
class _Key:
    """One column of a partition key."""

    name: str | None  # None: an expression, which is left to chance
    kind: str


def key_columns(connection: psycopg.Connection[Any], table: str) -> list[str]:
    """The columns of a partitioned table's key, up to the first expression; none where there are no partitions yet."""
    rows = connection.execute(_TREE, (_quoted(table),)).fetchall()
    names: list[str] = next((names for _, _, _, bound, _, names, _ in rows if bound is not None), [])
    return list(takewhile(bool, names))


def parts_to_be(before: Schema, after: Schema) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Of tables that become a part of a whole the bound as a check: in production they hold that part's rows already."""
    was_called = {entry["oid"]: label for label, entry in before.tables.items()}
    for label in after.partitions:
        bound = str(after.tables[label]["bound"] or "")
        then = was_called.get(after.tables[label]["oid"], "")
        if bound and before.is_table(then) and then not in before.partitions:
            columns = [c.name for c in after.columns_of(label) if re.search(rf"\b{re.escape(c.name)}\b", bound)]
            entry = {"table": then, "kind": "c", "columns": columns, "definition": f"CHECK ({bound})"}
            yield f"the bound of {label}", entry


def domains_to_be(before: Schema, after: Schema) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What the domain of a column will ask of its values, and does not yet, as a check."""
    for (table, name), now in after.columns.items():
        then = before.columns.get((table, name))
        if then is None or not before.is_table(table):
            continue
        known = before.checks_of_domain(then.type)
        for number, check in enumerate(each for each in after.checks_of_domain(now.type) if each not in known):
            definition = re.sub(r"\bVALUE\b", quoted_name(name), check)
            yield (
                f"what {now.type} asks of {table}.{name}" + f" ({number + 1})" * (number > 0),
                {"table": table, "kind": "c", "columns": [name], "definition": definition},
            )


def _quoted(table: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in table.split(".", 1))


def bounded(connection: psycopg.Connection[Any], table: str, plain: Callable[[str], str]) -> dict[str, str]:
    """SQL over a row number `g` for the columns of the partition keys of `table`; empty when any value has its place.

    Rows go to each leaf in turn. `plain` is what a column holds where its leaf does not care.
    """
    paths: dict[int, dict[str, str] | None] = {}
    kinds: dict[str, str] = {}
    leaves: list[dict[str, str]] = []
    rows = connection.execute(_TREE, (_quoted(table),)).fetchall()
    for oid, parent, is_leaf, bound, strategy, names, types in rows:
        if bound is None:  # the table itself
            paths[oid] = {}
            continue
        keys = [_Key(name, kind) for name, kind in zip(names, types, strict=True)]
        above = paths[parent]
        beside = [each[3] for each in rows if each[1] == parent and each[3] not in {None, _DEFAULT}]
        taken = _rest(strategy, keys, beside) if bound == _DEFAULT else _level(strategy, keys, bound)
        paths[oid] = None if above is None or taken is None else above | taken
        kinds |= {key.name: key.kind for key in keys if key.name is not None}
        path = paths[oid]
        if is_leaf and path is not None:
            leaves.append(path)
    return {
        name: _in_turn(leaves, name, kinds[name], plain) for name in dict.fromkeys(n for leaf in leaves for n in leaf)
    }


def _in_turn(leaves: Sequence[dict[str, str]], name: str, kind: str, plain: Callable[[str], str]) -> str:
    cases = " ".join(
        f"WHEN {number} THEN {leaf[name] if name in leaf else plain(name)}" for number, leaf in enumerate(leaves)
    )
    return f"(CASE g % {len(leaves)} {cases} END)::{kind}"


def _level(strategy: str, keys: Sequence[_Key], bound: str) -> dict[str, str]:
    """What one partition asks of the columns of its parent's key; nothing of those of a hash."""
    if match := _LIST.match(bound):
        (key,) = keys
        values = f"ARRAY[{match['values']}]::{key.kind}[]"
        return {key.name: f"({values})[1 + ((g / 7) % cardinality({values}))::int]"} if key.name else {}
    match = _RANGE.match(bound)
    if strategy != "r" or match is None:
        return {}
    found: dict[str, str] = {}
    between = False
    for key, low, high in zip(keys, _BOUND.findall(match["low"]), _BOUND.findall(match["high"]), strict=True):
        if key.name is None:
            break
        if between or low == high:  # rows are told apart by an earlier column of the key, or by a later one
            if low not in {"MINVALUE", "MAXVALUE"}:
                found[key.name] = f"{low}::{key.kind}"
        else:
            found[key.name] = _between(key.kind, low, high)
            between = True
    return found


def _rest(strategy: str, keys: Sequence[_Key], beside: Sequence[str]) -> dict[str, str] | None:
    """What a default partition takes: values far from the bounds of the others, and so from those of one that is to come;
    None where none are known."""
    key = keys[0]
    if key.name is None:
        return None
    number = key.kind in _ROOM
    if strategy == "l":
        literals = [
            text for bound in beside if (match := _LIST.match(bound)) for text in _BOUND.findall(match["values"])
        ]
        if key.kind.startswith(("text", "character")):
            return {key.name: f"('rest ' || (g % 9))::{key.kind}"}
    else:
        ranges = [match for bound in beside if (match := _RANGE.match(bound))]
        literals = [_BOUND.findall(match[end])[0] for match in ranges for end in ("low", "high")]
    if not number and not key.kind.startswith(_TIMES):
        return None
    below = "MAXVALUE" in literals
    if below and "MINVALUE" in literals:
        return None
    known = [f"{text}::{key.kind}" for text in literals if text not in {"MINVALUE", "MAXVALUE", "NULL"}]
    first = f"{'least' if below else 'greatest'}({', '.join(known)})" if known else _START.get(key.kind, "'2150-01-01'")
    step = f"{_ROOM[key.kind]} + g % 500" if number else "INTERVAL '30 years' + INTERVAL '1 hour' * (g % 500)"
    return {key.name: f"({first}::{key.kind} {'-' if below else '+'} ({step}))::{key.kind}"}


def _between(kind: str, low: str, high: str) -> str:
    if low == "MINVALUE" and high == "MAXVALUE":
        low = "'2025-01-01'" if kind.startswith(_TIMES) else "0" if kind not in {"text", "uuid"} else "'0'"
        return f"{low}::{kind}"
    step = "INTERVAL '1 hour' * (g % 500)" if kind.startswith(_TIMES) else "(g % 500)"
    if not kind.startswith((*_TIMES, "integer", "bigint", "smallint", "numeric")):
        return f"{low}::{kind}" if low != "MINVALUE" else f"''::{kind}"
    if low == "MINVALUE":
        return f"({high}::{kind} - {step.replace('(g % 500)', '(1 + g % 500)')})"
    if high == "MAXVALUE":
        return f"({low}::{kind} + {step})"
    if kind == "date":  # days are whole: their difference is an integer, which no fraction may be added to
        return f"({low}::date + (({high}::date - {low}::date) * (g % 500) / 501))"
    return f"({low}::{kind} + (({high}::{kind} - {low}::{kind}) * ((g % 500) / 501.0)))"
