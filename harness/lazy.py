"""Imports put off, and left out: what a command needs early comes early, and what it never needs does not come.

A package that uses `names_at` imports a name when it is first asked for (PEP 562).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

__all__ = ["leave_out", "left_out", "names_at"]


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


def leave_out(*modules: str) -> None:
    """From now on an import of these fails, as on a machine that lacks them; what is imported stays.

    For what a library tries to import only to offer more than is wanted here, at a cost.
    """
    sys.meta_path.insert(0, _LeftOut(modules))


@contextmanager
def left_out(*modules: str) -> Iterator[None]:
    """`leave_out` within this block: for a library that decides while it is imported."""
    finder = _LeftOut(modules)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _LeftOut:
    def __init__(self, modules: tuple[str, ...]) -> None:
        self._modules = frozenset(modules)

    def find_spec(self, name: str, *_: object) -> None:
        if name in self._modules:
            raise ModuleNotFoundError(f"{name} is left out of this process", name=name)
