"""What a defect is: a name, what it does, what is seen of it, and the parts of the reference that it replaces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from harness.booking.machine import Machine
from harness.booking.parts import Parts

from .swapping import swap_class, swap_value

__all__ = ["Book", "Defect", "Kind"]

Kind = Literal["server", "page", "schema"]
Change = Callable[[Parts], Parts]
Sql = Callable[[str, str], str]

C = TypeVar("C", bound=type)


@dataclass(frozen=True)
class Defect:
    """One way to be wrong.

    `wrong` says what goes wrong inside, `seen` what is seen of it from outside, `rules` what it breaks (ids of DOMAIN.md).
    `replaced` names what is replaced: classes of `harness.booking` with the methods that differ (`rules.TimeRules.check`).
    `hidden_by` are defects that keep this one from being seen while they are there too.
    """

    id: str
    title: str
    wrong: str
    seen: str
    rules: tuple[str, ...]
    hidden_by: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    page: tuple[type, ...] = ()
    sql: tuple[Sql, ...] = ()
    replaced: tuple[str, ...] = field(default=())

    @property
    def kind(self) -> Kind:
        """Where it sits: in the server, in the visitor's page, or in the schema's history."""
        return "schema" if self.sql else "page" if self.page else "server"


class Book:
    """Collects the defects of one subject. Each method is a decorator; its target's docstring says what goes wrong.

    The same id used twice makes one defect with two replaced parts.
    """

    def __init__(self) -> None:
        self.defects: dict[str, Defect] = {}

    def part(
        self, id_: str, title: str = "", *, seen: str = "", rules: str = "", hidden_by: str = ""
    ) -> Callable[[C], C]:
        """A class that replaces the part whose class it derives from."""

        def register(kind: C) -> C:
            told = Defect(id_, title, _text(kind), seen, _ids(rules), _ids(hidden_by))
            self._add(replace(told, changes=(swap_class(kind),), replaced=_replaced(kind)))
            return kind

        return register

    def page(
        self, id_: str, title: str = "", *, seen: str = "", rules: str = "", hidden_by: str = ""
    ) -> Callable[[C], C]:
        """A class that replaces the visitor's page (`harness.booking.flow.Flow`)."""

        def register(kind: C) -> C:
            told = Defect(id_, title, _text(kind), seen, _ids(rules), _ids(hidden_by))
            self._add(replace(told, page=(kind,), replaced=_replaced(kind)))
            return kind

        return register

    def table(self, id_: str, title: str, *, seen: str, rules: str) -> Callable[[Callable[[Machine], Machine]], object]:
        """A function that changes the table of transitions."""

        def register(change: Callable[[Machine], Machine]) -> object:
            told = Defect(id_, title, _text(change), seen, _ids(rules))
            swap = swap_value("machine", change)
            self._add(replace(told, changes=(swap,), replaced=("machine.Machine.step",)))
            return change

        return register

    def history(self, id_: str, title: str, *, seen: str, rules: str) -> Callable[[Sql], Sql]:
        """A function from a file's name and SQL to the SQL that is applied instead."""

        def register(change: Sql) -> Sql:
            self._add(replace(Defect(id_, title, _text(change), seen, _ids(rules)), sql=(change,)))
            return change

        return register

    def _add(self, more: Defect) -> None:
        known = self.defects.get(more.id)
        if known is not None:
            more = replace(
                known,
                changes=known.changes + more.changes,
                page=known.page + more.page,
                sql=known.sql + more.sql,
                replaced=known.replaced + more.replaced,
            )
        self.defects[more.id] = more


def _text(target: object) -> str:
    return " ".join((target.__doc__ or "").split())


def _ids(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _replaced(kind: type) -> tuple[str, ...]:
    """The methods and attributes that `kind` gives another meaning: `module.Class.name` of the reference."""
    found = []
    for name in vars(kind):
        owner = next((base for base in kind.__mro__[1:] if name in vars(base)), None)
        if owner is not None and owner.__module__.startswith("harness.booking") and not _is_bookkeeping(name):
            found.append(f"{owner.__module__.removeprefix('harness.booking.')}.{owner.__name__}.{name}")
    return tuple(found)


def _is_bookkeeping(name: str) -> bool:
    kept: set[Any] = {"__module__", "__doc__", "__dict__", "__weakref__", "__annotations__", "__firstlineno__"}
    return name in kept or name == "__static_attributes__"
