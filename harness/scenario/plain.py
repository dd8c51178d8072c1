"""Objects that a verb of one's own gives, as the maps that scenarios read them as."""

from __future__ import annotations

from typing import Any

__all__ = ["as_map", "names_of"]


def names_of(kind: Any) -> tuple[str, ...]:
    """The public fields of a class of values: a dataclass or a Struct."""
    names = (*getattr(kind, "__struct_fields__", ()), *getattr(kind, "__dataclass_fields__", ()))
    return tuple(name for name in names if not name.startswith("_"))


def as_map(value: Any) -> Any:
    """A dataclass or a Struct by the names of its fields, one level deep; everything else as it is."""
    names = () if isinstance(value, type) else names_of(type(value))
    return {name: getattr(value, name) for name in names} if names else value
