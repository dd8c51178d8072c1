"""A record as one line of JSON, and back.

A line ends with what was measured, so that compaction splits the two without parsing. In a worker's part the cells of one
row operation are one line. Instants are ISO 8601 in UTC with a `Z`; `run_id` stands in the manifest alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import Any

import msgspec

from harness.errors import HarnessFault
from harness.records import TABLES, ChangedCells, Record, RowChange, table_of
from harness.surrogates import without_surrogates

__all__ = [
    "Row", "encode", "expanded", "instant_text", "join", "parse_instant", "read", "read_all", "record_of", "row_of", "split",
]  # fmt: skip

Row = dict[str, Any]
"""One row as JSON has it, with the table's name as `record`: instants are text, lists are lists."""

_ANY_RECORD: Any = reduce(or_, TABLES.values())
_ANY_LINE: Any = _ANY_RECORD | ChangedCells
_encode = msgspec.json.Encoder().encode
_encode_lines = msgspec.json.Encoder().encode_lines
_decode = msgspec.json.Decoder().decode
_read = msgspec.json.Decoder(_ANY_LINE).decode
_read_all = msgspec.json.Decoder(list[_ANY_LINE]).decode
_dumps_anything = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
_MEASURED = {record: b',"%b":' % record.MEASURED[0].encode() for record in TABLES.values() if record.MEASURED}
_CHANGED_CELLS = b'{"record":"%b"' % table_of(ChangedCells).encode()
_ROW_CHANGE = b'{"record":"%b"' % table_of(RowChange).encode()
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


def encode(records: Sequence[Record]) -> bytes:
    """`records` as lines of a worker's part, each with its newline."""
    try:
        return _encode_lines(records)
    except UnicodeEncodeError:
        return b"".join(map(_encode_one, records))


def _encode_one(record: Record) -> bytes:
    try:
        return _encode(record) + b"\n"
    except (
        UnicodeEncodeError
    ):  # half a surrogate pair, which UTF-8 cannot hold: the replacement character stands for it
        text = without_surrogates(_dumps_anything(msgspec.to_builtins(record)))
        return text.encode("utf-8") + b"\n"


def expanded(line: bytes) -> list[bytes]:
    """A line of a part as lines of tables: one for each changed cell, any other as it is. No newlines."""
    if not line.startswith(_CHANGED_CELLS):
        return [line]
    # A quote within a text is escaped, so that what looks like the beginning of the cells, or of one, is it.
    common, _, cells = line.partition(b',"cells":[{"column":')
    head = b'%b%b,"column":' % (_ROW_CHANGE, common[len(_CHANGED_CELLS) :])
    return [b"%b%b}" % (head, cell) for cell in cells[:-3].split(b'},{"column":')]


def split(line: bytes, kind: type[Record]) -> tuple[bytes, bytes]:
    """A line of a part (no newline) as its evidence and what was measured, each a JSON object."""
    first = _MEASURED.get(kind)
    if first is None:
        return line, b"{}"
    head, found, rest = line.rpartition(first)
    return (b"%b}" % head, b"{%b%b" % (first[1:], rest)) if found else (line, b"{}")


def join(evidence: bytes, measured: bytes) -> bytes:
    """The line that `split` halved."""
    return evidence if measured == b"{}" else b"%b,%b" % (evidence[:-1], measured[1:])


def read(line: bytes) -> Record:
    """The record of a line (no newline). ValueError, which says why, when it is damaged or incomplete."""
    record: Record = _read(line)
    return record


def read_all(lines: Sequence[bytes]) -> Sequence[Record | str]:
    """`read` for many at once, which is quicker as long as none is damaged; why it is, for one that is."""
    try:
        records: list[Record | str] = _read_all(b"[%b]" % b",".join(lines))
    except ValueError:
        records = []
    return records if len(records) == len(lines) else [_record_or_why(line) for line in lines]


def row_of(line: bytes) -> Row | None:
    """The row of a line (no newline), whatever its version; None when the line is damaged."""
    try:
        row = _decode(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def record_of(row: Row) -> Record:
    """The record of a row. ValueError, which says why, for what is none: missing columns never become nulls."""
    record: Record = msgspec.convert(row, _ANY_RECORD)
    return record


def _record_or_why(line: bytes) -> Record | str:
    try:
        return read(line)
    except ValueError as error:
        return str(error)
