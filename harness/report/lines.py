"""A record as one line of JSON, and back.

A line ends with what was measured, so that compaction splits the two without parsing. Instants are ISO 8601 in UTC with
a `Z`; `run_id` stands in the manifest alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import Any

import msgspec

from harness.errors import HarnessFault
from harness.records import TABLES, ChangedCells, Record

__all__ = [
    "Row", "encode", "encode_cells", "instant_text", "join", "parse_instant", "read", "read_all", "record_of", "row_of", "split",
]  # fmt: skip

Row = dict[str, Any]
"""One row as JSON has it, with the table's name as `record`: instants are text, lists are lists."""

_ANY_RECORD: Any = reduce(or_, TABLES.values())
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_read = msgspec.json.Decoder(_ANY_RECORD).decode
_read_all = msgspec.json.Decoder(list[_ANY_RECORD]).decode
_dumps_anything = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
_SURROGATES = re.compile("[\ud800-\udfff]")
_MEASURED = {table: b',"%b":' % record.MEASURED[0].encode() for table, record in TABLES.items() if record.MEASURED}
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
    try:
        return _encode(record) + b"\n"
    except (
        UnicodeEncodeError
    ):  # half a surrogate pair, which UTF-8 cannot hold: the replacement character stands for it
        text = _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", _dumps_anything(msgspec.to_builtins(record)))
        return text.encode("utf-8") + b"\n"


def encode_cells(changed: ChangedCells) -> bytes:
    """The lines of every changed cell of one row operation; what they have in common is encoded once."""
    try:
        whole, cells = _encode(changed.like), _encode(changed.cells)
    except UnicodeEncodeError:
        return b"".join(map(encode, changed.each()))
    # A quote within a text is escaped, so that what looks like the beginning of a cell is one.
    head = whole[: whole.rindex(b',"column":')]
    return b"%b,%b\n" % (head, cells[2:-1].replace(b'},{"column":', b'}\n%b,"column":' % head))


def split(line: bytes, table: str) -> tuple[bytes, bytes]:
    """A line of `table` in a part (no newline) as its evidence and what was measured, each a JSON object."""
    first = _MEASURED.get(table)
    at = line.rfind(first) if first else -1
    return (line, b"{}") if at < 0 else (line[:at] + b"}", b"{" + line[at + 1 :])


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
