"""A record as one line of JSON, and back.

A line of a worker's part ends with what was measured, `…,"measured":{"duration_us":5}}`, so that compaction splits
the two without parsing. Instants are ISO 8601 in UTC with a `Z`; `run_id` stands in the manifest alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter
from typing import Any

from harness.errors import HarnessFault
from harness.records import TABLES, Record
from harness.report.columns import Column, columns_of, evidence_columns, measured_columns

__all__ = ["Row", "decode", "encode", "instant_text", "join", "parse_instant", "plain", "row_problem", "split"]

Row = dict[str, Any]
"""One row as JSON has it: instants are text, lists are lists."""

_dumps = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
_SURROGATES = re.compile("[\ud800-\udfff]")
_decode = json.JSONDecoder().raw_decode  # a line has no space around it, so nothing has to be skipped
_MEASURED = b',"measured":'


def instant_text(value: datetime) -> str:
    """`value` in UTC as `2030-03-04T09:00:00.000000Z`; refuses a time without zone."""
    if value.tzinfo is None:
        raise HarnessFault(f"A record carries the time {value!r} without a time zone.", "Give it in UTC.")
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_instant(text: str) -> datetime:
    """The instant that `instant_text` wrote."""
    return datetime.fromisoformat(text)


def encode(record: Record) -> bytes:
    """`record` as one line of a worker's part, newline included."""
    return _ENCODERS[type(record)](record)


def plain(record: Record) -> Row:
    """`record` as a row, all columns."""
    columns = columns_of(type(record).TABLE)
    return {column.name: _plain_value(column, getattr(record, column.name)) for column in columns}


def split(line: bytes) -> tuple[bytes, bytes]:
    """A part's line (no newline) as its evidence and what was measured, each a JSON object."""
    at = line.rfind(_MEASURED)
    if at < 0:
        return line, b"{}"
    return line[:at] + b"}", line[at + len(_MEASURED) : -1]


def join(evidence: bytes, measured: bytes) -> Row | None:
    """The row of two halves, with its `record` still in it; None when they are damaged."""
    whole = evidence if measured == b"{}" else b"%b,%b" % (evidence[:-1], measured[1:])
    return _object(whole)


def decode(line: bytes) -> Row | None:
    """The row of a part's line (no newline) with its `record`; None when the line is damaged."""
    row = _object(line)
    if row is not None:
        row.update(row.pop("measured", {}))
    return row


def row_problem(row: Row) -> str | None:
    """Why `row` is no row of its table, or None. Missing columns never become nulls."""
    table = row.get("record")
    if table not in TABLES:
        return f"names the record {table!r}"
    names, must_have = _expected(table)
    if row.keys() >= names and (None not in row.values() or all(row[name] is not None for name in must_have)):
        return None
    columns = columns_of(table)
    missing = [c.name for c in columns if c.name != "run_id" and c.name not in row]
    if missing:
        return f"lacks {', '.join(missing)}"
    empty = [c.name for c in columns if not c.nullable and c.name != "run_id" and row[c.name] is None]
    return f"has nothing in {', '.join(empty)}" if empty else None


@cache
def _expected(table: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """The names of a table's columns, and of those that must have a value."""
    columns = [column for column in columns_of(table) if column.name != "run_id"]
    return frozenset(c.name for c in columns), tuple(c.name for c in columns if not c.nullable)


def _object(line: bytes) -> Row | None:
    try:
        text = line.decode("utf-8")
        row, end = _decode(text)
    except ValueError:
        return None
    return row if isinstance(row, dict) and end == len(text) else None


def _plain_value(column: Column, value: Any) -> Any:
    if value is None:
        return None
    if column.kind == "instant":
        return instant_text(value)
    return list(value) if column.kind == "texts" else value


def _encoder(table: str) -> Callable[[Record], bytes]:
    """An encoder made once for each table: writing is in the way of every scenario, so it must cost little."""
    evidence, measured = evidence_columns(table), measured_columns(table)
    names = tuple(column.name for column in (*evidence, *measured))
    values_of = attrgetter(*names)
    instants = tuple(index for index, c in enumerate((*evidence, *measured)) if c.kind == "instant")
    cut = len(evidence)

    def encode_one(record: Record) -> bytes:
        values = list(values_of(record))
        for index in instants:
            values[index] = instant_text(values[index])
        row: Row = {"record": table, **dict(zip(names[:cut], values[:cut], strict=True))}
        if measured:
            row["measured"] = dict(zip(names[cut:], values[cut:], strict=True))
        return _utf8(_dumps(row)) + b"\n"

    return encode_one


def _utf8(text: str) -> bytes:
    """`text` in UTF-8; half a surrogate pair, which UTF-8 cannot hold, becomes the replacement character."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text).encode("utf-8")


def _encoders(tables: Iterable[type[Record]]) -> dict[type[Record], Callable[[Record], bytes]]:
    return {record: _encoder(record.TABLE) for record in tables}


_ENCODERS = _encoders(TABLES.values())
