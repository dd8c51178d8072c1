"""The g-th value of each PostgreSQL type, as an SQL expression over a row number."""

from __future__ import annotations

import re
from collections.abc import Callable

from harness.errors import InputError
from harness.migrations.schema import Column, Schema

__all__ = ["NUMBERS", "SIZE", "base_type", "plain_value", "spelled"]

SIZE = re.compile(r"\([^)]*\)")  # of a type, as in `numeric(10,2)`
_TEXT = re.compile(r"'((?:[^']|'')*)'")
_UUID = "md5('harness' || ({g})::text)::uuid"
# Few rows are spread as far as many are: what asks for rows older or younger than something hits some and spares some.
_STEP = "((({g}) % 3000) * 1853 % 3000)"
_SPREAD = f"({_STEP} * INTERVAL '37 hours' + ({{g}}) * INTERVAL '1 second')"  # all seasons, and no two alike
_HASHED = f"(SELECT g, {_UUID.format(g='g')} AS u FROM {{series}} OFFSET 0) AS hashed"
NUMBERS = (  # what several columns of a row share is computed once a row
    "(SELECT g, u AS harness_uuid, u::text AS harness_text, "
    f"TIMESTAMP '2020-01-01' + {_SPREAD.format(g='g')} AS harness_time FROM {_HASHED} OFFSET 0) AS numbers"
)
_SHARED = {"uuid": "harness_uuid", "text": "harness_text", "timestamp without time zone": "harness_time"}

_BY_TYPE: dict[str, Callable[[str], str]] = {
    "bigint": lambda g: f"({g})::bigint",
    "integer": lambda g: f"({g})::integer",
    "smallint": lambda g: f"(({g}) % 32000)::smallint",
    "double precision": lambda g: f"({g})::float8",
    "real": lambda g: f"({g})::float4",
    "money": lambda g: f"(({g}) % 1000000)::int::money",
    "boolean": lambda g: f"(({g}) % 2 = 0)",
    "text": lambda g: f"({_UUID.format(g=g)})::text",
    "citext": lambda g: f"({_UUID.format(g=g)})::text",
    "name": lambda g: f"('n' || ({g}))::name",
    "uuid": lambda g: _UUID.format(g=g),
    "date": lambda g: f"(DATE '2022-01-01' + {_STEP.format(g=g)}::int)",
    "timestamp without time zone": lambda g: f"(TIMESTAMP '2020-01-01' + {_SPREAD.format(g=g)})",
    "timestamp with time zone": lambda g: f"(TIMESTAMPTZ '2020-01-01Z' + {_SPREAD.format(g=g)})",
    "time without time zone": lambda g: f"(TIME '00:00' + (({g}) * INTERVAL '1 second'))",
    "time with time zone": lambda g: f"(TIME '00:00' + (({g}) * INTERVAL '1 second'))::timetz",
    "interval": lambda g: f"(({g}) * INTERVAL '1 minute')",
    "json": lambda g: f"json_build_object('n', {g})",
    "jsonb": lambda g: f"jsonb_build_object('n', {g})",
    "bytea": lambda g: f"decode(md5(({g})::text), 'hex')",
    "inet": lambda g: f"('10.0.0.0'::inet + (({g}) % 16000000))",
    "cidr": lambda g: f"host('10.0.0.0'::inet + (({g}) % 16000000))::cidr",
    "macaddr": lambda g: f"lpad(to_hex({g}), 12, '0')::macaddr",
    "tsvector": lambda g: f"to_tsvector('simple', ({g})::text)",
    "xml": lambda g: f"xmlparse(CONTENT '<n>' || ({g}) || '</n>')",
    "point": lambda g: f"point({g}, {g})",
    "line": lambda g: f"line(point({g}, 0), point({g}, 1))",
    "lseg": lambda g: f"lseg(point({g}, 0), point({g}, 1))",
    "box": lambda g: f"box(point({g}, 0), point(({g}) + 1, 1))",
    "path": lambda g: f"('[(0,0),(' || ({g}) || ',1)]')::path",
    "polygon": lambda g: f"polygon(box(point({g}, 0), point(({g}) + 1, 1)))",
    "circle": lambda g: f"circle(point({g}, 0), 1)",
    "tsquery": lambda g: f"to_tsquery('simple', 'n' || ({g})::text)",
    "jsonpath": lambda g: f"('$.n' || ({g}))::jsonpath",
    "pg_lsn": lambda g: f"('0/'  || to_hex({g}))::pg_lsn",
    "macaddr8": lambda g: f"lpad(to_hex({g}), 16, '0')::macaddr8",
    "oid": lambda g: f"({g})::oid",
    "hstore": lambda g: f"hstore('n', ({g})::text)",
    "ltree": lambda g: f"('n' || ({g}))::ltree",
}
_RANGES = {  # each range ends before the next begins, so that an exclusion constraint has nothing against them
    "int4range": "int4range(({g})::int * 10, ({g})::int * 10 + 5)",
    "int8range": "int8range(({g})::int8 * 10, ({g})::int8 * 10 + 5)",
    "numrange": "numrange(({g})::numeric * 10, ({g})::numeric * 10 + 5)",
    "daterange": "daterange(DATE '2025-01-01' + ({g})::int * 2, DATE '2025-01-01' + ({g})::int * 2 + 1)",
    "tsrange": "tsrange(TIMESTAMP '2025-01-01' + ({g}) * INTERVAL '1 hour', TIMESTAMP '2025-01-01' + ({g}) * INTERVAL '1 hour' + INTERVAL '30 minutes')",
    "tstzrange": "tstzrange(TIMESTAMPTZ '2025-01-01Z' + ({g}) * INTERVAL '1 hour', TIMESTAMPTZ '2025-01-01Z' + ({g}) * INTERVAL '1 hour' + INTERVAL '30 minutes')",
}


def plain_value(column: Column, schema: Schema, *, number: str = "g") -> str:
    """SQL for the value numbered `number` of the column's type; raises InputError for a type without one.

    With the number `g` it is to be used over NUMBERS, a relation of numbers with their hashes and times.
    """
    kind, length = _taken_apart(column.type)
    if kind.endswith("[]"):
        element = Column(column.table, column.name, kind.removesuffix("[]"), True, None, "", "", 0)
        return f"ARRAY[{plain_value(element, schema, number=number)}]::{column.type}"
    value = _of_own_type(column, schema, kind, number) or _of_known_type(kind, length, number)
    if value:
        return value
    if not column.not_null or column.default:
        return column.default or "NULL"
    raise InputError(
        f"no value is known for the type {column.type} of {column.table}.{column.name}.", "Give rows with --data."
    )


def base_type(type_name: str, schema: Schema) -> str:
    """The type under a domain (and under a domain of that); any other type is itself."""
    entry = schema.domain(type_name)
    return base_type(str(entry["base"]), schema) if entry else type_name


def _of_own_type(column: Column, schema: Schema, kind: str, number: str) -> str:
    """Enums, composite types and domains of this schema."""
    bare = kind.strip('"').split(".")[-1].strip('"')
    if bare in schema.enums:
        return f"(enum_range(NULL::{column.type}))[1 + (({number}) % {len(schema.enums[bare])})::int]"
    if bare in schema.composites:
        parts = (
            Column(column.table, column.name, each, True, None, "", "", 0) for each in schema.composites[bare] or ()
        )
        return f"ROW({', '.join(plain_value(part, schema, number=number) for part in parts)})::{column.type}"
    base = base_type(column.type, schema)
    if base == column.type:
        return ""
    under = Column(column.table, column.name, base, column.not_null, column.default, "", "", 0)
    return f"({plain_value(under, schema, number=number)})::{column.type}"


def _of_known_type(kind: str, length: str, number: str) -> str:
    if sized := _of_sized_type(kind, length, number):
        return sized
    if number == "g" and kind in _SHARED:
        return _SHARED[kind]
    single = kind.replace("multirange", "range")
    if single in _RANGES:
        value = _RANGES[single].format(g=number)
        return value if single == kind else f"{kind}({value})"
    return _BY_TYPE[kind](number) if kind in _BY_TYPE else ""


def _of_sized_type(kind: str, length: str, number: str) -> str:
    """Types whose values have a declared length."""
    if kind in {"character varying", "character"}:
        return _short_text(number, length)
    if kind == "numeric":
        return _numeric(number, length)
    if kind in {"bit", "bit varying"}:
        return f"(({number}) % {2 ** min(30, int(length or 1))})::int::bit({length or 1})"
    if kind == "vector":
        return f"array_fill((({number}) % 97)::real, ARRAY[{length or 3}])::vector"
    return ""


def spelled(definition: str) -> list[str]:
    """The text literals in a piece of SQL without their quotes (those inside stay doubled), in order."""
    return list(dict.fromkeys(_TEXT.findall(definition)))


def _taken_apart(type_name: str) -> tuple[str, str]:
    """`numeric(10,2)` → (`numeric`, `10,2`); `timestamp(3) without time zone` → (`timestamp without time zone`, `3`)."""
    match = re.match(r"^(?P<head>[^(]*)\((?P<size>[^)]*)\)(?P<tail>.*)$", type_name)
    if not match:
        return type_name, ""
    return match["head"] + match["tail"], match["size"]


def _short_text(number: str, length: str) -> str:
    size = int(length or 36)
    if size >= 36:
        return "harness_text" if number == "g" else _BY_TYPE["text"](number)
    if size >= 8:
        return f"lpad(to_hex({number}), {min(size, 12)}, '0')"
    return f"right(lpad(to_hex({number}), {size}, '0'), {size})"


def _numeric(number: str, size: str) -> str:
    if not size:
        return f"({number})::numeric"
    precision, _, scale = size.partition(",")
    whole = 10 ** max(1, int(precision) - int(scale or 0))
    digits = "" if int(scale or 0) == 0 else " + 0.5" if int(scale) == 1 else " + 0.25"
    return f"((({number}) % {whole // 2 or 1}){digits})::numeric({size})"
