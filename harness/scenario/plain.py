"""Objects that a verb of one's own gives, as the data that scenarios read them as."""

from __future__ import annotations

from enum import Enum
from typing import Any
from uuid import UUID

__all__ = ["as_data", "as_map", "names_of"]

_DATA = frozenset({str, int, bool, type(None), dict, list, float})


def names_of(kind: Any) -> tuple[str, ...]:
    """The public fields of a class of values: a dataclass or a Struct."""
    names = (*getattr(kind, "__struct_fields__", ()), *getattr(kind, "__dataclass_fields__", ()))
    return tuple(name for name in names if not name.startswith("_"))


def as_map(value: Any) -> Any:
    """A dataclass or a Struct by the names of its fields, one level deep; everything else as it is."""
    names = () if isinstance(value, type) else names_of(type(value))
    return {name: getattr(value, name) for name in names} if names else value


def as_data(value: Any) -> Any:
    """A member of an Enum as its value, a UUID as text, and what NumPy and pandas have for numbers and lists as Python's own; else as it is."""
    kind = type(value)
    if kind in _DATA:
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, UUID):
        return str(value)
    ours = getattr(kind, "tolist", None)
    return value.tolist() if callable(ours) else value
