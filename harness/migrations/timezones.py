"""Whether what a migration writes depends on the TimeZone of the session that runs it: run twice, nine hours apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from psycopg.conninfo import make_conninfo

from harness.migrations.actions import actions
from harness.migrations.findings import Finding, Severity
from harness.migrations.fingerprints import ColumnPrint, take
from harness.migrations.rehearsal import Rehearsal
from harness.migrations.running import run_units
from harness.migrations.schema import snapshot
from harness.migrations.statements import Statement
from harness.migrations.telling import finding

__all__ = ["check_time_zones"]

PHASE = "data"
_WRITES = {"UpdateStmt", "InsertStmt", "MergeStmt", "DoStmt", "SelectStmt", "CallStmt", "CreateTableAsStmt", "CopyStmt"}
_FILES = "SELECT oid::int8, pg_relation_filenode(oid)::int8 FROM pg_class WHERE relkind IN ('r', 'm')"
_ZONED = "with time zone"


@dataclass(frozen=True, slots=True)
class _Ran:
    """What a run left, by table and column, and which tables it wrote anew."""

    columns: Mapping[tuple[str, str], ColumnPrint]
    rewritten: frozenset[str]


def check_time_zones(rehearsal: Rehearsal) -> Iterator[Finding]:
    """Compare what two sessions leave that differ in nothing but TimeZone; what differs by itself (now()) is left out."""
    if not _may_depend(rehearsal):
        return
    utc, other = _run(rehearsal, "UTC"), _run(rehearsal, _elsewhere())
    if utc is None or other is None:
        return
    depends = _differing(utc, other)
    again = _run(rehearsal, "UTC") if depends else None
    for table, column in sorted(depends - _differing(utc, again) if again else ()):
        evidence = (
            f"{utc.columns[table, column].values:,} values of {table}.{column} are others when the session's TimeZone "
            "is nine hours from UTC"
        )
        if table in other.rewritten - utc.rewritten:
            evidence += f"; only in UTC is {table} not rewritten"
        cause = _cause(rehearsal, table, column)
        yield finding("data.depends-on-timezone", Severity.HIGH, PHASE, cause, evidence, table=table)


def _cause(rehearsal: Rehearsal, table: str, column: str) -> Statement:
    """The statement that writes the column, else one that speaks of it."""
    names = (table.rsplit(".", 1)[-1], column)
    writing = (s for s in rehearsal.statements if s.kind in _WRITES and all(name in s.text for name in names))
    return next(writing, None) or rehearsal.speaks_of(column)


def _may_depend(rehearsal: Rehearsal) -> bool:
    """Whether it writes values at all, and an instant is in reach."""
    after = rehearsal.after
    if after is None:
        return False
    writes = any(
        statement.kind in _WRITES or any(a.kind == "alter_type" or "default" in a.values for a in actions(statement))
        for statement in rehearsal.statements
    )
    return writes and any(
        _ZONED in column.type for schema in (rehearsal.before, after) for column in schema.columns.values()
    )


def _elsewhere() -> str:
    """Nine hours away on the side where it is the same day now, so that CURRENT_DATE is the same."""
    return "Etc/GMT-9" if datetime.now(UTC).hour < 12 else "Etc/GMT+9"


def _run(rehearsal: Rehearsal, zone: str) -> _Ran | None:
    with rehearsal.clone(rehearsal.widest) as database:
        with psycopg.connect(make_conninfo(database.dsn, options=f"-c TimeZone={zone}"), autocommit=True) as connection:
            files: dict[int, int] = dict(connection.execute(_FILES).fetchall())
            if not run_units(connection, rehearsal.units).complete:
                return None
        with database.connect() as connection:
            moved = {oid for oid, node in connection.execute(_FILES).fetchall() if files.get(oid, node) != node}
            prints = take(connection, snapshot(connection))
    columns = {(prints.labels[oid], entry.name): entry for (oid, _), entry in prints.columns.items()}
    return _Ran(columns, frozenset(prints.labels[oid] for oid in moved & prints.labels.keys()))


def _differing(left: _Ran, right: _Ran) -> set[tuple[str, str]]:
    """Columns with other values."""
    return {
        key
        for key in left.columns.keys() & right.columns.keys()
        if left.columns[key].digest != right.columns[key].digest
    }
