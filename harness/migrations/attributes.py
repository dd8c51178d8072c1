"""Attributes of composite types that the running release may name and that are no longer there under that name."""

from __future__ import annotations

from collections.abc import Iterator

from harness.migrations.findings import Finding, Severity
from harness.migrations.rehearsal import Rehearsal
from harness.migrations.schema import Schema, bare_type
from harness.migrations.telling import finding

__all__ = ["check_attributes"]


def check_attributes(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    """Types that columns have before and after, and that lost or renamed an attribute."""
    before = rehearsal.before
    for name, then in sorted(before.attributes.items()):
        now = after.attributes.get(name)
        gone = [each for each in then or () if each not in (now or ())]
        used = [c for c in before.columns.values() if bare_type(c.type) == name and before.is_table(c.table)]
        if now is None or not gone or not used:
            continue
        where = ", ".join(f"{c.table}.{c.name}" for c in used[:3])
        evidence = (
            f"type {name} has no {' and no '.join(gone)} any more, and {where} is of it: a query that names "
            f"({used[0].name}).{gone[0]} fails"
        )
        statement = next(
            (s for s in rehearsal.statements if "attribute" in s.text.lower() and gone[0] in s.text),
            rehearsal.speaks_of(name),
        )
        yield finding(
            "compat.old-app-read-fails",
            Severity.MEDIUM,
            "schema",
            statement,
            evidence,
            table=used[0].table,
            status="predicted",
        )
