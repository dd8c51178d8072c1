"""The columns of each table, read from the annotations of its record: the one definition behind every format."""

from __future__ import annotations

import types
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from harness.errors import HarnessFault
from harness.records import TABLES

__all__ = ["Column", "Kind", "columns_of", "evidence_columns", "measured_columns"]

Kind = Literal["text", "integer", "flag", "instant", "texts"]

_KINDS: dict[Any, Kind] = {str: "text", int: "integer", bool: "flag", datetime: "instant"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `kind` decides its type in JSON, Arrow and pandas; `measured` ones differ from run to run."""

    name: str
    kind: Kind
    nullable: bool
    measured: bool


@cache
def columns_of(table: str) -> tuple[Column, ...]:
    """The columns of `table`, `run_id` first, in the order of the record's fields."""
    record = TABLES[table]
    hints = get_type_hints(record)
    return tuple(
        Column(field.name, *_kind_of(hints[field.name]), measured=field.name in record.MEASURED)
        for field in fields(record)
    )


@cache
def evidence_columns(table: str) -> tuple[Column, ...]:
    """The columns that are the same in every run with the same input and seed; without `run_id`."""
    return tuple(column for column in columns_of(table) if not column.measured and column.name != "run_id")


@cache
def measured_columns(table: str) -> tuple[Column, ...]:
    """The columns that differ from run to run: durations, tries, which worker."""
    return tuple(column for column in columns_of(table) if column.measured)


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
