"""Arguments of verbs: from the annotations of a Struct or a dataclass to a shape that reads, checks and binds them."""

from __future__ import annotations

import collections.abc
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, TypeAlias, TypeVar, Union, cast, get_args, get_origin

from msgspec import NODEFAULT, Struct

from harness.errors import HarnessFault
from harness.scenario.instants import parse_date, parse_duration, parse_instant
from harness.scenario.model import Step
from harness.scenario.scope import resolve
from harness.scenario.shapes import Choice, Compared, Free, Kind, Shape
from harness.scenario.shapes import Steps as StepsShape
from harness.scenario.structures import AnyKeys, Either, Field, Items, Keys
from harness.scenario.tableshapes import TableRows as TableRowsShape
from harness.scenario.values import MapPattern, Pattern

__all__ = [
    "Compare",
    "Duration",
    "Instant",
    "Steps",
    "TableRows",
    "Value",
    "bind",
    "key_of",
    "shape_of",
    "takes_arguments",
]

Instant: TypeAlias = datetime
"""An aware datetime, written `2030-03-06T10:00Z`."""
Duration: TypeAlias = timedelta
"""A timedelta, written `15m`, `1h30m`, `-5s`."""
Value: TypeAlias = Annotated[Any, Free(sending=True)]
"""Any value, references resolved."""
Compare: TypeAlias = Annotated[Any, Compared()]
"""A pattern, not resolved: the verb compares it itself."""
Steps: TypeAlias = Annotated[tuple[Step, ...], StepsShape()]
"""A list of steps."""
TableRows: TypeAlias = Annotated[Mapping[str, Any], TableRowsShape()]
"""`{table: [row, …]}`, tables and columns checked at load."""

T = TypeVar("T")


def bind(args_type: type[T], args: MapPattern, scope: Mapping[str, Any]) -> T:
    """The typed arguments: references resolved, every value converted to its field's type.

    Raises:
        InputError: an unknown name, a value of another type, or what `args_type.__post_init__` refuses; with position.
    """
    values = {key: resolve(pattern, scope) for key, pattern in args.entries.items()}
    bound = shape_of(cast(Any, args_type)).convert(values, args)
    return cast(T, bound)


def key_of(name: str) -> str:
    """How a scenario writes a field's name: `from_` is `from`."""
    return name.removesuffix("_")


def takes_arguments(hint: Any) -> bool:
    """Whether `hint` is a class of arguments. The harness's own are Structs, which are defined in a thirtieth of the time."""
    return isinstance(hint, type) and (is_dataclass(hint) or issubclass(hint, Struct))


def _declared(args_type: type[Any]) -> Iterator[tuple[str, bool, str]]:
    """Each field's name, whether it must be given, and what its metadata says of it."""
    if is_dataclass(args_type):
        for field in fields(args_type):
            if field.init:
                required = field.default is MISSING and field.default_factory is MISSING
                yield field.name, required, str(field.metadata.get("doc", ""))
    else:
        names, defaults = args_type.__struct_fields__, args_type.__struct_defaults__
        for name, default in zip(names, [NODEFAULT] * (len(names) - len(defaults)) + [*defaults], strict=True):
            yield name, default is NODEFAULT, ""


@cache
def shape_of(args_type: type[Any], noun: str = "") -> Keys:
    """The shape of a class of arguments.

    Raises:
        HarnessFault: a field has a type that no scenario can write.
    """
    hints = typing.get_type_hints(args_type, include_extras=True)
    declared: dict[str, Field] = {}
    names: dict[str, str] = {}
    for name, required, told in _declared(args_type):
        shape, doc = _described(hints[name], f"{args_type.__name__}.{name}")
        declared[key_of(name)] = Field(shape, doc or told, required)
        names[key_of(name)] = name

    def make(values: dict[str, Any]) -> Any:
        return args_type(**{names[key]: value for key, value in values.items()})

    return Keys(declared, noun or args_type.__name__.removesuffix("Args").lower(), make=make)


def _described(hint: Any, where: str) -> tuple[Shape, str]:
    """Shape and hover text of an annotation; text in `Annotated[…, "text"]` is the hover text."""
    doc = ""
    while get_origin(hint) is Annotated:
        hint, *extras = get_args(hint)
        doc = next((extra for extra in extras if isinstance(extra, str)), doc)
        shape = next((extra for extra in extras if not isinstance(extra, str) and hasattr(extra, "read")), None)
        if shape is not None:
            return shape, doc
    return _shape(hint, where), doc


def _shape(hint: Any, where: str) -> Shape:
    origin, args = get_origin(hint), get_args(hint)
    shape: Shape | None = _KINDS.get(hint) if not isinstance(hint, list) else None
    if shape is None and origin is typing.Literal:
        shape = Choice(args)
    elif shape is None and origin in (Union, types.UnionType):
        shape = Compared() if hint == Pattern else _union(args, where)
    elif shape is None and takes_arguments(hint):
        shape = shape_of(hint)
    shape = shape or _collection(origin or hint, args, where)
    if shape is None:
        remedy = "Use str, int, bool, Decimal, float, Instant, Duration, Literal, list[…], tuple[…, ...], dict[str, …], Value or a dataclass."
        raise HarnessFault(f"{where} has the type {hint}, which no scenario can write.", remedy)
    return shape


def _collection(origin: Any, args: tuple[Any, ...], where: str) -> Shape | None:
    if origin is tuple and args and args[1:] != (Ellipsis,):
        return None  # each place of its own type: one shape stands for all elements
    if origin in (dict, Mapping) and args and args[0] not in (str, Any):
        return None  # a key of YAML is text
    inner = [_described(arg, where)[0] for arg in args if arg is not Ellipsis]
    if origin in (list, tuple, collections.abc.Sequence):
        return Items(inner[0] if inner else Free(sending=True), tuple if origin is tuple else list)
    if origin in (dict, Mapping):
        return AnyKeys(inner[1] if inner else Free(sending=True))
    return None


def _union(args: tuple[Any, ...], where: str) -> Shape:
    shapes = [_NULL if arg is type(None) else _described(arg, where)[0] for arg in args]
    if len(shapes) == 2 and _NULL in shapes:
        (other,) = [shape for shape in shapes if shape is not _NULL]
        return other if isinstance(other, Free | Compared) else _either([other, _NULL])
    return _either(shapes)


def _either(shapes: list[Shape]) -> Either:
    lists = [shape for shape in shapes if isinstance(shape, Items | StepsShape)]
    maps = [shape for shape in shapes if isinstance(shape, Keys | AnyKeys | TableRowsShape)]
    inner = [shape for shape in shapes if isinstance(shape, Either)]
    scalars = [shape for shape in shapes if shape not in lists + maps + inner]
    return Either(
        tuple(scalars) + tuple(each for either in inner for each in either.scalar),
        lists[0] if lists else next((either.list for either in inner if either.list), None),
        maps[0] if maps else next((either.map for either in inner if either.map), None),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError('Quote it: "…".' if isinstance(value, int | Decimal) else "")
    return value


def _int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("")
    return value


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("Nothing else is a boolean." if isinstance(value, str) else "")
    return value


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | float):
        raise ValueError("")
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def _instant(value: Any) -> datetime:
    found = value if isinstance(value, datetime) else parse_instant(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("")
    return found


def _duration(value: Any) -> timedelta:
    found = value if isinstance(value, timedelta) else parse_duration(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("Add the unit: ms, s, m, h, d or w." if isinstance(value, int) else "")
    return found


def _date(value: Any) -> date:
    found = value if isinstance(value, date) else parse_date(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("")
    return found


def _null(value: Any) -> None:
    if value is not None:
        raise ValueError("")


_NULL = Kind("null", _null, {"type": "null"})
DURATION = Kind(
    "a duration such as 15m", _duration, {"type": "string", "pattern": r"^[+-]?(\d+(\.\d+)?(ms|s|m|h|d|w))+$"}
)
INSTANT = Kind(
    "an instant such as 2030-03-06T10:00Z", _instant, {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d"}
)
_KINDS: dict[Any, Shape] = {
    Any: Free(sending=True),
    str: Kind("text", _text, {"type": "string"}),
    int: Kind("a whole number", _int, {"type": "integer"}),
    bool: Kind("true or false", _bool, {"type": "boolean"}),
    Decimal: Kind("a number", _decimal, {"type": "number"}),
    float: Kind("a number", lambda value: float(_decimal(value)), {"type": "number"}),
    datetime: INSTANT,
    timedelta: DURATION,
    date: Kind("a date such as 2030-03-06", _date, {"type": "string", "format": "date"}),
}
