"""Values of a partition key that some partition takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import psycopg

__all__ = ["bounded"]

_KEY = """
SELECT p.partstrat, ARRAY(SELECT a.attname FROM unnest(p.partattrs::int2[]) WITH ORDINALITY k(num, n)
    LEFT JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = k.num AND k.num > 0 ORDER BY k.n)::text[],
  (SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a WHERE a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]),
  ARRAY(SELECT pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = p.partrelid ORDER BY c.relname)
FROM pg_partitioned_table p WHERE p.partrelid = to_regclass(%s)
"""
_RANGE = re.compile(r"^FOR VALUES FROM \((?P<low>.*)\) TO \((?P<high>.*)\)$")
_LIST = re.compile(r"^FOR VALUES IN \((?P<values>.*)\)$")
_TIMES = ("date", "timestamp")


def bounded(connection: psycopg.Connection[Any], table: str) -> dict[str, str]:
    """SQL over a row number `g` for the first column of the partition key; empty when any value has its place."""
    quoted = ".".join('"' + part.replace('"', '""') + '"' for part in table.split(".", 1))
    row = connection.execute(_KEY, (quoted,)).fetchone()
    if row is None or row[1][0] is None or "DEFAULT" in row[3]:
        return {}
    strategy, names, kind, bounds = row
    values = _listed(kind, bounds) if strategy == "l" else _ranged(kind, bounds) if strategy == "r" else ""
    return {names[0]: values} if values else {}


def _listed(kind: str, bounds: Sequence[str]) -> str:
    values = [match["values"] for bound in bounds if (match := _LIST.match(bound))]
    return (
        f"(ARRAY[{', '.join(values)}]::{kind}[])[1 + (g % cardinality(ARRAY[{', '.join(values)}]::{kind}[]))::int]"
        if values
        else ""
    )


def _ranged(kind: str, bounds: Sequence[str]) -> str:
    """Each number in one of the partitions in turn, spread between its bounds."""
    places = []
    for bound in bounds:
        if match := _RANGE.match(bound):
            places.append(_between(kind, match["low"].split(", ")[0], match["high"].split(", ")[0]))
    cases = " ".join(f"WHEN {number} THEN {place}" for number, place in enumerate(places))
    return f"(CASE g % {len(places)} {cases} END)::{kind}" if places else ""


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
    return f"({low}::{kind} + (({high}::{kind} - {low}::{kind}) * ((g % 500) / 501.0)))"
