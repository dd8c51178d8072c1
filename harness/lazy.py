"""Packages whose names are imported when they are first asked for (PEP 562): what a command needs early comes early."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["names_at"]


def names_at(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A `__getattr__` for `package`: each name of `homes` comes from the module of the package that it stands for.

    No such module may have the name of something it gives: once imported, it would take that name's place.
    """

    def from_home(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(import_module(f"{package}.{home}"), name)
        setattr(import_module(package), name, found)
        return found

    return from_home
