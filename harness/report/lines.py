"""A record as one line of JSON, and back.

A line of a worker's part ends with what was measured, `…,"measured":{"duration_us":5}}`, so that compaction splits
the two without parsing. Instants are ISO 8601 in UTC with a `Z`; `run_id` stands in the manifest alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any

import orjson

from harness.errors import HarnessFault
from harness.records import TABLES, ChangedCells, Record, RowChange
from harness.report.columns import Column, columns_of, evidence_columns, measured_columns

__all__ = [
    "Row", "Values", "decode", "encode", "encode_cells", "instant_text", "join", "join_all", "parse_instant", "plain", "row_problem", "split", "values_of",
]  # fmt: skip

Row = dict[str, Any]
"""One row as JSON has it: instants are text, lists are lists."""

Values = tuple[Any, ...]
"""A complete row without its names: its values in the order of the table's columns, without `run_id`."""

_dumps_anything = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
_SURROGATES = re.compile("[\ud800-\udfff]")
_MEASURED = b',"measured":'
_OFFSET = len("+00:00")


def instant_text(value: datetime) -> str:
    """`value` in UTC as `2030-03-04T09:00:00.000000Z`; refuses a time without zone."""
    if value.tzinfo is None:
        raise HarnessFault(f"A record carries the time {value!r} without a time zone.", "Give it in UTC.")
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return value.isoformat(timespec="microseconds")[:-_OFFSET] + "Z"


def parse_instant(text: str) -> datetime:
    """The instant that `instant_text` wrote."""
    return datetime.fromisoformat(text)


def encode(record: Record) -> bytes:
    """`record` as one line of a worker's part, newline included."""
    return _ENCODERS[type(record)](record)


def encode_cells(changed: ChangedCells) -> bytes:
    """The lines of every changed cell of one row operation; what they have in common is encoded once."""
    whole = _ENCODERS[RowChange](changed.like)
    head = whole[: whole.rindex(b',"column":')]
    dumps = orjson.dumps
    try:
        return b"".join(
            [
                b'%b,"column":%b,"before":%b,"after":%b}\n' % (head, dumps(column), dumps(before), dumps(after))
                for column, before, after in changed.cells
            ]
        )
    except TypeError:  # half a surrogate pair
        return b"".join(map(encode, changed.each()))


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


def join_all(halves: Sequence[tuple[bytes, bytes]]) -> Sequence[Row | None]:
    """`join` for many at once, which is quicker as long as none is damaged."""
    wholes = [e if m == b"{}" else b"%b,%b" % (e[:-1], m[1:]) for e, m in halves]
    try:
        rows: list[Any] = orjson.loads(b"[%b]" % b",".join(wholes))
    except orjson.JSONDecodeError:
        rows = []
    if len(rows) == len(halves) and all(type(row) is dict for row in rows):
        return rows
    return [join(*half) for half in halves]


def decode(line: bytes) -> Row | None:
    """The row of a part's line (no newline) with its `record`; None when the line is damaged."""
    row = _object(line)
    if row is not None:
        row.update(row.pop("measured", {}))
    return row


def values_of(table: str, row: Row) -> Values | None:
    """The values of `row`, a row of `table`; None when it is incomplete, and `row_problem` says why."""
    every, must_have = _getters(table)
    try:
        values: Values = every(row)
    except KeyError:
        return None
    return None if None in values and None in must_have(row) else values


def row_problem(row: Row) -> str | None:
    """Why `row` is no row of its table, or None. Missing columns never become nulls."""
    table = row.get("record")
    if table not in TABLES:
        return f"names the record {table!r}"
    if values_of(table, row) is not None:
        return None
    columns = [column for column in columns_of(table) if column.name != "run_id"]
    missing = [c.name for c in columns if c.name not in row]
    if missing:
        return f"lacks {', '.join(missing)}"
    empty = [c.name for c in columns if not c.nullable and row[c.name] is None]
    return f"has nothing in {', '.join(empty)}"


@cache
def _getters(table: str) -> tuple[Callable[[Row], Values], Callable[[Row], Values]]:
    """What takes all values of a row, and those that must not be None. Every table has several of both."""
    columns = [column for column in columns_of(table) if column.name != "run_id"]
    return itemgetter(*(c.name for c in columns)), itemgetter(*(c.name for c in columns if not c.nullable))


def _object(line: bytes) -> Row | None:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return row if isinstance(row, dict) else None


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
        try:
            return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        except TypeError:  # half a surrogate pair, which UTF-8 cannot hold: the replacement character stands for it
            text = _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", _dumps_anything(row))
            return text.encode("utf-8") + b"\n"

    return encode_one


def _encoders(tables: Iterable[type[Record]]) -> dict[type[Record], Callable[[Record], bytes]]:
    return {record: _encoder(record.TABLE) for record in tables}


_ENCODERS = _encoders(TABLES.values())
