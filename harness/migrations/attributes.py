"""Attributes of composite types that the running release may name and that are gone, or that it does not write yet."""

from __future__ import annotations

from collections.abc import Iterator

from harness.migrations.findings import Finding, Severity
from harness.migrations.fingerprints import Change
from harness.migrations.rehearsal import Rehearsal
from harness.migrations.schema import Column, Schema, quoted_label, quoted_name
from harness.migrations.statements import Statement
from harness.migrations.telling import finding

__all__ = ["about_attributes", "check_attributes", "kept_as_text"]

_CODE_FIRST = (
    "-- a new type for the new release beside the old one, or first release code that writes the type by the names of its attributes:\n"
    "-- INSERT INTO … (column.attribute, …) VALUES (…), and no ROW(…)::type, no '(…)' and no array of them"
)


def check_attributes(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    """Types that columns have before and after, and that lost, renamed or gained an attribute."""
    before = rehearsal.before
    for name, then in sorted(before.attributes.items()):
        now, used = after.attributes.get(name), _holding(before, name)
        if now is None or not used or now == (then or []):
            continue
        gone = [each for each in then or () if each not in now]
        where = ", ".join(f"{c.table}.{c.name}" for c in used[:3])
        if gone:
            hazard, word, remedy = "compat.old-app-read-fails", gone[0], ""
            evidence = (
                f"type {name} has no {' and no '.join(gone)} any more, and {where} is of it: "
                f"a query that names {gone[0]} of a value fails"
            )
        elif len(now) > len(then or ()):
            more = [each for each in now if each not in (then or ())]
            hazard, word, remedy = "compat.old-app-write-fails", more[0], _CODE_FIRST
            evidence = (
                f"type {name} has {' and '.join(more)} too, and {where} is of it: a running release that writes a value as "
                f"a whole, of {len(then or ())} attributes, is refused (22P02, 42846), and what it reads has {len(now)}"
            )
        else:
            continue
        yield finding(
            hazard,
            Severity.MEDIUM,
            "schema",
            about_attributes(rehearsal, word),
            evidence,
            table=used[0].table,
            status="predicted",
            remedy=remedy,
        )


def _holding(schema: Schema, name: str) -> list[Column]:
    """Columns of tables with values of a composite type, however deep."""
    return [c for c in schema.columns.values() if schema.is_table(c.table) and name in schema.composites_within(c.type)]


def kept_as_text(schema: Schema, change: Change) -> str:
    """How to keep what an attribute of a column holds: a copy of the table has the same type, and loses it too."""
    key = "".join(f"{quoted_name(name)}, " for name in schema.primary_key(change.table))
    name = change.table.rsplit(".", maxsplit=1)[-1]
    return (
        f"-- a copy of the same type would lose it too: keep it as jsonb\nCREATE TABLE {quoted_name(f'{name}_kept')} AS "
        f"SELECT {key}to_jsonb({quoted_name(change.column)}) AS {quoted_name(change.column)} FROM {quoted_label(change.table)};"
    )


def about_attributes(rehearsal: Rehearsal, *words: str) -> Statement:
    """The statement about attributes that has one of the words, else the first about attributes, else any."""
    about = [s for s in rehearsal.statements if "attribute" in s.text.lower()]
    naming = [s for s in about if any(word in s.text for word in words)]
    return next(iter(naming or about), rehearsal.speaks_of(*words[:1]))
