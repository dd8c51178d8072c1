"""Resolving patterns to values: what the names in scope stand for, at run time."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from harness.errors import InputError, Position
from harness.scenario.instants import show_duration, show_instant
from harness.scenario.plain import as_data, names_of
from harness.scenario.suggest import did_you_mean
from harness.scenario.values import ListPattern, Literal, MapPattern, Matcher, Opaque, Pattern, Reference, Template

__all__ = ["capture", "inserted", "lent", "lookup", "resolve"]


def resolve(pattern: Pattern, scope: Mapping[str, Any]) -> Any:
    """The value that `pattern` stands for: plain data, or whatever object a reference alone names.

    Raises:
        InputError: an unknown name, key or index, or a matcher where a value is needed; with its position.
    """
    match pattern:
        case Literal(value=value) | Opaque(value=value):
            return value
        case Reference():
            return lookup(pattern, scope)
        case Template(parts=parts):
            return "".join(part if isinstance(part, str) else inserted(lookup(part, scope)) for part in parts)
        case MapPattern(entries=entries):
            return {key: resolve(value, scope) for key, value in entries.items()}
        case ListPattern(items=items, mode="exact"):
            return [resolve(item, scope) for item in items]
        case Matcher(text=text):
            raise InputError(f"{text} is a matcher, and a value is needed here.", position=pattern.position)
    raise InputError("A wrapper stands where a value is needed.", position=pattern.position)


def lookup(reference: Reference, scope: Mapping[str, Any]) -> Any:
    """What `$name.path[0]` names in `scope`. Maps by key, lists by index, objects by public attribute."""
    if reference.name not in scope:
        raise InputError(
            f"${reference.name} is not known here.",
            did_you_mean(reference.name, scope, noun="names"),
            reference.position,
        )
    value = scope[reference.name]
    walked = f"${reference.name}"
    for part in reference.path:
        value = _step(value, part, walked, reference.position)
        walked += f"[{part}]" if isinstance(part, int) else f".{part}"
    return value


def _step(value: Any, part: str | int, walked: str, position: Position) -> Any:
    if isinstance(part, int):
        value = as_data(value)
        if not isinstance(value, Sequence) or isinstance(value, str | bytes):
            raise InputError(f"{walked} is no list, so [{part}] is not there.", position=position)
        if part >= len(value):
            raise InputError(
                f"{walked} has {len(value)} elements, so [{part}] is not there.", "The first is [0].", position
            )
        return value[part]
    if isinstance(value, Mapping):
        if part in value:
            return value[part]
        raise InputError(f"{walked} has no {part}.", did_you_mean(part, map(str, value), noun="keys"), position)
    if not part.startswith("_") and not isinstance(value, str | bytes | int | float | Decimal | None):
        found = getattr(value, part.replace("-", "_"), _NOTHING)
        if found is not _NOTHING and not callable(found):
            return found
    names = names_of(type(value))
    raise InputError(f"{walked} has no {part}.", did_you_mean(part, names, noun="keys") if names else "", position)


_NOTHING = object()


def lent(scope: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """`scope` for a verb that may change what it is given: of what outlasts the scenario, catalogue and parameters, it gets copies."""
    return _Lent({"catalog", *params}, scope)


class _Lent(dict[str, Any]):
    """Names, some of which stand for a copy."""

    def __init__(self, lasting: set[str], scope: Mapping[str, Any]) -> None:
        super().__init__(scope)
        self._lasting = lasting

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        return _copied(value) if name in self._lasting else value


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(each) for key, each in value.items()}
    return list(map(_copied, value)) if isinstance(value, list) else value


def inserted(value: Any) -> str:
    """A value as it reads inside text: `null`, `true`, `45.00`, an instant with `Z`, a duration such as `15m`."""
    value = as_data(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return show_instant(value)
    if isinstance(value, timedelta):
        return show_duration(value)
    return str(value)


def capture(scope: MutableMapping[str, Any], name: str, value: Any) -> None:
    """Binds `value` to the name of an `as`; a dotted name (a capture inside a fragment) makes a map of captures."""
    *parents, last = name.split(".")
    target: MutableMapping[str, Any] = scope
    for parent in parents:
        target = target.setdefault(parent, {})
    target[last] = value
