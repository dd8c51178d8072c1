"""Sequences that a migration leaves behind the keys that are there: the next INSERT takes a number that is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from harness.migrations.actions import quoted
from harness.migrations.findings import Finding, Severity
from harness.migrations.rehearsal import Rehearsal
from harness.migrations.schema import Schema, quoted_label, quoted_name
from harness.migrations.statements import Statement
from harness.migrations.telling import finding

__all__ = ["Position", "behind", "check_ends", "positions"]

PHASE = "data"
PHASE_OF_ENDS = "schema"
# A default that calls nextval depends on its sequence; the sequence of an identity column depends on the column.
_FEEDING = """
SELECT CASE WHEN n.nspname = 'public' AND c.relname !~ '[.]' THEN c.relname ELSE n.nspname || '.' || c.relname END, a.attname,
       CASE WHEN m.nspname = 'public' AND s.relname !~ '[.]' THEN s.relname ELSE m.nspname || '.' || s.relname END, q.seqincrement
FROM pg_class s JOIN pg_namespace m ON m.oid = s.relnamespace JOIN pg_sequence q ON q.seqrelid = s.oid
JOIN LATERAL (
  SELECT refobjid AS relation, refobjsubid AS number FROM pg_depend
   WHERE classid = 'pg_class'::regclass AND objid = s.oid AND refclassid = 'pg_class'::regclass AND deptype = 'i'
  UNION
  SELECT f.adrelid, f.adnum FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid
   WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid
) fed ON true
JOIN pg_class c ON c.oid = fed.relation JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = fed.number
WHERE n.nspname !~ '^(pg_|harness)'
"""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a sequence is that feeds a unique column: the number that it gives next, and the furthest key; None without rows."""

    sequence: str
    following: int
    furthest: int | None
    step: int
    taken: bool
    together: tuple[str, ...] = ()  # columns with which it is unique, where it is not so by itself

    @property
    def is_behind(self) -> bool:
        """Whether it will meet a key that is there."""
        return self.furthest is not None and (self.following - self.furthest) * self.step <= 0


def positions(connection: psycopg.Connection[Any], schema: Schema) -> dict[tuple[str, str], Position]:
    """By (table, column), for each column that a sequence feeds and that a unique key names. Takes no number."""
    found: dict[tuple[str, str], Position] = {}
    for table, column, sequence, step in connection.execute(_FEEDING).fetchall():
        keys = [key for key in schema.unique_sets(table) if column in key]
        if not keys:
            continue
        together = () if (column,) in keys else tuple(name for name in keys[0] if name != column)
        name, relation = quoted_name(column), quoted_label(table)
        furthest = "max" if step > 0 else "min"
        query = (
            f"SELECT n, (SELECT {furthest}({name}) FROM {relation}), EXISTS (SELECT FROM {relation} WHERE {name} = n) "
            f"FROM (SELECT last_value + CASE WHEN is_called THEN {int(step)} ELSE 0 END AS n FROM {quoted_label(sequence)}) s"
        )
        row = connection.execute(query).fetchone()  # names are quoted, numbers are the catalogue's
        if row is not None:
            found[table, column] = Position(sequence, row[0], row[1], step, row[2], together)
    return found


def behind(
    rehearsal: Rehearsal,
    before: Mapping[tuple[str, str], Position],
    after: Mapping[tuple[str, str], Position],
    rows: str,
) -> Iterator[Finding]:
    """Sequences that were ahead of the keys, or fed nothing, and are not ahead now."""
    for (table, column), now in after.items():
        then = before.get((table, column))
        if not now.is_behind or (then is not None and then.is_behind):
            continue
        evidence = (
            f"{now.sequence} gives {now.following:,} next and {table}.{column} goes to {now.furthest:,}: "
            f"{'the next INSERT' if now.taken else 'an INSERT that gets there'} fails with a duplicate key{_beside(now)} (rows {rows})"
        )
        certain = rows == "given" or abs(now.following) <= 1
        if not certain:
            query = f"SELECT {'max' if now.step > 0 else 'min'}({quoted(column)}) FROM {quoted_label(table)}"
            evidence += f"; the rows are made up, so production's decide: {query}"
        naming = [name for name in (now.sequence, table) if any(name in s.text for s in rehearsal.statements)]
        yield finding(
            "data.sequence-behind",
            Severity.BLOCKER if certain and now.taken and then is not None and not now.together else Severity.HIGH,
            PHASE,
            rehearsal.speaks_of(naming[0].rsplit(".", maxsplit=1)[-1] if naming else ""),
            evidence,
            table=table,
            status="measured" if certain else "predicted",
            names={
                "column": quoted(column),
                "sequence": quoted_label(now.sequence).replace("'", "''"),
                "furthest": "max" if now.step > 0 else "min",
            },
        )


_MOST = {"smallint": 2**15 - 1, "integer": 2**31 - 1}
_WHOLE = 2**63 - 1


def check_ends(rehearsal: Rehearsal, after: Schema) -> Iterator[Finding]:
    """Sequences that end before the column that they feed does, or begin again under a key, and did not before."""
    for key, now in sorted(after.numbering.items()):
        then = rehearsal.before.numbering.get(key)
        parts = ("last", "cycles", "type")
        if then is not None and all(now[part] == then[part] for part in parts):
            continue
        table, column, last = str(now["table"]), str(now["column"]), int(now["last"])
        room = _MOST.get(str(now["type"]), _WHOLE)
        unique = any((column,) == columns for columns in after.unique_sets(table))
        left = (last - int(now["first"])) // int(now["step"])
        if now["cycles"] and unique:
            what = f"begins again with {int(now['first']):,} after {last:,}: from then on an INSERT meets keys that are there"
        elif not now["cycles"] and abs(last) < room:
            what = f"gives no number beyond {last:,}, and {now['type']} goes to {room * (1 if int(now['step']) > 0 else -1):,}: after it each INSERT says 2200H"
        else:
            continue
        used_up = left < rehearsal.options.production_rows
        evidence = f"{now['sequence']} feeds {table}.{column} and {what}"
        if used_up:
            evidence += f"; {rehearsal.options.production_rows:,} rows of production have used more numbers than that"
        yield finding(
            "data.sequence-ends",
            Severity.HIGH if used_up and table in rehearsal.before.tables else Severity.MEDIUM,
            PHASE_OF_ENDS,
            _numbering(rehearsal, now),
            evidence,
            table=table,
            status="predicted",
            names={"sequence": quoted_label(str(now["sequence"])), "type": str(now["type"])},
        )


def _numbering(rehearsal: Rehearsal, fed: Mapping[str, Any]) -> Statement:
    """The statement that names the sequence, else the one about the column's type."""
    sequence = str(fed["sequence"]).rsplit(".", maxsplit=1)[-1]
    if any(sequence in statement.text for statement in rehearsal.statements):
        return rehearsal.altering(sequence, "sequence", "maxvalue", "cycle")
    return rehearsal.altering(str(fed["table"]).rsplit(".", maxsplit=1)[-1], str(fed["column"]).lower())


def _beside(position: Position) -> str:
    return (
        f" where {', '.join(position.together)} {'is' if len(position.together) == 1 else 'are'} the same"
        if position.together
        else ""
    )
