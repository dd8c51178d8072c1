"""Values between scenarios and the server: what is sent as a parameter, and what an answer is read as."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import Enum
from typing import Any

import psycopg
from psycopg.pq import ExecStatus
from psycopg.types import TypeInfo
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader
from psycopg.types.json import Jsonb, set_json_dumps, set_json_loads
from psycopg.types.string import TextLoader

from harness.errors import InputError
from harness.jsontext import parse_exact, written

__all__ = ["as_written", "sent"]

_RANGES = ("int4", "int8", "num", "date", "ts", "tstz")
_RANGE_TYPES = tuple(f"{of}{kind}" for of in _RANGES for kind in ("range", "multirange"))
_TEXTS = ("time", "timetz", "inet", "cidr", "uuid", "bytea", *_RANGE_TYPES)
"""The types that psycopg reads as objects of its own, or of Python's, that no scenario can write."""

_ENUMS = "SELECT typname, oid::int8, typarray::int8 FROM pg_type WHERE typtype = 'e' AND typarray <> 0"
_JSON = {"json", "jsonb"}
_PLACEHOLDER = re.compile(r"%(?:%|\(([^()]*)\)[sbt])")


class _Refused(Exception):
    """The server did not say what the parameters of a statement are."""


def as_written(connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """The connection, with values that JSON has no kind for as the server writes them, and decimals in JSON exact."""
    connection.prepare_threshold = None  # psycopg would forget what it prepared at each rollback, and the questions too
    set_json_loads(parse_exact, connection)
    set_json_dumps(_json, connection)
    for name in _TEXTS:
        connection.adapters.register_loader(name, TextLoader)
    for loader in (_Date, _Timestamp, _Timestamptz):
        connection.adapters.register_loader(loader.kind, loader)
    for name, oid, array in connection.execute(_ENUMS).fetchall():
        TypeInfo(name, oid, array).register(connection)  # else its arrays are read as text: {a,b}
    return connection


class _Date(DateLoader):
    """A date that Python has none for (infinity, before Christ) as the server writes it."""

    kind = "date"

    def load(self, data: Any) -> Any:
        return _or_text(super().load, data)


class _Timestamp(TimestampLoader):
    kind = "timestamp"

    def load(self, data: Any) -> Any:
        return _or_text(super().load, data)


class _Timestamptz(TimestamptzLoader):
    kind = "timestamptz"

    def load(self, data: Any) -> Any:
        return _or_text(super().load, data)


def _or_text(load: Any, data: Any) -> Any:
    try:
        return load(data)
    except psycopg.DataError:
        return bytes(data).decode()


def sent(connection: psycopg.Connection[Any], text: str, parameters: Any) -> Any:
    """The named parameters of a statement as psycopg takes them: a map is JSON; a list is JSON where the statement has JSON
    for it, or where no array can hold it, else an array."""
    if not isinstance(parameters, Mapping):
        return parameters
    lists = any(isinstance(value, list | tuple) for value in parameters.values())
    kinds = _kinds(connection, text) if lists else {}
    return {name: _parameter(value, kinds.get(name, "")) for name, value in parameters.items()}


def _parameter(value: Any, kind: str) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple):
        if kind.removesuffix("[]") in _JSON and kind.endswith("[]"):
            return [Jsonb(each) for each in value]
        return Jsonb(value) if kind in _JSON or not _is_array(value) else value
    return Jsonb(value) if isinstance(value, dict) else value


def _is_array(value: Sequence[Any]) -> bool:
    """Whether an array can hold these elements: no map, and not of several kinds."""
    leaves = list(_leaves(value))
    kinds = {bool if isinstance(each, bool) else str if isinstance(each, str) else object for each in leaves}
    return not any(isinstance(each, Mapping) for each in leaves) and len(kinds) <= 1


def _leaves(value: Sequence[Any]) -> list[Any]:
    return [
        leaf
        for each in value
        if each is not None
        for leaf in (_leaves(each) if isinstance(each, list | tuple) else [each])
    ]


def _kinds(connection: psycopg.Connection[Any], text: str) -> dict[str, str]:
    """What the server takes each named parameter for, by the place where it stands; nothing where it cannot say."""
    names = list(dict.fromkeys(name for name in _PLACEHOLDER.findall(text) if name))
    numbered = _PLACEHOLDER.sub(lambda found: f"${names.index(found[1]) + 1}" if found[1] else "%", text)
    asked = connection.pgconn
    with suppress(psycopg.Error, _Refused), connection.transaction():  # a refusal must not end the scenario's own
        if asked.prepare(b"", numbered.encode()).status != ExecStatus.COMMAND_OK:
            raise _Refused
        told = asked.describe_prepared(b"")
        kinds = [connection.adapters.types.get(told.param_type(number)) for number in range(told.nparams)]
        # the type's own number is that of an element or of the whole array
        return {
            name: (f"{kind.name}[]" if told.param_type(number) == kind.array_oid else kind.name) if kind else ""
            for number, (name, kind) in enumerate(zip(names, kinds, strict=False))
        }
    return {}


def _json(value: Any) -> str:
    try:
        return written(value, _refused)
    except ValueError as error:  # a value of a verb of the project's own
        raise InputError(f"This parameter is no value of JSON: {error}.", "Send a part of it.") from None


def _refused(value: Any) -> Any:
    raise InputError(f"{type(value).__name__} is no value of JSON.", "Write it as text.")
