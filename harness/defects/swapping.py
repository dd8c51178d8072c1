"""Putting a replaced part in: beside what other defects have replaced already, so that defects can be combined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from typing import Any

from harness.booking.parts import Parts

__all__ = ["mixed", "part_of", "swap_class", "swap_value"]


@cache
def _kinds() -> dict[type, str]:
    """The classes of the reference's parts, with the field of Parts that holds one (or holds the class itself)."""
    reference = Parts()
    found = {}
    for item in fields(Parts):
        value = getattr(reference, item.name)
        found[value if isinstance(value, type) else type(value)] = item.name
    return found


def part_of(kind: type) -> str:
    """The field of Parts that `kind` can stand in. Raises LookupError when it derives from no part."""
    for base in kind.__mro__:
        if base in _kinds():
            return _kinds()[base]
    raise LookupError(f"{kind.__name__} derives from no part of the reference")


def mixed(kind: type, now: type) -> type:
    """A class that is wrong as `kind` is and, where that leaves it, as `now` is."""
    return kind if issubclass(kind, now) else type(kind.__name__, (kind, now), {})


def swap_class(kind: type) -> Callable[[Parts], Parts]:
    """A change that puts `kind` where its base stands."""
    name = part_of(kind)

    def change(parts: Parts) -> Parts:
        now = getattr(parts, name)
        value: Any = mixed(kind, now) if isinstance(now, type) else mixed(kind, type(now))()
        return replace(parts, **{name: value})

    return change


def swap_value(name: str, change: Callable[[Any], Any]) -> Callable[[Parts], Parts]:
    """A change that derives a part from the one that is there."""
    return lambda parts: replace(parts, **{name: change(getattr(parts, name))})
