"""The columns of each table, read from the annotations of its record: the one definition behind every format."""

from __future__ import annotations

import types
from datetime import datetime
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import Struct

from harness.errors import HarnessFault
from harness.records import TABLES

__all__ = ["Column", "Kind", "columns_of"]

Kind = Literal["text", "integer", "flag", "instant", "texts"]

_KINDS: dict[Any, Kind] = {str: "text", int: "integer", bool: "flag", datetime: "instant"}


class Column(Struct, frozen=True):
    """One column: `kind` decides its type in JSON, Arrow and pandas."""

    name: str
    kind: Kind
    nullable: bool


@cache
def columns_of(table: str) -> tuple[Column, ...]:
    """The columns of `table`, `run_id` first, then the record's fields in their order."""
    record = TABLES[table]
    hints = get_type_hints(record)
    own = (Column(name, *_kind_of(hints[name])) for name in record.__struct_fields__)
    return (Column("run_id", "text", nullable=False), *own)


def _kind_of(hint: Any) -> tuple[Kind, bool]:
    """The kind and whether None is allowed, of an annotation such as `str | None` or `tuple[str, ...]`."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        present = [argument for argument in arguments if argument is not type(None)]
        if len(present) == 1:
            return _kind_of(present[0])[0], True
    if origin is Literal and all(isinstance(argument, str) for argument in arguments):
        return "text", False
    if origin is tuple and arguments == (str, ...):
        return "texts", False
    if hint in _KINDS:
        return _KINDS[hint], False
    raise HarnessFault(f"A record has a field of the type {hint!r}, which has no column.", "Use str, int, bool, …")
