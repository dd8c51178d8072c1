"""Fingerprints of rows: has anything gone, or become another value (MIGRATIONS.md 2, "data kept")?

Tables are followed by OID and columns by number, so that a rename is not a loss. A column whose type changes is
compared through its new type, and there and back, which shows what the new type cannot hold.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from harness.migrations.schema import Column, Schema, quoted_label, quoted_name
from harness.migrations.settings import with_settings

__all__ = ["JSONB_KEEPS", "Change", "ColumnPrint", "Prints", "compare", "take"]

JSONB_KEEPS = "jsonb keeps neither the order of keys, nor a key that is said twice, nor blanks"


@dataclass(frozen=True, slots=True)
class Within:
    """Of a column of a composite type, or of arrays of one: its attributes however deep, and what stands in them."""

    attributes: tuple[str, ...]
    values: int
    digest: int  # an attribute without a value counts as one that is not there


@dataclass(frozen=True, slots=True)
class ColumnPrint:
    """Number of values and the sum of their hashes; `through` is the hash through the new type, `lossy` what it loses.

    `unspaced` is that of a json's text without blanks: a way there and back through jsonb may write others.
    """

    name: str
    type: str
    values: int
    digest: int
    through: int | None = None
    lossy: int = 0
    unspaced: int | None = None
    within: Within | None = None
    distinct: int | None = None  # different values, of a column that USING computes anew


@dataclass(frozen=True, slots=True)
class Prints:
    """By table OID: label, rows, and columns by number. `partitions` maps the OIDs of partitions to their parent's."""

    labels: Mapping[int, str]
    rows: Mapping[int, int]
    columns: Mapping[tuple[int, int], ColumnPrint]
    partitions: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `kind`: table gone, rows gone, column gone, attributes gone, values lost, values changed."""

    kind: str
    table: str
    column: str
    count: int
    text: str


def take(
    connection: psycopg.Connection[Any],
    schema: Schema,
    after: Schema | None = None,
    *,
    computed: Collection[tuple[int, int]] = (),
) -> Prints:
    """Fingerprints of every table of `schema`; `after` is the one to come, for columns whose type will change.

    `computed` are the columns, by table OID and number, whose values an expression takes over: a cast does not say all that it loses.
    """
    labels, rows, columns = {}, {}, {}
    with with_settings(connection, TimeZone="UTC"):  # instants are compared, not how a session spells them
        for table, entry in schema.tables.items():
            if not schema.is_table(table) or table in schema.partitions:
                continue
            oid = int(entry["oid"])
            labels[oid] = table
            rows[oid], prints = _table(
                connection, schema, table, _coming_types(after, oid), {n for relation, n in computed if relation == oid}
            )
            columns.update({(oid, number): entry for number, entry in prints.items()})
    oids = {table: int(entry["oid"]) for table, entry in schema.tables.items()}
    partitions = {oids[child]: oids[parent] for child, parent in schema.partitions.items()}
    return Prints(labels, rows, columns, partitions)


def compare(before: Prints, after: Prints, *, blanks: bool = True) -> list[Change]:
    """What of `before` is gone or different in `after`; new tables, rows and columns are no difference.

    `blanks` False: a json that has others between its tokens is the same.
    """
    changes: list[Change] = []
    for oid, label in before.labels.items():
        if before.rows[oid] == 0:
            continue
        if oid not in after.labels:
            changes += [] if _attached(before, after, oid) else _replaced(before, after, oid, label)
        elif after.rows[oid] < before.rows[oid]:
            gone = before.rows[oid] - after.rows[oid] - _detached(before, after, oid)
            text = f"{gone:,} of {before.rows[oid]:,} rows of {label} are gone"
            moved = gone > 0 and _moved_rows(before, after, oid)
            changes += [Change("rows gone", label, "", gone, text)] if gone > 0 and not moved else []
        else:
            changes += _columns(before, after, oid, blanks)
    return changes


def _detached(before: Prints, after: Prints, oid: int) -> int:
    """Rows of what was a partition and is a table of its own now."""
    return sum(
        after.rows[child] for child, parent in before.partitions.items() if parent == oid and child in after.rows
    )


def _moved_rows(before: Prints, after: Prints, oid: int) -> bool:
    """Whether another table gained what this one lost, value for value in every column: sums of hashes add up."""
    lost = {
        entry.name: entry.digest - (after.columns[key].digest if key in after.columns else 0)
        for key, entry in before.columns.items()
        if key[0] == oid
    }
    for other in after.labels.keys() - {oid}:
        gained = {entry.name: entry.digest for (table, _), entry in after.columns.items() if table == other}
        for (table, _), entry in before.columns.items():
            if table == other and entry.name in gained:
                gained[entry.name] -= entry.digest
        if all(gained.get(name) == digest for name, digest in lost.items()):
            return True
    return False


def _attached(before: Prints, after: Prints, oid: int) -> bool:
    """Whether the table is a partition now, and its rows are among those of the table that it belongs to."""
    root = oid
    while root in after.partitions:
        root = after.partitions[root]
    if root == oid or root not in after.rows:
        return False
    joined = [child for child in before.rows if child in after.partitions and child not in after.rows]
    there = before.rows.get(root, 0) + sum(before.rows[child] for child in joined)
    return after.rows[root] >= there


def _replaced(before: Prints, after: Prints, oid: int, label: str) -> list[Change]:
    """A table of the same name may have taken its rows over."""
    successor = next((new for new, name in after.labels.items() if name == label and new not in before.labels), None)
    if successor is None or after.rows[successor] < before.rows[oid]:
        return [
            Change("table gone", label, "", before.rows[oid], f"table {label} with {before.rows[oid]:,} rows is gone")
        ]
    old = {entry.name: entry for (table, _), entry in before.columns.items() if table == oid}
    new = {entry.name: entry for (table, _), entry in after.columns.items() if table == successor}
    lost = [
        name for name, entry in old.items() if entry.values and (name not in new or new[name].digest != entry.digest)
    ]
    return [
        Change("values changed", label, name, old[name].values, f"{label}.{name} differs in the table that took over")
        for name in lost
    ]


def _columns(before: Prints, after: Prints, oid: int, blanks: bool) -> list[Change]:
    changes = []
    label = before.labels[oid]
    same_rows = before.rows[oid] == after.rows[oid]
    for (table, number), old in before.columns.items():
        if table != oid or old.values == 0:
            continue
        new = after.columns.get((oid, number))
        if new is None:
            if not _moved(before, after, oid, old):
                changes.append(
                    Change(
                        "column gone",
                        label,
                        old.name,
                        old.values,
                        f"{old.values:,} values of {label}.{old.name} are gone",
                    )
                )
        elif old.lossy:
            text = f"{old.lossy:,} values of {label}.{old.name} do not survive {old.type} → {new.type} and back"
            changes.append(Change("values lost", label, old.name, old.lossy, text))
        elif same_rows and (fewer := (old.distinct or 0) - (new.distinct or 0)) > 0:
            text = f"{old.distinct:,} different values of {label}.{old.name} are {new.distinct or 0:,} after {old.type} → {new.type}"
            changes.append(Change("values lost", label, old.name, fewer, text))
        elif same_rows and (gone := _attributes_gone(old, new)):
            text = f"{gone:,} values within {label}.{old.name} are gone with their attribute"
            changes.append(Change("attributes gone", label, old.name, gone, text))
        elif same_rows and old.within and new.within and old.within.digest == new.within.digest:
            continue  # however its text is written with attributes more
        elif same_rows and new.digest not in {old.digest, old.through} and (blanks or not _spaced_otherwise(old, new)):
            why = "" if blanks or old.type != "json" else f"; {JSONB_KEEPS}"
            text = f"values of {label}.{old.name} changed ({old.values:,} before, {new.values:,} after){why}"
            changes.append(Change("values changed", label, old.name, old.values, text))
    return changes


def _attributes_gone(old: ColumnPrint, new: ColumnPrint) -> int:
    """How many values went with attributes that a composite type has no more."""
    if not old.within or not new.within or set(old.within.attributes) <= set(new.within.attributes):
        return 0
    return max(0, old.within.values - new.within.values)


def _spaced_otherwise(old: ColumnPrint, new: ColumnPrint) -> bool:
    return old.unspaced is not None and old.unspaced == new.unspaced


def _moved(before: Prints, after: Prints, oid: int, old: ColumnPrint) -> bool:
    """Whether a column that was not there before holds the same values now."""
    return any(
        entry.digest == old.digest and entry.values == old.values and (oid, number) not in before.columns
        for (table, number), entry in after.columns.items()
        if table == oid or table not in before.labels
    )


def _coming_types(after: Schema | None, oid: int) -> dict[int, str]:
    if after is None:
        return {}
    label = next((name for name, entry in after.tables.items() if int(entry["oid"]) == oid), None)
    return {column.number: column.type for column in after.columns_of(label)} if label else {}


def _table(
    connection: psycopg.Connection[Any],
    schema: Schema,
    table: str,
    coming: Mapping[int, str],
    computed: Collection[int],
) -> tuple[int, dict[int, ColumnPrint]]:
    columns = schema.columns_of(table)
    parts = ["count(*)"]
    for column in columns:
        name = quoted_name(column.name)
        text = f"{name}::text"
        spaced = f"regexp_replace({text}, '[ \\t\\n\\r]+', '', 'g')" if column.type == "json" else "NULL"
        parts += [f"count({name})", _digest(text), _digest(spaced)]
    row = _row(connection, f"SELECT {', '.join(parts)} FROM {quoted_label(table)}")
    prints = {}
    for place, column in enumerate(columns):
        through, lossy = _through(connection, table, column, coming.get(column.number, column.type))
        values, digest, unspaced = (int(part) for part in row[1 + 3 * place : 4 + 3 * place])
        prints[column.number] = ColumnPrint(
            column.name,
            column.type,
            values,
            digest,
            through,
            lossy,
            unspaced if column.type == "json" else None,
            _within(connection, schema, table, column),
            _distinct(connection, table, column) if column.number in computed else None,
        )
    return int(row[0]), prints


def _through(connection: psycopg.Connection[Any], table: str, column: Column, coming: str) -> tuple[int | None, int]:
    """Digest through the new type, and how many values do not come back; (None, 0) when there is no such cast."""
    if coming == column.type:
        return None, 0
    name = quoted_name(column.name)
    told = "jsonb" if column.type == "json" else "text"  # blanks between its tokens say nothing
    sql = (
        f"SELECT {_digest(f'({name}::{coming})::text')}, count(*) FILTER (WHERE ({name}::{coming})::{column.type}::{told} "
        f"IS DISTINCT FROM {name}::{told}) FROM {quoted_label(table)}"
    )
    try:
        with connection.transaction():
            row = _row(connection, sql)
    except psycopg.Error:
        return None, 0  # this type has no such cast, or a value that does not fit: the statement itself will say so
    return int(row[0]), int(row[1])


def _within(connection: psycopg.Connection[Any], schema: Schema, table: str, column: Column) -> Within | None:
    """What stands in the attributes of a composite type; None for another type."""
    attributes = tuple(schema.attributes_within(column.type))
    if not attributes:
        return None
    value = f"jsonb_strip_nulls(to_jsonb({quoted_name(column.name)}))"
    leaves = f"(SELECT count(*) FROM jsonb_path_query({value}, 'strict $.**') AS v WHERE jsonb_typeof(v) NOT IN ('object', 'array'))"
    row = _row(connection, f"SELECT coalesce(sum({leaves}), 0), {_digest(f'{value}::text')} FROM {quoted_label(table)}")
    return Within(attributes, int(row[0]), int(row[1]))


def _distinct(connection: psycopg.Connection[Any], table: str, column: Column) -> int:
    value = f"{quoted_name(column.name)}::text"
    return int(_row(connection, f"SELECT count(DISTINCT {value}) FROM {quoted_label(table)}")[0])


def _digest(expression: str) -> str:
    return f"coalesce(sum(hashtextextended({expression}, 0)::numeric), 0)"


def _row(connection: psycopg.Connection[Any], sql: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(sql).fetchone()
    return row if row is not None else ()
