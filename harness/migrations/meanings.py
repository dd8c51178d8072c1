"""Names that the running release still finds, and that mean something else now: nothing fails, and what it reads is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg

from harness.errors import InputError
from harness.migrations.findings import Finding, Severity
from harness.migrations.generator import row_sql
from harness.migrations.rehearsal import Rehearsal
from harness.migrations.schema import Column, Schema, bare_type, quoted_label, quoted_name
from harness.migrations.telling import finding
from harness.migrations.tracing import Failure
from harness.migrations.writing import attempt, first_row

__all__ = ["check_meanings"]

PHASE = "compatibility"
_NOT_READY = "55000"
_CASELESS = "citext"


def check_meanings(
    rehearsal: Rehearsal, new: Schema, before: psycopg.Connection[Any], after: psycopg.Connection[Any]
) -> Iterator[Finding]:
    """Compare what stands under the old names, on the same rows in both databases; nothing is kept."""
    yield from _unfilled(rehearsal, new, before, after)
    yield from _views(rehearsal, new, before, after)
    old = rehearsal.before
    names = {entry["oid"]: label for label, entry in new.tables.items()}
    for table, entry in sorted(old.tables.items()):
        if not old.is_table(table) or not new.is_table(table) or table in old.partitions:
            continue
        moved = names.get(entry["oid"])
        if moved == table:
            yield from _columns(rehearsal, new, table, before, after)
            yield from _computed(rehearsal, new, table, before, after)
            yield from _order(rehearsal, new, table)
        elif moved is not None:
            yield from _rows(rehearsal, table, moved, before, after)


def _unfilled(
    rehearsal: Rehearsal, new: Schema, before: psycopg.Connection[Any], after: psycopg.Connection[Any]
) -> Iterator[Finding]:
    """Materialized views that are there and refuse to be read, as WITH NO DATA leaves them."""
    for view in sorted(rehearsal.before.tables):
        if rehearsal.before.kind(view) != "m" or new.kind(view) != "m":
            continue
        sql = f"SELECT count(*) FROM {quoted_label(view)}"
        said = attempt(after, sql)
        if isinstance(said, Failure) and said.sqlstate == _NOT_READY and not isinstance(attempt(before, sql), Failure):
            evidence = f"a query of {view} worked and now says {said}"
            bare = view.rsplit(".", maxsplit=1)[-1]
            cause = rehearsal.altering(bare, "no data")
            remedy = f"REFRESH MATERIALIZED VIEW {quoted_label(view)};  -- in the same transaction"
            yield finding(
                "compat.old-app-read-fails", Severity.BLOCKER, PHASE, cause, evidence, table=view, remedy=remedy
            )


def _views(
    rehearsal: Rehearsal, new: Schema, before: psycopg.Connection[Any], after: psycopg.Connection[Any]
) -> Iterator[Finding]:
    """Views that find fewer rows than they did, or find them with other rights."""
    for view in sorted(rehearsal.before.views):
        if new.kind(view) != "v" or rehearsal.before.kind(view) != "v":
            continue
        bare = view.rsplit(".", maxsplit=1)[-1]
        cause = rehearsal.altering(bare, "view")
        sql = f"SELECT count(*) FROM {quoted_label(view)}"
        then, now = _one(before, sql), _one(after, sql)
        changed = rehearsal.before.views[view] != new.views[view]
        found: list[tuple[str, str, str]] = []  # which hazard, its evidence, a remedy if its own will not do
        if changed and then is not None and now is not None and now < then:
            evidence = f"{then - now:,} of {then:,} rows that queries of {view} found are not found by it any more"
            remedy = "-- give the narrower view a name of its own, and drop this one when no release reads it"
            found.append(("compat.rows-hidden", evidence, remedy))
        was, invoker = (schema.tables[view]["invoker"] for schema in (rehearsal.before, new))
        if invoker and not was:
            evidence = f"{view} asks for the privileges of its caller from now on: who may read it and not its tables is refused"
            found.append(("compat.privileges-lost", evidence, ""))
        elif was and not invoker:
            evidence = f"{view} was read with the rights of its caller and is with those of its owner: policies of its tables do not hold"
            remedy = f"ALTER VIEW {quoted_label(view)} SET (security_invoker = true);"
            found.append(("compat.rows-shown", evidence, remedy))
        if (changed or rehearsal.before.functions != new.functions) and then == now:
            found += _shown_otherwise(rehearsal, new, view, before, after)
        found += _checked_writes(view, *(schema.tables[view]["checked"] for schema in (rehearsal.before, new)))
        for hazard, evidence, advice in found:
            yield finding(
                hazard, Severity.MEDIUM, PHASE, cause, evidence, table=view, status="predicted", remedy=advice
            )


def _shown_otherwise(
    rehearsal: Rehearsal, new: Schema, view: str, before: psycopg.Connection[Any], after: psycopg.Connection[Any]
) -> Iterator[tuple[str, str, str]]:
    """Columns of a view in which as many rows hold other values; what differs by itself (now()) is left out."""
    columns = [c for c in rehearsal.before.columns_of(view) if (view, c.name) in new.columns]
    differing = []
    for column in columns:
        sql = (
            f"SELECT sum(hashtextextended({quoted_name(column.name)}::{column.type}::text, 0)::numeric) "
            f"FROM {quoted_label(view)}"
        )
        then, again, now = first_row(before, sql), first_row(before, sql), first_row(after, sql)
        if then == again and None not in (then, now) and then != now:
            differing.append(column.name)
    if differing:
        evidence = f"{view} shows other values under {', '.join(differing)} than it did, on the same rows of its tables"
        yield "compat.name-moved", evidence, "-- give the new meaning a name of its own, in a view beside this one"


def _checked_writes(view: str, was: str | None, now: str | None) -> Iterator[tuple[str, str, str]]:
    """What WITH CHECK OPTION refuses, or no longer does."""
    if now and now != was:
        evidence = f"{view} has WITH CHECK OPTION from now on: a row written through it that it does not show is refused (44000)"
        yield "compat.old-app-write-fails", evidence, "-- first release code that writes through it only what it shows"
    elif was and not now:
        evidence = (
            f"{view} had WITH CHECK OPTION and has it no more: rows that it does not show can be written through it"
        )
        yield "compat.rows-writable", evidence, f"ALTER VIEW {quoted_label(view)} SET (check_option = {was});"


def _rows(
    rehearsal: Rehearsal, table: str, moved: str, before: psycopg.Connection[Any], after: psycopg.Connection[Any]
) -> Iterator[Finding]:
    """Another table has the name, and not all of the rows."""
    then, now = (_one(each, f"SELECT count(*) FROM {quoted_label(table)}") for each in (before, after))
    if then and now is not None and now < then:
        evidence = f"{then - now:,} of {then:,} rows that queries of {table} found are in {moved} now, and another table has the name"
        remedy = f"-- copy the rows before the names change\nINSERT INTO {quoted_label(table)} SELECT * FROM {quoted_label(moved)};"
        cause = rehearsal.altering(table.rsplit(".", maxsplit=1)[-1], "rename to", "set schema")
        yield finding("compat.rows-hidden", Severity.HIGH, PHASE, cause, evidence, table=table, remedy=remedy)


def _columns(
    rehearsal: Rehearsal,
    new: Schema,
    table: str,
    before: psycopg.Connection[Any],
    after: psycopg.Connection[Any],
) -> Iterator[Finding]:
    """Another column has the name: one that the migration filled with the same values does no harm. Of two that were there
    nobody knows here what they hold, and two that change places have been mistaken for each other."""
    old = rehearsal.before
    now_called = {column.number: column.name for column in new.columns_of(table)}
    then_called = {column.number: column.name for column in old.columns_of(table)}
    for column in old.columns_of(table):
        now = new.columns.get((table, column.name))
        moved = now_called.get(column.number)
        if now is None or moved is None or now.number == column.number:
            continue
        name = quoted_name(column.name)
        prepared = now.number in then_called
        sql = f"SELECT coalesce(sum(hashtextextended(({name})::text, 0)::numeric), 0), count({name}) FROM {quoted_label(table)}"
        if not prepared and first_row(before, sql) == first_row(after, sql):
            continue
        exchanged = moved in then_called.values()
        query = f"SELECT count(*) FROM {quoted_label(table)} WHERE {name} IS DISTINCT FROM {quoted_name(moved)}"
        evidence = (
            f"{table}.{column.name} is another column now, and what it was is {moved}: the running release reads and writes "
            f"the wrong one without an error, unless the two hold the same in every row of production: {query}"
        )
        yield finding(
            "compat.name-moved",
            Severity.MEDIUM if prepared and not exchanged else Severity.HIGH,
            PHASE,
            rehearsal.altering(table.rsplit(".", maxsplit=1)[-1], f"to {column.name.lower()}", "rename column"),
            evidence,
            table=table,
            about=column.name,
            status="predicted",
        )


def _computed(
    rehearsal: Rehearsal,
    new: Schema,
    table: str,
    before: psycopg.Connection[Any],
    after: psycopg.Connection[Any],
) -> Iterator[Finding]:
    """A column that was computed is filled by nobody: the running release leaves it out, since it had to."""
    for column in rehearsal.before.columns_of(table):
        now = new.columns.get((table, column.name))
        if not column.generated or now is None or now.generated:
            continue
        try:
            insert = row_sql(before, rehearsal.before, table, {})
        except InputError:
            return  # no row of this table can be made up; the rehearsal's notes say so
        sql = f"{insert} RETURNING {quoted_name(column.name)} IS NULL"
        if _one(before, sql) is False and _one(after, sql) is True:
            evidence = (
                f"the running release writes a row into {table} and leaves out {column.name}, which was computed: "
                "it holds NULL now"
            )
            cause = rehearsal.altering(table.rsplit(".", maxsplit=1)[-1], "drop expression")
            yield finding(
                "compat.old-app-sees-null",
                Severity.MEDIUM,
                PHASE,
                cause,
                evidence,
                table=table,
                about=column.name,
                remedy="-- first release code that writes it, or let a trigger compute it until then",
            )


def _order(rehearsal: Rehearsal, new: Schema, table: str) -> Iterator[Finding]:
    """Enum columns whose values stand in another order, as far as they are the same values."""
    for column in rehearsal.before.columns_of(table):
        now = new.columns.get((table, column.name))
        kinds = [bare_type(kind) for kind in (column.type, now.type if now else "")]
        labels = [schema.enums.get(kind, []) for schema, kind in zip((rehearsal.before, new), kinds, strict=True)]
        if now is not None and now.collation != column.collation and bare_type(now.type) == bare_type(column.type):
            yield _collated(rehearsal, table, column, now)
        if now is not None and (bare_type(now.type) == _CASELESS) != (bare_type(column.type) == _CASELESS):
            yield _case(rehearsal, table, column, now)
        then_order, now_order = (
            [label for label in each if label in labels[0] and label in labels[1]] for each in labels
        )
        if then_order == now_order:
            continue
        evidence = (
            f"the values of {table}.{column.name} stood in the order {', '.join(then_order)} and stand in the order "
            f"{', '.join(now_order)}: does the running release sort or compare by it?"
        )
        making = [
            s for s in rehearsal.statements if s.kind in {"CreateEnumStmt", "AlterEnumStmt"} and kinds[1] in s.text
        ]
        yield finding(
            "compat.order-changed",
            Severity.MEDIUM,
            PHASE,
            making[0] if making else rehearsal.altering(table.rsplit(".", maxsplit=1)[-1], "type"),
            evidence,
            table=table,
            status="predicted",
            names={"name": quoted_name(kinds[1])},
        )


def _collated(rehearsal: Rehearsal, table: str, column: Column, now: Column) -> Finding:
    then, after = (each.collation or "the database's" for each in (column, now))
    evidence = (
        f"{table}.{column.name} sorted and compared by {then} collation and does by {after} now: does the running release "
        "sort or compare by it?"
    )
    remedy = "-- say the collation where a query sorts\n-- SELECT … ORDER BY … COLLATE …"
    return _other_order(rehearsal, table, "collate", evidence, remedy)


def _case(rehearsal: Rehearsal, table: str, column: Column, now: Column) -> Finding:
    evidence = (
        f"{table}.{column.name} was {column.type} and is {now.type}: =, IN, LIKE, DISTINCT and ON CONFLICT find other rows "
        "where only the case differs"
    )
    remedy = "-- say in a query which comparison is meant\n-- SELECT … WHERE …::text = …"
    return _other_order(rehearsal, table, "citext", evidence, remedy)


def _other_order(rehearsal: Rehearsal, table: str, word: str, evidence: str, remedy: str) -> Finding:
    cause = rehearsal.altering(table.rsplit(".", maxsplit=1)[-1], word, "type")
    return finding(
        "compat.order-changed", Severity.MEDIUM, PHASE, cause, evidence, table=table, status="predicted", remedy=remedy
    )


def _one(connection: psycopg.Connection[Any], sql: str) -> Any:
    row = first_row(connection, sql)
    return row[0] if row else None
